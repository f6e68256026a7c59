"""Rows of a journal's file: many steps of one party in one row, because a row costs more than what stands in it.

A row has the heads of its steps (number, instant, lengths of input and effects) as JSON that a person can read, and
their bytes one after the other. Rows of several parties that were written at once overlap in their numbers; a reader
of all parties puts them in order again.
"""

import heapq
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple, TypeAlias

import orjson

from protocol.actor import Entry
from protocol.entries import decode_effects, decode_input, encode_effects, encode_input
from protocol.errors import RefusedMessage

Row: TypeAlias = tuple[int, int, str, str, bytes]
"""As the table has it: numbers of the first and the last step, party, heads, bytes."""
SELECT = "SELECT first, last, actor, heads, body FROM steps"
INSERT = "INSERT INTO steps VALUES (?, ?, ?, ?, ?)"


class StoredStep(NamedTuple):
    """A step as it stands in the file; `effects` are its bytes, which a fold compares."""

    seq: int
    at: datetime
    actor: str
    input: bytes
    effects: bytes

    def entry(self) -> Entry:
        return Entry(self.at, self.actor, decode_input(self.input), decode_effects(self.effects))


def unreadable(step: StoredStep) -> str | None:
    """Why a step's bytes are none that we wrote, in words; None: they are."""
    try:
        step.entry()
    except (RefusedMessage, LookupError, ValueError, TypeError) as error:
        return f"entry {step.seq} is no step: {error}"
    return None


def stored(entry: Entry, number: int) -> StoredStep:
    """A step in the bytes that will stand in the file."""
    return StoredStep(number, entry.at, entry.actor, encode_input(entry.input), encode_effects(entry.effects))


def rows(steps: Iterable[StoredStep]) -> list[Row]:
    """The rows of steps that are written at once: one for each party."""
    of: dict[str, list[StoredStep]] = {}
    for step in steps:
        of.setdefault(step.actor, []).append(step)
    return [_row(actor, own) for actor, own in of.items()]


def _row(actor: str, steps: list[StoredStep]) -> Row:
    heads = orjson.dumps([(step.seq, step.at, len(step.input), len(step.effects)) for step in steps])
    body = b"".join([part for step in steps for part in (step.input, step.effects)])
    return steps[0].seq, steps[-1].seq, actor, heads.decode(), body


def steps_in(row: Row) -> Iterator[StoredStep]:
    """The steps of a row."""
    _, _, actor, heads, body = row
    at = 0
    for seq, instant, of_input, of_effects in orjson.loads(heads):
        middle = at + of_input
        yield StoredStep(
            seq, datetime.fromisoformat(instant), actor, body[at:middle], body[middle : middle + of_effects]
        )
        at = middle + of_effects


def in_order(rows: Iterable[Row]) -> Iterator[StoredStep]:
    """The steps of all rows by their numbers; the rows come by their first numbers."""
    waiting: list[StoredStep] = []
    for row in rows:
        while waiting and waiting[0].seq < row[0]:
            yield heapq.heappop(waiting)
        for step in steps_in(row):
            heapq.heappush(waiting, step)
    while waiting:
        yield heapq.heappop(waiting)
