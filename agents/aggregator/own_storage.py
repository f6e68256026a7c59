"""The aggregator's own storage: DERs without an owner to ask (S26, claim 2). Power that one event holds is not
offered in another."""

from collections.abc import Sequence

from agents.der.device import Device
from agents.der.devices import StorageSpec, build_device
from agents.der.exclusive import Ledger
from agents.der.home import Home
from protocol.actor import Measured
from protocol.messages import IntervalPeriod
from protocol.plan import Plan, SignedPlan, add, shortfall, zero
from protocol.units import Direction


class StorageYard:
    """All own storage devices and what each event holds of them."""

    def __init__(self, devices: Sequence[Device]) -> None:
        self.home = Home(devices)
        self.ledger = Ledger()

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

    @staticmethod
    def build(specs: Sequence[StorageSpec]) -> StorageYard:
        return StorageYard([build_device(spec) for spec in specs])

    def __bool__(self) -> bool:
        return bool(self.yard.home.devices)

    @property
    def resource_ids(self) -> tuple[str, ...]:
        return tuple(device.resource_id for device in self.yard.home.devices)

    def offer(self, direction: Direction, period: IntervalPeriod, short_w: Plan) -> Plan:
        """Hold as much of the shortfall as it can give, least maximum shortfall; returns it, W."""
        others = self.yard.ledger.committed(self.event_id, period, len(short_w))
        answer = self.yard.home.flexibility(direction, period, short_w, others)
        self.power_w = answer.joint.power_w
        self._direction, self._period, self._answer = direction, period, answer
        self._hold(self.power_w)
        return self.power_w

    def most(self, direction: Direction, period: IntervalPeriod, slots: int) -> Plan:
        """What it could give at most in this event, W."""
        if not self:
            return zero(slots)
        others = self.yard.ledger.committed(self.event_id, period, slots)
        ask = (10**9,) * slots
        return self.yard.home.flexibility(direction, period, ask, others).joint.power_w

    def add(self, direction: Direction, period: IntervalPeriod, missing_w: Plan) -> Plan:
        """Take over what was lost elsewhere, on top of its part of the deal; returns what it took, W."""
        before = self.committed_w or zero(len(missing_w))
        held = self.offer(direction, period, add(before, missing_w))
        kept = tuple(max(a, b) for a, b in zip(held, before, strict=True))
        if kept != held:  # the new profile would break what it already owes: leave it as it was
            self.offer(direction, period, before)
            self.commit(before)
            return zero(len(missing_w))
        self.commit(held)
        return shortfall(held, before)

    def commit(self, power_w: Plan) -> None:
        """Its part of the deal, at most what it offered."""
        self.committed_w = power_w
        self.power_w = power_w
        if any(power_w):
            self._hold(power_w)
        else:
            self.yard.ledger.free(self.event_id)

    def _hold(self, power_w: Plan) -> None:
        parts = self._answer.apportion(power_w)
        self.yard.ledger.hold(self.event_id, self._direction, self._period, parts)

    def setpoints(self, slot: int) -> dict[str, int]:
        """Signed set-point of each device in a slot, W: own schedule, other events' part, and this event's."""
        if self.committed_w is None or not self.committed_w[slot]:
            return {}
        parts = self._answer.apportion(self.committed_w)
        return {name: self._answer.base_w[name][slot] + self._direction.sign * plan[slot] for name, plan in parts.items()}

    def others_w(self, resource_id: str, slot: int) -> int:
        """Signed change of a device in a slot that other events hold, W."""
        if self.committed_w is None:
            return 0
        return self.yard.ledger.committed(self.event_id, self._period, len(self.committed_w)).get(
            resource_id, zero(len(self.committed_w)))[slot]

    def free(self) -> None:
        self.power_w = self.committed_w = None
        self.yard.ledger.free(self.event_id)


__all__ = ["OwnStorage", "SignedPlan", "StorageYard"]
