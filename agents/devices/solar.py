"""A solar plant (90), with or without a battery: a down-DR frees the generation that its export limit holds back, an
up-DR curtails; the battery adds what is still missing (S50)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from agents.devices.contract import Ask, Flexibility, Ranges, Segment, micros, pieces
from agents.devices.course import spread
from agents.devices.storage import Storage
from agents.settings.devices import SolarSpec
from protocol.actor import Measured
from protocol.messages import ResourceKind, Restriction
from protocol.plan import Plan, SignedPlan, add, covers, least, shortfall
from protocol.units import SLOT, Direction


@dataclass(frozen=True, slots=True)
class _Cut:
    """A part of a slot in which nothing changes, W."""

    start: datetime
    end: datetime
    own_w: int
    """Generation without any event."""
    reserved_w: int
    """What other events hold, signed."""
    free_w: int
    """What the panel can still change in the direction that is asked."""

    @property
    def span_us(self) -> int:
        return micros(self.end - self.start)


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
        slots = [self._slot(ask, slot) for slot in range(ask.slots)]
        free = tuple(0 if ask.opposed(slot) else _free_w(cuts) for slot, cuts in enumerate(slots))
        from_panel = least(free, ask.power_w)
        schedule = tuple(_schedule_w(cuts) for cuts in slots)
        asked_panel = tuple(power if want else 0 for power, want in zip(free, ask.power_w, strict=True))
        binding = tuple(
            None if power >= want else Restriction.COMMITTED if ask.reserved_w(slot) else Restriction.GENERATION
            for slot, (power, want) in enumerate(zip(from_panel, ask.power_w, strict=True))
        )
        if self.battery is None:
            return Flexibility(from_panel, asked_panel, binding, schedule)
        on_battery = self._on_battery(ask)
        rest = self.battery.flexibility(replace(ask, power_w=shortfall(ask.power_w, from_panel), reserved=on_battery))
        limit = self.battery.capacity_w(ask.direction)
        most = self.battery.flexibility(
            replace(ask, power_w=tuple(limit if want else 0 for want in ask.power_w), reserved=on_battery)
        )
        power_w = add(from_panel, rest.power_w)
        joint = add(asked_panel, most.power_w)
        available = joint if covers(joint, power_w) else power_w
        return Flexibility(
            power_w,
            available,
            tuple(
                None if power >= want else reason
                for power, want, reason in zip(power_w, ask.power_w, rest.binding, strict=True)
            ),
            schedule,
        )

    def ranges_w(self, ask: Ask, schedule_w: SignedPlan) -> Ranges:
        powers_w = ([cut.reserved_w - cut.own_w for cut in self._slot(ask, slot)] for slot in range(len(schedule_w)))
        return tuple((min(power_w), max(power_w)) for power_w in powers_w)

    def lay_out(self, ask: Ask, schedule_w: SignedPlan, power_w: Plan) -> tuple[Segment, ...]:
        """The panel follows its forecast within a slot, the battery gives the rest."""
        found = []
        for slot, power in enumerate(power_w):
            if power:
                cuts = self._slot(ask, slot)
                panel_w = min(power, _free_w(cuts))
                spans_us, down = [cut.span_us for cut in cuts], ask.direction is Direction.DECREASE_LOAD
                by_panel = spread(panel_w, [cut.free_w for cut in cuts], spans_us)
                by_battery = spread(power - panel_w, [self._battery_w(cut, down=down) for cut in cuts], spans_us)
                for cut, panel, battery in zip(cuts, by_panel, by_battery, strict=True):
                    change_w = ask.direction.sign * (panel + battery)
                    found.append(Segment(cut.start, cut.end, change_w, -cut.own_w))
        return tuple(found)

    def possible_w(self, at: datetime) -> int:
        """Forecast of the generation without any limit, W; nothing outside the forecast."""
        index = (at - self.spec.forecast_at) // SLOT
        if self.spec.forecast_repeats:
            index %= len(self.spec.forecast_w)
        return self.spec.forecast_w[index] if 0 <= index < len(self.spec.forecast_w) else 0

    def _slot(self, ask: Ask, slot: int) -> list[_Cut]:
        """A slot, cut where the forecast or what other events hold changes."""
        start, end = ask.period.slot_start(slot), ask.period.slot_start(slot + 1)
        return list(self._cuts(ask.within(slot), start, end, down=ask.direction is Direction.DECREASE_LOAD))

    def _cuts(self, reserved: Sequence[Segment], start: datetime, end: datetime, *, down: bool) -> Iterator[_Cut]:
        for begins, ends in pieces((*reserved, *self._forecast(start, end)), start, end):
            reserved_w = sum(s.power_w for s in reserved if s.start <= begins < s.end)
            same = reserved_w != 0 and (reserved_w < 0) is down
            panel_w = self._panel_w(begins, down=down)
            own_w = min(self.possible_w(begins), self.spec.export_limit_w)
            yield _Cut(begins, ends, own_w, reserved_w, max(0, panel_w - abs(reserved_w)) if same else panel_w)

    def _on_battery(self, ask: Ask) -> tuple[Segment, ...]:
        """What other events hold of the battery. Each takes the panel first, in its own direction and wherever it lies:
        what it curtails charges no battery."""
        found = []
        if ask.reserved:
            start, end = min(s.start for s in ask.reserved), max(s.end for s in ask.reserved)
            for cut in self._cuts(ask.reserved, start, end, down=False):
                rest_w = abs(cut.reserved_w) - self._panel_w(cut.start, down=cut.reserved_w < 0)
                if cut.reserved_w and rest_w > 0:
                    found.append(Segment(cut.start, cut.end, rest_w if cut.reserved_w > 0 else -rest_w))
        return tuple(found)

    def _battery_w(self, cut: _Cut, *, down: bool) -> int:
        """What the battery can change in a part of a slot, W."""
        if self.battery is None:
            return 0
        spec, sign = self.battery.spec, -1 if cut.reserved_w < 0 else 1
        reserved_w = sign * max(0, abs(cut.reserved_w) - self._panel_w(cut.start, down=cut.reserved_w < 0))
        return max(0, spec.max_discharge_w + reserved_w if down else spec.max_charge_w - reserved_w)

    def _forecast(self, start: datetime, end: datetime) -> Iterator[Segment]:
        """The half hours of the forecast within a span, for their edges."""
        begins = start - (start - self.spec.forecast_at) % SLOT
        while begins < end:
            yield Segment(begins, begins + SLOT, 0)
            begins += SLOT

    def _panel_w(self, at: datetime, *, down: bool) -> int:
        """What the panel alone can change, W: free what the export limit holds back, or curtail what it exports."""
        possible = self.possible_w(at)
        own = min(possible, self.spec.export_limit_w)
        return possible - own if down else own


def _free_w(cuts: Sequence[_Cut]) -> int:
    """What the panel can still change over a slot, W on average, rounded down."""
    return sum(cut.free_w * cut.span_us for cut in cuts) // sum(cut.span_us for cut in cuts)


def _schedule_w(cuts: Sequence[_Cut]) -> int:
    """The schedule over a slot, what other events hold included, signed W on average."""
    return round(sum((cut.reserved_w - cut.own_w) * cut.span_us for cut in cuts) / sum(cut.span_us for cut in cuts))
