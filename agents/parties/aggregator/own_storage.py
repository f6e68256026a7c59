"""The aggregator's own storage: DERs without an owner to ask (S26, claim 2). Power that one event reserves is not
offered in another."""

from collections.abc import Sequence
from datetime import datetime

from agents.devices.catalogue import build_device
from agents.devices.contract import Device
from agents.negotiation.out import Out
from agents.negotiation.subject import Subject
from agents.parties.der.home import Home
from agents.parties.der.home_flexibility import HomeFlexibility
from agents.parties.der.ledger import Ledger
from agents.parties.der.reservation import Reservation
from agents.parties.der.second_look import looked_at_again
from agents.settings.connection import ConnectionPoint
from agents.settings.devices import StorageSpec
from protocol.actor import Measured
from protocol.plan import Plan, add, covers, least, most, shortfall, total


class StorageYard:
    """All own storage devices, and what each event reserves of them."""

    def __init__(self, devices: Sequence[Device], connection: ConnectionPoint | None = None) -> None:
        self.home = Home(devices, connection=connection)
        self.ledger = Ledger()

    @classmethod
    def build(cls, specs: Sequence[StorageSpec], connection: ConnectionPoint | None = None) -> "StorageYard":
        """The yard of these devices, behind a connection point."""
        return cls([build_device(spec) for spec in specs], connection)

    def observe(self, reading: Measured, now: datetime) -> None:
        """Take a device's reading."""
        self.home.observe(reading)
        self.home.look(now)


class OwnStorage:
    """What one event reserves of the yard."""

    def __init__(self, out: Out, yard: StorageYard, subject: Subject, in_ladder: bool) -> None:
        """`in_ladder`: whether it may add anything at all."""
        self.out = out
        self.yard = yard
        self.subject = subject
        self.in_ladder = in_ladder
        self.offered_w: Plan | None = None
        """Added to the available power (S26), W."""
        self.before_w: Plan | None = None
        """What it added in an earlier round of this revision, W: reserved until its rung is climbed again."""
        self.promised_w: tuple[Plan, ...] = ()
        """What it added when earlier rounds were answered above, W: it adds no less, as each may be awarded still."""
        self.committed_w: Plan | None = None
        """Its part of the deal, W."""
        self.held: Reservation | None = None

    def __bool__(self) -> bool:
        return bool(self.yard.home.devices)

    @property
    def resource_ids(self) -> tuple[str, ...]:
        """Of its devices."""
        return tuple(device.resource_id for device in self.yard.home.devices)

    def power_w(self) -> Plan:
        """Its part of the deal, W."""
        return self.committed_w or self.subject.nothing_w

    def available_w(self) -> Plan:
        """What it added to the available power, W."""
        return self.offered_w or self.subject.nothing_w

    def look(self, now: datetime) -> None:
        """It is so late: devices that have a fault, or whose state is too old, add nothing, and it is said why."""
        self.yard.home.look(now)
        for resource_id, why in self.yard.home.troubled.items():
            self.out.tell("device_not_counted_on", "S50", resource_id=resource_id, why=why)

    def fails(self, resource_id: str, now: datetime) -> bool:
        """A device that gives something in the slot that goes on fails: it is released, and nothing more of it is counted
        on. Whether it is such a one: before, it may yet be mended."""
        subject, held, end = self.subject, self.held, self.subject.period.slot_start(self.subject.slots)
        part_w = held.parts.get(resource_id) if held is not None and self.committed_w is not None else None
        if part_w is None or held is None or not subject.period.start <= now < end:
            return False
        if not part_w[(now - subject.period.start) // subject.period.duration]:
            return False
        held.keep({**held.parts, resource_id: shortfall(part_w, subject.to_come(part_w, now))})
        self.committed_w = self.offered_w = total(list(held.parts.values()), subject.slots)
        for setpoint in self.yard.ledger.follow(subject.event_id, resource_id, (), now, end):
            self.out.effect(setpoint)
        return True

    def offer(self, short_w: Plan) -> Plan:
        """Reserve as much of the shortfall as it can give, with the least maximum shortfall; returns it, W."""
        subject, yard = self.subject, self.yard
        for promised_w in self.promised_w:
            short_w = most(short_w, promised_w)
        answer = self._flexibility(short_w)
        firm_w = least(self.before_w or subject.nothing_w, short_w)
        if not covers(answer.joint.power_w, firm_w):
            same = self._flexibility(firm_w)
            answer = same if covers(same.joint.power_w, firm_w) else answer
        self.offered_w, self.before_w = answer.joint.power_w, None
        self.held = Reservation(subject.event_id, subject.direction, subject.period, answer, yard.home, yard.ledger)
        self.held.reserve(self.offered_w)
        return self.offered_w

    def offer_more(self, missing_w: Plan) -> None:
        """Reserve so much more before anything is awarded, as far as it can without giving less anywhere, W."""
        before_w, before = self.available_w(), self.held
        if not any(missing_w):
            return
        if not covers(self.offer(add(before_w, missing_w)), before_w):
            self.offered_w, self.held = before_w, before
            if before is not None:
                before.reserve(before_w)

    def _flexibility(self, asked_w: Plan) -> HomeFlexibility:
        subject, yard = self.subject, self.yard
        return yard.home.flexibility(subject.direction, subject.period, asked_w, yard.ledger.but(subject.event_id))

    def lock(self) -> None:
        """A later round of the same revision: what it added stays reserved until its rung is climbed again."""
        if self.offered_w is not None:
            self.before_w, self.offered_w = self.offered_w, None

    def recall(self) -> None:
        """An answer to an earlier round was bought: what it added to that is what it adds."""
        if self.offered_w is None:
            self.offered_w, self.before_w = self.before_w, None

    def locked_w(self) -> Plan:
        """What is reserved, in this round or in an earlier one, W."""
        return self.offered_w or self.before_w or self.subject.nothing_w

    def most_w(self) -> Plan:
        """What it could give at most in this event, W."""
        subject, yard = self.subject, self.yard
        if not self or not self.in_ladder:
            return subject.nothing_w
        return self._flexibility(
            (sum(device.capacity_w(subject.direction) for device in yard.home.devices),) * subject.slots
        ).joint.power_w

    def add(self, missing_w: Plan, now: datetime) -> Plan:
        """Take over what was lost elsewhere, on top of its part of the deal; returns what it took, W."""
        if not self or not self.in_ladder or not any(missing_w):
            return self.subject.nothing_w
        self.yard.home.look(now)
        added = self._add(missing_w)
        if any(added):
            self.out.tell("own_storage_replaces", "S26", storage_w=added)
        return added

    def _add(self, missing_w: Plan) -> Plan:
        before, kept = self.power_w(), self.held
        taken = self.offer(add(before, missing_w))
        if any(power < owed for power, owed in zip(taken, before, strict=True)):
            self.held = kept  # the even profile would break what it owes already: leave it as it was
            self.commit(before)
            return self.subject.nothing_w
        self.commit(taken)
        return shortfall(taken, before)

    def cut(self, over_w: Plan) -> None:
        """Give so much of its part of the deal back, W."""
        self.commit(shortfall(self.power_w(), over_w))

    def commit(self, power_w: Plan) -> None:
        """Its part of the deal, at most what it offered, W."""
        self.committed_w = self.offered_w = power_w
        self.promised_w = ()
        if self.held is not None:
            self.held.reserve(power_w)

    def look_again(self, now: datetime) -> bool:
        """Another event moves less than it reserved: whether less of what this one added can be kept than before."""
        before_w = self.offered_w
        if before_w is None or self.held is None or (renewed := looked_at_again(self.held, now)) is None:
            return False
        self.held, self.offered_w = renewed, renewed.answer.joint.power_w
        if self.committed_w is not None:
            self.committed_w = self.offered_w
        return self.offered_w != before_w

    def is_led(self) -> bool:
        """Whether any of its devices follows a course of this event."""
        return self.subject.event_id in self.yard.ledger.followed()

    def led_w(self, at: datetime) -> int:
        """By how much this event changes its load at an instant by what was commanded, signed W."""
        courses = self.yard.ledger.followed().get(self.subject.event_id, {}).values()
        return sum(segment.power_w for course in courses for segment in course if segment.start <= at < segment.end)

    def free(self, now: datetime, metered_still: bool = False) -> None:
        """Nothing is reserved for this event any more; devices return to their schedule, or to what other events hold.
        `metered_still`: a meter value is still to come."""
        self.offered_w = self.before_w = self.committed_w = None
        self.promised_w = ()
        self.held = self.held if metered_still else None
        for setpoint in self.yard.ledger.free(self.subject.event_id, now):
            self.out.effect(setpoint)
