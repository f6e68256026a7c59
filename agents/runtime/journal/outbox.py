"""What of a party's effects has not left yet, and the mark up to which everything has.

Posts are acknowledged almost in their order, so one mark for each party says in the journal what may have to be done
again after a restart; what left before its turn is then done twice, which is harmless (P6).
"""

from collections import deque
from typing import TypeAlias

from protocol.actor import Clear, Effect, Send, Setpoint

Mark: TypeAlias = tuple[int, int]
"""An effect: the number of its entry, and its place in it."""


class Outbox:
    """Of one party."""

    def __init__(self) -> None:
        self.left_until: Mark | None = None
        """Everything up to this one has left; None when nothing has since the start."""
        self._waiting: deque[Mark] = deque()
        self._early: set[Mark] = set()

    @property
    def first(self) -> Mark | None:
        """The oldest effect that is not known to have left."""
        return self._waiting[0] if self._waiting else None

    def __len__(self) -> int:
        """Effects that are not known to have left."""
        return len(self._waiting) - len(self._early)

    def expect(self, mark: Mark) -> None:
        """An effect will be done; they come in their order."""
        self._waiting.append(mark)

    def done(self, mark: Mark) -> bool:
        """An effect has left; whether the mark moved. A second time changes nothing."""
        if not self._waiting or mark < self._waiting[0]:
            return False
        if mark != self._waiting[0]:
            self._early.add(mark)
            return False
        self.left_until = self._waiting.popleft()
        while self._waiting and self._waiting[0] in self._early:
            self.left_until = self._waiting.popleft()
            self._early.remove(self.left_until)
        return True


LEAVING = (Send, Clear, Setpoint)


def leaves(effect: Effect) -> bool:
    """Whether an effect goes out of the process: to the wire or to a device."""
    return isinstance(effect, LEAVING)
