"""The physical truth of a simulated run: what owners had when they left, and what their devices were told to do."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from agents.devices.climate import ClimateSpec
from agents.devices.solar import Solar
from agents.drivers.simulated import SimulatedDriver, VehiclePhysics
from agents.settings.connection import ConnectionPoint
from agents.settings.devices import DeviceSpec, LoadSpec, SolarSpec, StorageSpec, VehicleSpec
from agents.settings.parties import DerSettings
from broker.simulation import Simulation
from protocol import messages as m
from protocol.actor import Entry, Note, Send, Setpoint
from protocol.units import Direction

ROUNDED_WH = 3
"""Set-points are whole W, and meters whole Wh."""
MOST_PCT = 105
"""Of what was awarded in a slot: more was not asked for."""
BEYOND_W = 5
"""By so much shares of a home's devices are off in sum."""
LEAST_PCT = 95
"""Of what was dispatched in time: that much a home gives that nothing has happened to."""


def violations(
    homes: Sequence[DerSettings], simulation: Simulation, surprised: Collection[str] = ()
) -> list[str]:  # fmt: skip
    """Each broken promise in one sentence; it lets the simulated devices live on until their owners leave. `surprised`:
    homes whose devices failed, or whose owners changed their plans."""
    specs = {spec.resource_id: spec for home in homes for spec in home.devices}
    found = setpoints(specs, simulation.trace)
    names = {home.name for home in homes if not has_least_power(home)} - set(surprised)
    found += more_than_awarded(simulation.trace, names)
    found += led_on(simulation.trace, {home.name for home in homes})
    sound = [home for home in homes if home.name not in surprised]
    for home in sound:
        found += fed_back(home.name, home.devices, home.connection, simulation)
        found += drawn(home.name, home.devices, home.connection, simulation)
    for home in homes:
        drivers = simulation.nodes[home.name].stepper.drivers
        found += [text for spec in home.devices if (text := left_short(spec, drivers[spec.resource_id]))]
    return found


def left_short(spec: DeviceSpec, driver: object) -> str:
    """Whether a vehicle left with less than its owner agreed to, though it would have had it without us."""
    if not isinstance(spec, VehicleSpec) or spec.lives_on or not isinstance(driver, SimulatedDriver):
        return ""
    assert isinstance(driver.physics, VehiclePhysics)
    alone = VehiclePhysics(spec)
    SimulatedDriver(spec.resource_id, alone, stores=True).advance(spec.departs_at)
    driver.advance(max(spec.departs_at, driver.physics.departs_at))
    agreed_wh = min([spec.departure_soc_wh, *spec.agreed("departure_soc")])
    wanted_wh = min(agreed_wh, alone.energy_wh)
    if driver.physics.energy_wh >= wanted_wh - ROUNDED_WH:
        return ""
    return f"Q1: {spec.resource_id} leaves with {driver.physics.energy_wh:.0f} Wh, its owner needs {wanted_wh:.0f}"


def setpoints(specs: dict[str, DeviceSpec], trace: Sequence[Entry]) -> list[str]:
    """No device is told what it cannot do: within its limits, and nothing between 0 and its least power."""
    found = []
    for entry in trace:
        for effect in entry.effects:
            if isinstance(effect, Setpoint) and effect.power_w is not None and effect.resource_id in specs:
                problem = _out_of_limits(specs[effect.resource_id], effect.power_w)
                if problem:
                    found.append(f"Q2: {entry.actor} sets {effect.resource_id} to {effect.power_w} W, {problem}")
    return found


def _out_of_limits(spec: DeviceSpec, power_w: int) -> str:
    match spec:
        case VehicleSpec():
            limits = spec.agreed("power_limit")
            most = max([spec.max_charge_w, *limits])
            least = -max([spec.max_discharge_w, *limits]) if spec.max_discharge_w else 0
            if 0 < abs(power_w) < spec.min_power_w:
                return f"below its least power of {spec.min_power_w}"
        case StorageSpec():
            most, least = spec.max_charge_w, -spec.max_discharge_w
        case LoadSpec() | ClimateSpec():
            most, least = spec.rated_w, 0
        case SolarSpec():
            beside = spec.battery
            most = 0 if beside is None else beside.max_charge_w
            least = -max(spec.forecast_w) - (0 if beside is None else beside.max_discharge_w)
        case _:
            return ""
    return "" if least <= power_w <= most else f"outside {least} and {most}"


def has_least_power(home: DerSettings) -> bool:
    """Its charger rounds what it is awarded."""
    return any(isinstance(spec, VehicleSpec) and spec.min_power_w for spec in home.devices)


def more_than_awarded(trace: Sequence[Entry], names: Collection[str]) -> list[str]:
    """The report of one of these homes tells no more of a slot than the most that it was ever awarded there. A slot whose
    dispatch comes inside it is left out: by itself a vehicle draws its schedule at once, the set-point spreads it."""
    periods: dict[tuple[str, str], m.Request] = {}
    awarded: dict[tuple[str, str], dict[int, int]] = {}
    late: set[tuple[str, str, int]] = set()
    found = []
    for entry, message in _messages(trace):
        if entry.actor not in names:
            continue
        key = entry.actor, getattr(message, "event_id", "")
        match message:
            case m.Request():
                periods[key] = message
            case m.Award(outcome=m.Outcome.CONCLUDED):
                slots = awarded.setdefault(key, {})
                for slot, power_w in enumerate(message.power_w):
                    slots[slot] = max(slots.get(slot, 0), power_w)
            case m.Dispatch() if key in periods:
                if entry.at > periods[key].interval_period.slot_start(message.slot):
                    late.add((*key, message.slot))
        for effect in entry.effects:
            if isinstance(effect, Send) and isinstance(effect.message, m.Report) and effect.edge.child == entry.actor:
                key = entry.actor, effect.message.event_id
                if key in periods and key in awarded:
                    in_time = {slot: w for slot, w in awarded[key].items() if (*key, slot) not in late}
                    found += _above(entry, effect.message, periods[key], in_time)
    return found


@dataclass(frozen=True)
class Span:
    """What the devices of a party did between two instants, W."""

    start: datetime
    end: datetime
    power_w: dict[str, float]
    led: tuple[DeviceSpec, ...]
    """Those that were told what to do."""


def fed_back(
    name: str, devices: Sequence[DeviceSpec], connection: ConnectionPoint | None, simulation: Simulation
) -> Iterator[str]:
    """Where the devices of a party discharge as they are told, no more flows through their connection point into the grid
    than may."""
    for span in _spans(name, devices, simulation) if connection is not None else ():
        assert connection is not None
        led_w = sum(min(0.0, span.power_w[spec.resource_id] + _generates_w(spec, span.start)) for spec in span.led)
        least_w = connection.base_range_w(span.start, span.end)[0]
        over_w = -sum(span.power_w.values()) - least_w - connection.export_limit_w
        if over_w > BEYOND_W and led_w < -BEYOND_W:
            yield f"Q5: {name} feeds back {over_w:.0f} W more than it may from {span.start} on, {led_w:.0f} W of it led"


def drawn(
    name: str, devices: Sequence[DeviceSpec], connection: ConnectionPoint | None, simulation: Simulation
) -> Iterator[str]:
    """Where the devices of a party draw more by what they are told, no more flows through their connection point out of
    the grid than may. What a vehicle would draw by itself is not known here: it counts while more load alone is asked."""
    asked = _asked(name, simulation.trace) if connection is not None else []
    for span in _spans(name, devices, simulation) if connection is not None else ():
        assert connection is not None
        own_w = {spec.resource_id: _draws_w(spec, span.start) for spec in devices}
        upward = all(
            direction is Direction.INCREASE_LOAD for start, end, direction in asked if start <= span.start < end
        )
        free = {one for one, draws_w in own_w.items() if draws_w is None and span.power_w[one] > BEYOND_W}
        if free and not (upward and free <= {spec.resource_id for spec in span.led}):
            continue
        led_w = sum(max(0.0, span.power_w[spec.resource_id] - (own_w[spec.resource_id] or 0)) for spec in span.led)
        most_w = connection.base_range_w(span.start, span.end)[1]
        over_w = sum(span.power_w.values()) + most_w - connection.import_limit_w
        if over_w > BEYOND_W and led_w > BEYOND_W:
            yield f"Q7: {name} draws {over_w:.0f} W more than it may from {span.start} on, {led_w:.0f} W of it led"


def _asked(name: str, trace: Sequence[Entry]) -> list[tuple[datetime, datetime, Direction]]:
    """The slots for which a party was dispatched, each with what it was asked for."""
    requests: dict[str, m.Request] = {}
    found = []
    for entry, message in _messages(trace):
        if entry.actor != name:
            continue
        if isinstance(message, m.Request):
            requests[message.event_id] = message
        elif isinstance(message, m.Dispatch) and message.power_w and message.event_id in requests:
            request = requests[message.event_id]
            start, end = (request.interval_period.slot_start(message.slot + more) for more in (0, 1))
            found.append((start, end, request.direction))
    return found


def _spans(name: str, devices: Sequence[DeviceSpec], simulation: Simulation) -> Iterator[Span]:
    """Of the newest days, as far as every driver remembers them: two at least, where it was measured lately."""
    drivers = simulation.nodes[name].stepper.drivers
    flows = {name: one.flows for name, one in drivers.items() if isinstance(one, SimulatedDriver)}
    known_from = max((spans[0][0] for spans in flows.values() if spans), default=simulation.now)
    cuts = sorted({at for spans in flows.values() for one in spans for at in one[:2] if at >= known_from})
    told = {name: _told(name, simulation.trace) for name in flows}
    for start, end in pairwise(cuts):
        power_w = {name: _mean_w(spans, start, end) for name, spans in flows.items()}
        led = tuple(spec for spec in devices if _is_led(told[spec.resource_id], start))
        if led:
            yield Span(start, end, power_w, led)


def _draws_w(spec: DeviceSpec, at: datetime) -> float | None:
    """What a device draws by itself, W, signed; None where only its own computation knows."""
    match spec:
        case StorageSpec():
            return 0.0
        case LoadSpec():
            return float(spec.schedule_w)
        case SolarSpec():
            return -float(_generates_w(spec, at))
    return None


def _generates_w(spec: DeviceSpec, at: datetime) -> int:
    """What a plant gives by itself, W."""
    return min(Solar(spec).possible_w(at), spec.export_limit_w) if isinstance(spec, SolarSpec) else 0


def _told(resource_id: str, trace: Sequence[Entry]) -> list[Setpoint]:
    effects = (effect for entry in trace for effect in entry.effects)
    return [one for one in effects if isinstance(one, Setpoint) and one.resource_id == resource_id]


def _is_led(told: Sequence[Setpoint], at: datetime) -> bool:
    """Whether the last set-point for an instant was one."""
    last = next((one for one in reversed(told) if one.at <= at), None)
    return last is not None and last.power_w is not None and at < last.until


def _mean_w(spans: Sequence[tuple[datetime, datetime, float]], start: datetime, end: datetime) -> float:
    return sum(
        wh / ((ends - begins).total_seconds() / 3600) for begins, ends, wh in spans if begins <= start and end <= ends
    )


def alone(trace: Sequence[Entry]) -> set[tuple[str, str]]:
    """Home and event where the home knew of no other event from the first request until the last slot's end."""
    spans: dict[tuple[str, str], tuple[datetime, datetime]] = {}
    for entry, message in _messages(trace):
        if isinstance(message, m.Request):
            key, end_at = (entry.actor, message.event_id), message.interval_period.slot_start(len(message.power_w))
            first_at, last_at = spans.get(key, (entry.at, end_at))
            spans[key] = first_at, max(last_at, end_at)
    return {
        (who, event_id)
        for (who, event_id), (first_at, last_at) in spans.items()
        if not any(
            who == other and event_id != another and first_at < until and since < last_at
            for (other, another), (since, until) in spans.items()
        )
    }


def less_than_dispatched(trace: Sequence[Entry], names: Collection[str]) -> list[str]:
    """One of these homes gives in each slot what it was told before the slot began, or less that it was awarded
    meanwhile, in an event that it completed and that stood alone."""
    periods: dict[tuple[str, str], m.Request] = {}
    told_w: dict[tuple[str, str, int], int] = {}
    reports: dict[tuple[str, str, int], m.Reading] = {}
    completed: set[tuple[str, str]] = set()
    for entry, message in _messages(trace):
        if entry.actor not in names:
            continue
        if isinstance(message, m.Request):
            periods[entry.actor, message.event_id] = message
        if isinstance(message, m.Award) and _accepted(entry):
            for slot, power_w in enumerate(message.power_w):
                key = entry.actor, message.event_id, slot
                if key in told_w:
                    told_w[key] = min(told_w[key], power_w)
        for effect in entry.effects:
            if isinstance(effect, Note) and effect.name == "controlling" and isinstance(message, m.Dispatch):
                period = periods[entry.actor, effect.event_id].interval_period
                in_time = entry.at <= period.slot_start(message.slot)
                told_w[entry.actor, effect.event_id, message.slot] = abs(message.power_w) if in_time else 0
            elif isinstance(effect, Note) and effect.name == "closed" and effect.data["outcome"] == "completed":
                completed.add((entry.actor, effect.event_id))
            elif isinstance(effect, Send) and isinstance(effect.message, m.Report):
                for reading in effect.message.readings:
                    reports[entry.actor, effect.message.event_id, reading.slot] = reading
    single, found = alone(trace) & completed, []
    for (who, event_id, slot), power_w in told_w.items():
        request, reading = periods[who, event_id], reports.get((who, event_id, slot))
        if (who, event_id) not in single or reading is None or reading.energy_wh is None or not power_w:
            continue
        hours = request.interval_period.duration.total_seconds() / 3600
        gave_wh = request.direction.sign * (reading.energy_wh - (reading.baseline_wh or 0))
        least_wh = power_w * hours * LEAST_PCT / 100 - ROUNDED_WH
        if gave_wh < least_wh:
            found.append(f"Q4: {who} gives {gave_wh} Wh in slot {slot} of {event_id}, told to give {least_wh:.0f}")
    return found


def led_on(trace: Sequence[Entry], names: Collection[str]) -> Iterator[str]:
    """A home that is led in a slot lets its devices go at once when its award is lowered to nothing there."""
    led_w: dict[tuple[str, str], dict[int, tuple[int, datetime]]] = {}
    periods: dict[tuple[str, str], m.IntervalPeriod] = {}
    for entry, message in _messages(trace):
        key = entry.actor, getattr(message, "event_id", "")
        if entry.actor not in names:
            continue
        notes = {effect.name for effect in entry.effects if isinstance(effect, Note)}
        if any(isinstance(effect, Send) and isinstance(effect.message, m.Withdraw) for effect in entry.effects):
            led_w.pop(key, None)  # it may have kept less than it was dispatched
        elif isinstance(message, m.Request):
            periods[key] = message.interval_period
        elif isinstance(message, m.Dispatch) and "controlling" in notes:
            if message.power_w and not any(isinstance(effect, Setpoint) for effect in entry.effects):
                continue  # it was told before, or is of what the home has withdrawn: nothing follows it
            over_at = periods[key].slot_start(message.slot + 1)
            led_w.setdefault(key, {})[message.slot] = abs(message.power_w), over_at
        elif isinstance(message, m.Award) and "standing_by" in notes:
            for slot, (power_w, over_at) in led_w.get(key, {}).items():
                if power_w and over_at > entry.at and not message.power_w[slot]:
                    if not any(isinstance(effect, Setpoint) for effect in entry.effects):
                        yield f"Q6: {entry.actor} is led on in slot {slot} of {key[1]} though nothing is awarded there"
                    led_w[key][slot] = 0, over_at


def _accepted(entry: Entry) -> bool:
    return any(isinstance(effect, Note) and effect.name == "standing_by" for effect in entry.effects)


def _above(entry: Entry, report: m.Report, request: m.Request, awarded_w: dict[int, int]) -> Iterator[str]:
    hours = request.interval_period.duration.total_seconds() / 3600
    for reading in report.readings:
        if reading.energy_wh is None or reading.baseline_wh is None or reading.slot not in awarded_w:
            continue
        told_wh = request.direction.sign * (reading.energy_wh - reading.baseline_wh)
        most_wh = awarded_w[reading.slot] * hours * MOST_PCT / 100 + ROUNDED_WH
        if told_wh > most_wh:
            yield f"Q3: {entry.actor} tells {told_wh} Wh of slot {reading.slot}, at most {most_wh:.0f} were awarded"


def _messages(trace: Sequence[Entry]) -> Iterator[tuple[Entry, object]]:
    for entry in trace:
        yield entry, getattr(entry.input, "message", None)
