"""Reads a scenario: homes are templates, and what can be derived is derived: an aggregator's book of members from its
homes, the coordinator's from its aggregators, the parties whose meters the utility hears."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib.resources import files
from math import ceil
from pathlib import Path
from typing import Any

from agents.devices.catalogue import build_device
from agents.drivers.registry import check_simulated
from agents.negotiation.grace import AGGREGATE_S, HOP_S, ReportGrace
from agents.negotiation.plans.timing import most_collecting_pct, time_needed
from agents.runtime.files.daily import daily
from agents.runtime.files.included import included
from agents.runtime.files.metered import KEY as HISTORY
from agents.runtime.files.metered import home_with_history
from agents.runtime.files.plans import with_departure
from agents.runtime.files.toml import read_toml
from agents.runtime.policies import chosen
from agents.settings.behaviour import Behaviour
from agents.settings.checked import ConfigError, checked, known
from agents.settings.contradictions import one_home_each
from agents.settings.kinds import kind_of, other_kinds
from agents.settings.members import LONGEST_ANSWER_S, Member, Members
from agents.settings.parties import AggregatorSettings, CoordinatorSettings, DerSettings, Rung, UtilitySettings
from agents.settings.scenario import HomeTemplate, Scenario, ScenarioFile
from agents.settings.tree import tree_mistakes
from protocol.messages import ResourceKind, Restriction
from protocol.units import Direction

AT_START = {
    "vehicle": ("state_at", "plugs_in_at"),
    "storage": ("state_at",),
    "solar": ("forecast_at",),
    "load": ("state_at",),
}
"""Instants of a device that are the scenario's start when they are not given."""


def load_scenario(path: Path, lossy: bool = False) -> Scenario:
    """The scenario in a file, or a shipped one by its name. `lossy`: it is played where messages are lost. Raises
    ConfigError."""
    found = find_scenario(path)
    return build_scenario(read_toml(found), str(found), found.parent, lossy)


def find_scenario(path: Path) -> Path:
    """The file itself; else the shipped one of that name (`evening_peak`). Raises ConfigError."""
    if path.exists():
        return path
    shipped = [Path(str(files("agents") / "examples")), Path(str(files("agents"))).parent / "examples"]
    for folder in shipped:
        candidate = folder / f"{path.stem}.toml"
        if path.parent in (Path(), Path("examples")) and candidate.exists():
            return candidate
    names = sorted({file.stem for folder in shipped if folder.is_dir() for file in folder.glob("*.toml")})
    raise ConfigError(f"{path}: there is no such file; shipped scenarios: {', '.join(names) or 'none'}")


def build_scenario(data: dict[str, Any], where: str, folder: Path = Path(), lossy: bool = False) -> Scenario:
    """The scenario of some tables; `where` names their file, `folder` is where files that it names lie. `lossy`: homes are
    asked to say that they have a dispatch, where nothing is said of that.

    Raises ConfigError.
    """
    file = checked(ScenarioFile, data, where)
    outline = file.scenario
    if outline.ends_at <= outline.start_at:
        raise ConfigError(f"{where}: scenario.ends_at: has to lie after scenario.start_at")
    utility_name = str(file.utility.get("name", "utility"))
    homes, members, behaviours = _homes(file, utility_name, where, folder, _planning(file), lossy)
    aggregators = _aggregators(file, members, where, folder)
    above = file.coordinator.get("name", "ac")
    below = [_as_member(ra, f"{where}: aggregators") for ra in aggregators if ra.parent == above]
    if not below:
        raise ConfigError(f"{where}: aggregators: none of them has the coordinator as its parent")
    coordinator_given = {"name": "ac", "parent": utility_name, "members": below} | file.coordinator
    coordinator = checked(CoordinatorSettings, coordinator_given, f"{where}: coordinator")
    chosen(coordinator, f"{where}: coordinator")
    metered: list[DerSettings | AggregatorSettings] = [*homes, *aggregators]
    meters = tuple(one.name for one in metered if utility_name in one.meter_to)
    utility = _utility(file, {"children": (coordinator.name,), "meters": meters}, where, folder)
    _check_names(utility, coordinator, aggregators, homes, where)
    scenario = Scenario(
        outline.name,
        outline.start_at,
        outline.ends_at,
        outline.speed,
        outline.seed,
        utility,
        coordinator,
        aggregators,
        homes,
        behaviours,
    )
    check_simulated((*aggregators, *homes), where)
    for mistake in tree_mistakes(scenario):
        raise ConfigError(f"{where}: {mistake}")
    return scenario


def _utility(file: ScenarioFile, below: dict[str, Any], where: str, folder: Path) -> UtilitySettings:
    """The utility above these coordinators and meters. Raises ConfigError."""
    given = below | included(file.utility, folder, f"{where}: utility")
    if file.daily_events:
        days = daily(file.daily_events, file.scenario.start_at, file.scenario.ends_at, where)
        given["events"] = [*given.get("events", ()), *days]
        if not given["events"]:
            raise ConfigError(f"{where}: daily_events: none is issued, and over, between start_at and ends_at")
    utility = checked(UtilitySettings, given, f"{where}: utility")
    chosen(utility, f"{where}: utility")
    return utility


def _check_names(
    utility: UtilitySettings,
    coordinator: CoordinatorSettings,
    aggregators: Sequence[AggregatorSettings],
    homes: Sequence[DerSettings],
    where: str,
) -> None:
    """Whether each name is one party's, and homes are below aggregators. Raises ConfigError."""
    names = [utility.name, coordinator.name, *(ra.name for ra in aggregators), *(home.name for home in homes)]
    for name, times in Counter(names).items():
        if times > 1:
            raise ConfigError(f"{where}: {name}: {times} parties have this name")
    parents = {ra.name for ra in aggregators}
    for home in homes:
        if home.parent not in parents:
            raise ConfigError(f"{where}: homes: {home.name} has the parent {home.parent}, which is no aggregator")


def _homes(
    file: ScenarioFile, utility: str, where: str, folder: Path, planning: set[str], lossy: bool
) -> tuple[tuple[DerSettings, ...], dict[str, list[Member]], dict[str, Behaviour]]:
    homes: list[DerSettings] = []
    members: dict[str, list[Member]] = {}
    behaviours: dict[str, Behaviour] = {}
    for index, template in enumerate(file.homes):
        place = f"{where}: homes[{index}]"
        if template.count > 1 and "{n}" not in template.name:
            raise ConfigError(f"{place}.name: needs {{n}}, as there are {template.count} of them")
        start_at = file.scenario.start_at
        devices = {"devices": list(template.devices), "connection": template.connection}
        own_files = _has_files_of_its_own(devices)
        alike = _alike(template) and not own_files
        if not own_files:
            devices = _lived_in(devices, start_at, folder, place)
        for number in range(1, template.count + 1):
            given = {
                "name": template.name,
                "parent": template.parent,
                "consent": template.consent,
                "stored_rule": template.stored_rule,
                "answers_within_s": template.answers_within_s,
                "capability_every_s": template.capability_every_s,
                "release_s": template.release_s,
                "rebound_s": template.rebound_s,
                "relax_others": template.relax_others,
                "meter_to": (utility,) if template.meter_to is None else template.meter_to,
                **(_lived_in(_numbered(devices, number), start_at, folder, place) if own_files else devices),
            }
            home = (known if alike and number > 1 else checked)(DerSettings, _numbered(given, number), place)
            homes.append(home)
            member = contract(
                home,
                template.merit,
                template.reliability_pct,
                place,
                template.answers_dispatch or (lossy and "answers_dispatch" not in template.model_fields_set),
                template.profiles and home.parent in planning,
                template.telemetry_s,
            )
            members.setdefault(home.parent, []).append(member)
            if template.behaviour is not Behaviour.NORMAL:
                behaviours[home.name] = template.behaviour
    for mistake in one_home_each("homes", homes):
        raise ConfigError(f"{where}: {mistake}")
    return tuple(homes), members, behaviours


def _lived_in(devices: dict[str, Any], start_at: datetime, folder: Path, where: str) -> dict[str, Any]:
    """A home's devices and its connection point, with what their histories and plans say and the instants that are not
    given. Raises ConfigError."""
    found: dict[str, Any] = home_with_history(devices, folder, where)
    dated = [_dated(device, start_at) for device in found["devices"]]
    dated = [with_departure(device, f"{where}.devices[{at}]") for at, device in enumerate(dated)]
    return {**found, "devices": dated}


def _has_files_of_its_own(devices: dict[str, Any]) -> bool:
    """Whether each home of a template has a history of its own."""
    tables = [*devices["devices"], devices["connection"] or {}]
    return any("{n}" in str(table.get(HISTORY, "")) for table in tables)


def _planning(file: ScenarioFile) -> set[str]:
    """The aggregators whose ladder, where it is a list at all, has the rung `plan`."""
    usual = AggregatorSettings.model_fields["ladder"].default
    ladders = {str(table.get("name")): table.get("ladder", usual) for table in file.aggregators}
    return {name for name, ladder in ladders.items() if isinstance(ladder, list | tuple) and Rung.PLAN in ladder}


def _alike(template: HomeTemplate) -> bool:
    """Whether its homes differ by nothing but the ids of their devices: then one stands for all."""
    return not any("{n}" in repr({**device, "resource_id": ""}) for device in template.devices)


def _aggregators(
    file: ScenarioFile, members: dict[str, list[Member]], where: str, folder: Path
) -> tuple[AggregatorSettings, ...]:
    """Built from the lowest tier up, as the book of an aggregator of aggregators needs those below it."""
    for index, table in enumerate(file.aggregators):
        if "name" not in table:
            raise ConfigError(f"{where}: aggregators[{index}]: name: is missing")
    waiting = dict(enumerate(file.aggregators))
    built: dict[int, AggregatorSettings] = {}
    while waiting:
        parents = {str(table.get("parent")) for table in waiting.values()}
        ready = [index for index, table in waiting.items() if str(table.get("name")) not in parents]
        if not ready:
            raise ConfigError(f"{where}: aggregators: they are each other's parents")
        for index in ready:
            table = waiting.pop(index)
            included_table = included(table, folder, f"{where}: aggregators[{index}]")
            given = {"parent": str(file.coordinator.get("name", "ac")), **included_table}
            given.setdefault("members", members.get(str(table.get("name")), []))
            if isinstance(own := table.get("storage", []), list):
                given["storage"] = [_battery(battery, file.scenario.start_at) for battery in own]
            place = f"{where}: aggregators[{index}]"
            settings = built[index] = checked(AggregatorSettings, given, place)
            chosen(settings, place)
            members.setdefault(settings.parent, []).append(_as_member(settings, place))
    return tuple(built[index] for index in range(len(file.aggregators)))


def _battery(own: Any, start_at: datetime) -> Any:
    """An aggregator's own storage; what is no table is left to the model."""
    return _dated({"kind": "storage", **own}, start_at) if isinstance(own, dict) else own


def _dated(device: dict[str, Any], start_at: datetime) -> dict[str, Any]:
    kind = str(device.get("kind"))
    keys = kind_of(kind).at_start if kind in other_kinds() else AT_START.get(kind, ())
    dated: dict[str, Any] = dict.fromkeys(keys, start_at) | device
    if isinstance(dated.get("battery"), dict):
        battery = {"kind": "storage", "resource_id": f"{dated.get('resource_id')}-battery", **dated["battery"]}
        dated["battery"] = _dated(battery, start_at)
    return dated


def _numbered(value: Any, number: int) -> Any:
    """`{n}` in every text replaced by the number."""
    if isinstance(value, str):
        return value.replace("{n}", str(number))
    if isinstance(value, dict):
        return {key: _numbered(item, number) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_numbered(item, number) for item in value]
    return value


# -- contracts from what is installed


def contract(
    home: DerSettings,
    merit: int = 0,
    reliability_pct: int = 100,
    where: str = "contract",
    answers_dispatch: bool = False,
    profiles: bool = False,
    telemetry_s: int | None = None,
) -> Member:
    """The contract with a home: the rated power of its devices, and what its owner agreed to loosen. Raises
    ConfigError."""
    devices = [build_device(spec) for spec in home.devices]
    asked = [device for device in devices if home.relax_others or device.kind is ResourceKind.VEHICLE]
    loosened = dict.fromkeys(restriction for device in asked for restriction in device.relaxable)
    increase_w = sum(device.capacity_w(Direction.INCREASE_LOAD) for device in devices)
    if home.connection is not None:
        increase_w = min(increase_w, home.connection.import_limit_w)
    given = {
        "name": home.name,
        "resources": tuple(device.resource_id for device in home.devices),
        "increase_load_w": increase_w,
        "decrease_load_w": sum(device.capacity_w(Direction.DECREASE_LOAD) for device in devices),
        "merit": merit,
        "reliability_pct": reliability_pct,
        "relaxations": tuple(loosened),
        "least_w": min(getattr(spec, "min_power_w", 0) for spec in home.devices),
        "answers_within_s": home.answers_within_s,
        "answers_dispatch": answers_dispatch,
        "profiles": profiles,
        "telemetry_s": telemetry_s,
    }
    return known(Member, given, where)


def _as_member(settings: AggregatorSettings, where: str) -> Member:
    """What an aggregator is to the party above it: the sum of its contracts and its own storage. Raises ConfigError."""
    both = {}
    for direction in Direction:
        below = sum(member.capacity_w(direction) for member in settings.members)
        own_w = sum(build_device(own).capacity_w(direction) for own in settings.storage)
        if settings.connection is not None and direction is Direction.INCREASE_LOAD:
            own_w = min(own_w, settings.connection.import_limit_w)
        both[direction] = below + own_w
    given = {
        "name": settings.name,
        "kind": "aggregator",
        "resources": (settings.name,),
        "increase_load_w": both[Direction.INCREASE_LOAD],
        "decrease_load_w": both[Direction.DECREASE_LOAD],
        "relaxations": _relaxed_from_above(settings),
        "answers_within_s": _answers_within_s(settings),
        "profiles": Rung.PLAN in settings.ladder,
    }
    within = ReportGrace.of(settings.report_grace_s, Members(members=settings.members)).whole
    if within > timedelta(seconds=AGGREGATE_S + HOP_S):  # what its parent does not assume by itself
        given["reports_within_s"] = int(within.total_seconds())
    return known(Member, given, where)


def _answers_within_s(settings: AggregatorSettings) -> int | None:
    """What an aggregator needs so that the slowest of its members can answer: all but what it keeps for its other rungs."""
    slowest = max((member.answers_within_s or 0 for member in settings.members), default=0)
    if not slowest:
        return None
    needed_s = time_needed(slowest).total_seconds() * 100 / most_collecting_pct(settings)
    return min(ceil(needed_s), LONGEST_ANSWER_S)


def _relaxed_from_above(settings: AggregatorSettings) -> tuple[Restriction, ...]:
    """What an aggregator's members agreed to loosen, where it keeps that rung for its parent."""
    if not settings.relax_from_above or Rung.RELAX not in settings.ladder:
        return ()
    return tuple(dict.fromkeys(loosened for member in settings.members for loosened in member.relaxations))
