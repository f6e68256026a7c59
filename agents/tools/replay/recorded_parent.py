"""A party that stands above the one under test and says again what it said to it.

In the order and at the instants of its messages; an award waits for the offer that it accepts, and then names that one
by its id of now.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime

from agents.tools.replay.wire import WireMessage
from protocol import messages as m
from protocol.actor import Effect, Input, Received, Send


class RecordedParent:
    """The actor of a party that stands above the one under test, in the order and at the instants of its messages."""

    def __init__(self, name: str, wire: Iterable[WireMessage]) -> None:
        """`wire`: what was said on its edge, both ways, by the instants."""
        self.name = name
        self._then: list[m.Offer | m.Alternative] = []
        self._now: list[m.Offer | m.Alternative] = []
        self._to_say: dict[str, deque[tuple[datetime, Send]]] = {}
        for sent in wire:
            if sent.sender == name and not sent.lost:
                at = sent.received_at or sent.at
                self._to_say.setdefault(sent.event_id, deque()).append((at, Send(sent.edge, sent.message)))
            elif isinstance(sent.message, m.Offer | m.Alternative):
                self._then.append(sent.message)

    # -- the contract of an actor

    @property
    def deadline(self) -> datetime | None:
        return min((at for at, send in self._next() if self._ready(send)), default=None)

    def parents(self) -> tuple[str, ...]:
        return ()

    def is_parent(self) -> bool:
        return True

    def knows(self, event_id: str) -> bool:
        return event_id in self._to_say

    def at_rest(self, now: datetime) -> bool:
        return not any(self._to_say.values())

    def status(self) -> Mapping[str, object]:
        return {"name": self.name, "role": "recorded", "unsaid": self.unsaid}

    @property
    def unsaid(self) -> int:
        """Messages that it has not said (yet)."""
        return sum(map(len, self._to_say.values()))

    def receive(self, item: Input, now: datetime) -> list[Effect]:
        if isinstance(item, Received) and isinstance(item.message, m.Offer | m.Alternative):
            self._now.append(item.message)
        return self.wake(now)

    def wake(self, now: datetime) -> list[Effect]:
        """One event's messages keep their order: what follows an award that waits, waits as well."""
        sent: list[Effect] = []
        for queue in self._to_say.values():
            while queue and queue[0][0] <= now and self._ready(queue[0][1]):
                _, send = queue.popleft()
                sent.append(Send(send.edge, self._of_now(send.message)))
        return sent

    # -- awards

    def _next(self) -> list[tuple[datetime, Send]]:
        return [queue[0] for queue in self._to_say.values() if queue]

    def _ready(self, send: Send) -> bool:
        award = _deal(send.message)
        return award is None or self._accepted(award) is not None

    def _of_now(self, message: m.Message) -> m.Message:
        award = _deal(message)
        return message if award is None else award.model_copy(update={"accepts": self._accepted(award)})

    def _accepted(self, award: m.Award) -> str | None:
        """What now stands for the offer, or the option, that was accepted then; None before it has come."""
        then = next((answer for answer in self._then if award.accepts in _names(answer)), None)
        request_id = award.request_id if then is None else then.request_id
        asked = [answer for answer in self._now if answer.request_id == request_id]
        for answer in reversed(asked):
            if award.accepts in _names(answer):
                return award.accepts
            if isinstance(then, m.Offer) and isinstance(answer, m.Offer) and answer.basis is then.basis:
                return answer.message_id
            if isinstance(then, m.Alternative) and isinstance(answer, m.Alternative):
                option = next(option for option in then.options if option.option_id == award.accepts)
                like = [one for one in answer.options if (one.basis, one.shape) == (option.basis, option.shape)]
                return (like or answer.options)[0].option_id
        return None


def _deal(message: m.Message) -> m.Award | None:
    return message if isinstance(message, m.Award) and message.outcome is m.Outcome.CONCLUDED else None


def _names(answer: m.Offer | m.Alternative) -> tuple[str, ...]:
    if isinstance(answer, m.Alternative):
        return tuple(option.option_id for option in answer.options)
    return (answer.message_id,)
