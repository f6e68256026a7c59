"""A solar plant (90), with or without a battery: a down-DR frees the generation that its export limit holds back, an
up-DR curtails; the battery adds what is still missing (S50)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from agents.devices.contract import Ask, Flexibility, Segment, overlap_s
from agents.devices.storage import Storage
from agents.settings.devices import SolarSpec
from protocol.actor import Measured
from protocol.messages import ResourceKind, Restriction
from protocol.plan import Plan, add, shortfall
from protocol.units import SLOT, Direction


class Solar:
    """One plant."""

    kind = ResourceKind.SOLAR
    relaxable: tuple[Restriction, ...] = ()

    def __init__(self, spec: SolarSpec) -> None:
        self.spec = spec
        self.battery = Storage(spec.battery) if spec.battery is not None else None

    @property
    def resource_id(self) -> str:
        return self.spec.resource_id

    def capacity_w(self, direction: Direction) -> int:
        peak = max(self.spec.forecast_w)
        own = min(peak, self.spec.export_limit_w)
        panel = own if direction is Direction.INCREASE_LOAD else peak - own
        return panel + (self.battery.capacity_w(direction) if self.battery is not None else 0)

    def observe(self, reading: Measured) -> None:
        if self.battery is not None:
            self.battery.observe(reading)

    def flexibility(self, ask: Ask) -> Flexibility:
        """Panel first, battery for the rest. What other events hold counts against the panel first, too."""
        panel = self._panel(ask)
        reserved_panel, reserved_battery = self._reserved(ask)
        free = shortfall(panel, reserved_panel)
        usable = tuple(0 if ask.opposed(slot) else power for slot, power in enumerate(free))
        from_panel = tuple(min(power, want) for power, want in zip(usable, ask.power_w, strict=True))
        schedule = tuple(-self._own_w(slot, ask) + ask.reserved_w(slot) for slot in range(ask.slots))
        asked_panel = tuple(power if want else 0 for power, want in zip(usable, ask.power_w, strict=True))
        binding = tuple(
            None if power >= want else Restriction.COMMITTED if ask.reserved_w(slot) else Restriction.GENERATION
            for slot, (power, want) in enumerate(zip(from_panel, ask.power_w, strict=True))
        )
        if self.battery is None:
            return Flexibility(from_panel, asked_panel, binding, schedule)
        rest = self.battery.flexibility(
            replace(ask, power_w=shortfall(ask.power_w, from_panel), reserved=reserved_battery)
        )
        limit = self.battery.capacity_w(ask.direction)
        most = self.battery.flexibility(
            replace(ask, power_w=tuple(limit if want else 0 for want in ask.power_w), reserved=reserved_battery)
        )
        power_w = add(from_panel, rest.power_w)
        joint = add(asked_panel, most.power_w)
        available = joint if all(a >= p for a, p in zip(joint, power_w, strict=True)) else power_w
        return Flexibility(
            power_w,
            available,
            tuple(
                None if power >= want else reason
                for power, want, reason in zip(power_w, ask.power_w, rest.binding, strict=True)
            ),
            schedule,
        )

    def _panel(self, ask: Ask) -> Plan:
        """What the panel alone can change in each slot, W."""
        down = ask.direction is Direction.DECREASE_LOAD
        return tuple(self._panel_w(ask.period.slot_start(slot), down=down) for slot in range(ask.slots))

    def _own_w(self, slot: int, ask: Ask) -> int:
        return min(self.possible_w(ask.period.slot_start(slot)), self.spec.export_limit_w)

    def possible_w(self, at: datetime) -> int:
        """Forecast of the generation without any limit, W; nothing outside the forecast."""
        index = (at - self.spec.forecast_at) // SLOT
        if self.spec.forecast_repeats:
            index %= len(self.spec.forecast_w)
        return self.spec.forecast_w[index] if 0 <= index < len(self.spec.forecast_w) else 0

    def _reserved(self, ask: Ask) -> tuple[Plan, tuple[Segment, ...]]:
        """What other events hold, on the panel (W a slot, in the direction that is asked) and on the battery. Each
        takes the panel first, in its own direction and wherever it lies: what it curtails charges no battery."""
        taken: dict[tuple[datetime, bool], int] = {}
        on_panel = [0.0] * ask.slots
        on_battery: list[Segment] = []
        for segment in ask.reserved:
            for part in self._by_forecast(segment):
                where = part.start - (part.start - self.spec.forecast_at) % SLOT, part.power_w < 0
                covered = min(abs(part.power_w), self._panel_w(part.start, down=where[1]) - taken.get(where, 0))
                taken[where] = taken.get(where, 0) + covered
                sign = -1 if part.power_w < 0 else 1
                if covered < abs(part.power_w):
                    on_battery.append(replace(part, power_w=part.power_w - sign * covered))
                for slot in range(ask.slots) if sign == ask.direction.sign else ():
                    start, end = ask.period.slot_start(slot), ask.period.slot_start(slot + 1)
                    on_panel[slot] += covered * overlap_s(part, start, end) / (end - start).total_seconds()
        return tuple(map(round, on_panel)), tuple(on_battery)

    def _by_forecast(self, segment: Segment) -> Iterator[Segment]:
        """A segment, cut where the forecast changes."""
        start = segment.start
        while start < segment.end:
            end = min(segment.end, start + SLOT - (start - self.spec.forecast_at) % SLOT)
            yield replace(segment, start=start, end=end)
            start = end

    def _panel_w(self, at: datetime, *, down: bool) -> int:
        """What the panel alone can change, W: free what the export limit holds back, or curtail what it exports."""
        possible = self.possible_w(at)
        own = min(possible, self.spec.export_limit_w)
        return possible - own if down else own
