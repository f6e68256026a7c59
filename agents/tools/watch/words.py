"""Figures of a row in as few letters as a narrow terminal has."""

from datetime import datetime
from typing import TypeAlias

from agents.tools.watch.row import WatchRow
from protocol.kilowatts import kilo

Answered: TypeAlias = tuple[str, str]
"""Words and their style."""


def worst_slot(row: WatchRow) -> tuple[int, int]:
    """Available and asked W of the slot that lacks most; of the slot that asks most when none lacks."""
    asked, have = row.requested_w or (0,), row.available_w or ()
    pairs = [(have[slot] if slot < len(have) else 0, want) for slot, want in enumerate(asked)]
    return max(pairs, key=lambda pair: (max(0, pair[1] - pair[0]), pair[1]))


def deal_energy(row: WatchRow) -> str:
    """Delivered of what was due in the metered slots, kWh without the unit."""
    return f"{kilo(row.delivered_wh)}/{kilo(row.due_wh)}"


def answers(row: WatchRow, short: bool) -> list[Answered]:
    """How many said yes (or proposed something else) of how many, and what the others do."""
    met = row.yes + row.alternatives
    parts = [(f"{met}/{row.asked}", "green" if met == row.asked else "")]
    others = (
        (row.alternatives, "alt" if short else "alternative", "magenta"),
        (row.no, "no", "red"),
        (row.late, "late", "yellow"),
        (row.silent, "mute" if short else "silent", "yellow"),
        (row.waiting, "open", "cyan"),
        (row.unknown, "?" if short else "unknown", "dim"),
    )
    return parts + [(f"{count} {word}", style) for count, word, style in others if count]


def awards(row: WatchRow) -> list[Answered]:
    """How many of the awards are confirmed, and what became of the others."""
    if not (row.awards or row.cancelled or row.released):
        return []
    parts = (
        [(f"{row.confirmed}/{row.awards}", "green" if row.confirmed == row.awards else "cyan")] if row.awards else []
    )
    others = (
        (row.refused, "refused", "red"),
        (row.cancelled, "cancelled", "red"),
        (row.released, "released", "dim"),
        (row.withdrawn, "withdrawn", "yellow"),
    )
    return parts + [(f"{count} {word}", style) for count, word, style in others if count]


def countdown(at: datetime, now: datetime) -> str:
    """`2:04`, `1:02:04`, or days."""
    seconds = max(0, round((at - now).total_seconds()))
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, seconds = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h"
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def clock_time(at: datetime) -> str:
    """UTC, to the second."""
    return f"{at:%H:%M:%S}"
