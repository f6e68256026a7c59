"""What `gridpact --help` says: every command has its words, also those that are imported only when they are run."""

import inspect

import pytest

from agents.cli.app import app, call

COMMANDS = {name: command for name, command in app.resolved_commands().items() if not name.startswith("-")}


@pytest.mark.parametrize("name", COMMANDS)
def test_command_has_a_description(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["--help"]) == 0
    cells = [line.strip("│ ").split(None, 1) for line in capsys.readouterr().out.splitlines()]
    described = {cell[0]: cell[1] for cell in cells if len(cell) == 2}
    first = COMMANDS[name].help.split()[0]
    assert described[name].startswith(first)


@pytest.mark.parametrize("name", COMMANDS)
def test_command_says_of_itself_what_stands_in_its_code(name: str) -> None:
    command = COMMANDS[name]
    if command.default_command is not None:
        text = inspect.getdoc(command.default_command) or ""
        assert inspect.cleandoc(command.help).partition("\n\nParameters\n")[0] == text.partition("\n\nParameters\n")[0]
