"""What several commands take: options, and numbers that stay within what can be meant."""

from pathlib import Path
from typing import Annotated, TypeAlias

from cyclopts import Parameter
from cyclopts.validators import Number

from agents.settings.mistakes import LONGEST_S, ConfigError

MOST_SPEED = 100_000

Port: TypeAlias = Annotated[int, Parameter(validator=Number(gte=1, lte=65_535))]
Seconds: TypeAlias = Annotated[float, Parameter(validator=Number(lte=LONGEST_S))]
"""At most a year; also `nan` is refused."""
Speed: TypeAlias = Annotated[float, Parameter(validator=Number(lte=MOST_SPEED))]

Json = Annotated[bool, Parameter("--json", negative=(), help="One JSON object a line, for machines.")]
Verbose = Annotated[bool, Parameter("--verbose", negative=(), help="Tell what every home says, too.")]
Journals = Annotated[
    Path | None, Parameter("--journals", help="A new folder in which every party's journal stays after the run.")
]
Control = Annotated[Path | None, Parameter("--control", help="The directory with the control sockets.")]


def option(text: str) -> Parameter:
    """An option of a group, with its words."""
    return Parameter(help=text)


def flag(text: str) -> Parameter:
    """The same without a value."""
    return Parameter(negative=(), help=text)


def within(name: str, value: float, least: float, most: float) -> None:
    """Also what is no number at all. Raises ConfigError."""
    if not least <= value <= most:
        raise ConfigError(f"{name}: has to lie between {least:g} and {most:g} (it is {value:.10g})")
