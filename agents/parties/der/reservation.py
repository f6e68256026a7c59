"""What one event reserves of a home's devices: their parts, and the course that follows."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from agents.devices.contract import Ask
from agents.devices.course import lower
from agents.parties.der.home import Home
from agents.parties.der.home_flexibility import HomeFlexibility, share
from agents.parties.der.least_parts import runnable_parts
from agents.parties.der.ledger import Course, Ledger, clipped
from protocol.actor import Setpoint
from protocol.messages import IntervalPeriod
from protocol.plan import Plan, add, excess, least, total, zero
from protocol.units import Direction


class Reservation:
    """What an event reserves of a home's answer."""

    def __init__(
        self,
        event_id: str,
        direction: Direction,
        period: IntervalPeriod,
        answer: HomeFlexibility,
        home: Home,
        ledger: Ledger,
    ) -> None:
        self.event_id = event_id
        self.direction = direction
        self.period = period
        self.answer = answer
        self.home = home
        self.ledger = ledger
        self.parts: Mapping[str, Plan] = {}

    def reserve(self, power_w: Plan) -> None:
        """Reserve so much of the answer, W, or less where no charger can run at it; the parts follow. Raises ValueError above
        the answer."""
        parts = self.answer.apportion(power_w)
        self.keep(runnable_parts(parts, self.answer, self.home.least_w, self.direction))

    def keep(self, parts: Mapping[str, Plan]) -> None:
        """Reserve these parts of the answer, W."""
        self.parts = parts
        self.lay_out(parts)

    def is_beside(self, others: Mapping[str, Course], now: datetime) -> bool:
        """Whether other events reserve nothing from now on that the answer was not computed beside."""
        held = self.answer.held
        return all(s.end <= now or s in held.get(name, ()) for name, course in others.items() for s in course)

    def stands_on_others(self) -> bool:
        """Whether the answer counts on what another event of the other direction was to move."""
        sign = self.direction.sign
        return any(segment.power_w * sign < 0 for course in self.answer.held.values() for segment in course)

    def raised(self, power_w: Plan, parts: Mapping[str, Plan], now: datetime) -> dict[str, Plan]:
        """The parts of so much of the answer, W, where other events may have taken what was freed of it: what is reserved
        already (`parts`), and of the rest what the devices can add to all that is reserved now, in the slots to come, on the
        schedules that they are led on: newer ones would make up for what this event took."""
        slots = len(power_w)
        before_w = total(list(parts.values()), slots)
        kept = share(least(power_w, before_w), parts)
        more_w = tuple(
            more if self.period.slot_start(slot + 1) > now else 0 for slot, more in enumerate(excess(power_w, before_w))
        )
        if not any(more_w):
            return kept
        beside = self.ledger.but("")
        beside |= {name: beside.get(name, ()) + clipped(self.declared(name), now) for name in kept}
        more = self.home.flexibility(self.direction, self.period, more_w, beside)
        return {name: self._added(name, plan, more, now) for name, plan in kept.items()}

    def _added(self, name: str, before_w: Plan, more: HomeFlexibility, now: datetime) -> Plan:
        """A device's part with what it can add, W; where a slot's course would not be even, nothing is added: it would be
        spread over the slot in another way than it was computed. Neither where the part was rounded as it lies between nothing
        and the least power: what it adds was computed beside less than it has."""
        most_w, added_w = self.answer.parts[name].power_w, more.parts[name].power_w
        grown_w = tuple(
            max(had, min(want, most)) for had, want, most in zip(before_w, add(before_w, added_w), most_w, strict=True)
        )
        ask = Ask(self.direction, self.period, added_w, more.held.get(name, ()))
        courses = (
            self.course(name, before_w),
            self.course(name, grown_w),
            self.home.device(name).lay_out(ask, more.parts[name].schedule_w, added_w),
        )
        return tuple(
            grown
            if all(len(self._powers_w(course, slot)) <= 1 for course in courses)
            and self._leads_to(courses[0], slot, had)
            and (had or self._stands_alike(name, courses[1], slot, now))
            else had
            for slot, (had, grown) in enumerate(zip(before_w, grown_w, strict=True))
        )

    def _stands_alike(self, name: str, course: Course, slot: int, now: datetime) -> bool:
        """Whether a part in a slot that had none leaves what other events hold there on the schedule on which it stands: by
        the earliest event's all are led, and those of later ones count with what the earlier slots took. Before the slot
        begins both are looked at again."""
        start, end = self.period.slot_start(slot), self.period.slot_start(slot + 1)
        if start > now:
            return True
        own = {s.own_w for s in course if start <= s.start < end}
        others = self.ledger.but(self.event_id).get(name, ())
        return all(s.own_w is None or s.own_w in own for s in others if s.start < end and s.end > start)

    def _powers_w(self, course: Course, slot: int) -> set[int]:
        """At which powers a course begins its pieces in a slot, signed W: one, where it is even; none, where nothing is led."""
        start, end = self.period.slot_start(slot), self.period.slot_start(slot + 1)
        return {segment.power_w for segment in course if start <= segment.start < end}

    def _leads_to(self, course: Course, slot: int, power_w: int) -> bool:
        """Whether a course leads a slot to just so many W."""
        powers_w = set(map(abs, self._powers_w(course, slot)))
        return powers_w == {power_w} or not (power_w or powers_w)

    def declared(self, resource_id: str) -> Course:
        """The schedule that a device's part stands on, without the part."""
        some = (1,) * len(self.answer.joint.power_w)
        return tuple(replace(segment, power_w=0) for segment in self.course(resource_id, some))

    def lay_out(self, parts: Mapping[str, Plan]) -> None:
        """Reserve these parts of the devices, W, at least as much as is reserved of the answer."""
        self.ledger.reserve(self.event_id, {name: self.course(name, plan) for name, plan in parts.items()})

    def follow(self, slot: int, power_w: int, now: datetime) -> list[Setpoint]:
        """Let the devices follow a change of so many W in a slot, at most what is reserved; the set-points from now
        on, or from the slot's beginning. Those without a part in it are left to their own schedule."""
        start, end = self.period.slot_start(slot), self.period.slot_start(slot + 1)
        slots = next((len(plan) for plan in self.parts.values()), 0)
        most = {name: (plan[slot],) for name, plan in self.parts.items()}
        parts = share(least((power_w,), total(list(most.values()), 1)), most)
        return [
            setpoint
            for name, (part,) in parts.items()
            for setpoint in self.ledger.follow(
                self.event_id, name, self.course(name, only(slot, part, slots)), max(start, now), end
            )
        ]

    def is_led(self, resource_id: str, until: datetime) -> bool:
        """Whether other events reserve or lead a device from this one's beginning on."""
        others = (*self.ledger.others(self.event_id, resource_id), *self.ledger.but(self.event_id).get(resource_id, ()))
        return any(s.start < until and s.end > self.period.start for s in others)

    def hold_on(self, span: timedelta, now: datetime) -> list[Setpoint]:
        """Behind the last slot the devices of which something was asked there take nothing back for a while, as far as their
        own bounds let them: they hold the part of their schedules that would run against what was given. But those that
        other events hold later count on it that they do. Returns the set-points."""
        found: list[Setpoint] = []
        for name, plan in self.parts.items():
            end, sign = self.period.slot_start(len(plan)), self.direction.sign
            start, until = max(end, now), end + span
            if not plan[-1] or start >= until:
                continue
            device, period = self.home.device(name), IntervalPeriod(start=start, duration=until - start)
            others = self.ledger.others(self.event_id, name)
            if any(s.end > end for s in (*others, *self.ledger.but(self.event_id).get(name, ()))):
                continue
            ask = Ask(self.direction, period, (device.capacity_w(self.direction),), others)
            most = device.flexibility(ask)
            held_w = min(most.power_w[0], max(0, -sign * most.schedule_w[0]))
            if held_w:
                course = device.lay_out(ask, most.schedule_w, (held_w,))
                found += self.ledger.follow(self.event_id, name, course, start, until)
        return found

    def let_go(self, since: datetime) -> list[Setpoint]:
        """Nothing is held on to any more from an instant behind the last slot; the set-points."""
        found: list[Setpoint] = []
        for name, plan in self.parts.items():
            start = max(since, self.period.slot_start(len(plan)))
            until = max((s.end for s in self.ledger.follows(self.event_id, name)), default=start)
            if until > start:
                found += self.ledger.follow(self.event_id, name, (), start, until)
        return found

    def cut(self, now: datetime) -> list[Setpoint]:
        """The devices follow nowhere more than is reserved of them from now on: an award was lowered in slots that are
        led already. Returns the set-points that change."""
        found: list[Setpoint] = []
        for name, plan in self.parts.items():
            followed, reserved = self.ledger.follows(self.event_id, name), self.course(name, plan)
            start, end = max(now, self.period.start), self.period.slot_start(len(plan))
            ahead = lower(followed, reserved, start, end)
            if ahead != lower(followed, followed, start, end):
                found += self.ledger.follow(self.event_id, name, ahead, start, end)
        return found

    def course(self, resource_id: str, power_w: Plan) -> Course:
        """The course of a device that gives so much of the answer, W."""
        held, schedule_w = self.answer.held.get(resource_id, ()), self.answer.parts[resource_id].schedule_w
        ask = Ask(self.direction, self.period, self.answer.parts[resource_id].power_w, held)
        return self.home.device(resource_id).lay_out(ask, schedule_w, power_w)


def only(slot: int, power_w: int, slots: int) -> Plan:
    """A plan of one slot, W."""
    return (*zero(slot), power_w, *zero(slots - slot - 1))
