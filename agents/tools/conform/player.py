"""Plays procedures against a device: says what their steps say, waits for what they expect, judges what they judge."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from agents.settings.checked import ConfigError
from agents.tools.conform.bench import Heard, TrialBench
from agents.tools.conform.book import Uttered
from agents.tools.conform.compose import Composer
from agents.tools.conform.ears import TrialEars
from agents.tools.conform.judge import TrialJudge
from agents.tools.conform.matches import fields_of, is_about, is_as, same_word
from agents.tools.conform.outcome import Outcomes
from agents.tools.conform.procedure import (
    AgainStep,
    BrokerStep,
    DeviceStep,
    HearStep,
    LapseStep,
    PowerStep,
    Procedure,
    QuietStep,
    RawStep,
    SayStep,
    StandsStep,
    TrialStep,
    WaitStep,
)  # fmt: skip
from agents.tools.conform.profile import DeviceProfile
from protocol import messages as m
from protocol.codec import encode
from protocol.edges import Edge, topic

BEHIND = timedelta(seconds=1)
"""A device's clock and ours may differ by so much."""


class _GoNoFurther(Exception):
    """The rest of a procedure stands on what did not come."""


class TrialPlayer:
    """One trial of one device."""

    def __init__(
        self, profile: DeviceProfile, bench: TrialBench, run: str, played: Callable[[str], None] = lambda text: None
    ) -> None:
        """`run`: a name that no other trial has; `played`: told each procedure before it is played."""
        self.profile, self.bench, self.run, self._played = profile, bench, run, played
        self.ears = TrialEars(profile, bench)
        self.book, self.outcomes = self.ears.book, self.ears.outcomes
        self._judge = TrialJudge(self.ears)
        self._composer = Composer(profile, self.book, run)
        self._quiet_from = 0

    async def play(self, procedures: Sequence[Procedure]) -> Outcomes:
        """All of them, one after the other. Raises ConfigError."""
        begun = self.bench.now()
        for number, procedure in enumerate(procedures):
            if (why := self._lacks(procedure)) is not None:
                self.outcomes.leave_out(procedure.rules(), why)
                continue
            self._played(procedure.text)
            self.outcomes.procedure = procedure.id
            self._composer = Composer(self.profile, self.book, f"{self.run}-{number}", procedure.id)
            await self._play(procedure)
        self.outcomes.procedure = "the end"
        await self._judge.retained()
        self.outcomes.lasted_s = (self.bench.now() - begun).total_seconds()
        return self.outcomes

    def _lacks(self, procedure: Procedure) -> str | None:
        """Why a procedure cannot be played."""
        one_way = not self.profile.most_w(self.profile.other)
        there = {*self.bench.has, *self.profile.features, "one_way" if one_way else "two_way"}
        why = {
            "open": "the access list keeps others out",
            "process": "the command that starts the device was not given",
            "one_way": "the device serves both directions",
            "two_way": "the device serves one direction only",
        }
        lacking = [need for need in procedure.needs if need not in there]
        return None if not lacking else why.get(lacking[0], f"the profile does not have the feature {lacking[0]}")

    async def _play(self, procedure: Procedure) -> None:
        self._quiet_from = len(self.book.heard)
        try:
            for step in procedure.steps:
                await self._do(step)
        except _GoNoFurther as stop:
            self.outcomes.leave_out(procedure.rules(), f"{procedure.id} went no further: {stop}")
        await self.bench.revive_device()
        await self._set_free()

    async def _do(self, step: TrialStep) -> None:
        match step:
            case SayStep():
                await self._say(step)
            case AgainStep():
                said = self._composer.labelled(step.again)
                said.at, said.mark = self.bench.now(), len(self.book.heard)
                await self.bench.publish(said.topic, said.payload, isinstance(said.message, m.Request))
            case RawStep():
                where = topic(step.raw, Edge(self.profile.parent, self.profile.name))
                await self.bench.publish(where, (step.payload * step.times).encode())
            case HearStep():
                await self._hear(step)
            case QuietStep():
                await self._stay_quiet(step)
            case WaitStep():
                period = self._composer.event(step.wait, step.slot).interval_period
                await self.ears.until(period.slot_start(step.slot) + period.duration * step.pct / 100)
            case LapseStep():
                await self._lapse(step)
            case PowerStep():
                self._composer.event(step.power, step.slot)
                await self._judge.power(step, self._composer.of_event(step.power))
            case StandsStep():
                await self._judge.stands(step)
            case BrokerStep():
                await self.bench.restart_broker()
            case DeviceStep(device="kill"):
                await self.bench.kill_device()
            case DeviceStep():
                await self.bench.start_device()

    async def _lapse(self, step: LapseStep) -> None:
        offer = self._composer.offer(step.lapse)
        over_at = offer.valid_until + BEHIND
        if over_at > self.bench.now() + timedelta(seconds=step.within_s):
            told = f"the offer is valid until {offer.valid_until.isoformat()}"
            self.outcomes.leave_out([step.rule], told)
            raise _GoNoFurther(told)
        await self.ears.until(over_at)

    # -- say

    async def _say(self, step: SayStep) -> None:
        if step.from_ is not None and "open" not in self.bench.has:
            return  # the access list keeps others out
        message = self._composer.message(step, self.bench.now())
        where = topic(step.say, Edge(step.from_ or self.profile.parent, self.profile.name))
        said = Uttered(message, where, encode(message), self.bench.now(), len(self.book.heard))
        self.book.say(message)
        if step.label is not None:
            self._composer.labels[step.label] = said
        await self.bench.publish(where, said.payload, isinstance(message, m.Request) and step.from_ is None)

    async def _set_free(self) -> None:
        """End what a procedure has begun, so that nothing of it holds the device; nothing stands at the broker."""
        await self.bench.publish(topic("request", Edge(self.profile.parent, self.profile.name)), b"", True)
        messages = [said.message for said in self._composer.labels.values()]
        events = dict.fromkeys(message.event_id for message in messages if isinstance(message, m.EventMessage))
        for event_id in events:
            request = self.book.request_of(event_id)
            if request is None or not self.book.open_offer(event_id):
                continue
            if request.interval_period.slot_start(len(request.power_w)) <= self.bench.now():
                continue
            award = self.book.awards.get(f"{event_id}.{self.profile.name}")
            how = (
                {"outcome": "not_needed"} if award is None else {"outcome": "cancelled", "revision": award.revision + 1}
            )
            about = {"say": "award", "as": "end", "to": "standing", "under": "asked"}
            step = SayStep.model_validate(about | how)
            offers = [one for one in self.book.offers.values() if one.event_id == event_id and one.opt is m.Opt.IN]
            labels = self._composer.labels
            labels["standing"] = labels["asked"] = Uttered(offers[-1], "", b"", self.bench.now(), 0)
            await self._say(step)
            await self._hear_of_end(labels["end"])

    async def _hear_of_end(self, ended: Uttered) -> None:
        """The confirm; a device that has lost its memory may refuse."""

        def answers(heard: Heard) -> bool:
            return isinstance(heard.message, m.Confirm | m.Reject) and is_about(heard.message, ended)

        found = await self.ears.first(answers, ended.mark, ended.at + timedelta(seconds=self.profile.answers_within_s))
        self.outcomes.look("award.confirmed", found is not None, "no confirm of the award that ends it came in time")
        if found is not None and isinstance(found.message, m.Confirm):
            self.outcomes.look("award.ended", found.message.accepted, "the award that ends it was not accepted")

    # -- hear

    async def _hear(self, step: HearStep) -> None:
        said = None if step.to is None else self._composer.labelled(step.to)
        since = self._quiet_from if said is None else said.mark

        before = None if step.same_as is None else self._composer.labelled(step.same_as)

        def wanted(heard: Heard) -> bool:
            if before is not None and step.hear == "report" and heard.payload == before.payload:
                return False  # a repeat of the device's own: what is asked for is a later one
            return heard.kind == step.hear and heard.message is not None and is_about(heard.message, said)

        found = await self.ears.first(wanted, since, self._by(step, said))
        if found is None or found.message is None:
            told = f"no {step.hear}" + (f" to its {said.message.kind}" if said is not None else "") + " came in time"
            self.outcomes.look(step.rule, False, told)
            if step.goes_on:
                return
            raise _GoNoFurther(told)
        self.outcomes.look(step.rule, True)
        if step.label is not None:
            self._composer.labels[step.label] = Uttered(found.message, found.topic, found.payload, found.at, since)
        if step.is_:
            told = f"{step.hear}: {fields_of(found.message, step.is_)}, not {step.is_}"
            holds = is_as(found.message, step.is_)
            self.outcomes.look(step.otherwise or step.rule, holds, told)
            if not holds:
                raise _GoNoFurther(told)
        if before is not None:
            holds, told = same_word(before.message, found.message)
            self.outcomes.look(step.rule, holds, told)

    def _by(self, step: HearStep, said: Uttered | None) -> datetime:
        profile, at = self.profile, self.bench.now() if said is None else said.at
        if step.within == "report" and said is not None:
            dispatch = said.message
            if not isinstance(dispatch, m.Dispatch):
                raise ConfigError(f"procedure {self.outcomes.procedure}: 'within: report' is about a dispatch")
            end = self.book.requests[dispatch.request_id].interval_period.slot_start(dispatch.slot + 1)
            return max(at, end) + timedelta(seconds=profile.reports_within_s)
        within = {"start": profile.starts_within_s, "return": profile.returns_within_s}
        return at + timedelta(seconds=within.get(step.within, profile.answers_within_s))

    async def _stay_quiet(self, step: QuietStep) -> None:
        said = None if step.to is None else self._composer.labelled(step.to)
        since = self._quiet_from if said is None else said.mark
        for_s = self.profile.answers_within_s if step.for_s is None else step.for_s

        def unwanted(heard: Heard) -> bool:
            if heard.kind != step.quiet or heard.message is None or not is_about(heard.message, said):
                return False
            return is_as(heard.message, step.is_)

        found = await self.ears.first(unwanted, since, self.bench.now() + timedelta(seconds=for_s))
        told = "" if found is None else f"it said {found.payload.decode(errors='replace')[:160]}"
        self.outcomes.look(step.rule, found is None, told)
