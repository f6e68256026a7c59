"""The physical truth of a simulated run: what owners had when they left, and what their devices were told to do."""

from collections.abc import Collection, Iterator, Sequence

from agents.drivers.simulated import SimulatedDriver, VehiclePhysics
from agents.settings.devices import DeviceSpec, StorageSpec, VehicleSpec
from agents.settings.parties import DerSettings
from broker.simulation import Simulation
from protocol import messages as m
from protocol.actor import Entry, Send, Setpoint

ROUNDED_WH = 3
"""Set-points are whole W, and meters whole Wh."""
MOST_PCT = 105
"""Of what was awarded in a slot: more was not asked for."""


def violations(homes: Sequence[DerSettings], simulation: Simulation) -> list[str]:
    """Each broken promise in one sentence; it lets the simulated devices live on until their owners leave."""
    specs = {spec.resource_id: spec for home in homes for spec in home.devices}
    found = setpoints(specs, simulation.trace)
    found += more_than_awarded(simulation.trace, {home.name for home in homes if not _has_least_power(home)})
    for home in homes:
        drivers = simulation.nodes[home.name].stepper.drivers
        found += [text for spec in home.devices if (text := left_short(spec, drivers[spec.resource_id]))]
    return found


def left_short(spec: DeviceSpec, driver: object) -> str:
    """Whether a vehicle left with less than its owner agreed to, though it would have had it without us."""
    if not isinstance(spec, VehicleSpec) or spec.plan is not None or not isinstance(driver, SimulatedDriver):
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
        case _:
            return ""
    return "" if least <= power_w <= most else f"outside {least} and {most}"


def _has_least_power(home: DerSettings) -> bool:
    """Its charger rounds what it is awarded."""
    return any(isinstance(spec, VehicleSpec) and spec.min_power_w for spec in home.devices)


def more_than_awarded(trace: Sequence[Entry], names: Collection[str]) -> list[str]:
    """The report of one of these homes tells no more of a slot than the most that it was ever awarded there."""
    periods: dict[tuple[str, str], m.Request] = {}
    awarded: dict[tuple[str, str], dict[int, int]] = {}
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
        for effect in entry.effects:
            if isinstance(effect, Send) and isinstance(effect.message, m.Report) and effect.edge.child == entry.actor:
                key = entry.actor, effect.message.event_id
                if key in periods and key in awarded:
                    found += _above(entry, effect.message, periods[key], awarded[key])
    return found


def _above(entry: Entry, report: m.Report, request: m.Request, awarded_w: dict[int, int]) -> Iterator[str]:
    hours = request.interval_period.duration.total_seconds() / 3600
    for reading in report.readings:
        if reading.energy_wh is None or reading.baseline_wh is None:
            continue
        told_wh = request.direction.sign * (reading.energy_wh - reading.baseline_wh)
        most_wh = awarded_w.get(reading.slot, 0) * hours * MOST_PCT / 100 + ROUNDED_WH
        if told_wh > most_wh:
            yield f"Q3: {entry.actor} tells {told_wh} Wh of slot {reading.slot}, at most {most_wh:.0f} were awarded"


def _messages(trace: Sequence[Entry]) -> Iterator[tuple[Entry, object]]:
    for entry in trace:
        yield entry, getattr(entry.input, "message", None)
