"""What was heard about one event: of each message eight bytes of a digest of its id, and eight of its body's.

They are the same in every process: a snapshot of this memory outlives its process. The ids of a crowd would take ten
times the memory.
"""

from collections.abc import Mapping
from hashlib import blake2b

HALF = 8
MARK = 2 * HALF


def mark_of(message_id: str, body: bytes) -> bytes:
    """What is kept of a message."""
    return blake2b(message_id.encode(), digest_size=HALF).digest() + blake2b(body, digest_size=HALF).digest()


class Heard:
    """The marks of all messages by where they were heard, one behind the other."""

    def __init__(self) -> None:
        self._marks: dict[str, bytes] = {}

    @classmethod
    def from_hex(cls, marks: Mapping[str, str]) -> "Heard":
        """What `as_hex` gave."""
        heard = cls()
        heard._marks = {where: bytes.fromhex(digits) for where, digits in marks.items()}
        return heard

    def as_hex(self) -> dict[str, str]:
        """All marks by where they were received, as digits: for the state of a party."""
        return {where: marks.hex() for where, marks in self._marks.items()}

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
