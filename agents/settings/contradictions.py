"""What may not stand together in settings, model by model.

The models themselves take it, because journals and recordings of earlier versions may hold it and have to stay
readable; it is looked for where users' files come in (`checked`). A model of another package registers its own rules:
`@contradictions.register`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from functools import singledispatch
from itertools import pairwise
from typing import Any

from agents.settings.connection import ConnectionPoint
from agents.settings.daemon import BrokerSettings, DaemonConfig, MetricsSettings
from agents.settings.devices import (
    DeviceSpec,
    LoadSpec,
    SolarSpec,
    StorageSpec,
    VehicleSpec,
)
from agents.settings.hosts import host_mistake
from agents.settings.members import twice_claimed
from agents.settings.mistakes import LONGEST_S, Mistake
from agents.settings.parties import (
    AggregatorSettings,
    CoordinatorSettings,
    DerSettings,
    EventSettings,
    PartySettings,
    UtilitySettings,
)
from agents.settings.plan import plan_mistakes
from agents.settings.relaxations import relaxation_mistakes
from agents.settings.scenario import DailyEvent
from protocol.units import MAX_PLAN

LEAST_LASTS_S, MOST_LASTS_H = 60, 1_000
"""For how long a store lasts at its greatest power: outside of that one of both is in another unit."""
LEAST_IMPORT_W = 100
"""Of a connection that lets anything through: below that it is in another unit."""


@singledispatch
def contradictions(made: object) -> Iterator[Mistake]:
    """What a model says that cannot be meant together, by key; nothing for a model without rules."""
    return iter(())


# -- devices


@contradictions.register
def _vehicle(spec: VehicleSpec) -> Iterator[Mistake]:
    if spec.max_charge_w:
        yield from _above(spec, "min_power_w", "max_charge_w")
        gain_w = spec.max_charge_w * spec.charge_efficiency_pct / 100
        if spec.standby_w >= gain_w:
            yield Mistake("standby_w", f"{spec.standby_w} is not below what charging brings ({gain_w:.0f} W)")
    if spec.max_discharge_w:
        yield from _above(spec, "min_power_w", "max_discharge_w")
    if spec.state_at >= spec.departs_at:
        yield Mistake(
            "state_at", f"{spec.state_at:%Y-%m-%dT%H:%MZ} is not before departs_at, {spec.departs_at:%Y-%m-%dT%H:%MZ}"
        )
    yield from _power(spec, "capacity_wh", "max_charge_w", "max_discharge_w")
    yield from relaxation_mistakes(spec)
    if spec.charging != "at_once" and (spec.relay_ops_left is not None or spec.relay_ops_a_day is not None):
        text = f"{spec.charging} takes no limit of relay operations: nobody counts those of its own schedule"
        yield Mistake("charging", text)
    for earlier, later in pairwise(spec.stays):
        if later.plugs_in_at < earlier.departs_at:
            yield Mistake(
                "stays", f"the one from {later.plugs_in_at:%Y-%m-%dT%H:%MZ} on begins before the last one ends"
            )
    for one in spec.stays:
        if one.departs_at <= one.plugs_in_at or max(one.arrives_wh, one.soc_wh or 0) > spec.capacity_wh:
            at = f"{one.plugs_in_at:%Y-%m-%dT%H:%MZ}"
            yield Mistake("stays", f"the one from {at} on ends before it begins, or has more than capacity_wh")
    first = spec.stays[0] if spec.stays else None
    if first is not None and (first.plugs_in_at, first.departs_at) != (spec.plugs_in_at, spec.departs_at):
        at = f"{first.plugs_in_at:%Y-%m-%dT%H:%M:%SZ} to {first.departs_at:%Y-%m-%dT%H:%M:%SZ}"
        yield Mistake("stays", f"the first one, {at}, is not that of plugs_in_at and departs_at")
    if spec.stays and spec.plan is not None:
        yield Mistake("stays", "and a plan both say when it departs: leave one out")
    if spec.plan is not None:
        yield from (mistake.below(("plan",)) for mistake in plan_mistakes(spec.plan, spec.capacity_wh))


@contradictions.register
def _storage(spec: StorageSpec) -> Iterator[Mistake]:
    yield from _above(spec, "soc_wh", "capacity_wh")
    yield from _above(spec, "reserve_wh", "capacity_wh")
    yield from _power(spec, "capacity_wh", "max_charge_w", "max_discharge_w")


@contradictions.register
def _load(spec: LoadSpec) -> Iterator[Mistake]:
    yield from _above(spec, "schedule_w", "rated_w")
    yield from _above(spec, "level_wh", "store_wh")
    yield from _above(spec, "least_wh", "level_wh")
    yield from _power(spec, "store_wh", "rated_w")


@contradictions.register
def _solar(spec: SolarSpec) -> Iterator[Mistake]:
    if spec.battery is not None and spec.battery.resource_id == spec.resource_id:
        yield Mistake("battery.resource_id", f"{spec.resource_id} is the plant itself")


def _above(spec: DeviceSpec, lower: str, upper: str) -> Iterator[Mistake]:
    value, most = getattr(spec, lower), getattr(spec, upper)
    if value > most:
        yield Mistake(lower, f"{value} is above {upper} ({most})")


def _power(spec: DeviceSpec, store: str, *powers: str) -> Iterator[Mistake]:
    """A device that can do nothing, or with a store that does not fit its power by orders of magnitude."""
    power_w, energy_wh = max(getattr(spec, key) for key in powers), getattr(spec, store)
    if power_w == 0:
        yield Mistake(
            powers[0], f"{' and '.join(powers)} {'are both' if len(powers) > 1 else 'is'} 0: it can do nothing"
        )
    elif energy_wh * 3600 < power_w * LEAST_LASTS_S:
        yield Mistake(store, f"{energy_wh} Wh last {energy_wh * 3600 / power_w:.0f} s at {power_w} W: is it in kWh?")
    elif energy_wh >= power_w * MOST_LASTS_H:
        yield Mistake(powers[0], f"{power_w} W need {energy_wh // power_w} h for {energy_wh} Wh: is it in kW?")


# -- parties


@contradictions.register
def _home(home: DerSettings) -> Iterator[Mistake]:
    yield from _own_parent(home)
    yield from _twice("meter_to", home.meter_to)
    yield from _twice("devices", resources(home), "resource_id ")
    yield from _following_pv(home)
    yield from _in_other_units(home.connection)


def _in_other_units(point: ConnectionPoint | None) -> Iterator[Mistake]:
    if point is not None and 0 < point.import_limit_w < LEAST_IMPORT_W:
        text = f"{point.import_limit_w} W are less than any connection lets through: is it in kW?"
        yield Mistake("connection.import_limit_w", text)


def _following_pv(home: DerSettings) -> Iterator[Mistake]:
    """Vehicles that charge from a surplus that is not there, or that another one takes, too."""
    following = [
        (place, spec.resource_id)
        for place, spec in enumerate(home.devices)
        if isinstance(spec, VehicleSpec) and spec.charging == "follow_pv"
    ]
    has_plant = any(isinstance(spec, SolarSpec) for spec in home.devices)
    for place, name in following:
        key = f"devices[{place}].charging"
        if not has_plant:
            yield Mistake(key, f"follow_pv needs a solar plant among the devices of {home.name}: add it, or take late")
        elif name != following[0][1]:
            yield Mistake(
                key, f"{following[0][1]} follows the surplus of {home.name} already: take late or at_once here"
            )


@contradictions.register
def _aggregator(ra: AggregatorSettings) -> Iterator[Mistake]:
    yield from _own_parent(ra)
    yield from _twice("meter_to", ra.meter_to)
    yield from _twice("ladder", ra.ladder)
    yield from _twice("relax_restrictions", ra.relax_restrictions)
    yield from _book(ra)
    if ra.connection is not None and not ra.storage:
        yield Mistake("connection", "is that of its own storage, and there is none")
    yield from _in_other_units(ra.connection)
    own = [battery.resource_id for battery in ra.storage]
    yield from _twice("storage", own, "resource_id ")
    claimed = {resource: member.name for member in ra.members for resource in member.resources}
    yield from (
        Mistake("storage", f"resource_id {name} is claimed by {claimed[name]}, too") for name in own if name in claimed
    )


@contradictions.register
def _coordinator(ac: CoordinatorSettings) -> Iterator[Mistake]:
    yield from _own_parent(ac)
    yield from _book(ac)


@contradictions.register
def _utility(utility: UtilitySettings) -> Iterator[Mistake]:
    yield from _twice("children", utility.children)
    yield from _twice("meters", utility.meters)
    yield from _twice("events", [event.event_id for event in utility.events], "event_id ")
    if utility.name in utility.children:
        yield Mistake("children", f"{utility.name} is the utility itself")


@contradictions.register
def _event(event: EventSettings) -> Iterator[Mistake]:
    if event.start <= event.issue_at:
        yield Mistake("start", f"{event.start:%Y-%m-%dT%H:%MZ} is not after issue_at, {event.issue_at:%Y-%m-%dT%H:%MZ}")
    elif event.start - event.issue_at > timedelta(seconds=LONGEST_S):
        days = (event.start - event.issue_at).days
        yield Mistake(
            "start", f"{event.start:%Y-%m-%d} lies {days} days after the event is issued: is it the right year?"
        )
    if not any(event.power_w):
        yield Mistake("power_w", "asks for nothing in any slot")


@contradictions.register
def _daily(event: DailyEvent) -> Iterator[Mistake]:
    if not any(event.power_w):
        yield Mistake("power_w", "asks for nothing in any slot")
    if timedelta(seconds=event.slot_s) * len(event.power_w) > MAX_PLAN:
        yield Mistake("power_w", f"all slots together last at most {MAX_PLAN.days} days")


def _own_parent(party: DerSettings | AggregatorSettings | CoordinatorSettings) -> Iterator[Mistake]:
    if party.name == party.parent:
        yield Mistake("parent", f"{party.parent} is the party itself")


def _book(party: AggregatorSettings | CoordinatorSettings) -> Iterator[Mistake]:
    text = twice_claimed(party.members)
    if text is not None:
        yield Mistake("members", text)
    elif any(member.name == party.name for member in party.members):
        yield Mistake("members", f"{party.name} is the party itself")


# -- processes


@contradictions.register
def _daemon(config: DaemonConfig) -> Iterator[Mistake]:
    yield from _twice("ders", [home.name for home in config.ders])
    yield from one_home_each("ders", config.ders)
    names = config.parties().names()
    yield from (
        Mistake(f"behaviours.{name}", "no party of this file has this name")
        for name in config.behaviours
        if name not in names
    )
    above = {name for party in config.parties().each() for name in _parents_of(party)}
    yield from (
        Mistake(f"signing.parents.{name}", f"no party of this file is below it; above are: {', '.join(sorted(above))}")
        for name in config.signing.parents
        if name not in above
    )


def _parents_of(party: PartySettings) -> tuple[str, ...]:
    match party:
        case UtilitySettings():
            return ()
        case CoordinatorSettings():
            return (party.parent,)
    return (party.parent, *party.meter_to)


@contradictions.register(BrokerSettings)
@contradictions.register(MetricsSettings)
def _host(settings: BrokerSettings | MetricsSettings) -> Iterator[Mistake]:
    if mistake := host_mistake(settings.host):
        yield Mistake("host", mistake)
    if isinstance(settings, BrokerSettings):
        for number, (host, _) in enumerate(settings.places()):
            if mistake := host_mistake(host):
                yield Mistake(f"addresses[{number}]", mistake)


def resources(home: DerSettings) -> list[str]:
    """The ids of all that stands in a home, the batteries of solar plants included."""
    batteries = [spec.battery for spec in home.devices if isinstance(spec, SolarSpec) and spec.battery is not None]
    return [spec.resource_id for spec in (*home.devices, *batteries)]


def one_home_each(key: str, homes: Iterable[DerSettings]) -> Iterator[Mistake]:
    """A device stands in one home only, and there once."""
    owners: dict[str, str] = {}
    for home in homes:
        for resource in resources(home):
            owner = owners.get(resource)
            if owner is not None:
                again = f"in {owner} and in {home.name}" if owner != home.name else f"twice in {owner}"
                yield Mistake(key, f"resource_id {resource} stands {again}")
            owners[resource] = home.name


def _twice(key: str, values: Sequence[Any], what: str = "") -> Iterator[Mistake]:
    for value, times in Counter(values).items():
        if times > 1:
            yield Mistake(key, f"{what}{value} stands {'twice' if times == 2 else f'{times} times'}")
