"""Numbers on the command line that stay within what can be meant."""

from typing import Annotated, TypeAlias

from cyclopts import Parameter
from cyclopts.validators import Number

from agents.settings.mistakes import LONGEST_S

MOST_SPEED = 100_000

Port: TypeAlias = Annotated[int, Parameter(validator=Number(gte=1, lte=65_535))]
Seconds: TypeAlias = Annotated[float, Parameter(validator=Number(lte=LONGEST_S))]
"""At most a year; also `nan` is refused."""
Speed: TypeAlias = Annotated[float, Parameter(validator=Number(lte=MOST_SPEED))]
