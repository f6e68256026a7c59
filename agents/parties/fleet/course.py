"""The usual course of an event at a home with one vehicle, without its actor: asked, perhaps loosened, awarded or not.

    asleep -> offered | opted_out -> [offered] -> awarded | closed

Messages, notes, checks and stages are those of `Der` (`parties/der/`); here stands only how little a home has to store
for them. A home that leaves this course (a re-request, a dispatch, a message too late, a resident who is asked) becomes the
actor: it takes all that the home has received again, with the answers that were computed then. So a home costs a few
hundred bytes and microseconds as long as nothing unusual is sent to it.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import TypeAlias

from agents.devices.contract import Flexibility
from agents.negotiation.lost_memory import FORGOTTEN
from agents.parties.der import messages
from agents.parties.der.actor import Der
from agents.parties.der.checks import accepted_basis, award_problem, keeps_firm, relax_refusal, relaxed_ask_w
from agents.parties.der.event import DerStage, first_timer, moved
from agents.parties.der.terms import EventTerms
from agents.parties.fleet.foresight import Computation
from agents.parties.fleet.shared_terms import SharedTerms, shared_terms
from agents.settings.parties import Consent, DerSettings
from protocol import messages as m
from protocol.actor import Effect, Input, Measured, Note, Received, Resumed, Send
from protocol.codec import decode_body
from protocol.edges import Edge
from protocol.errors import RejectReason
from protocol.plan import Plan

Taken: TypeAlias = tuple[datetime, Measured | Resumed | tuple[str, bytes] | None]
"""An input that was taken, and when; a message as its kind and body, None for a deadline."""
COMPUTED = (m.Request.kind, m.Relax.kind)
"""What something was computed for."""


class Course:
    """One home that has not needed its actor yet."""

    __slots__ = (
        "answers", "events", "hearing", "ids", "over_at", "own", "relaxed", "request_id", "settings", "stage", "taken",
        "terms",
    )  # fmt: skip
    terms: EventTerms
    """Of the last request."""
    request_id: str

    def __init__(self, settings: DerSettings) -> None:
        self.settings = settings
        self.taken: list[Taken] = []
        self.answers: list[Flexibility] = []
        """What was computed for the requests and relaxations among them."""
        self.events: tuple[str, ...] = ()
        """The last one is the one that the rest is about."""
        self.over_at: datetime | None = None
        """When the last slot of all its events is over."""
        self.stage = DerStage.CLOSED
        self.ids: tuple[str, ...] = ()
        self.own: Flexibility | None = None
        self.relaxed: Flexibility | None = None
        self.hearing = False
        """After a start, until a deadline is served: what waited comes before what is due."""

    @property
    def deadline(self) -> datetime | None:
        """When its actor would want to be woken."""
        timer = first_timer(self.stage, self.terms) if self.events else None
        return timer[1] if timer is not None else None

    def at_rest(self, now: datetime) -> bool:
        """Whether nothing can come of its events any more, as its actor would say."""
        over = self.over_at is None or self.over_at <= now
        return over and self.stage in (DerStage.CLOSED, DerStage.OPTED_OUT)

    def is_due(self, now: datetime) -> bool:
        deadline = self.deadline
        return deadline is not None and deadline <= now

    def serves_first(self, now: datetime) -> bool:
        """Whether its actor would serve a deadline before what comes in."""
        return not self.hearing and self.is_due(now)

    def read(self, at: datetime, reading: Measured) -> None:
        """A device was read."""
        self.taken.append((at, reading))

    def due(self, now: datetime) -> tuple[Effect, ...] | None:
        """What a deadline sets off. None: its actor has to take it."""
        if self.stage is not DerStage.OFFERED:
            return None
        self.taken.append((now, None))
        self.hearing = False
        return (self._close("expired"),)

    def computation(self, message: m.Message) -> Computation | None:
        """What it is about to compute."""
        if self._is_known(message):
            return None
        if isinstance(message, m.Request) and message.profiles is None and self.settings.consent is Consent.ALWAYS:
            return Computation(message.direction, message.interval_period, message.power_w)
        if isinstance(message, m.Relax) and message.profiles is None and self._may_loosen(message, message.reply_by):
            assert self.own is not None
            asked_w = relaxed_ask_w(self.own.power_w, message)
            return Computation(self.terms.direction, self.terms.period, asked_w, message.restrictions)
        return None

    def take(
        self, item: Input, answer: Flexibility | None, now: datetime, shared: SharedTerms
    ) -> tuple[Effect, ...] | None:
        """What a message sets off, given what was computed for it. None: its actor has to take it."""
        if isinstance(item, Resumed):
            return self._resumed(item, now)
        if not isinstance(item, Received) or item.edge.parent != self.settings.parent:
            return None
        if self._is_known(item.message):
            return self._repeated(item)
        match item.message:
            case m.Request(profiles=None) as request if answer is not None:
                effects = self._request(request, answer, now, shared)
            case m.Relax(profiles=None) as relax if (
                answer is not None and self.stage is DerStage.OFFERED and now <= relax.reply_by
            ):
                effects = self._loosen(answer, now)  # `computation` has looked at the rest
            case m.Award() as award if self._about(award) and self.stage in (DerStage.OFFERED, DerStage.OPTED_OUT):
                effects = self._award(award, now)
            case m.Reject() as reject:
                return self._rejected(reject)
            case _:
                return None
        if effects is not None:
            self.taken.append((now, (item.message.kind, item.body)))
            if answer is not None:
                self.answers.append(answer)
            self.ids = (*self.ids, item.message.message_id)
        return effects

    def again(self) -> Iterator[tuple[datetime, Input | None, Flexibility | None]]:
        """All that it has taken, with what was computed then; refusals and repeats change nothing and are left out."""
        answers, edge = iter(self.answers), Edge(self.settings.parent, self.settings.name)
        for at, taken in self.taken:
            if isinstance(taken, tuple):
                kind, body = taken
                item = Received(edge, decode_body(kind, body), body)
                yield at, item, next(answers) if kind in COMPUTED else None
            else:
                yield at, taken, None

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
        self, request: m.Request, answer: Flexibility, now: datetime, shared: SharedTerms
    ) -> tuple[Effect, ...] | None:  # fmt: skip
        over = self.stage in (DerStage.CLOSED, DerStage.OPTED_OUT) and request.event_id not in self.events
        if not over or now > request.reply_by or len(self.events) >= Der.MAX_EVENTS - 1:
            return None
        self.terms, self.request_id = shared_terms(request, shared), request.request_id
        self.events, self.ids = (*self.events, self.terms.event_id), ()
        self.over_at = max(self.over_at or self.terms.over_at, self.terms.over_at)
        self.stage, self.own, self.relaxed = DerStage.CONSIDERING, answer, None
        if any(answer.power_w):
            return self._offer(answer, m.Basis.OWN, now)
        self._go(DerStage.OPTED_OUT)
        reason, binding = m.OptReason.MUST_RUN, answer.binding
        return self._opted_out(answer, now), messages.opted_out(self.terms, reason, binding)

    @property
    def _offered_w(self) -> dict[m.Basis, Plan]:
        """The offers that stand, W."""
        if self.stage is not DerStage.OFFERED:
            return {}
        offered = ((m.Basis.OWN, self.own), (m.Basis.RELAXED, self.relaxed))
        return {basis: answer.power_w for basis, answer in offered if answer is not None}

    def _may_loosen(self, relax: m.Relax, now: datetime) -> bool:
        return self._about(relax) and relax_refusal(self.stage, self.terms, self._offered_w, relax, now) is None

    def _loosen(self, answer: Flexibility, now: datetime) -> tuple[Effect, ...]:
        assert self.own is not None
        self.relaxed = answer if keeps_firm(answer.power_w, self.own.power_w) else self.own
        return self._offer(self.relaxed, m.Basis.RELAXED, now)

    def _offer(self, answer: Flexibility, basis: m.Basis, now: datetime) -> tuple[Effect, ...]:
        self._go(DerStage.OFFERED)
        return self._offered(answer, basis, now), messages.offered(self.terms, answer, basis)

    def _go(self, stage: DerStage) -> None:
        self.stage = moved(self.terms.event_id, self.stage, stage)

    def _resumed(self, item: Resumed, now: datetime) -> tuple[Effect, ...]:
        """The offers that stand, once more."""
        again: list[Effect] = []
        for basis, kind, answer in ((m.Basis.OWN, "request", self.own), (m.Basis.RELAXED, "relax", self.relaxed)):
            if self.stage is DerStage.OFFERED and answer is not None:
                again.append(self._offered(answer, basis, self._taken_at(kind)))
        self.taken.append((now, item))
        self.hearing = True
        return tuple(again)

    def _taken_at(self, kind: str) -> datetime:
        """When it took the last message of a kind, and answered it."""
        return next(at for at, taken in reversed(self.taken) if isinstance(taken, tuple) and taken[0] == kind)

    def _is_known(self, message: m.Message) -> bool:
        """Whether a message has the id of one that was taken in this event."""
        return isinstance(message, m.EventMessage) and message.message_id in self.ids and (
            message.event_id == self.events[-1]
        )  # fmt: skip

    def _repeated(self, item: Received) -> tuple[Effect, ...] | None:
        """What was said last, once more, if it is the same to the byte."""
        received = (item.message.kind, item.body)
        if all(taken != received for _, taken in self.taken):
            return None
        at, (kind, body) = next((at, taken) for at, taken in reversed(self.taken) if isinstance(taken, tuple))
        last = decode_body(kind, body)
        if isinstance(last, m.Award):
            return (self._confirm(last, at),)
        if self.relaxed is not None:
            return (self._offered(self.relaxed, m.Basis.RELAXED, at),)
        assert self.own is not None
        offers = any(self.own.power_w)
        return (self._offered(self.own, m.Basis.OWN, at) if offers else self._opted_out(self.own, at),)

    def _award(self, award: m.Award, now: datetime) -> tuple[Effect, ...] | None:
        if award.outcome is m.Outcome.CONCLUDED:
            return self._stand_by(award, now)
        if award.outcome is m.Outcome.CANCELLED:
            return None
        return self._confirm(award, now), self._close(award.outcome)

    def _stand_by(self, award: m.Award, now: datetime) -> tuple[Effect, ...] | None:
        offered_w = self._offered_w
        basis = accepted_basis(self.settings.name, self.request_id, offered_w, award)
        accepted_w = None if basis is None else offered_w[basis]
        if basis is None or award_problem(self.stage, "", self.terms, accepted_w, award, now, first=True):
            return None
        self._go(DerStage.AWARDED)
        return self._confirm(award, now), messages.standing_by(award, basis)

    def _rejected(self, reject: m.Reject) -> tuple[Effect, ...] | None:
        if reject.refused_by is m.Side.CHILD:
            return ()  # somebody's word under our name: `Party` passes it over
        if reject.reason in (*FORGOTTEN, RejectReason.CONFLICT):
            return None  # somebody may have lost its memory
        edge = f"{self.settings.parent}/{self.settings.name}"
        data = {"edge": edge, "kind": reject.refused_kind, "reason": reject.reason, "text": reject.text}
        return (Note("message_rejected_by_peer", data=data),)

    def _close(self, outcome: str) -> Effect:
        self._go(DerStage.CLOSED)
        return messages.closed(self.events[-1], outcome)

    # -- the messages of Der, of answers that were checked when they were computed

    def _offered(self, answer: Flexibility, basis: m.Basis, at: datetime) -> Send:
        spec = self.settings.devices[0]
        relaxable = bool(getattr(spec, "relaxations", ()))
        part = messages.resource(spec.resource_id, m.ResourceKind.VEHICLE, answer.power_w, relaxable, m.made)
        offer = messages.offer(self.settings.name, self.terms, self.request_id, answer, part, basis, at, m.made)
        return self._send(offer)

    def _opted_out(self, answer: Flexibility, at: datetime) -> Send:
        name, reason = self.settings.name, m.OptReason.MUST_RUN
        return self._send(messages.opt_out(name, self.terms, self.request_id, reason, answer.binding, at, m.made))

    def _confirm(self, award: m.Award, at: datetime) -> Send:
        return self._send(messages.confirm(self.settings.name, award, "", at, m.made))

    def _send(self, message: m.Message) -> Send:
        return Send(Edge(self.settings.parent, self.settings.name), message)
