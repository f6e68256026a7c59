"""Judges what flowed in a slot, and what stands at the broker."""

from datetime import datetime, timedelta

from agents.tools.conform.bench import Heard
from agents.tools.conform.compose import shares
from agents.tools.conform.ears import TrialEars
from agents.tools.conform.matches import fields_of, is_as
from agents.tools.conform.power import Expected, Flowed, flowed
from agents.tools.conform.procedure import PowerStep, StandsStep
from protocol import messages as m
from protocol.edges import ROUTES, Edge, place_of, topic

METER_WH, METER_PCT = 2, 10
"""By how much a reported energy may differ from the meter's."""


class TrialJudge:
    """Of one trial."""

    def __init__(self, ears: TrialEars) -> None:
        self.ears, self.profile = ears, ears.profile
        self.book, self.outcomes, self.bench = ears.book, ears.outcomes, ears.bench

    async def power(self, step: PowerStep, about: m.EventMessage) -> None:
        """Wait for the report of a slot; then compare. `about`: the award, or the request where there is none."""
        profile, request = self.profile, self.book.requests[about.request_id]
        end = request.interval_period.slot_start(step.slot + 1)
        by = end + timedelta(seconds=profile.reports_within_s if step.reported else profile.answers_within_s)
        await self._reported(request.event_id, step.slot, by)
        if self.ears.meter is not None:  # a slot may have been reported before its end
            await self.ears.until(end)
        readings = self.book.readings(request.event_id, step.slot)
        if step.reported:
            self.outcomes.look("report.in_time", bool(readings), f"slot {step.slot}: no report came in time")
        found = flowed(readings, self.ears.meter, request, step.slot)
        if found is None:
            self.outcomes.leave_out([step.rule], "the device reported nothing, and there is no meter")
            return
        awarded = about.power_w if isinstance(about, m.Award) else (0,) * len(request.power_w)
        power_w = shares(awarded, step.pct)[step.slot]
        self._compare(step, Expected(request, step.slot, power_w, step.of_slot_pct, step.most), found)
        if found.is_whole:
            self._metered(step.slot, found)

    def _compare(self, step: PowerStep, expected: Expected, found: Flowed) -> None:
        given_wh, allowed_wh = found.given_wh(expected.request), expected.allowed_wh(self.profile)
        told = (
            f"slot {step.slot}: {given_wh:.1f} Wh delivered, {'at most ' if step.most else ''}"
            f"{expected.energy_wh:.1f} Wh expected, {allowed_wh:.1f} Wh either way allowed"
        )
        self.outcomes.look(step.rule, expected.shown_by(given_wh, self.profile), told)

    def _metered(self, slot: int, found: Flowed) -> None:
        """A reported energy against the meter's."""
        if found.metered_wh is None:
            return
        off_wh = abs(found.reported_wh - found.metered_wh)
        told = f"slot {slot}: {found.reported_wh} Wh reported, {found.metered_wh:.1f} Wh metered"
        self.outcomes.look("report.as_metered", off_wh <= METER_WH + abs(found.metered_wh) * METER_PCT / 100, told)

    async def _reported(self, event_id: str, slot: int, by: datetime) -> None:
        """Return when a slot is reported by all who report, or when the time is up."""

        def all_in(heard: Heard) -> bool:
            names = self.book.readings(event_id, slot).keys()
            return self.profile.name in names or names >= set(self.profile.resources)

        await self.ears.first(all_in, 0, by)

    async def stands(self, step: StandsStep) -> None:
        """What the device has left at the broker."""
        where = topic(step.stands, Edge(self.profile.parent, self.profile.name))
        holds, told = False, f"no {step.stands} stands at the broker"
        for one in await self.bench.standing():
            if one.topic != where:
                continue
            heard, told = self.ears.read(one._replace(retained=False))
            if heard is not None and heard.message is not None:
                holds = is_as(heard.message, step.is_) and getattr(heard.message, "valid_until", one.at) >= one.at
                told = f"{step.stands}: {fields_of(heard.message, step.is_)}, not {step.is_}, or out of date"
        self.outcomes.look(step.rule, holds, told)

    async def retained(self) -> None:
        """Whether the device has left something there that it must not."""
        own = f"/{self.profile.parent}/{self.profile.name}"
        for one in await self.bench.standing():
            place = place_of(one.topic)
            if place is not None and one.topic.endswith(own) and place[0] != "request":
                told = f"a retained {place[0]} stands at the broker"
                self.outcomes.look("wire.retained", ROUTES[place[0]].retained, told)
        self.outcomes.look("wire.retained", True)
