"""The tree of commands with their options, for a command line that asks for one of them."""

from cyclopts import App

from agents.cli.commands import COMMANDS, TELLS
from agents.cli.front import version

app = App(name="gridpact", version=version, version_flags=["--version"], help_format="plaintext", help=TELLS)
for _command in COMMANDS:
    app.command(_command.code, name=_command.name, help=_command.tells)
