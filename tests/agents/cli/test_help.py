"""What `gridpact --help` says: every command has its words, also those that are imported only when they are run; and what
it may not import, so that it comes at once."""

import inspect
import json
import subprocess
import sys
from importlib.metadata import version

import pytest

from agents.cli.app import call
from agents.cli.commands import COMMANDS
from agents.cli.front import help_page
from agents.cli.tree import app

TREE = {name: command for name, command in app.resolved_commands().items() if not name.startswith("-")}
COSTLY = {
    "agents.settings", "asyncio", "attr", "broker", "cryptography", "cyclopts", "importlib.metadata", "inspect", "numpy",
    "orjson", "protocol", "pydantic", "rich", "structlog", "yaml",
}  # fmt: skip
"""Modules that take longer than all that help needs."""


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


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["stauts"], ["--verison"], ["--version"]])
def test_what_needs_no_command_imports_little(arguments: list[str]) -> None:
    program = (
        "import json, sys; from agents.cli import main\n"
        "try: main()\n"
        "finally: print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    imported = json.loads(done.stderr.splitlines()[-1])
    assert "agents.cli.front" in imported
    allowed = {"importlib.metadata", "inspect"} if arguments == ["--version"] else set()
    assert COSTLY.intersection(imported) - allowed == set()


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
