"""What was heard about one event: of each message eight bytes of a digest of its id, and eight of its body's.

They are the same in every process: a snapshot of this memory outlives its process. The ids of a crowd would take ten
times the memory.
"""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from protocol.remembered import StateColumn

HALF = 8
MARK = 2 * HALF


def mark_of(message_id: str, body: bytes) -> bytes:
    """What is kept of a message."""
    return blake2b(message_id.encode(), digest_size=HALF).digest() + blake2b(body, digest_size=HALF).digest()


@dataclass(frozen=True, slots=True)
class ReceivedMarksState:
    """Of `ReceivedMarks`: the places, how many marks each has, and all marks one behind the other, as base64."""

    places: tuple[str, ...]
    counts: Sequence[int]
    marks: str
    version: Literal[1] = 1


class ReceivedMarks:
    """The marks of all messages by where they were heard, one behind the other."""

    def __init__(self) -> None:
        self._marks: dict[str, bytes] = {}

    @classmethod
    def of(cls, state: "ReceivedMarksState") -> "ReceivedMarks":
        """What `state` gave."""
        received, marks, at = cls(), b64decode(state.marks), 0
        for where, count in zip(state.places, state.counts, strict=True):
            received._marks[where] = marks[at : at + count * MARK]
            at += count * MARK
        return received

    def state(self) -> "ReceivedMarksState":
        """All marks, in one piece: for the state of a party."""
        places = tuple(self._marks)
        counts = StateColumn(places, lambda place: len(self._marks[place]) // MARK)
        return ReceivedMarksState(places, counts, b64encode(b"".join(self._marks.values())).decode())

    def same_id(self, where: str, mark: bytes) -> bytes | None:
        """The mark with the same id that was kept there before; None where there is none."""
        marks = self._marks.get(where)
        if marks is None:
            return None
        place = marks.find(mark[:HALF])
        while place > 0 and place % MARK:  # found in the middle of others
            place = marks.find(mark[:HALF], place + 1)
        return marks[place : place + MARK] if place >= 0 else None

    def count(self, where: str) -> int:
        """How many messages were heard there."""
        return len(self._marks.get(where, b"")) // MARK

    def keep(self, where: str, mark: bytes) -> None:
        """A message was taken."""
        self._marks[where] = self._marks.get(where, b"") + mark
