"""What `gridpact --help` says: every command has its words, also those that are imported only when they are run; and what
it may not import, so that it comes at once."""

import inspect
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from pydoc import locate

import pytest

from agents.cli.app import MISTAKES, call
from agents.cli.commands import COMMANDS
from agents.cli.front import help_page
from agents.cli.tree import app

TREE = {name: command for name, command in app.resolved_commands().items() if not name.startswith("-")}
COSTLY = {
    "agents.settings", "asyncio", "attr", "broker", "cryptography", "cyclopts", "importlib.metadata", "inspect", "numpy",
    "orjson", "protocol", "pydantic", "rich", "structlog", "yaml",
}  # fmt: skip
"""Modules that take longer than all that help needs."""
WORK = {"aiomqtt", "cryptography", "gmqtt", "numpy", "protocol.messages", "pydantic", "starlette", "structlog"}
"""What only a command needs that does something."""


def test_help_has_every_command_and_its_words() -> None:
    page = " ".join(help_page(80).split())
    assert {command.name for command in COMMANDS} == set(TREE)
    assert [command.name for command in COMMANDS if _told(command.name, command.tells) not in page] == []


def _told(name: str, tells: str) -> str:
    return f" {name} {' '.join(tells.partition(chr(10) * 2)[0].split())}"


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_no_line_of_help_is_longer_than_the_terminal(columns: int) -> None:
    assert max(len(line) for line in help_page(columns).splitlines()) <= columns


@pytest.mark.parametrize("name", TREE)
def test_command_says_of_itself_what_stands_in_its_code(name: str) -> None:
    command = TREE[name]
    if command.default_command is not None:
        text = inspect.getdoc(command.default_command) or ""
        assert inspect.cleandoc(command.help).partition("\n\nParameters\n")[0] == text.partition("\n\nParameters\n")[0]


def imported_by(program: str, *arguments: str) -> list[str]:
    """All modules of a process that has run a program."""
    program = f"import json, sys\ntry:\n    {program}\nfinally: print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    found: list[str] = json.loads(done.stderr.splitlines()[-1])
    return found


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["stauts"], ["--verison"], ["--version"]])
def test_what_needs_no_command_imports_little(arguments: list[str]) -> None:
    imported = imported_by("from agents.cli import main; main()", *arguments)
    assert "agents.cli.front" in imported
    allowed = {"importlib.metadata", "inspect"} if arguments == ["--version"] else set()
    assert COSTLY.intersection(imported) - allowed == set()


def test_help_of_a_command_imports_nothing_that_only_its_work_needs() -> None:
    program = "from agents.cli.app import call; assert not any([call([name, '--help']) for name in sys.argv[1:]])"
    imported = imported_by(program, *TREE)
    assert {command.code.partition(":")[0] for command in COMMANDS} <= set(imported)
    assert WORK.intersection(imported) == set()


def test_status_imports_nothing_that_negotiates(tmp_path: Path) -> None:
    imported = imported_by("from agents.cli.app import call; call(sys.argv[1:])", "status", "--control", str(tmp_path))
    assert "agents.runtime.daemon.client" in imported
    assert WORK.intersection(imported) == set()


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_that_has_an_exit_code_is_an_exception_of_that_name(name: str) -> None:
    found = locate(name)
    assert isinstance(found, type)
    assert issubclass(found, Exception)
    assert f"{found.__module__}.{found.__qualname__}" == name


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("stauts", 'Unknown command "stauts". Did you mean "status"? gridpact --help lists them.'),
        ("--verison", 'Unknown option "--verison". Did you mean "--version"? gridpact --help lists them.'),
        ("zzzz", 'Unknown command "zzzz". gridpact --help lists them.'),
    ],
)
def test_misspelt_word_is_told_what_it_may_have_meant(
    word: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call([word]) == 2
    assert capsys.readouterr().err == f"gridpact: {sentence}\n"


def test_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["--version"]) == 0
    assert capsys.readouterr().out.strip() == version("gridpact")


@pytest.mark.parametrize(
    ("arguments", "command"),
    [(["contract", "add", "ra-1", "h5"], "gridpact contract add"), (["doctor", "a"], "gridpact doctor")],
)
def test_word_too_many_is_one_sentence(capsys: pytest.CaptureFixture[str], arguments: list[str], command: str) -> None:
    assert call(arguments) == 2
    told = capsys.readouterr().err
    assert told == f'gridpact: "{arguments[-1]}" is a word too many: {command} --help tells what it takes\n'
