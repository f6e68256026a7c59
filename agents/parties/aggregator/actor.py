"""The resource aggregator (RA, lower aggregator E3): S20-S36, claims 1-3.

    collecting -> [own storage] -> [relaxing] -> offered | proposed -> standby -> delivering -> closed

`offered | proposed -> collecting` on a re-request; `closed` from anywhere. The ladder is data
(`settings.ladder`): between collecting and the answer its rungs are climbed in the order in which they stand, one at
a time, until the request is covered in every slot. A rung is left when all who were asked have answered, or at its
deadline.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from agents.negotiation.asking import Stage
from agents.negotiation.between import Between, BetweenParty
from agents.negotiation.child import Answer, Child, Relaxing
from agents.negotiation.plans.alternative import alternatives
from agents.negotiation.plans.apportion import Apportioned, Candidate, apportion
from agents.negotiation.plans.request_values import Asked, request_values
from agents.parties.aggregator.dispatch import Dispatching
from agents.parties.aggregator.own_storage import OwnStorage, StorageYard
from agents.settings.members import Members
from agents.settings.parties import AggregatorSettings, Rung
from protocol import messages as m
from protocol.actor import Measured
from protocol.edges import Edge
from protocol.plan import Plan, add, covers, excess, least, shortfall, total, zero
from protocol.units import step_instant

TRANSITIONS: Mapping[Stage, tuple[Stage, ...]] = {
    Stage.COLLECTING: (Stage.RELAXING, Stage.OFFERED, Stage.PROPOSED, Stage.CLOSED),
    Stage.RELAXING: (Stage.COLLECTING, Stage.OFFERED, Stage.PROPOSED, Stage.CLOSED),
    Stage.OFFERED: (Stage.COLLECTING, Stage.RELAXING, Stage.STANDBY, Stage.CLOSED),
    Stage.PROPOSED: (Stage.COLLECTING, Stage.RELAXING, Stage.STANDBY, Stage.CLOSED),
    Stage.STANDBY: (Stage.COLLECTING, Stage.DELIVERING, Stage.CLOSED),
    Stage.DELIVERING: (Stage.COLLECTING, Stage.CLOSED),
    Stage.CLOSED: (Stage.COLLECTING,),
}
"""Which stage may follow which. Back to collecting: a re-request, or a change of the event from above."""


class AggregatorEvent(Between):
    """One event at the aggregator."""

    transitions = TRANSITIONS

    def __init__(self, party: "Aggregator", edge: Edge, request: m.Request) -> None:
        self.settings = party.settings
        self.book = party.book
        grace = timedelta(seconds=party.settings.report_grace_s)
        super().__init__(party, edge, request, party.book.claims, grace)
        self.storage = OwnStorage(party.own_storage, self.event_id)
        self.most_relaxed_w: Plan = ()
        self.dispatching = Dispatching(self, party.settings.dispatch_lead_s, self.storage)
        self.on_timer |= {"dispatch": self.dispatching.due, "measure": self.dispatching.measure_due}
        self.delivery.own = self.storage.resource_ids
        self.rungs: list[Rung] = []
        self.earlier: dict[str, Plan] = {}
        self.sums: list[tuple[tuple[m.OptionBasis, ...], Plan]] = []

    # -- S20-S22

    def begin(self, now: datetime) -> None:
        """S20: a request plan (or a re-request) has come; S21: a value per DER; S22: send it."""
        self.rungs, self.sums, self.started_at = list(self.settings.ladder), [], now
        self.tell(
            "request_received",
            "S20",
            requested_w=self.asked_w,
            round=self.request.round,
            direction=self.direction,
            reply_by=self.request.reply_by,
        )
        values = self._request_values()
        self.children.waiting.clear()
        reply_by, decide_by = step_instant(now, self.request.reply_by, self.settings.collect_pct), self.decide_by
        asked = {name: power_w for name, power_w in values.items() if any(power_w)}
        self.ask(asked, reply_by, decide_by, self.request.terms, self.request.program_id, now)
        self.tell(
            "request_values_sent",
            "S22",
            asked=len(self.children.waiting),
            power_w=total(values.values(), len(self.asked_w)),
            reply_by=reply_by,
        )
        self.go(Stage.COLLECTING, reply_by)
        if not self.children.waiting:
            self.stage_over(now)

    def _request_values(self) -> dict[str, Plan]:
        """S21. In a re-request what a member said it could give at most stands for its capability."""
        slots, direction, earlier = len(self.asked_w), self.direction, self.earlier
        members = [
            Asked(member.name, earlier[member.name], 100, member.merit)
            if member.name in earlier
            else Asked(member.name, (member.capacity_w(direction),) * slots, member.reliability_pct, member.merit)
            for member in self.book.members
        ]
        return request_values(
            self.asked_w, members, policy=self.settings.request_values, over_request=self.settings.over_request
        )

    def _supersede(self, now: datetime) -> None:
        self.earlier = {}
        for child in self.children.asked():
            if child.best is not None:
                self.earlier[child.name] = child.best.available_w
            elif child.opted_out:
                self.earlier[child.name] = zero(len(self.asked_w))
        self.storage.free(now)
        self.dispatching.stop(now)

    def _take(self, request: m.Request) -> None:
        known = getattr(self, "request", None)
        if known is not None and (known.revision, known.interval_period, len(known.power_w)) != (
            request.revision,
            request.interval_period,
            len(request.power_w),
        ):
            self.earlier = {}
        super()._take(request)

    # -- S23-S31

    def answered(self, child: Child, now: datetime) -> None:
        if not self.settings.leave_early or self.stage not in (Stage.COLLECTING, Stage.RELAXING):
            return
        if covers(self.available_w(), self.asked_w) and self.children.waiting:
            self.stage_over(now)

    def available_w(self) -> Plan:
        """S24, S26 or S30: the sum over the participating DERs, relaxed answers in place of earlier ones, and the
        own storage once its rung was climbed."""
        nothing = zero(len(self.asked_w))
        return add(self.children.offered_w or nothing, self.storage.power_w or nothing)

    def stage_over(self, now: datetime) -> None:
        if self.stage is Stage.COLLECTING:
            self._sum_up("offers_summed", "S24", m.OptionBasis.OFFERS, now)
        elif self.stage is Stage.RELAXING:
            self._sum_up("relaxed_offers_summed", "S30", m.OptionBasis.RELAXED, now)
        elif self.stage in (Stage.OFFERED, Stage.PROPOSED):
            self.close("expired", now, release=m.Outcome.NO_DEAL, reason="no answer from above")

    def _sum_up(self, name: str, step: str, basis: m.OptionBasis, now: datetime) -> None:
        available = self.available_w()
        stands_on = (*(self.sums[-1][0] if self.sums else ()), basis)
        self.sums.append((stands_on, available))
        short = shortfall(self.asked_w, available)
        self.tell(
            name,
            step,
            requested_w=self.asked_w,
            available_w=available,
            shortfall_w=short,
            enough=not any(short),
            **self.children.count(),
        )
        self.children.waiting.clear()
        if any(short):
            self._climb(short, now)
        else:
            self.tell("can_meet", "S36", power_w=self.asked_w)
            self.offer_up(self.asked_w, self._at_most_w(), now)

    def _climb(self, short: Plan, now: datetime) -> None:
        """The next rung; when none is left the answer is that this cannot be met."""
        if not self.rungs:
            self.tell("cannot_meet", shortfall_w=short)
            self.offer_up(zero(len(self.asked_w)), zero(len(self.asked_w)), now)
            return
        match self.rungs.pop(0):
            case Rung.OWN_STORAGE:
                self._add_storage(short, now)
            case Rung.RELAX:
                self._relax(short, now)
            case Rung.ALTERNATIVE:
                self._propose(now)

    def _add_storage(self, short: Plan, now: datetime) -> None:
        """S26: own storage adds what it can to the available power (claim 2); S27 judges."""
        if not self.storage:
            self._climb(short, now)
            return
        added = self.storage.offer(self.direction, self.period, short)
        self.tell("own_storage_added", "S26", shortfall_w=short, storage_w=added)
        self._sum_up("storage_summed", "S27", m.OptionBasis.STORAGE, now)

    def _relax(self, short: Plan, now: datetime) -> None:
        """S28: ask those DERs that are in vehicles and participate, and no others, to recompute (claim 3)."""
        targets = self._relaxable()
        kept_for_above = self.settings.relax_from_above and not self.relaxing_for_above
        if not targets or kept_for_above:
            self.tell("nobody_to_relax", shortfall_w=short)
            self._climb(short, now)
            return
        budget = self.request.reply_by - self.started_at
        reply_by = min(now + budget * self.settings.relax_pct / 100, self.request.reply_by)
        self.go(Stage.RELAXING, reply_by)
        relax = Relaxing(short, self.settings.relax_restrictions, now, reply_by)
        say, parent, build, waiting = self.party.say, self.party.name, self.relax_to, self.children.waiting
        for child in targets:
            assert child.request is not None
            child.relax = relax
            waiting[child.name] = None
            say(Edge(parent, child.name), now, build, child.name, child.request, relax)
        self.timers["again"] = step_instant(now, reply_by, 50)
        self.tell("relax_asked", "S28", shortfall_w=short, asked=len(targets), reply_by=reply_by)

    def _relaxable(self) -> list[Child]:
        """Who is asked: vehicles that take part; an aggregator below, if its contract says that it has a rung for it."""
        return [
            child
            for child in self.children.asked()
            if child.relaxable()
            or (
                child.best is not None
                and self.book[child.name].kind == "aggregator"
                and self.book[child.name].relaxations
            )
        ]

    relaxing_for_above = False

    def relaxed_from_above(self, relax: m.Relax, now: datetime) -> None:
        """The rung that was kept for the parent's `relax` is climbed now; without it the offer is repeated."""
        short = relax.shortfall_w
        self.most_relaxed_w = add(self.standing_w(), short)
        if self.settings.relax_from_above and self._relaxable():
            self.relaxing_for_above = True
            self.rungs = []
            self._relax(short, now)
            return
        super().relaxed_from_above(relax, now)

    def offer_up(self, power_w: Plan, available_w: Plan, now: datetime, basis: m.Basis = m.Basis.OWN) -> None:
        if self.relaxing_for_above and basis is m.Basis.OWN:
            self.relaxing_for_above = False
            power_w, basis = least(self.available_w(), self.most_relaxed_w), m.Basis.RELAXED
            available_w = power_w
        super().offer_up(power_w, available_w, now, basis)

    def standing_w(self) -> Plan:
        """What its first answer to this request holds, W."""
        return next(iter(self.standing.values()), zero(len(self.asked_w)))

    def resources(self, power_w: Plan) -> tuple[m.Resource, ...]:
        relaxable = self.settings.relax_from_above and bool(self._relaxable())
        return (
            m.Resource(
                resource_id=self.party.name, kind=m.ResourceKind.AGGREGATE, power_w=power_w, relaxable=relaxable
            ),
        )

    def _at_most_w(self) -> Plan:
        """What it could give at most: what the DERs could, and its own storage on top."""
        slots = len(self.asked_w)
        most = total([answer.available_w for _, answer in self.children.answered()], slots)
        uses_storage = Rung.OWN_STORAGE in self.settings.ladder
        more = self.storage.most(self.direction, self.period, slots) if uses_storage else zero(slots)
        return tuple(max(a, b) for a, b in zip(add(most, more), self.asked_w, strict=True))

    def _propose(self, now: datetime) -> None:
        """S32: make the plans that can be met instead; S33: propose them."""
        basis, firm = self._alternative_sum()
        options = alternatives(self.asked_w, firm, basis)
        if not options:
            self._climb(shortfall(self.asked_w, firm), now)
            return
        self.tell(
            "alternative_proposed",
            "S33",
            requested_w=self.asked_w,
            options={o.option_id: o.power_w for o in options},
            basis=basis,
        )
        self.propose_up(options, now)

    def _alternative_sum(self) -> tuple[tuple[m.OptionBasis, ...], Plan]:
        """The sum that the alternative stands on: the last one, or the one that the setting names (S24, S26, S30)."""
        wanted = self.settings.alternative_basis
        named = [(basis, firm) for basis, firm in self.sums if basis[-1] is wanted]
        return named[-1] if named else self.sums[-1]

    # -- S34, S35, claim 1

    def conclude(self, power_w: Plan, now: datetime) -> None:
        """S35: share the deal out and tell every DER that answered yes."""
        shared = self._shared_out(power_w)
        self.storage.commit(shared.storage_w)
        self.give(self._parts(shared), now)
        self.tell("awards_sent", "S35", awarded=len(shared.shares), power_w=power_w, storage_w=shared.storage_w)
        self.release_rest(m.Outcome.NOT_NEEDED, "the deal is covered by others", now)
        self.dispatching.start(now)

    def _parts(self, shared: Apportioned) -> Iterator[tuple[Child, Answer, Plan]]:
        for name, (basis, power_w) in shared.shares.items():
            child = self.children[name]
            answer = child.answer(basis)
            assert answer is not None
            yield child, answer, power_w

    def _shared_out(self, power_w: Plan) -> Apportioned:
        nothing, contracts = zero(len(power_w)), self.book.by_name
        candidates = [
            Candidate(
                child.name,
                child.own.power_w if child.own is not None else nothing,
                child.relaxed.power_w if child.relaxed is not None else None,
                contracts[child.name].merit,
            )
            for child, _ in self.children.answered()
        ]
        storage_w = self.storage.power_w or zero(len(power_w))
        return apportion(power_w, candidates, storage_w, self.settings.sharing)

    def own_power_w(self) -> Plan:
        return self.storage.committed_w or zero(len(self.asked_w))

    def add_own_power(self, missing_w: Plan, now: datetime) -> Plan:
        if not self.storage or Rung.OWN_STORAGE not in self.settings.ladder or not any(missing_w):
            return zero(len(missing_w))
        added = self.storage.add(self.direction, self.period, missing_w)
        if any(added):
            self.tell("own_storage_replaces", "S26", storage_w=added)
        return added

    def reduce(self, power_w: Plan, now: datetime) -> None:
        over = excess(self.held_w(), power_w)
        own = least(over, self.own_power_w())
        if any(own):
            self.storage.commit(shortfall(self.own_power_w(), own))
        super().reduce(power_w, now)

    def close(self, outcome: str, now: datetime, release: m.Outcome | None = None, reason: str = "") -> None:
        self.dispatching.stop(now)
        self.storage.free(now)
        super().close(outcome, now, release, reason)

    def status(self) -> dict[str, object]:
        return {**super().status(), "available_w": list(self.available_w()), "rungs_left": list(self.rungs)}


class Aggregator(BetweenParty):
    """The actor: a book of members, own storage, and its events."""

    def __init__(self, settings: AggregatorSettings) -> None:
        self.settings = settings
        self.book = Members(members=settings.members)
        self.own_storage = StorageYard.build(settings.storage)
        super().__init__(settings.name, settings.parent, self.book.by_name)

    def open(self, edge: Edge, request: m.Request) -> Between:
        return AggregatorEvent(self, edge, request)

    def _measured(self, item: Measured, now: datetime) -> None:
        if item.event_id is None:
            self.own_storage.observe(item)
            return
        event = self.events.get(item.event_id)
        if isinstance(event, AggregatorEvent):
            event.dispatching.measured(item, now)
