"""The net under a peer's message: one that a party cannot take is refused, and the party is what it was before.

A step that raises is our own fault, and has left the actor anywhere. Its journal knows what it was: a fresh actor takes
all steps of it again, each compared byte for byte, and then a refusal in the message's place, which the journal keeps:
so the same bytes end no process, and no restart either. It is told as loudly as can be: a log line with its traceback,
the alert `own_fault`, a count, and to the peer a reject with the reason `fault`. Only a peer's message is caught in it:
what our own clock, devices and operators set off, and a memory that its journal does not vouch for, end the process.
"""

from hashlib import blake2b

import structlog

from protocol.actor import Input, Received, Refused, Taken
from protocol.errors import RejectReason

MOST_REMEMBERED = 1_000
"""Messages that could not be taken: heard again, they are refused at once. Beyond so many the first are forgotten."""

log = structlog.get_logger("gridpact.net")


class Net:
    """What one process has caught so far."""

    def __init__(self) -> None:
        self.caught = 0
        self._refused: dict[bytes, Refused] = {}

    def refusal(self, item: Input) -> Refused | None:
        """What stands for a message that could not be taken before."""
        return self._refused.get(_mark(item)) if self._refused and isinstance(item, Received) else None

    def catch(self, party: str, item: Received, error: Exception) -> Refused:
        """What stands for a message that could not be taken; told, counted and remembered."""
        edge, message = item.edge, item.message
        text = f"{party} could not take it: {type(error).__name__}"
        log.error(
            "step_failed", party=party, edge=f"{edge.parent}/{edge.child}", kind=message.kind,
            message_id=message.message_id, text=text, exc_info=error,
        )  # fmt: skip
        self.caught += 1
        refused = self._refused[_mark(item)] = Refused(edge, message.kind, RejectReason.FAULT, text, message.message_id)
        while len(self._refused) > MOST_REMEMBERED:
            del self._refused[next(iter(self._refused))]
        return refused


def caught_by(item: Taken | None, error: Exception) -> bool:
    """Whether a step that raised is one that the net is for."""
    return isinstance(item, Received) and not isinstance(error, MemoryError)


def _mark(item: Received) -> bytes:
    edge = item.edge
    where = f"{edge.parent}/{edge.child}/{item.message.kind}/"
    return blake2b(where.encode() + item.body, digest_size=16).digest()
