"""The tree of commands with their options, for a command line that asks for one of them."""

from collections.abc import Sequence
from typing import Any

from cyclopts import App, Parameter, Token, convert

from agents.cli.commands import COMMANDS, TELLS
from agents.cli.front import version


def exact(type_: Any, tokens: Sequence[Token]) -> Any:
    """What was typed as a value of its type; a fraction is no whole number, which the library would round."""
    return convert(type_, tokens, converter=_one)


def _one(type_: Any, text: str) -> Any:
    if type_ is int and "." in text and not float(text).is_integer():
        raise ValueError(text)
    return convert(type_, [text])


app = App(
    name="gridpact",
    version=version,
    version_flags=["--version"],
    help_format="plaintext",
    help=TELLS,
    default_parameter=Parameter(converter=exact),
)
for _command in COMMANDS:
    app.command(_command.code, name=_command.name, help=_command.tells)
