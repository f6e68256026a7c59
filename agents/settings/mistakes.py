"""What cannot be meant in a single value that a user wrote, and how a mistake is said: its key, and what is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from protocol.bounds import MAX_POWER_W

FIRST_YEAR, LAST_YEAR = 2000, 2199
"""Of every instant in a file: what lies outside is a slip of the finger."""
LONGEST_S = 366 * 86_400
"""Of every span in a file, s; and how long before its start an event is issued at most."""
MOST = {"_s": LONGEST_S, "_w": MAX_POWER_W, "_wh": 10**15}
"""By the unit at the end of a key: the most that is taken."""
MOST_WHOLE = 2**63 - 1
"""Of every other whole number: TOML has no more."""

KINDS = ("vehicle", "storage", "solar", "load")


class ConfigError(ValueError):
    """A mistake in a file; `str(error)` is one sentence with the file and the key."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """`key` is where it stands, below the table that was looked at; `text` is the rest of the sentence."""

    key: str
    text: str

    def below(self, path: Sequence[str | int]) -> "Mistake":
        """The same, seen from a table further up."""
        above = place(path)
        return Mistake(f"{above}.{self.key}" if above and self.key else above or self.key, self.text)

    def __str__(self) -> str:
        return f"{self.key}: {self.text}" if self.key else self.text


def place(path: Sequence[str | int]) -> str:
    """A key for people, as `ders[0].devices[1].soc_wh`. Behind a number pydantic says which kind of device it took it
    for; the file has no such key."""
    key = ""
    for before, part in pairwise(("", *path)):
        if isinstance(part, int):
            key += f"[{part}]"
        elif not (isinstance(before, int) and part in KINDS):
            key += f".{part}" if key else part
    return key


def impossible(value: object, given: object = None, path: Sequence[str | int] = ()) -> str | None:
    """What is wrong with a value by itself; `given` is what stood in the file for it."""
    if isinstance(given, bool) and not isinstance(value, bool):
        return f"a number is needed, not {'true' if given else 'false'}"
    if isinstance(value, datetime):
        if isinstance(given, int | float):
            return f"an instant is needed, as in 2026-01-14T17:00:00Z (it is {given})"
        if not FIRST_YEAR <= value.year <= LAST_YEAR:
            return f"lies in the year {value.year}; the years {FIRST_YEAR} to {LAST_YEAR} are taken"
    elif isinstance(value, int) and not isinstance(value, bool):
        most = most_of(next((part for part in reversed(path) if isinstance(part, str)), ""))
        if abs(value) > most:
            return f"is too large: {most} is the most (it is {value!s:.40})"
    elif hasattr(value, "__fspath__") and "\0" in str(value):
        return "no file has such a name"
    return None


def most_of(key: str) -> int:
    """The most that a number may be, by the unit at the end of its key."""
    return next((most for unit, most in MOST.items() if key.endswith(unit)), MOST_WHOLE)
