"""The aggregator's own storage: DERs without an owner to ask (S26, claim 2). Power that one event holds is not
offered in another."""

from collections.abc import Sequence
from datetime import datetime

from agents.devices.catalogue import build_device
from agents.devices.contract import Device
from agents.parties.der.held import Held
from agents.parties.der.home import Home
from agents.parties.der.ledger import Ledger
from agents.settings.devices import StorageSpec
from protocol.actor import Measured
from protocol.messages import IntervalPeriod
from protocol.plan import Plan, add, shortfall, zero
from protocol.units import Direction


class StorageYard:
    """All own storage devices, and what each event holds of them."""

    def __init__(self, devices: Sequence[Device]) -> None:
        self.home = Home(devices)
        self.ledger = Ledger()

    @classmethod
    def build(cls, specs: Sequence[StorageSpec]) -> "StorageYard":
        return cls([build_device(spec) for spec in specs])

    def observe(self, reading: Measured) -> None:
        self.home.observe(reading)


class OwnStorage:
    """What one event holds of the yard."""

    def __init__(self, yard: StorageYard, event_id: str) -> None:
        self.yard = yard
        self.event_id = event_id
        self.power_w: Plan | None = None
        """Added to the available power (S26), W."""
        self.committed_w: Plan | None = None
        """Its part of the deal, W."""
        self.held: Held | None = None

    def __bool__(self) -> bool:
        return bool(self.yard.home.devices)

    @property
    def resource_ids(self) -> tuple[str, ...]:
        return tuple(device.resource_id for device in self.yard.home.devices)

    def offer(self, direction: Direction, period: IntervalPeriod, short_w: Plan) -> Plan:
        """Hold as much of the shortfall as it can give, with the least maximum shortfall; returns it, W."""
        answer = self.yard.home.flexibility(direction, period, short_w, self.yard.ledger.but(self.event_id))
        self.power_w = answer.joint.power_w
        self.held = Held(self.event_id, direction, period, answer, self.yard.ledger)
        self.held.hold(self.power_w)
        return self.power_w

    def most(self, direction: Direction, period: IntervalPeriod, slots: int) -> Plan:
        """What it could give at most in this event, W."""
        if not self:
            return zero(slots)
        ask = (sum(device.capacity_w(direction) for device in self.yard.home.devices),) * slots
        return self.yard.home.flexibility(direction, period, ask, self.yard.ledger.but(self.event_id)).joint.power_w

    def add(self, direction: Direction, period: IntervalPeriod, missing_w: Plan) -> Plan:
        """Take over what was lost elsewhere, on top of its part of the deal; returns what it took, W."""
        before = self.committed_w or zero(len(missing_w))
        kept = self.held
        taken = self.offer(direction, period, add(before, missing_w))
        if any(power < owed for power, owed in zip(taken, before, strict=True)):
            self.held = kept  # the even profile would break what it owes already: leave it as it was
            self.commit(before)
            return zero(len(missing_w))
        self.commit(taken)
        return shortfall(taken, before)

    def commit(self, power_w: Plan) -> None:
        """Its part of the deal, at most what it offered."""
        self.committed_w = self.power_w = power_w
        if self.held is not None:
            self.held.hold(power_w)

    def free(self, now: datetime) -> None:
        self.power_w = self.committed_w = self.held = None
        self.yard.ledger.free(self.event_id, now)
