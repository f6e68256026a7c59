"""What is drawn beside the picture and the picture does not know."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The connection, the clock, how busy the wire is."""

    where: str
    connected: bool
    now: datetime
    speed: float
    scaled: bool
    messages: int
    rates: Sequence[int]
    """Messages in each of the last seconds, oldest first."""
