"""Part of an event: its delivery as it is told. Who owes meter values, whose dispatch is not answered, and the sum of
each slot on its way up. A sum is returned; what follows from it the frame decides."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from agents.negotiation import meter_step
from agents.negotiation.awards import Awards
from agents.negotiation.child import Child
from agents.negotiation.delivery import Delivery, SlotSum, check_slot
from agents.negotiation.dispatches import Dispatches
from agents.negotiation.meter_step import beside
from agents.negotiation.out import Out
from agents.negotiation.own import OwnPower
from agents.negotiation.rebound import Rebound, summed
from agents.negotiation.sources import SourceSum, extension, told
from agents.negotiation.stage import Stage, Timer
from agents.negotiation.standing import EventStanding
from agents.negotiation.subject import Subject
from agents.negotiation.upward import Upward
from protocol import messages as m
from protocol.errors import RefusedMessage, RejectReason
from protocol.rules import report_id, report_revision


class Correction(NamedTuple):
    """Slots were summed up anew."""

    doubt: bool
    """Whether the children are expected to give otherwise than before."""
    final: bool
    """Whether the sum of an event that is over is another one."""


class Settlement:
    """Meter values of one event, and the reports of them."""

    def __init__(
        self,
        out: Out,
        subject: Subject,
        standing: EventStanding,
        awards: Awards,
        dispatches: Dispatches,
        delivery: Delivery,
        own: OwnPower,
        up: Upward | None,
        tells_sources: bool,
    ) -> None:
        """`tells_sources`: whether it is told with the last sum where all of them are known from."""
        self.out, self.subject, self.standing, self.awards = out, subject, standing, awards
        self.dispatches, self.delivery, self.own, self.up = dispatches, delivery, own, up
        self.tells_sources = tells_sources

    def start(self) -> None:
        """The first slot begins."""
        self.standing.go(Stage.DELIVERING)
        if self.up is not None:
            self.out.tell("delivering", power_w=self.standing.deal_w)
        self.delivery.start()

    # -- from below

    def on_report(self, name: str, message: m.Report, now: datetime) -> Iterator[SlotSum]:
        """Meter values of a child; every slot that is complete by them. Raises RefusedMessage."""
        child = self.awards.reports(name)
        assert child.award is not None
        if child.award.outcome is not m.Outcome.CONCLUDED and not self._metered_still(child, message, now):
            return
        for reading in message.readings:
            check_slot(reading, self.subject.slots)
        if not message.readings:
            self.delivery.rebound(name, message, now)
        if not self.delivery.watch.is_der(name) and (sources := told(message.extensions)):
            self.delivery.sources.told_by[name] = sources
        if message.readings:
            self.delivery.counts_in(name, meter_step.told(message.extensions))
        if message.slot is not None:
            self._has_dispatch(name, message.slot)
        for reading in message.readings:
            self.dispatches.answered(name, reading.slot)
            yield from self.take(child.name, reading, message.revision, now)

    def _has_dispatch(self, name: str, slot: int) -> None:
        self.dispatches.answered(name, slot)
        self.delivery.watch.answered(name, slot)

    def so_far(self, name: str, message: m.Report, now: datetime) -> bool:
        """What has flowed in a slot so far, by a child's word: whether something else is expected of it. It enters no sum.
        Raises RefusedMessage."""
        watch = self.delivery.watch
        child = self.awards.reports(name)
        assert child.award is not None
        of_award = message.request_id == child.award.request_id
        if not message.so_far or self.standing.stage is not Stage.DELIVERING or not watch.is_der(name) or not of_award:
            return False
        commands_at = self.delivery.timers.at.get(Timer.DISPATCH)
        if commands_at is not None and commands_at <= now:
            return False  # nobody is commanded in the slot yet, as the process was down
        assert message.slot is not None
        if message.slot >= self.subject.slots:
            raise RefusedMessage(RejectReason.WRONG_SLOTS, f"slot {message.slot} of {self.subject.slots}")
        self._has_dispatch(name, message.slot)  # that asks for it
        possible = self.delivery.possible(name, message.energy_wh or 0, message.baseline_wh or 0)
        return possible and watch.judge_so_far(name, message, now)

    def _metered_still(self, child: Child, message: m.Report, now: datetime) -> bool:
        """Whether the meter of a child with no award is of the settlement: of one that has taken its award back, or was
        told that it is cancelled. Who may not know is told again."""
        assert child.award is not None
        cancelled = child.award.outcome is m.Outcome.CANCELLED
        if not cancelled or child.name in self.awards.unconfirmed or self._goes_on(child, message):
            self.awards.send_again(child, now)
        return cancelled and message.request_id == child.award.request_id

    def _goes_on(self, child: Child, message: m.Report) -> bool:
        """Whether a child delivers in a slot that began behind its cancellation: it has lost the memory of that."""
        assert child.award is not None
        cancelled_at, start = child.award.sent_at, self.subject.period.slot_start
        return child.name not in self.delivery.children.withdrawn and any(
            reading.state is not m.EventStatus.CANCELLED and start(reading.slot) > cancelled_at
            for reading in message.readings
        )

    def take(self, name: str, reading: m.Reading, revision: int, now: datetime) -> Iterator[SlotSum]:
        """A meter value of a child or an own device; every slot that is complete by it."""
        open_still = self.delivery.take(name, reading, revision, now)
        while open_still and self._delivers() and self.delivery.complete(self.own.resource_ids, now):
            yield self.sum_up(now)

    def _delivers(self) -> bool:
        stage = self.standing.stage
        stopped = stage is Stage.CLOSED and self.delivery.stopped_at is not None
        return stage is Stage.DELIVERING or self.standing.settling or stopped

    def ask_reports(self, now: datetime) -> None:
        """Meter values of the slot are missing: its dispatch is said again to those who owe them."""
        asked = self.delivery.ask_again(now)
        for child, awarded_w in asked:
            self.dispatches.again(child, awarded_w, self.delivery.slot, now)
        if asked:
            self.out.tell("reports_asked", "meter", slot=self.delivery.slot, asked=len(asked))

    def chase(self, now: datetime) -> bool:
        """Dispatches that are not answered are said again; whether somebody is not counted on any more, or that is to be
        stated now."""
        watch = self.delivery.watch
        given_up = [name for name, slot in self.dispatches.chase(now) if watch.unanswered(name, slot)]
        states = [watch.states_at(slot) for slot in watch.silent.values()]
        self.dispatches.wake(min((at for at in states if at > now), default=None))
        return bool(given_up) or any(at <= now for at in states)

    def refused(self, name: str, slot: int, reason: str, now: datetime) -> bool:
        """A child has refused the dispatch of a slot; whether it is not counted on any more."""
        if slot >= self.subject.slots or now >= self.subject.period.slot_start(slot + 1):
            return False
        self.dispatches.answered(name, slot)
        return self.delivery.watch.refused(name, slot, reason)

    # -- upward

    def sum_up(self, now: datetime) -> SlotSum:
        """Sum the next slot up and report it."""
        slot = self.delivery.sum_up(self.standing.deal_w, self.standing.settling)
        if self.up is not None:
            self._report(self.up, slot.reading, 0, now)
        return slot

    def correct(self, now: datetime) -> Correction:
        """Slots whose meter values came late are told again, as corrected."""
        delivery = self.delivery
        corrected = bool(delivery.corrected)
        sums = delivery.correct(self.standing.deal_w)
        for reading in sums if self.up is not None else ():
            self.report_again(reading, now)
        over = self.standing.stage is Stage.CLOSED and delivery.slot > delivery.last_slot
        return Correction(corrected and delivery.judge_late(), bool(sums) and over)

    def on_dispatch(self, dispatch: m.Dispatch, now: datetime) -> None:
        """A parent that misses the report of a slot says its dispatch again: it is answered with the newest one."""
        assert self.up is not None
        known = self.delivery.summed(dispatch.slot)
        if known is not None and dispatch.request_id == self.up.request.request_id:
            self.report_again(known, now)

    def report_again(self, reading: m.Reading, now: datetime, *, sources: bool = True) -> None:
        """Send the sum of a slot once more, as a later revision: it was corrected, or the parent misses it."""
        assert self.up is not None
        self._report(self.up, reading, self.out.sent("report") + 1, now, sources=sources)

    def _report(self, up: Upward, reading: m.Reading, number: int, now: datetime, *, sources: bool = True) -> None:
        request = up.request
        report = m.Report(
            message_id=report_id(self.out.name, request.request_id, reading.slot, number),
            sent_at=now,
            event_id=self.subject.event_id,
            request_id=request.request_id,
            round=request.round,
            revision=report_revision(reading.slot, self.subject.slots, number),
            resource_id=self.out.name,
            readings=(reading,),
        )
        if sources and (extensions := self._sources(reading.slot)):
            report = report.model_copy(update={"extensions": extensions})
        self.out.send(up.edge, beside(report, self.delivery.step_wh(reading.slot)))

    def sum_rebounds(self, now: datetime) -> None:
        """What was taken back behind the event, as far as it was told: noted, and told upward."""
        found = summed(self.delivery.rebounds.values())
        self.out.tell(
            "rebound_metered",
            "meter",
            taken_back_wh=found.taken_back_wh,
            within_s=found.within_s,
            homes=found.homes,
        )
        if self.up is not None:
            self._report_rebound(self.up, found, now)

    def _report_rebound(self, up: Upward, found: Rebound, now: datetime) -> None:
        """Beside the sums, and never in them."""
        request, number, last = up.request, self.out.sent("report") + 1, self.subject.slots - 1
        self.out.send(
            up.edge,
            m.Report(
                message_id=f"{self.out.name}.rebound.{request.request_id}.{number}",
                sent_at=now,
                event_id=self.subject.event_id,
                request_id=request.request_id,
                round=request.round,
                revision=report_revision(last, self.subject.slots, number),
                resource_id=self.out.name,
                readings=(),
                slot=last,
                state=m.EventStatus.COMPLETED,
                extensions=found.extension(),
            ),
        )

    def by_source(self) -> dict[str, SourceSum]:
        """Where what was delivered is known from, by aggregator."""
        return self.delivery.sources.by_source(self.out.name, self.own.resource_ids, self.delivery.summed_slots)

    def _sources(self, slot: int) -> dict[str, Any]:
        """With the last sum it is told where all of them are known from, where that is wanted here or was told below."""
        wanted = self.tells_sources or self.delivery.sources.told_by
        return extension(self.by_source()) if wanted and slot == self.delivery.last_slot else {}

    def note(self, delivered_wh: int) -> None:
        """Note what was delivered in all beside what was awarded, Wh."""
        assert self.standing.deal_w is not None
        awarded_wh = self.delivery.awarded_wh(self.standing.deal_w)
        changed_wh = self.delivery.change_wh
        other = {} if changed_wh == delivered_wh else {"change_wh": changed_wh}
        if step_wh := self.delivery.step_wh():
            other["step_wh"] = step_wh
        self.out.tell("delivered", "meter", delivered_wh=delivered_wh, awarded_wh=awarded_wh, **other)
