"""What the utility decides in one event: it asks, judges the answers, awards, settles."""

from dataclasses import replace
from datetime import datetime, timedelta

from agents.negotiation.asking import Conditions
from agents.negotiation.child import Child, ChildAnswer
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.plans.acceptance import Judged
from agents.negotiation.plans.usable import bought_of, judged_by, left_of
from agents.negotiation.policies import Policies
from agents.negotiation.stage import Stage, Timer
from agents.negotiation.standing import UNKNOWN
from agents.negotiation.subject import Subject
from agents.parties.utility.meters import SmartMeters
from agents.settings.parties import UtilitySettings
from protocol import messages as m
from protocol.actor import Issue
from protocol.plan import Plan, covers, energy_wh, least, share_pct, shortfall, total, zero
from protocol.units import step_instant

LEAST_TO_ASK = timedelta(seconds=10)
"""With less time until the first slot nobody is asked again."""
DECIDE_PCT = 20
"""The utility decides within a fifth of the time between the coordinator's reply_by and the first slot."""


class UtilityRole:
    """What the utility decides in one event."""

    def __init__(self, settings: UtilitySettings, policies: Policies, program_id: str, event: Negotiation) -> None:
        self.settings = settings
        self.policies = policies
        self.program_id = program_id
        self.event = event
        self.meters = SmartMeters(event.out, event.subject, settings.asks_meters)
        self.stood_w: Plan | None = None
        """The deal that stood when more was asked, until a larger one is bought, W."""
        self.next_w: Plan | None = None
        """What is asked once more, as less than stood was to be had; None: nothing yet, W."""

    def begin(self, now: datetime) -> None:
        """Ask every coordinator for the whole; the first ones' answers are taken first."""
        event, subject = self.event, self.event.subject
        start = subject.period.start
        reply_by = step_instant(now, start, self.settings.reply_pct)
        decide_by = step_instant(reply_by, start, DECIDE_PCT)
        event.children.waiting.clear()
        terms = m.Terms(
            least_share_pct=self.settings.accept_share_pct,
            mandate=self.settings.mandate,
            obliged=self.settings.obliged or None,
        )
        asked = dict.fromkeys(event.children.by_name, subject.asked_w)
        event.ask(asked, Conditions(self.program_id, reply_by, decide_by, terms), now)
        event.out.tell(
            "event_issued",
            direction=subject.direction,
            requested_w=subject.asked_w,
            start=start,
            reply_by=reply_by,
            revision=subject.revision,
        )
        event.go(Stage.COLLECTING, reply_by)

    def change(self, issue: Issue, now: datetime) -> None:
        """The operator changed the event: a higher revision supersedes whatever stood."""
        event = self.event
        if self._keeps_deal(issue):
            self._reduce(issue, now)
            return
        self.stood_w, self.next_w = self._stands(issue), None
        event.keep_what_stands(self.stood_w is not None)
        _set(event.subject, issue, event.subject.revision + 1)
        self.program_id = issue.program_id
        self._ask_anew(now)

    def _ask_anew(self, now: datetime) -> None:
        self.event.timers.clear()
        self.event.standing.begin_anew()
        self.begin(now)

    def _keeps_deal(self, issue: Issue) -> bool:
        """Whether a change asks for no more in the same slots, while a deal stands."""
        event, stands = self.event, self.event.stage in (Stage.STANDBY, Stage.DELIVERING)
        if not (stands and self._asks_the_same(issue) and covers(event.subject.asked_w, issue.power_w)):
            return False
        return not self._is_asked_again(issue)

    def _is_asked_again(self, issue: Issue) -> bool:
        """Whether the same is asked for as before, of which less stands by now (who gave it has lost its memory, say)."""
        event, asked_w = self.event, self.event.subject.asked_w
        short = event.deal_w is not None and not covers(event.deal_w, asked_w)
        return issue.asks_again and short and event.stage is Stage.STANDBY and issue.power_w == asked_w

    def may_reduce(self, issue: Issue, now: datetime) -> bool:
        """Whether a change of an event under way asks for no more in its slots: what is to come is cut."""
        begun = self.event.subject.period.start <= now < self.event.subject.end_at
        return begun and self._keeps_deal(issue) and any(self.event.subject.to_come(issue.power_w, now))

    def _asks_the_same(self, issue: Issue) -> bool:
        """Whether a change is about the same slots."""
        subject = self.event.subject
        now_asked = (subject.direction, subject.period, subject.slots)
        return (issue.direction, period_of(issue), len(issue.power_w)) == now_asked

    def _stands(self, issue: Issue) -> Plan | None:
        """What stands of the deal, or stood before a change that is not decided yet, and a change still asks for, W."""
        event = self.event
        deal_w = self.stood_w if event.deal_w is None and event.stage is not Stage.CLOSED else event.deal_w
        if deal_w is None or event.outcome is not None or not self._asks_the_same(issue):
            return None
        stands_w = least(deal_w, issue.power_w)
        return stands_w if any(stands_w) else None

    def _reduce(self, issue: Issue, now: datetime) -> None:
        """A change to less is cut from what stands: nobody is asked anew."""
        event = self.event
        assert event.deal_w is not None
        asked_w = event.subject.and_past(issue.power_w, event.subject.asked_w, now)
        left_w = event.subject.and_past(least(event.deal_w, issue.power_w), event.deal_w, now)
        _set(event.subject, replace(issue, power_w=asked_w), event.subject.revision + 1)
        event.change_deal(left_w, now)
        event.out.tell("event_reduced", power_w=left_w, requested_w=asked_w)
        event.mending.reduce(left_w, now)

    def answered(self, child: Child, now: datetime) -> None:
        """Nothing is decided before all have answered."""

    def taken_back(self, child: Child, now: datetime) -> None:
        """It decides as soon as all have answered: what comes then is about an award."""

    def all_in(self, now: datetime) -> None:
        """Judge: a share of the request in every slot is bought, less is declined; under a mandate all is bought, as
        it is of reserved capacity."""
        event, asked_w = self.event, self.event.subject.asked_w
        if event.stage is Stage.JUDGING and self._can_ask_again(now):
            self._ask_once_more(now)
            return
        event.children.waiting.clear()
        if event.stage is not Stage.JUDGING:  # where it is, the party was away until nobody could be asked again
            event.go(Stage.JUDGING)
        answers = event.children.taking_part()
        offered = total([answer.power_w for _, answer in answers], len(asked_w))
        met = bought_of(self.settings.can_use, offered, asked_w)
        judged = Judged(asked_w, met, zero(len(met)), self.settings.accept_share_pct)
        judged = judged_by(self.settings.can_use, judged)
        share = share_pct(judged.offered_w, judged.asked_w)
        bought = any(met) and (
            self.settings.mandate or self.settings.obliged or self.policies.acceptance.accepts(judged)
        )
        event.out.tell(
            "answer_judged",
            requested_w=asked_w,
            offered_w=offered,
            share_pct=share,
            least_pct=self.settings.accept_share_pct,
            bought=bought,
        )
        if self._falls_behind(met, bought, now):
            self._wait_to_ask(met, bought, now)
            return
        if not bought and self._gives_what_stood(now):
            return
        self.stood_w = None
        if self.settings.obliged and any(short := shortfall(asked_w, met)):
            event.out.tell("obliged_short", requested_w=asked_w, secured_w=met, shortfall_w=short)
        if bought:
            self._award_all(answers, now)
        else:
            reason = f"{share} % of the request in the worst slot"
            event.close("no_deal", now, release=m.Outcome.NO_DEAL, reason=reason)

    def _falls_behind(self, met_w: Plan, bought: bool, now: datetime) -> bool:
        """Whether less would be bought in any slot than stood before more was asked, and that may be had again in time. The
        second time what may be bought at all is bought."""
        stood_w = self.stood_w
        if stood_w is None or not self._can_ask_again(now):
            return False
        return not bought or (self.next_w is None and not covers(met_w, stood_w))

    def _gives_what_stood(self, now: datetime) -> bool:
        """Nothing came of a change: what stood before it stands again. Whether anything did."""
        event, stood_w = self.event, self.stood_w
        stood = [(event.children[name], kept) for name, kept in event.children.kept.items()]
        if stood_w is None:
            return False
        left = least(stood_w, total([kept.award.power_w for _, kept in stood], event.subject.slots))
        if not any(left):
            return False
        event.out.tell("earlier_deal_stands", power_w=left)
        self.stood_w = None
        event.stand_by(left, now, stood=True)
        for child, kept in stood:
            part = least(kept.award.power_w, left)
            if any(part):
                left = shortfall(left, part)
                event.awards.restore(child, part, now)
        event.kept.clear()
        event.awards.release_rest(m.Outcome.NOT_NEEDED, "what stood before stands again", now)
        if now >= event.subject.end_at:
            event.close(UNKNOWN, now)
        return True

    def _can_ask_again(self, now: datetime) -> bool:
        return self.event.subject.period.start - now >= LEAST_TO_ASK

    def _wait_to_ask(self, offered_w: Plan, bought: bool, now: datetime) -> None:
        """Somebody may be away: after half of the time that is left all are asked once more, for what stood where the larger
        deal is far away."""
        event, asks_at = self.event, step_instant(now, self.event.subject.period.start, 50)
        asked_w, self.next_w = event.subject.asked_w, event.subject.asked_w if bought else self.stood_w
        event.out.tell(
            "larger_deal_missed",
            requested_w=asked_w,
            offered_w=offered_w,
            stood_w=self.stood_w,
            power_w=self.next_w,
            asks_at=asks_at,
        )
        event.go(Stage.JUDGING, asks_at)

    def _ask_once_more(self, now: datetime) -> None:
        subject = self.event.subject
        assert self.next_w is not None
        subject.asked_w, subject.revision = self.next_w, subject.revision + 1
        self._ask_anew(now)

    def _award_all(self, answers: list[tuple[Child, ChildAnswer]], now: datetime) -> None:
        event = self.event
        left = asked_w = event.subject.asked_w
        shares: list[tuple[Child, ChildAnswer, Plan]] = []
        for child, answer in answers:
            part = bought_of(self.settings.can_use, answer.power_w, left)
            left = left_of(self.settings.can_use, left, part)
            if any(part):
                shares.append((child, answer, part))
        deal_w = total([part for _, _, part in shares], len(asked_w))
        event.stand_by(deal_w, now)
        event.kept.decided()
        event.awards.give(shares, now)
        event.awards.release_rest(m.Outcome.NOT_NEEDED, "covered by others", now)
        event.out.tell("event_awarded", power_w=deal_w, requested_w=asked_w)

    def bought(self, power_w: Plan, now: datetime) -> None:
        """Nobody is above it who could buy."""

    def recount(self) -> None:
        """Nobody is above it: it awards by what it has judged."""

    def given_before(self, now: datetime) -> None:
        """The change comes too late: what stood goes on."""
        self._gives_what_stood(now)

    def backs(self, power_w: Plan) -> bool:
        """It answers nobody."""
        return False

    def relax_asked(self, relax: m.Relax, now: datetime) -> None:
        """Nobody is above it who could ask."""

    def rang(self, timer: Timer, now: datetime) -> None:
        """It has no timers of its own."""

    def stop(self, now: datetime) -> None:
        """It has no power of its own."""

    def bound(self, child: Child, now: datetime) -> None:
        """Nothing follows: it dispatches nobody."""

    def mended(self, now: datetime) -> None:
        """It has no power of its own."""

    def on_meter(self, name: str, message: m.Report, now: datetime) -> None:
        """A smart meter's own value. Raises RefusedMessage."""
        changed, event = self.meters.take(name, message, now), self.event
        if changed and event.stage is Stage.CLOSED and event.outcome == m.Outcome.CONCLUDED:
            self.finished(event.delivery.delivered_wh, now)

    def finished(self, delivered_wh: int, now: datetime) -> None:
        """Settle: what was delivered beside what was awarded, Wh."""
        event, subject, delivery = self.event, self.event.subject, self.event.delivery
        assert event.deal_w is not None
        if event.stage is not Stage.CLOSED:
            self.meters.ask_last(delivery.last_slot, now)
        more = self.meters.told(delivery.last_slot)
        if step_wh := delivery.step_wh():
            more["step_wh"] = step_wh
        if delivery.sources.told_by:
            more["sources"] = {name: tuple(sums) for name, sums in event.settlement.by_source().items()}
        event.out.tell(
            "settled",
            "meter",
            delivered_wh=delivered_wh,
            awarded_wh=delivery.awarded_wh(event.deal_w),
            requested_wh=energy_wh(subject.asked_w, subject.period.duration),
            metered_directly_wh=self.meters.delivered_wh,
            meters=len(self.meters.by_slot),
            **more,
        )

    def available_w(self) -> Plan:
        """What its children offer, W: it has no power of its own."""
        return self.event.children.offered_w or self.event.subject.nothing_w

    def status(self) -> dict[str, object]:
        """What was delivered so far, Wh."""
        return {"delivered_wh": self.event.delivery.delivered_wh, "meter_wh": self.meters.delivered_wh}


def period_of(issue: Issue) -> m.IntervalPeriod:
    """Where the slots of an order lie."""
    return m.IntervalPeriod(start=issue.start, duration=timedelta(seconds=issue.slot_s))


def _set(subject: Subject, issue: Issue, revision: int) -> None:
    subject.direction, subject.period = issue.direction, period_of(issue)
    subject.asked_w, subject.revision = issue.power_w, revision
