"""What an aggregator answers its parent in one event: an offer (S36), or what can be met instead (S32, S33); and what is
corrected of it when a member takes back."""

from datetime import datetime

from agents.negotiation.negotiation import Negotiation
from agents.negotiation.plans.alternative import alternatives
from agents.negotiation.stage import Stage
from agents.negotiation.upward import Upward
from agents.parties.aggregator.climb import Climb
from agents.parties.aggregator.planning import Coalition
from agents.parties.aggregator.relaxing import RelaxRung
from agents.parties.aggregator.supply import Supply
from agents.settings.parties import AggregatorSettings, Rung
from protocol import messages as m
from protocol.plan import Plan, least, shortfall


class UpwardAnswer:
    """The answer to one request."""

    def __init__(
        self,
        settings: AggregatorSettings,
        up: Upward,
        event: Negotiation,
        climb: Climb,
        supply: Supply,
        relaxing: RelaxRung,
        coalition: Coalition,
    ) -> None:
        self.settings, self.up, self.event, self.climb, self.supply = settings, up, event, climb, supply
        self.relaxing, self.coalition = relaxing, coalition

    def offer(self, power_w: Plan, available_w: Plan, now: datetime) -> None:
        """S36; behind a climb for above a relaxed answer of what is available now."""
        basis, most_w = m.Basis.OWN, self.climb.most_w
        if most_w is not None:
            power_w = available_w = least(self.supply.available_w(), most_w)
            basis = m.Basis.RELAXED
            self.climb.end_for_above()
        profiles = self._profiles() if basis is m.Basis.OWN else None
        self.coalition.shown = None if profiles is None else self.up.request.profiles
        self.up.offer(power_w, available_w, now, basis, self._resources(power_w), profiles)
        if not any(power_w) and profiles is None and basis is m.Basis.OWN and not self.settings.relax_from_above:
            self.supply.storage.free(now)
            self.event.awards.release_rest(m.Outcome.NO_DEAL, "the request cannot be met", now)

    def opts_in(self, power_w: Plan) -> bool:
        """Whether an offer of so much of its own, W, takes part: it may tell profiles in its place."""
        return not self.climb.for_above and (any(power_w) or self._profiles() is not None)

    def _profiles(self) -> m.OfferedProfiles | None:
        """What all together give in the shapes that the parent wants: whole, as each member's part of a mix would have to be
        found again; None where none are wanted, or none are told."""
        wanted = self.up.request.profiles
        if wanted is None or not self.coalition.has_profiles():
            return None
        told = self.coalition.told(wanted)
        return m.OfferedProfiles(power_w=told, mixable=False) if any(map(any, told)) else None

    def repeat_relaxed(self, now: datetime) -> None:
        """Nothing can be loosened for the parent."""
        self.up.repeat_relaxed(self._resources(self.up.first_w()), now)

    def _resources(self, power_w: Plan) -> tuple[m.Resource, ...]:
        name, kind = self.event.out.name, m.ResourceKind.AGGREGATE
        return (m.Resource(resource_id=name, kind=kind, power_w=power_w, relaxable=self.relaxing.is_stored_for_above),)

    def propose(self, now: datetime) -> Plan | None:
        """S32: make the plans that can be met instead; S33: propose them. None; or what is missing, W, where there are
        none."""
        asked_w = self.event.subject.asked_w
        if self._profiles() is not None:
            self.offer(self.supply.useful_w(), self.supply.most_w(), now)
            return None
        basis, firm = self.climb.sum_of(self.settings.alternative_basis)
        options = alternatives(asked_w, firm, basis, self.up.request.round)
        if not options:
            return shortfall(asked_w, firm)
        told = {o.shape.value: o.power_w for o in options}
        self.event.out.tell("alternative_proposed", "S33", requested_w=asked_w, options=told, basis=basis)
        self.up.propose(options, now, self.supply.could_w() if Rung.PLAN in self.settings.ladder else ())
        return None

    def correct(self, now: datetime) -> None:
        """What was told upward is corrected where it does not hold any more; own storage fills what it can first."""
        event, answer, storage = self.event, self.up.answer, self.supply.storage
        if event.stage not in (Stage.OFFERED, Stage.PROPOSED) or answer is None:
            return
        told_w = _told_w(answer)
        if storage and Rung.OWN_STORAGE in self.settings.ladder:
            storage.offer_more(shortfall(told_w, self.supply.available_w()))
        firm_w = least(told_w, self.supply.available_w())
        profiles = answer.profiles if isinstance(answer, m.Offer) else None
        if firm_w == told_w and profiles in (None, self._profiles()):
            return
        event.out.tell("answer_corrected", told_w=told_w, available_w=firm_w)
        if isinstance(answer, m.Offer) and answer.basis is m.Basis.RELAXED and event.stage is Stage.OFFERED:
            self.up.offer(firm_w, firm_w, now, m.Basis.RELAXED, self._resources(firm_w))
        elif event.stage is Stage.PROPOSED and (options := self._less(firm_w)):
            self.up.propose(options, now)
        else:
            self.offer(firm_w, firm_w, now)

    def _less(self, firm_w: Plan) -> tuple[m.Option, ...]:
        return alternatives(self.event.subject.asked_w, firm_w, self.climb.sums[-1][0])


def _told_w(answer: m.Offer | m.Alternative) -> Plan:
    """The most that an answer upward lets the parent award, W."""
    if isinstance(answer, m.Offer):
        return answer.power_w
    return tuple(max(powers) for powers in zip(*(option.power_w for option in answer.options), strict=True))
