"""The parent's side of one event: whom it asked, who answered what, who was awarded what and has confirmed.

Answers are kept in the members' order, never in order of arrival, so that live and simulated decide the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from protocol import messages as m
from protocol.errors import RefusedMessage, RejectReason
from protocol.plan import Plan, add, covers


@dataclass(frozen=True, slots=True)
class Answer:
    """A firm profile that a child can be held to, from an offer or from one option of an alternative."""

    ref: str
    """What an award names: the offer's message_id or the option's id."""
    power_w: Plan
    available_w: Plan
    basis: m.Basis
    valid_until: datetime
    resources: tuple[m.Resource, ...] = ()
    alternative: bool = False


@dataclass(slots=True)
class Child:
    """One child in one event."""

    name: str
    request: m.Request | None = None
    relax: m.Relax | None = None
    answers: dict[m.Basis, Answer] = field(default_factory=dict)
    revisions: dict[str, int] = field(default_factory=dict)
    opted_out: bool = False
    owed: bool = False
    """It gave an answer (late ones included) that has not been answered by an award yet."""
    award: m.Award | None = None
    accepted: Answer | None = None
    confirmed: bool | None = None
    """None: not heard yet; False: refused, cancelled or never heard."""
    bound_before: bool = False
    """It held an award of a superseded request (or might sell by its mandate) and has not answered the new one: it
    may not know."""

    @property
    def best(self) -> Answer | None:
        """The relaxed answer where there is one, else the own one (S29)."""
        return self.answers.get(m.Basis.RELAXED) or self.answers.get(m.Basis.OWN)

    @property
    def holds(self) -> Plan | None:
        """The power of the deal that stands with it, W."""
        if self.award is None or self.award.outcome is not m.Outcome.CONCLUDED or self.confirmed is False:
            return None
        return self.award.power_w

    def may_have_sold(self, request: m.Request) -> bool:
        """Whether it may have concluded downward by the mandate of a revision that `request` supersedes."""
        before = self.request
        return (
            before is not None and before.terms.mandate and before.revision != request.revision and not self.opted_out
        )

    def relaxable(self) -> bool:
        """Whether S28 asks it: participating, with a vehicle whose owner agreed to loosen something."""
        own = self.answers.get(m.Basis.OWN)
        if own is None:
            return False
        kinds = (m.ResourceKind.VEHICLE, m.ResourceKind.AGGREGATE)
        return any(resource.relaxable and resource.kind in kinds for resource in own.resources)


class Children:
    """All children of one event, in the members' order."""

    def __init__(self, names: tuple[str, ...], claims: Mapping[str, str]) -> None:
        self.by_name = {name: Child(name) for name in names}
        self.waiting: dict[str, None] = {}
        """Those asked in the present stage who have not answered."""
        self.claims = dict(claims)
        """resource_id -> the party that answers for it, by the book or by who claimed it first."""

    def __getitem__(self, name: str) -> Child:
        return self.by_name[name]

    def renew(self, name: str, request: m.Request) -> None:
        """A new request supersedes whatever stood before with this child."""
        before = self.by_name[name]
        bound = before.bound_before or before.holds is not None or before.may_have_sold(request)
        self.by_name[name] = Child(name, request=request, bound_before=bound)
        self.waiting[name] = None

    def asked(self) -> list[Child]:
        return [child for child in self.by_name.values() if child.request is not None]

    def answered(self) -> list[tuple[Child, Answer]]:
        """Those who take part, each with its best answer."""
        return [(child, child.best) for child in self.by_name.values() if child.best is not None]

    def held(self) -> list[tuple[Child, Plan]]:
        """Those with a concluded award that stands."""
        return [(child, child.holds) for child in self.by_name.values() if child.holds is not None]

    def count(self) -> dict[str, object]:
        """asked / yes / no / silent, for telling."""
        asked = self.asked()
        yes = sum(child.best is not None for child in asked)
        no = sum(child.opted_out for child in asked)
        return {"asked": len(asked), "yes": yes, "no": no, "silent": len(self.waiting)}

    def check(self, name: str, message: m.EventMessage, slots: int) -> Child:
        """The child that a message is from. Raises RefusedMessage when it does not belong to its request."""
        child = self.by_name.get(name)
        if child is None or child.request is None:
            raise RefusedMessage(RejectReason.UNKNOWN_REQUEST, f"{name} was not asked in {message.event_id}")
        if message.request_id != child.request.request_id:
            raise RefusedMessage(
                RejectReason.STALE, f"{message.request_id} is superseded by {child.request.request_id}"
            )
        return child

    def take_offer(self, child: Child, offer: m.Offer) -> bool:
        """Check and keep an offer; True when it opts in. Raises RefusedMessage and keeps nothing otherwise."""
        assert child.request is not None
        _newer(child, f"offer.{offer.basis}", offer.revision)
        most = child.request.power_w
        if offer.basis is m.Basis.RELAXED:
            own = child.answers.get(m.Basis.OWN)
            if child.relax is None or own is None:
                raise RefusedMessage(RejectReason.UNKNOWN_REQUEST, "a relaxed offer answers a relax; none was asked")
            most = add(own.power_w, child.relax.shortfall_w)
        _same_length(offer.power_w, most)
        if not covers(most, offer.power_w):
            raise RefusedMessage(RejectReason.ABOVE_REQUEST, "an offer cannot be above what was asked")
        _firm(offer.valid_until, child.request)
        self._claim(child.name, offer.resources)
        child.revisions[f"offer.{offer.basis}"] = offer.revision
        child.opted_out = offer.opt is m.Opt.OUT
        if child.opted_out:
            child.answers.clear()
            return False
        child.answers[offer.basis] = Answer(
            offer.message_id, offer.power_w, offer.available_w, offer.basis, offer.valid_until, offer.resources
        )
        child.owed = True
        return True

    def take_alternative(self, child: Child, alternative: m.Alternative) -> None:
        """Keep the best option: the greatest least share, then the most energy, then the first."""
        assert child.request is not None
        request = child.request
        _newer(child, "alternative", alternative.revision)
        _firm(alternative.valid_until, request)
        for option in alternative.options:
            _same_length(option.power_w, request.power_w)
        child.revisions["alternative"] = alternative.revision
        best = max(alternative.options, key=lambda option: _worth(option.power_w, request.power_w))
        child.answers = {
            m.Basis.OWN: Answer(
                best.option_id, best.power_w, best.power_w, m.Basis.OWN, alternative.valid_until, alternative=True
            )
        }
        child.opted_out = False
        child.owed = True

    def _claim(self, name: str, resources: tuple[m.Resource, ...]) -> None:
        for resource in resources:
            owner = self.claims.get(resource.resource_id, name)
            if owner != name:
                text = f"{resource.resource_id} is answered for by {owner}"
                raise RefusedMessage(RejectReason.RESOURCE_CLAIMED, text)
        for resource in resources:
            self.claims[resource.resource_id] = name


def _worth(power_w: Plan, asked_w: Plan) -> tuple[int, int]:
    met = [min(have, want) for have, want in zip(power_w, asked_w, strict=True)]
    shares = [have * 100 // want for have, want in zip(met, asked_w, strict=True) if want]
    return min(shares, default=100), sum(met)


def _newer(child: Child, what: str, revision: int) -> None:
    known = child.revisions.get(what, 0)
    if revision <= known:
        raise RefusedMessage(RejectReason.STALE, f"revision {revision} of {what}; {known} is known")


def _same_length(plan: Plan, asked: Plan) -> None:
    if len(plan) != len(asked):
        raise RefusedMessage(RejectReason.WRONG_SLOTS, f"{len(plan)} slots; {len(asked)} were asked")


def _firm(valid_until: datetime, request: m.Request) -> None:
    if valid_until < request.decide_by:
        text = f"it has to stay valid until decide_by {request.decide_by.isoformat()}"
        raise RefusedMessage(RejectReason.NOT_FIRM_LONG_ENOUGH, text)
