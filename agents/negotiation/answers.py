"""Which answers of children count: each is checked against what its child was asked, and stored or refused."""

from datetime import datetime
from operator import gt

from agents.negotiation.child import Child, ChildAnswer, RequestRecord, in_short
from agents.negotiation.children import Children, at_most, same_slots
from agents.negotiation.over import told
from protocol import messages as m
from protocol.errors import RefusedMessage, RejectReason
from protocol.plan import add
from protocol.rules import best_option

OWN, RELAXED, ALTERNATIVE = 0, 1, 2
"""Places in a child's revisions."""


class ChildAnswers:
    """Of one event."""

    def __init__(self, children: Children) -> None:
        self.children = children

    def check(self, name: str, message: m.EventMessage) -> Child:
        """The child that a message is from. Raises RefusedMessage when it does not belong to its request."""
        child = self.children.by_name.get(name)
        if child is None or child.request is None:
            raise RefusedMessage(RejectReason.UNKNOWN_REQUEST, f"{name} was not asked in {message.event_id}")
        if name in self.children.left:
            raise RefusedMessage(RejectReason.UNKNOWN_PARTY, f"the contract under which {name} was asked has ended")
        if message.request_id != child.request.request_id:
            raise RefusedMessage(
                RejectReason.STALE, f"{message.request_id} is superseded by {child.request.request_id}"
            )
        return child

    def take_offer(self, child: Child, offer: m.Offer, most_w: int | None = None) -> bool:
        """Check and store an offer; True when it opts in. It counts for `most_w` in a slot at most, W. Raises
        RefusedMessage and stores nothing otherwise."""
        children = self.children
        assert child.request is not None
        relaxed = offer.basis is m.Basis.RELAXED
        revisions = _newer(child, RELAXED if relaxed else OWN, offer.revision)
        most = child.request.power_w
        if relaxed:
            if child.relax is None or child.own is None:
                raise RefusedMessage(RejectReason.UNKNOWN_REQUEST, "a relaxed offer answers a relax; none was asked")
            most = add(child.own.offered_w or child.own.power_w, child.relax.shortfall_w)
        same_slots(offer.power_w, len(most))
        if any(map(gt, offer.power_w, most)):
            raise RefusedMessage(RejectReason.ABOVE_REQUEST, "an offer cannot be above what was asked")
        _firm(offer.valid_until, child.request)
        self._claim(child.name, offer.resources)
        child.revisions = children.shared.one(revisions)
        children.opt(child, offer.opt)
        if child.opted_out:
            child.promised = ()
            children.put(child, None, None, None)
            child.owed = False
            return False
        ref = in_short(offer.message_id, child.name)
        power_w, available_w = offer.power_w, offer.available_w
        if most_w is not None and max(available_w) > most_w:  # never below power_w
            power_w, available_w = at_most(power_w, most_w), at_most(available_w, most_w)
        sent = ChildAnswer(ref, power_w, available_w, offer.basis, offer.valid_until, self._relaxable(offer))
        asked = child.relax if relaxed else child.request
        if offer.profiles is not None and asked is not None and asked.profiles is not None:
            by_aggregator = any(resource.kind is m.ResourceKind.AGGREGATE for resource in offer.resources)
            sent = self._with_profiles(sent, offer.profiles, most_w)._replace(alone=by_aggregator)
        answer = children.shared.known(sent) or self._shared_answer(sent)
        self._unlock(child, child.relaxed if relaxed else child.own, answer)
        if relaxed:
            children.store(child, child.own, answer)
        else:
            children.store(child, answer, child.relaxed)
        child.owed = True
        return True

    def take_alternative(self, child: Child, alternative: m.Alternative, most_w: int | None = None) -> None:
        """Store the best option: the greatest least share, then the most energy, then the first. It counts for
        `most_w` in a slot at most, W. Raises RefusedMessage."""
        assert child.request is not None
        request = child.request
        revisions = _newer(child, ALTERNATIVE, alternative.revision)
        _firm(alternative.valid_until, request)
        for option in alternative.options:
            same_slots(option.power_w, len(request.power_w))
        child.revisions = revisions
        best = best_option(alternative.options, request.power_w, self.children.by)
        power_w = at_most(best.power_w, most_w)
        answer = ChildAnswer(
            in_short(best.option_id, child.name),
            power_w,
            told(alternative, power_w, most_w),
            m.Basis.OWN,
            alternative.valid_until,
            alternative=True,
        )
        self._unlock(child, child.own, answer)
        self.children.store(child, answer, None)
        self.children.opt(child, m.Opt.IN)
        child.owed = True

    def _unlock(self, child: Child, before: ChildAnswer | None, answer: ChildAnswer) -> None:
        """Who gives less now than it has answered to the same question has lost what it counted on: what was firm in an
        earlier round may have stood on that, and an award of it would be refused."""
        if child.locked is not None and before is not None and any(map(gt, before.power_w, answer.power_w)):
            self.children.lock(child, None)

    def _relaxable(self, offer: m.Offer) -> bool:
        return any(resource.relaxable and resource.kind in self.children.can_relax for resource in offer.resources)

    def _claim(self, name: str, resources: tuple[m.Resource, ...]) -> None:
        """By the book: what stands in nobody's contract is kept from nobody. Raises RefusedMessage."""
        for resource in resources:
            owner = self.children.claims.get(resource.resource_id, name)
            if owner != name:
                text = f"{resource.resource_id} is answered for by {owner}"
                raise RefusedMessage(RejectReason.RESOURCE_CLAIMED, text)

    def _shared_answer(self, sent: ChildAnswer) -> ChildAnswer:
        """An answer that nobody gave before, made of what others may give as well."""
        shared = self.children.shared
        power_w = shared.plan(sent.power_w)
        available_w = power_w if sent.available_w == power_w else shared.plan(sent.available_w)
        return shared.one(
            sent._replace(power_w=power_w, available_w=available_w, valid_until=shared.one(sent.valid_until))
        )

    def _with_profiles(self, answer: ChildAnswer, offered: m.OfferedProfiles, most_w: int | None) -> ChildAnswer:
        """With what it gives in its place, each of which counts for `most_w` in a slot at most, W."""
        profiles = tuple(self.children.shared.plan(at_most(plan, most_w)) for plan in offered.power_w)
        return answer._replace(profiles=profiles, mixable=offered.mixable)


def _newer(child: Child, place: int, revision: int) -> tuple[int, int, int]:
    """The child's revisions with a newer one."""
    known = child.revisions[place]
    if revision <= known:
        what = ("offer.own", "offer.relaxed", "alternative")[place]
        raise RefusedMessage(RejectReason.STALE, f"revision {revision} of {what}; {known} is known")
    own, relaxed, alternative = child.revisions
    return (
        revision if place == OWN else own,
        revision if place == RELAXED else relaxed,
        revision if place == ALTERNATIVE else alternative,
    )


def _firm(valid_until: datetime, request: RequestRecord) -> None:
    if valid_until < request.decide_by:
        text = f"it has to stay valid until decide_by {request.decide_by.isoformat()}"
        raise RefusedMessage(RejectReason.NOT_FIRM_LONG_ENOUGH, text)
