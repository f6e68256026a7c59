"""README and pages: every link leads somewhere, every path and name that is told is there."""

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from paths import DOCS, ROOT

from agents.cli.tree import app
from agents.history.line import NoteLine
from agents.history.narrate import SlotCounts, line
from agents.runtime.exits import Exit
from agents.runtime.files.scenario import load_scenario
from agents.tools.run.simulate import build_simulation
from protocol.actor import Actor, Effect, Input

PAGES = sorted(
    path
    for folder in (ROOT, DOCS, DOCS / "protocol", ROOT / "deploy", ROOT / "examples")
    for path in folder.glob("*.md")
)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
TICKED = re.compile(r"`([^`\n]+)`")
PLACE = re.compile(r"(?:agents|broker|protocol|tests|bench|deploy|docs|examples)/[\w./*-]*")
NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def anchors(page: Path) -> set[str]:
    """Of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text())):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


def missing_paths(page: Path) -> list[str]:
    """Paths of the project in backticks, or bare in a sentence, that are not there."""
    text = FENCE.sub("", page.read_text())
    ticked = [place for place in TICKED.findall(text) if PLACE.fullmatch(place)]
    bare = re.findall(rf"(?<![\w/.]){PLACE.pattern}\.(?:py|md|toml|csv)\b", text)
    return [place for place in {*ticked, *bare} if not any(ROOT.glob(place.rstrip("/"))) and not made_later(place)]


def made_later(place: str) -> bool:
    """What a command leaves there."""
    return place.startswith("bench/out/")


@cache
def names_in(path: Path) -> frozenset[str]:
    """Functions, classes, their methods and constants at the top of a file."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        for name in _defined(node):
            found.add(name)
            if isinstance(node, ast.ClassDef):
                found |= {f"{name}.{inner}" for part in node.body for inner in _defined(part)}
    return frozenset(found)


def _defined(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.Assign():
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name


def missing_names(text: str) -> list[str]:
    """Names that do not stand in the file that is told before them on their line."""
    missing = []
    for row in text.splitlines():
        file: Path | None = None
        for ticked in TICKED.findall(row):
            if PLACE.fullmatch(ticked):
                file = ROOT / ticked if ticked.endswith(".py") else None
            elif file is not None and NAME.fullmatch(ticked) and file.is_file() and ticked not in names_in(file):
                missing.append(f"{ticked} is not in {named(file)}")
    return missing


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_paths_that_a_page_tells_are_there(page: Path) -> None:
    assert missing_paths(page) == []


@pytest.mark.parametrize("page", [ROOT / "CONTRIBUTING.md", DOCS / "steps.md"], ids=named)
def test_names_that_a_page_tells_stand_in_the_file_before_them(page: Path) -> None:
    assert missing_names(page.read_text()) == []


def test_tests_that_the_steps_tell_are_there() -> None:
    steps = names_in(ROOT / "tests" / "scenarios" / "test_patent_steps.py")
    told = [name for name in TICKED.findall((DOCS / "steps.md").read_text()) if name.startswith("test_")]
    assert told
    assert [name for name in told if not any(step.startswith(name.removesuffix("*")) for step in steps)] == []


def test_readers_of_paths_and_names_see_what_is_missing(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A page\n[a](b.md) [here](#a-page) [there](#b-page) `agents/none.py`, bench/none.py, `agents/cli/`"
    )
    assert broken_links(page) == ["b.md", "#b-page"]
    assert sorted(missing_paths(page)) == ["agents/none.py", "bench/none.py"]
    row = "`agents/cli/app.py` `call`, `_sentence`, `gone`; `agents/runtime/exits.py` `Exit.OK`, `Exit.GONE`"
    assert [told.split()[0] for told in missing_names(row)] == ["gone", "Exit.GONE"]


def test_readme_has_at_most_200_lines_and_both_commands() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 200
    assert {"make demo", "make test"} <= {" ".join(row.split()[:2]) for row in lines}


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "README.md").read_text()
    assert [page.name for page in DOCS.glob("*.md") if page.name != "README.md" and f"({page.name})" not in index] == []


def test_every_command_and_exit_code_is_on_the_page_of_commands() -> None:
    page = (DOCS / "commands.md").read_text()
    commands = [name for name in app if not name.startswith("-")]
    assert len(commands) > 10
    assert [name for name in commands if f"| `gridpact {name}" not in page] == []
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)] == [int(code) for code in Exit]


def test_contract_of_an_actor_in_the_design_is_the_whole_one() -> None:
    section = (DOCS / "design.md").read_text().split("\n## 3. ")[1].split("\n## ")[0]
    (block,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    (told,) = ast.parse(block).body
    assert isinstance(told, ast.ClassDef)
    functions = {node.name: ast.unparse(node.args) for node in told.body if isinstance(node, ast.FunctionDef)}
    (known,) = ast.parse(inspect.getsource(Actor)).body
    assert isinstance(known, ast.ClassDef)
    members = [node for node in known.body if isinstance(node, ast.FunctionDef)]
    assert functions == {node.name: ast.unparse(node.args) for node in members if not node.decorator_list}
    assert {
        node.target.id for node in told.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    } == {node.name for node in members if node.decorator_list}
    rows = {name for row in re.findall(r"^\| (`\w.*?`) \|", section, re.MULTILINE) for name in TICKED.findall(row)}
    assert rows == {kind.__name__ for kind in (*get_args(Input), *get_args(Effect))} | {"Input", "Effect"}


def test_story_in_the_readme_is_the_one_that_the_scenario_tells() -> None:
    simulation = build_simulation(load_scenario(Path("evening_peak")), seed=1)
    simulation.run()
    slots = SlotCounts()
    lines = [NoteLine.of(at, party, note) for at, party, note in simulation.notes]
    told = {line(one, slots.of(one)) for one in lines}
    shown = re.findall(r"^\d\d:\d\d:\d\d  .*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert shown
    assert [row for row in shown if row not in told] == []
