"""What a home's devices would do, or would have done, without one event: the baseline that they are metered against, and
what they take back. The baseline is the schedule declared with the offer, with what the devices follow of other events."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from agents.devices.contract import Ask, micros
from agents.parties.der.reservation import Reservation, only
from protocol.actor import Measured
from protocol.messages import IntervalPeriod
from protocol.plan import Plan, SignedPlan, zero

WH_WUS = 3_600_000_000
"""W x microseconds of a Wh."""
STEPS = 240
"""Into at most so many steps the rest of an event is cut, to see what a device does in it by itself."""


class WithoutEvent:
    """Of one event's reservation."""

    def __init__(self, held: Reservation) -> None:
        self.held = held

    def alone_wus(self, span: timedelta) -> dict[str, int]:
        """What the devices of which something is asked would take in a span behind the last slot without this event, from
        their last readings, signed W x microseconds; nothing of those that other events lead."""
        found: dict[str, int] = {}
        for name, plan in self.held.parts.items():
            end = self.held.period.slot_start(len(plan))
            if any(plan) and not self.held.is_led(name, end + span):
                ask = Ask(self.held.direction, IntervalPeriod(start=end, duration=span), zero(1))
                found[name] = self.held.home.device(name).flexibility(ask).schedule_w[0] * micros(span)
        return found

    def baseline_wh(
        self,
        values: Iterable[Measured],
        slot: int,
        rest_wus: int,
        until: datetime | None = None,
        found_wus: Mapping[str, int] | None = None,
    ) -> tuple[int, int]:
        """What the devices of these meter values would have taken in a slot without this event, signed Wh, + = import;
        and what is left of it below a Wh, for the next slot (`rest_wus`: from the slot before), W x microseconds. Of a
        device of which nothing is asked in the slot, what it took: its change is not this event's; but where its award was
        lowered to nothing while it was led, what it was led to counts as far as its meter shows it. `until`: of the slot's
        beginning only. `found_wus`: what that one said of each device."""
        energy_wh, total_wus = 0, rest_wus
        for value in values:
            if self.held.parts[value.resource_id][slot]:
                total_wus += self._baseline_wus(value.resource_id, slot, until, found_wus or {})
            else:
                energy_wh += value.energy_wh or 0
                total_wus -= self._led_wus(value, slot, until, found_wus or {})
        whole_wh = (2 * total_wus + WH_WUS) // (2 * WH_WUS)
        return energy_wh + whole_wh, total_wus - whole_wh * WH_WUS

    def found_wus(self, resource_id: str, slot: int) -> int | None:
        """What a device that takes part would take in a slot without any event, from its last reading and what it has
        followed of other events, signed W x microseconds. None where there is no other event that the declared schedule
        stands on, or stood on before it was looked at again, or that has changed what the device does since."""
        plan, others = self.held.parts[resource_id], self.held.ledger.others(self.held.event_id, resource_id)
        if not plan[slot] or not (others or self.held.answer.held.get(resource_id) or self.held.answer.looked_at_again):
            return None
        start, end = self.held.period.slot_start(slot), self.held.period.slot_start(slot + 1)
        above = self.held.ledger.above(self.held.event_id, resource_id)
        others = tuple(  # what stands on this event's schedule is of no course that there is without it
            replace(s, own_w=None) if s in above and start <= s.start < end else s for s in others
        )
        to_come = self.held.period.model_copy(update={"start": start})  # what was before is in the reading
        ask = Ask(self.held.direction, to_come, zero(len(plan) - slot), others)
        schedule_w = self.held.home.device(resource_id).flexibility(ask).schedule_w[0]
        return schedule_w * micros(end - start) - self.held.ledger.others_wus(
            self.held.event_id, resource_id, start, end
        )

    def takes_back_w(self, now: datetime) -> Plan:
        """What the devices take back of what they gave, left to themselves from now on: how far that lies behind the
        schedules that they declared, in the slots in which they are asked for anything, W. Of a slot that has begun, over
        what is left of it."""
        slots = next((len(plan) for plan in self.held.parts.values()), 0)
        end = self.held.period.slot_start(slots)
        if now >= end:
            return zero(slots)
        step = timedelta(seconds=-(-(end - now) // timedelta(seconds=STEPS)))
        own_w = {name: self._alone_w(name, now, step, -(-(end - now) // step)) for name in self.held.parts}
        found = []
        for slot in range(slots):
            since, until = max(now, self.held.period.slot_start(slot)), self.held.period.slot_start(slot + 1)
            behind_wus = sum(
                self._behind_wus(name, slot, since, until, own_w[name], now, step)
                for name, plan in self.held.parts.items()
                if plan[slot] and since < until
            )
            found.append(max(0, behind_wus) // micros(until - since) if since < until else 0)
        return tuple(found)

    def _alone_w(self, resource_id: str, now: datetime, step: timedelta, steps: int) -> SignedPlan:
        """What a device does from now on without this event, signed W in each of so many steps."""
        led = self.held.ledger.led(self.held.event_id, resource_id, now)
        period = IntervalPeriod(start=now, duration=step)
        ask = Ask(
            self.held.direction, period, zero(steps), (*self.held.ledger.others(self.held.event_id, resource_id), *led)
        )
        return self.held.home.device(resource_id).flexibility(ask).schedule_w

    def _behind_wus(
        self, resource_id: str, slot: int, since: datetime, until: datetime, alone_w: SignedPlan, now: datetime,
        step: timedelta,
    ) -> int:  # fmt: skip
        """By how much a device lies behind its declared schedule in a span of a slot, W x microseconds."""
        plan = self.held.parts[resource_id]
        course = self.held.course(resource_id, only(slot, plan[slot], len(plan)))
        declared_wus = self.held.ledger.others_wus(self.held.event_id, resource_id, since, until) + sum(
            (s.own_w or 0) * micros(min(s.end, until) - max(s.start, since))
            for s in course
            if s.start < until and s.end > since
        )
        alone_wus = sum(
            power_w * micros(min(now + step * (place + 1), until) - max(now + step * place, since))
            for place, power_w in enumerate(alone_w)
            if now + step * place < until and now + step * (place + 1) > since
        )
        return self.held.direction.sign * (declared_wus - alone_wus)

    def _baseline_wus(
        self, resource_id: str, slot: int, until: datetime | None, found_wus: Mapping[str, int]
    ) -> int:  # fmt: skip
        """Of one device that takes part: its declared schedule, and what it followed of other events. The schedule may
        stand on what another event was going to change, and did not: then what was found counts, against the child."""
        start, end = self.held.period.slot_start(slot), self.held.period.slot_start(slot + 1)
        end = end if until is None else max(start, min(end, until))
        plan = self.held.parts[resource_id]
        asked_w = plan[slot] or self.held.answer.parts[resource_id].power_w[slot]
        own = self.held.course(resource_id, only(slot, asked_w, len(plan)))

        def own_wus(until: datetime) -> int:
            return sum((s.own_w or 0) * micros(min(s.end, until) - s.start) for s in own if s.start < until)

        total_wus = own_wus(end)
        if resource_id in found_wus:  # what it says of the whole slot is not of one half as of the other
            sign, duration = self.held.direction.sign, self.held.period.duration
            less_wus = max(0, sign * (found_wus[resource_id] - own_wus(start + duration)))
            total_wus += sign * (less_wus * micros(end - start) // micros(duration))
        return total_wus + self.held.ledger.others_wus(self.held.event_id, resource_id, start, end)

    def _led_wus(self, value: Measured, slot: int, until: datetime | None, found_wus: Mapping[str, int]) -> int:
        """By how much a device of which nothing is asked any more was led off its declared schedule before, as far as its
        meter shows it, signed W x microseconds."""
        start, end = self.held.period.slot_start(slot), self.held.period.slot_start(slot + 1)
        followed = self.held.ledger.follows(self.held.event_id, value.resource_id)
        spans = [
            (s.power_w, min(s.end, end) - max(s.start, start)) for s in followed if s.start < end and s.end > start
        ]
        if not spans:
            return 0
        sign, led_wus = self.held.direction.sign, sum(power_w * micros(span) for power_w, span in spans)
        shown_wus = (value.energy_wh or 0) * WH_WUS - self._baseline_wus(value.resource_id, slot, until, found_wus)
        return sign * max(0, min(sign * led_wus, sign * shown_wus))
