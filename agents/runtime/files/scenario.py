"""Reads a scenario: homes are templates, and what can be derived is derived: an aggregator's book of members from its
homes, the coordinator's from its aggregators, the parties whose meters the utility hears."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from agents.drivers.registry import check_simulated
from agents.runtime.files.daily import daily
from agents.runtime.files.derived_contracts import as_member
from agents.runtime.files.home_templates import built_homes, dated
from agents.runtime.files.included import included
from agents.runtime.files.toml import read_toml
from agents.runtime.policies import chosen
from agents.settings.checked import ConfigError, checked
from agents.settings.members import Member
from agents.settings.parties import AggregatorSettings, CoordinatorSettings, DerSettings, Rung, UtilitySettings
from agents.settings.scenario import Scenario, ScenarioFile
from agents.settings.tree import tree_mistakes


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
    homes, members, behaviours = built_homes(file, utility_name, where, folder, _planning(file), lossy)
    aggregators = _aggregators(file, members, where, folder)
    above = file.coordinator.get("name", "ac")
    below = [as_member(ra, f"{where}: aggregators") for ra in aggregators if ra.parent == above]
    if not below:
        raise ConfigError(f"{where}: aggregators: none of them has the coordinator as its parent")
    coordinator_given = {"name": "ac", "parent": utility_name, "members": below} | file.coordinator
    coordinator = checked(CoordinatorSettings, coordinator_given, f"{where}: coordinator")
    chosen(coordinator, f"{where}: coordinator")
    metered: list[DerSettings | AggregatorSettings] = [*homes, *aggregators]
    meters = tuple(dict.fromkeys(one.name for one in metered if utility_name in one.meter_to))
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
            members.setdefault(settings.parent, []).append(as_member(settings, place))
    return tuple(built[index] for index in range(len(file.aggregators)))


def _battery(own: Any, start_at: datetime) -> Any:
    """An aggregator's own storage; what is no table is left to the model."""
    return dated({"kind": "storage", **own}, start_at) if isinstance(own, dict) else own


def _planning(file: ScenarioFile) -> set[str]:
    """The aggregators whose ladder, where it is a list at all, has the rung `plan`."""
    usual = AggregatorSettings.model_fields["ladder"].default
    ladders = {str(table.get("name")): table.get("ladder", usual) for table in file.aggregators}
    return {name for name, ladder in ladders.items() if isinstance(ladder, list | tuple) and Rung.PLAN in ladder}
