"""What one event reserves of a home's devices: their parts, the set-points that follow, and the baseline they are
metered against. The baseline is the schedule declared with the offer; what other events have come to reserve since
shifts it."""

from collections.abc import Mapping

from agents.devices.contract import Ask
from agents.parties.der.home import HomeFlexibility, share
from agents.parties.der.ledger import Ledger
from protocol.messages import IntervalPeriod
from protocol.plan import Plan
from protocol.units import Direction, energy_wh


class Reservation:
    """What an event reserves of a home's answer."""

    def __init__(
        self, event_id: str, direction: Direction, period: IntervalPeriod, answer: HomeFlexibility, ledger: Ledger
    ) -> None:
        self.event_id = event_id
        self.direction = direction
        self.period = period
        self.answer = answer
        self.ledger = ledger
        self.parts: Mapping[str, Plan] = {}

    def reserve(self, power_w: Plan) -> None:
        """Reserve so much of the answer, W; the parts follow. Raises ValueError above the answer."""
        self.parts = self.answer.apportion(power_w)
        self.ledger.reserve(self.event_id, self.direction, self.period, self.parts)

    def base_w(self, resource_id: str, slot: int) -> int:
        """A device's schedule in a slot without this event, signed W."""
        part = self.answer.parts[resource_id]
        slots = (0,) * len(part.power_w)
        then = Ask(self.direction, self.period, slots, self.answer.held.get(resource_id, ()))
        today = Ask(self.direction, self.period, slots, self.ledger.but(self.event_id).get(resource_id, ()))
        return part.schedule_w[slot] + today.reserved_w(slot) - then.reserved_w(slot)

    def baseline_wh(self, resource_id: str, slot: int) -> int:
        return energy_wh(self.base_w(resource_id, slot), self.period.duration)

    def setpoints(self, slot: int, power_w: int) -> dict[str, int]:
        """Signed power of each device in a slot for a change of so many W (at most what is reserved), + = import."""
        within = {name: (plan[slot],) for name, plan in self.parts.items()}
        parts = share((power_w,), within)
        sign = self.direction.sign
        return {name: self.base_w(name, slot) + sign * part[0] for name, part in parts.items()}
