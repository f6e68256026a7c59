"""The usual course of an event at a home with one vehicle, without its actor: asked, perhaps loosened, awarded or not.

    asleep -> offered | opted_out -> [offered] -> awarded | closed

What is said and when is what `Der` says, effect by effect; a home that leaves this course (a re-request, a dispatch, a
message too late, a resident who is asked) becomes the actor: it takes all that the home has heard again, with the answers that
were computed then. So a home costs a few hundred bytes and microseconds as long as nothing unusual is said to it.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import TypeAlias

from agents.devices.contract import Flexibility
from agents.parties.der.actor import Der
from agents.parties.der.event import Stage
from agents.parties.fleet.foresight import Wanted
from agents.parties.fleet.said import Known, Said, asked_by
from agents.settings.parties import Consent, DerSettings
from protocol import messages as m
from protocol.actor import Effect, Input, Measured, Note, Received, Resumed
from protocol.codec import decode_body
from protocol.edges import Edge
from protocol.plan import Plan, add, covers

Kept: TypeAlias = tuple[datetime, Measured | Resumed | tuple[str, bytes] | None]
"""An input that was taken, and when; a message as its kind and body, None for a deadline."""
COMPUTED = (m.Request.kind, m.Relax.kind)
"""What something was computed for."""


class Course(Said):
    """One home that has not needed its actor yet."""

    __slots__ = ("answers", "heard", "ids", "over_at", "own", "relaxed", "stage")

    def __init__(self, settings: DerSettings) -> None:
        self.settings = settings
        self.heard: list[Kept] = []
        self.answers: list[Flexibility] = []
        """What was computed for the requests and relaxations among them."""
        self.events = ()
        self.over_at: datetime | None = None
        """When the last slot of all its events is over."""
        self.stage = Stage.CLOSED
        self.ids: tuple[str, ...] = ()
        self.own: Flexibility | None = None
        self.relaxed: Flexibility | None = None

    @property
    def deadline(self) -> datetime | None:
        """When its actor would want to be woken."""
        if self.stage is Stage.OFFERED:
            return self.asked.valid_until
        return self.asked.period.slot_start(1) if self.stage is Stage.AWARDED else None

    def at_rest(self, now: datetime) -> bool:
        """Whether nothing can come of its events any more, as its actor would say."""
        over = self.over_at is None or self.over_at <= now
        return over and self.stage in (Stage.CLOSED, Stage.OPTED_OUT)

    def is_due(self, now: datetime) -> bool:
        deadline = self.deadline
        return deadline is not None and deadline <= now

    def read(self, at: datetime, reading: Measured) -> None:
        """A device has said how it is."""
        self.heard.append((at, reading))

    def due(self, now: datetime) -> tuple[Effect, ...] | None:
        """What a deadline sets off. None: its actor has to take it."""
        if self.stage is not Stage.OFFERED:
            return None
        self.heard.append((now, None))
        return (self._close("expired"),)

    def wanted(self, message: m.Message) -> Wanted | None:
        """What it is about to compute."""
        if self._is_known(message):
            return None
        if isinstance(message, m.Request) and self.settings.consent is Consent.ALWAYS:
            return Wanted(message.direction, message.interval_period, message.power_w)
        if isinstance(message, m.Relax) and self._may_loosen(message):
            assert self.own is not None
            asked_w = add(self.own.power_w, message.shortfall_w)
            return Wanted(self.asked.direction, self.asked.period, asked_w, message.restrictions)
        return None

    def take(self, item: Input, answer: Flexibility | None, now: datetime, known: Known) -> tuple[Effect, ...] | None:
        """What a message sets off, given what was computed for it. None: its actor has to take it."""
        if isinstance(item, Resumed):
            return self._resumed(item, now)
        if not isinstance(item, Received) or item.edge.parent != self.settings.parent:
            return None
        if self._is_known(item.message):
            return self._repeated(item)
        match item.message:
            case m.Request() as request if answer is not None:
                effects = self._request(request, answer, now, known)
            case m.Relax() as relax if answer is not None and now <= relax.reply_by:
                effects = self._loosen(relax, answer, now)
            case m.Award() as award if self._about(award) and self.stage in (Stage.OFFERED, Stage.OPTED_OUT):
                effects = self._award(award, now)
            case m.Reject() as reject:
                return self._rejected(reject)
            case _:
                return None
        if effects is not None:
            self.heard.append((now, (item.message.kind, item.body)))
            if answer is not None:
                self.answers.append(answer)
            self.ids = (*self.ids, item.message.message_id)
        return effects

    def again(self) -> Iterator[tuple[datetime, Input | None, Flexibility | None]]:
        """All that it has heard, with what was computed then; refusals and repeats change nothing and are left out."""
        answers, edge = iter(self.answers), Edge(self.settings.parent, self.settings.name)
        for at, kept in self.heard:
            if isinstance(kept, tuple):
                kind, body = kept
                item = Received(edge, decode_body(kind, body), body)
                yield at, item, next(answers) if kind in COMPUTED else None
            else:
                yield at, kept, None

    # -- the steps of Der

    def _about(self, message: m.EventMessage) -> bool:
        """Whether a message is about the request that stands, and new."""
        return (
            bool(self.events)
            and message.event_id == self.events[-1]
            and message.request_id == self.request_id
            and message.message_id not in self.ids
        )

    def _request(
        self, request: m.Request, answer: Flexibility, now: datetime, known: Known
    ) -> tuple[Effect, ...] | None:  # fmt: skip
        over = self.stage in (Stage.CLOSED, Stage.OPTED_OUT) and request.event_id not in self.events
        if not over or now > request.reply_by or len(self.events) >= Der.MAX_EVENTS - 1:
            return None
        self.asked, self.request_id = asked_by(request, known), request.request_id
        self.events, self.ids = (*self.events, self.asked.event_id), ()
        self.over_at = max(self.over_at or self.asked.over_at, self.asked.over_at)
        self.own, self.relaxed = answer, None
        if any(answer.power_w):
            return self._offer(answer, m.Basis.OWN, now)
        return self._opt_out(request, answer, now)

    def _may_loosen(self, relax: m.Relax) -> bool:
        return (
            self._about(relax)
            and self.stage is Stage.OFFERED
            and self.relaxed is None
            and len(relax.shortfall_w) == len(self.asked.power_w)
        )

    def _loosen(self, relax: m.Relax, answer: Flexibility, now: datetime) -> tuple[Effect, ...]:
        assert self.own is not None
        self.relaxed = answer if covers(answer.power_w, self.own.power_w) else self.own
        return self._offer(self.relaxed, m.Basis.RELAXED, now)

    def _offer(self, answer: Flexibility, basis: m.Basis, now: datetime) -> tuple[Effect, ...]:
        self.stage = Stage.OFFERED
        data = {"power_w": answer.power_w, "asked_w": self.asked.power_w, "binding": answer.binding}
        step = "S51" if basis is m.Basis.OWN else "S53"
        return self._offered(answer, basis, now), Note("offered", self.events[-1], step, data)

    def _resumed(self, item: Resumed, now: datetime) -> tuple[Effect, ...]:
        """The offers that stand, once more."""
        again: list[Effect] = []
        for basis, kind, answer in ((m.Basis.OWN, "request", self.own), (m.Basis.RELAXED, "relax", self.relaxed)):
            if self.stage is Stage.OFFERED and answer is not None:
                again.append(self._offered(answer, basis, self._heard_at(kind)))
        self.heard.append((now, item))
        return tuple(again)

    def _heard_at(self, kind: str) -> datetime:
        """When it heard the last message of a kind, and answered it."""
        return next(at for at, kept in reversed(self.heard) if isinstance(kept, tuple) and kept[0] == kind)

    def _opt_out(self, request: m.Request, answer: Flexibility, now: datetime) -> tuple[Effect, ...]:
        self.stage = Stage.OPTED_OUT
        data = {"reason": m.OptReason.MUST_RUN, "binding": answer.binding}
        return self._opted_out(request, answer, now), Note("opted_out", self.events[-1], "S51", data)

    def _is_known(self, message: m.Message) -> bool:
        """Whether a message has the id of one that was taken in this event."""
        return isinstance(message, m.EventMessage) and message.message_id in self.ids and (
            message.event_id == self.events[-1]
        )  # fmt: skip

    def _repeated(self, item: Received) -> tuple[Effect, ...] | None:
        """What was said last, once more, if it is the same to the byte."""
        given = (item.message.kind, item.body)
        if all(kept != given for _, kept in self.heard):
            return None
        at, kept = next((at, kept) for at, kept in reversed(self.heard) if isinstance(kept, tuple))
        last = decode_body(*kept)
        if isinstance(last, m.Award):
            return (self._confirm(last, at),)
        if self.relaxed is not None:
            return (self._offered(self.relaxed, m.Basis.RELAXED, at),)
        assert self.own is not None
        assert isinstance(last, m.Request)
        offers = any(self.own.power_w)
        return (self._offered(self.own, m.Basis.OWN, at) if offers else self._opted_out(last, self.own, at),)

    def _award(self, award: m.Award, now: datetime) -> tuple[Effect, ...] | None:
        if award.outcome is m.Outcome.CONCLUDED:
            return self._stand_by(award, now)
        if award.outcome is m.Outcome.CANCELLED:
            return None
        return self._confirm(award, now), self._close(award.outcome)

    def _stand_by(self, award: m.Award, now: datetime) -> tuple[Effect, ...] | None:
        given: dict[m.Basis, Plan] = {}
        if self.stage is Stage.OFFERED:
            assert self.own is not None
            given[m.Basis.OWN] = self.own.power_w
            if self.relaxed is not None:
                given[m.Basis.RELAXED] = self.relaxed.power_w
        basis = next((basis for basis in given if award.accepts == self._offer_id(basis)), None)
        if basis is None or now > self.asked.valid_until:
            return None
        if len(award.power_w) != len(self.asked.power_w) or not covers(given[basis], award.power_w):
            return None
        self.stage = Stage.AWARDED
        data = {"power_w": award.power_w, "basis": basis}
        return self._confirm(award, now), Note("standing_by", award.event_id, "S54", data)

    def _rejected(self, reject: m.Reject) -> tuple[Effect, ...]:
        if reject.refused_by is m.Side.CHILD:
            return ()  # somebody's word under our name: `Party` passes it over
        edge = f"{self.settings.parent}/{self.settings.name}"
        data = {"edge": edge, "kind": reject.refused_kind, "reason": reject.reason, "text": reject.text}
        return (Note("message_rejected_by_peer", data=data),)

    def _close(self, outcome: str) -> Note:
        self.stage = Stage.CLOSED
        return Note("closed", self.events[-1], data={"outcome": outcome})
