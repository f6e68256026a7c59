"""What the aggregator decides in one event: S20-S36. Between collecting and the answer the rungs of the ladder are
climbed in their order, one at a time, until the request is covered in every slot."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from agents.negotiation.cause import WithdrawalCause
from agents.negotiation.child import Child
from agents.negotiation.from_above import keeps_what_stood
from agents.negotiation.hurried import hurried_members
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.plans.usable import is_met
from agents.negotiation.policies import Policies
from agents.negotiation.stage import ASKING, Stage, Timer
from agents.negotiation.upward import Upward
from agents.parties.aggregator.answer import UpwardAnswer
from agents.parties.aggregator.climb import Climb
from agents.parties.aggregator.dispatch import Dispatching
from agents.parties.aggregator.own_storage import OwnStorage
from agents.parties.aggregator.plan_rung import PlanRung
from agents.parties.aggregator.planning import Coalition
from agents.parties.aggregator.relaxing import RelaxRung
from agents.parties.aggregator.requests import MemberRequests
from agents.parties.aggregator.sharing import DealShares
from agents.parties.aggregator.supply import Supply
from agents.parties.aggregator.surplus import SurplusRung
from agents.settings.members import Members
from agents.settings.parties import AggregatorSettings, Rung
from protocol import messages as m
from protocol.actor import Measured, Solved
from protocol.plan import Plan, add, covers, shortfall


class AggregatorRole:
    """The frame of its parts: requests, the rungs, the answer, the deal's shares, dispatching."""

    def __init__(
        self,
        settings: AggregatorSettings,
        policies: Policies,
        book: Members,
        up: Upward,
        storage: OwnStorage,
        requests: Callable[[Negotiation], MemberRequests],
        loosened_lately: Callable[[str, datetime], int],
        woken_lately: Callable[[str, datetime], int],
        storage_lessened: Callable[[datetime], None],
        event: Negotiation,
    ) -> None:
        """How often a member's owner has loosened something lately, and how often it was given something to do, thousandths
        of an event. `storage_lessened`: own storage may move less in this event than it reserved before."""
        self.settings, self.book, self.up, self.storage, self.event = settings, book, up, storage, event
        self.climb = climb = Climb(up.request.sent_at)
        self.storage_lessened = storage_lessened
        spared = partial(self._spared, loosened_lately)
        self.coalition = coalition = Coalition(event.children, book, storage.available_w, spared, settings.can_use)
        self.supply = supply = Supply(event.subject, event.children, storage)
        self.requests = requests(event)
        self.surplus = SurplusRung(book, up, event, climb, supply, settings.relax_pct)
        self.planning = PlanRung(settings, up, event, climb, supply, coalition)
        self.relaxing = RelaxRung(settings, book, up, event, climb, coalition)
        self.answer = UpwardAnswer(settings, up, event, climb, supply, self.relaxing, coalition)
        self.shares = DealShares(policies, book, event, supply, partial(self._spared, woken_lately))
        self.dispatching = Dispatching(event, book, settings.dispatch_lead_s, storage, settings.meter_to)

    def _spared(self, lately: Callable[[str, datetime], int], name: str) -> int:
        """How much more it counts to disturb a member's owner, or to wake it, as that was done lately, thousandths."""
        if not self.settings.fairness_pct:
            return 0
        return lately(name, self.event.subject.period.start) * self.settings.fairness_pct // 100

    @property
    def asked_w(self) -> Plan:
        """What the parent asks for, W."""
        return self.event.subject.asked_w

    def begin(self, now: datetime) -> None:
        """S20: a request plan (or a re-request) has come; S21: a value per DER; S22: send it."""
        event, request = self.event, self.up.request
        if self.up.earlier and Rung.PLAN in self.settings.ladder:
            self.supply.promise(self.coalition.shown_before())
        elif not self.up.earlier:
            self.storage.promised_w = ()
        self.storage.lock()
        self.climb.begin(self.settings.ladder, now)
        event.out.tell(
            "request_received",
            "S20",
            requested_w=self.asked_w,
            round=request.round,
            direction=event.subject.direction,
            reply_by=request.reply_by,
        )
        profiles = self.coalition.begin(self.asked_w, request.profiles) if Rung.PLAN in self.settings.ladder else None
        event.go(Stage.COLLECTING, self.requests.send(profiles, now))
        if event.asking.complete:
            self.all_in(now)

    # -- S23-S33

    def answered(self, child: Child, now: datetime) -> None:
        """A setting: the rung is left as soon as the request is covered."""
        if not self.settings.leave_early or self.event.stage not in ASKING or self.coalition.waits:
            return
        if self.event.asking.still_hears(now):
            return
        if covers(self.supply.available_w(), self.asked_w) and not self.event.asking.complete:
            self.all_in(now)

    def all_in(self, now: datetime) -> None:
        """S23, S29: sum up; or nobody above has answered."""
        match self.event.stage:
            case Stage.COLLECTING if self.coalition.waits or self.coalition.planned:
                if self.planning.go_on(now):
                    self._sum_up_plan(now)
            case Stage.COLLECTING if self.climb.surplus:
                self.surplus.judge()
                self._sum_up("surplus_summed", "", m.OptionBasis.OFFERS, now)
            case Stage.COLLECTING:
                self._sum_up("offers_summed", "S24", m.OptionBasis.OFFERS, now)
            case Stage.RELAXING if not self.planning.ask_loosened(now):
                self._sum_up_relaxed(now)
            case Stage.RELAXING:
                pass
            case Stage.OFFERED | Stage.PROPOSED if not keeps_what_stood(self.event, now):
                self.event.close("expired", now, release=m.Outcome.NO_DEAL, reason="no answer from above")

    def solved(self, item: Solved, now: datetime) -> None:
        """The plan that was wanted is there."""
        if self.planning.solved(item, now):
            self._sum_up_plan(now)

    def _sum_up_plan(self, now: datetime) -> None:
        if self.coalition.loosens:
            self._sum_up_relaxed(now)
        else:
            self._sum_up("plan_summed", "", m.OptionBasis.OFFERS, now)

    def _sum_up_relaxed(self, now: datetime) -> None:
        """S29, S30; where no plan was made with what was loosened, no more of it counts than helps."""
        if self.coalition.counts and not self.coalition.loosened:
            self.coalition.keep_own(shortfall(self.asked_w, self.storage.available_w()))
        self._sum_up("relaxed_offers_summed", "S30", m.OptionBasis.RELAXED, now)

    def _sum_up(self, name: str, step: str, basis: m.OptionBasis, now: datetime) -> None:
        available = self.supply.available_w()
        self.climb.sum_up(basis, available)
        short = shortfall(self.asked_w, available)
        self.event.out.tell(
            name,
            step,
            requested_w=self.asked_w,
            available_w=available,
            shortfall_w=short,
            enough=not any(short),
            **self.event.children.count(),
        )
        self.event.children.waiting.clear()
        if any(short):
            self._climb(short, now)
        else:
            self.event.out.tell("can_meet", "S36", power_w=self.asked_w)
            self.answer.offer(self.asked_w, self.supply.most_w(), now)

    @property
    def _obliged(self) -> bool:
        """Whether reserved capacity is asked for: what there is is offered, and no alternative."""
        return bool(self.up.request.terms.obliged)

    def _climb(self, short: Plan, now: datetime) -> None:
        """The next rung that may bring anything; when none is left the answer is that this cannot be met."""
        while self.climb.rungs:
            match self.climb.rungs.pop(0):
                case Rung.SURPLUS:
                    climbed = self.surplus.ask(short, now)
                case Rung.PLAN:
                    climbed = self.planning.ask(now)
                case Rung.OWN_STORAGE:
                    climbed = not self._is_enough() and self._add_storage(short, now)
                case Rung.RELAX:
                    spares = self.up.request.terms.spares_owners or self._is_enough()
                    climbed = not spares and self.relaxing.ask(short, now)
                case Rung.ALTERNATIVE:
                    left = short if self._obliged else self.answer.propose(now)
                    climbed, short = left is None, left or short
            if climbed:
                return
        firm_w = self.supply.useful_w() if self._obliged else self.supply.firm_w(self.up.earlier.values())
        offers: dict[str, object] = {"offered_w": firm_w} if self.answer.opts_in(firm_w) else {}
        self.event.out.tell("cannot_meet", "", shortfall_w=short, **offers)
        self.answer.offer(firm_w, firm_w, now)

    def _is_enough(self) -> bool:
        """Whether what is missing in some slots is there in others, and can be used so in an alternative."""
        proposes = Rung.ALTERNATIVE in self.settings.ladder and not self._obliged
        return proposes and is_met(self.settings.can_use, self.supply.available_w(), self.asked_w)

    def _add_storage(self, short: Plan, now: datetime) -> bool:
        """S26: own storage adds what it can to the available power (claim 2), where there is some; S27 judges."""
        if not self.storage:
            return False
        self.storage.look(now)
        added = self.storage.offer(short)
        self.event.out.tell("own_storage_added", "S26", shortfall_w=short, storage_w=added)
        self._sum_up("storage_summed", "S27", m.OptionBasis.STORAGE, now)
        return True

    # -- the parent's word, and what is taken back

    def relax_asked(self, relax: m.Relax, now: datetime) -> None:
        """The rung that was kept for the parent's `relax` is climbed now; without it the offer is repeated."""
        if not self.relaxing.is_stored_for_above:
            self.answer.repeat_relaxed(now)
            return
        self.climb.begin_for_above(add(self.up.first_w(), relax.shortfall_w))
        if not self.relaxing.ask(relax.shortfall_w, now):
            self._climb(relax.shortfall_w, now)

    def taken_back(self, child: Child, now: datetime) -> None:
        """What was told upward is corrected where it does not hold any more."""
        self.answer.correct(now)

    def recount(self) -> None:
        """Its sums stand with the children."""

    def given_before(self, now: datetime) -> None:
        """What stood before goes on, here as well."""
        keeps_what_stood(self.event, now)

    def backs(self, power_w: Plan) -> bool:
        """Whether so much of an answer to an earlier round can still be kept, W."""
        return self.supply.backs(power_w)

    def bought(self, power_w: Plan, now: datetime) -> None:
        """S35: share the deal out; the first slot is commanded in its time."""
        if self.up.request.profiles is not None and not covers(self.supply.available_w(), power_w):
            self.coalition.give(power_w, self.up.request.profiles)
        self.shares.award(power_w, now)
        self.dispatching.start(now)
        self.storage_lessened(now)

    # -- delivery, the end

    def rang(self, timer: Timer, now: datetime) -> None:
        """Command a slot, or measure one."""
        match timer:
            case Timer.DISPATCH:
                self.dispatching.due(now)
            case Timer.MEASURE:
                self.dispatching.measure_due(now)
            case _:
                raise RuntimeError(f"nobody knows the timer {timer}")

    def bound(self, child: Child, now: datetime) -> None:
        """What was dispatched before it was bound is dispatched to it now."""
        self.dispatching.bound(child, now)

    def mended(self, now: datetime) -> None:
        """Own storage gives its new part at once, also in the slot under way."""
        self.dispatching.storage_follows(now)
        self.storage_lessened(now)

    def own_fails(self, reading: Measured, now: datetime) -> None:
        """A device of its own storage fails in mid-event: it is released, and what it was to give replaced, or stated."""
        if self.storage.fails(reading.resource_id, now):
            self.event.repair(f"{reading.resource_id}: {reading.fault}", WithdrawalCause.DEVICE, now)

    def finished(self, delivered_wh: int, now: datetime) -> None:
        """Note what was delivered beside what was awarded, Wh."""
        self.event.settlement.note(delivered_wh)

    def stop(self, now: datetime) -> None:
        """Own storage is free and returns to its schedule; nothing more is commanded."""
        self.storage.free(now, metered_still=self.dispatching.stop(now))
        self.storage_lessened(now)

    def available_w(self) -> Plan:
        """What members offer and its own storage adds, W."""
        return self.supply.available_w()

    def status(self) -> dict[str, object]:
        """What is available, W, and the rungs that are left."""
        hurried = hurried_members(self.event, self.book)
        more: dict[str, object] = {"not_in_time": hurried} if hurried else {}
        return {"available_w": list(self.supply.available_w()), "rungs_left": list(self.climb.rungs), **more}
