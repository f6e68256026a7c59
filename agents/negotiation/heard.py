"""What was heard about one event: of each message eight bytes of a digest of its id, and eight of its body's.

They are the same in every process: a snapshot of this memory outlives its process. The ids of a crowd would take ten
times the memory.
"""

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

    def __getstate__(self) -> tuple[list[str], list[int], bytes]:
        """For a snapshot: in one piece, as it would keep an object for each of a crowd until it is done."""
        marks = self._marks.values()
        return list(self._marks), list(map(len, marks)), b"".join(marks)

    def __setstate__(self, state: tuple[list[str], list[int], bytes]) -> None:
        self._marks, at = {}, 0
        for where, length in zip(*state[:2], strict=True):
            self._marks[where] = state[2][at : at + length]
            at += length

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
