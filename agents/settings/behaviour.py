"""Homes that misbehave on purpose, for demonstrations and tests: none of them may disturb a deal."""

from enum import StrEnum


class Behaviour(StrEnum):
    NORMAL = "normal"
    SILENT = "silent"
    """Nothing that it says leaves it."""
    LATE = "late"
    """Everything leaves a quarter of an hour later."""
    GARBAGE = "garbage"
    """Bytes that are no message, on its own topics and on topics that are none."""
    REPEATS = "repeats"
    """Everything is said three times."""
