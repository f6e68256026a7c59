"""The usual course of an event at a home with one vehicle, without its actor: asked, perhaps loosened, awarded or not.

    asleep -> offered | opted_out -> [offered] -> awarded | closed

What is said and when is what `Der` says, effect by effect; a home that leaves this course (a re-request, a dispatch, a
message too late, a resident who is asked) becomes the actor: it takes all that the home has heard again, with the answers that
were computed then. So a home costs a few hundred bytes and microseconds as long as nothing unusual is said to it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from agents.der.actor import Der
from agents.der.device import Flexibility
from agents.der.event import Stage
from agents.fleet.foresight import Wanted
from agents.party import step_instant
from agents.settings import Consent, DerSettings
from protocol import messages as m
from protocol.actor import Effect, Input, Measured, Note, Received, Resumed, Send
from protocol.codec import decode_body
from protocol.edges import Edge
from protocol.plan import Plan, add, covers, zero
from protocol.units import Direction

M = TypeVar("M", bound=m.Message | m.Resource)

Kept: TypeAlias = tuple[datetime, Measured | Resumed | tuple[str, bytes] | None]
"""An input that was taken, and when; a message as its kind and body, None for a deadline."""
COMPUTED = (m.Request.kind, m.Relax.kind)
"""What something was computed for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What many homes are asked alike, kept once."""

    event_id: str
    round: int
    direction: Direction
    period: m.IntervalPeriod
    power_w: Plan
    valid_until: datetime
    """Of an offer."""
    over_at: datetime
    """When the last slot is over."""


Known: TypeAlias = dict[tuple[object, ...], Asked]


def asked_by(request: m.Request, known: Known) -> Asked:
    """What a request asks; the same object for all that ask the same."""
    period = request.interval_period
    direction, power_w = request.direction, request.power_w
    key = (
        request.event_id, request.round, direction, period.start, period.duration, power_w, request.decide_by
    )  # fmt: skip
    asked = known.get(key)
    if asked is None:
        until = step_instant(request.decide_by, period.start, 50)
        over_at = period.slot_start(len(power_w))
        asked = known[key] = Asked(request.event_id, request.round, direction, period, power_w, until, over_at)
    return asked


class Course:
    """One home that has not needed its actor yet."""

    __slots__ = (
        "answers", "asked", "events", "heard", "ids", "over_at", "own", "relaxed", "request_id", "settings", "stage",
    )  # fmt: skip
    request_id: str
    asked: Asked

    def __init__(self, settings: DerSettings) -> None:
        self.settings = settings
        self.heard: list[Kept] = []
        self.answers: list[Flexibility] = []
        """What was computed for the requests and relaxations among them."""
        self.events: tuple[str, ...] = ()
        """The last one is the one that the rest is about."""
        self.over_at: datetime | None = None
        """When the last slot of all of them is over."""
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

    def _offered(self, answer: Flexibility, basis: m.Basis, at: datetime) -> Send:
        spec = self.settings.devices[0]
        relaxable = bool(getattr(spec, "relaxations", ()))
        parts: tuple[m.Resource, ...] = ()
        if relaxable or any(answer.power_w):
            part = {"resource_id": spec.resource_id, "kind": m.ResourceKind.VEHICLE, "power_w": answer.power_w,
                    "relaxable": relaxable}  # fmt: skip
            parts = (made(m.Resource, part),)
        said = {"opt": m.Opt.IN, "opt_reason": m.OptReason.PARTICIPATING, "power_w": answer.power_w,
                "available_w": answer.available_w, "binding": answer.binding, "basis": basis, "resources": parts,
                "valid_until": self.asked.valid_until}  # fmt: skip
        return self._send(made(m.Offer, self._head(self._offer_id(basis), at, 1) | said))

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

    def _opted_out(self, request: m.Request, answer: Flexibility, at: datetime) -> Send:
        nothing = zero(len(self.asked.power_w))
        said = {"opt": m.Opt.OUT, "opt_reason": m.OptReason.MUST_RUN, "power_w": nothing, "available_w": nothing,
                "binding": answer.binding, "basis": m.Basis.OWN, "resources": (),
                "valid_until": request.decide_by}  # fmt: skip
        return self._send(made(m.Offer, self._head(self._offer_id(m.Basis.OWN), at, 1) | said))

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

    def _confirm(self, award: m.Award, now: datetime) -> Send:
        message_id = f"{self.settings.name}.confirm.{award.award_id}.{award.revision}"
        said = {"award_id": award.award_id, "accepted": True, "reason": ""}
        return self._send(made(m.Confirm, self._head(message_id, now, award.revision) | {"round": award.round} | said))

    def _rejected(self, reject: m.Reject) -> tuple[Effect, ...]:
        if reject.refused_by is m.Side.CHILD:
            return ()  # somebody's word under our name: `Party` passes it over
        edge = f"{self.settings.parent}/{self.settings.name}"
        data = {"edge": edge, "kind": reject.refused_kind, "reason": reject.reason, "text": reject.text}
        return (Note("message_rejected_by_peer", data=data),)

    def _close(self, outcome: str) -> Note:
        self.stage = Stage.CLOSED
        return Note("closed", self.events[-1], data={"outcome": outcome})

    def _offer_id(self, basis: m.Basis) -> str:
        return f"{self.settings.name}.offer.{basis}.{self.request_id}"

    def _head(self, message_id: str, now: datetime, revision: int) -> dict[str, Any]:
        return {"version": m.VERSION, "message_id": message_id, "sent_at": now, "extensions": {},
                "event_id": self.events[-1], "request_id": self.request_id, "round": self.asked.round,
                "revision": revision}  # fmt: skip

    def _send(self, message: m.Message) -> Send:
        return Send(Edge(self.settings.parent, self.settings.name), message)


def made(model: type[M], fields: dict[str, Any]) -> M:
    """A message of fields that are known to be right, all of them and in their order: a tenth of what checking costs
    (`model_construct` costs more than that)."""
    message = object.__new__(model)
    object.__setattr__(message, "__dict__", fields)
    object.__setattr__(message, "__pydantic_fields_set__", fields.keys())
    object.__setattr__(message, "__pydantic_extra__", None)
    object.__setattr__(message, "__pydantic_private__", None)
    return message
