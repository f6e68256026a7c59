"""Which homes a fleet speaks for: those of a daemon's file, of a scenario, or stand-ins for an aggregator's members."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from agents.drivers.registry import check_simulated
from agents.runtime.files.config import build_config, check_clock
from agents.runtime.files.scenario import build_scenario, find_scenario
from agents.runtime.files.toml import read_toml
from agents.runtime.journal.file import JournalFile
from agents.runtime.journal.journal import JournalError
from agents.settings.behaviour import Behaviour
from agents.settings.checked import ConfigError, checked
from agents.settings.daemon import (
    BrokerSettings,
    ClockSettings,
    ControlSettings,
    JournalSettings,
    MetricsSettings,
    SigningSettings,
)
from agents.settings.devices import Relaxation, VehicleSpec
from agents.settings.members import Member
from agents.settings.parties import DerSettings

S = TypeVar("S", bound=BaseModel)
STAND_IN_H = {"capacity_wh": 8, "soc_wh": 6, "departure_soc_wh": 3, "reserve_wh": 3}
"""A stand-in's vehicle, in hours of the power under contract: three hours to give, two more when it may loosen."""
LOOSENED_H = 1
STAY = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class HomesSource:
    """Homes, and where and when they live."""

    name: str
    homes: tuple[DerSettings, ...]
    broker: BrokerSettings = field(default_factory=BrokerSettings)
    clock: ClockSettings = field(default_factory=ClockSettings)
    journal: JournalSettings = field(default_factory=JournalSettings)
    control: ControlSettings = field(default_factory=ControlSettings)
    behaviours: Mapping[str, Behaviour] = field(default_factory=dict)
    """Homes that misbehave on purpose."""
    dated: bool = False
    """Whether the homes' dates were made from the instant of the start."""
    system: str | None = None
    """Whose journal it is, where two of this user are kept apart by name."""
    signing: SigningSettings = field(default_factory=SigningSettings)
    """Which parents sign their awards and dispatches: no others of theirs count."""
    metrics: MetricsSettings = field(default_factory=MetricsSettings)

    def of(self, under: str | None, count: int | None) -> "HomesSource":
        """Only the homes below one aggregator, and the first so many. Raises ConfigError."""
        homes, name = self.homes, self.name
        if under is not None:
            name, homes = f"fleet-{under}", tuple(home for home in homes if home.parent == under)
            if not homes:
                parents = ", ".join(dict.fromkeys(home.parent for home in self.homes))
                raise ConfigError(f"--under: no home is below {under}; there are homes below {parents}")
        if count is not None:
            if not 1 <= count <= len(homes):
                raise ConfigError(f"--homes: {count} is not between 1 and the {len(homes)} homes that there are")
            homes = homes[:count]
        return replace(self, name=name, homes=homes)

    @property
    def parents(self) -> tuple[str, ...]:
        """Their aggregators, in the homes' order."""
        return tuple(dict.fromkeys(home.parent for home in self.homes))


def load_source(
    path: Path, now: datetime, anchor_at: datetime | None = None, speed: float | None = None
) -> HomesSource:
    """The homes of a file. A scenario's devices begin at `now`, in real time; with `anchor_at` its own clock runs, from
    its start on, `speed` times as fast. Raises ConfigError, MembersError."""
    found = path if path.exists() else find_scenario(path)
    tables = read_toml(found)
    if "scenario" in tables:
        return _of_scenario(tables, found, now, anchor_at, speed)
    if anchor_at is not None or speed is not None:
        raise ConfigError(f"{found}: --anchor-at and --speed are for a scenario; a daemon's file has its [clock]")
    config = build_config(tables, found)
    if config.clock.wait:
        raise ConfigError(f"{found}: clock.wait: nobody can set a fleet's clock going")
    name = config.control.name or f"fleet-{found.stem}"
    if config.ders:
        check_simulated(config.ders, f"{found}")
        given = (config.broker, config.clock, config.journal, config.control, config.behaviours)
        return HomesSource(
            name, config.ders, *given, system=config.system, signing=config.signing, metrics=config.metrics
        )  # fmt: skip
    if config.aggregator is not None:
        ra = config.aggregator
        origin_at = config.clock.origin_at or now
        homes = tuple(stand_in(member, ra.name, origin_at) for member in ra.members if member.kind == "der")
        if homes:
            name = f"fleet-{ra.name}"
            return HomesSource(name, homes, config.broker, config.clock, dated=True, system=config.system)
    raise ConfigError(f"{found}: a scenario, [[ders]] or an [aggregator] with members is needed")


def _of_scenario(
    tables: dict[str, Any], path: Path, now: datetime, anchor_at: datetime | None, speed: float | None
) -> HomesSource:
    scenario = build_scenario(tables, str(path), path.parent)
    if not scenario.homes:
        raise ConfigError(f"{path}: homes: there are none")
    if anchor_at is None:
        if speed is not None:
            raise ConfigError("--speed: needs --anchor-at, the instant at which the scenario's clock was set going")
        homes, clock = tuple(moved(home, now - scenario.start_at) for home in scenario.homes), ClockSettings()
    else:
        homes, running = scenario.homes, scenario.speed if speed is None else speed
        given = {"origin_at": scenario.start_at, "anchor_at": anchor_at, "speed": running}
        clock = checked(ClockSettings, given, f"{path}: the clock")
        check_clock(clock, f"{path}: --anchor-at")
    name, dated = f"fleet-{scenario.name}", anchor_at is None
    return HomesSource(name, homes, clock=clock, behaviours=scenario.behaviours, dated=dated)


def as_stored(source: HomesSource, journal: Path) -> HomesSource:
    """The same homes with the dates that they had when their journal was begun. Raises JournalError."""
    configuration = JournalFile(journal).configuration() if source.dated and journal.exists() else None
    if configuration is None:
        return source
    if configuration.names() != tuple(home.name for home in source.homes):
        raise JournalError(f"{journal}: is of other homes: name another --journal, or move it away")
    return replace(source, homes=configuration.ders)


def moved(settings: S, by: timedelta) -> S:
    """The same with all instants later by so much."""
    changes: dict[str, object] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, datetime):
            changes[name] = (value + by).astimezone(UTC)
        elif isinstance(value, BaseModel):
            changes[name] = moved(value, by)
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            changes[name] = tuple(moved(one, by) for one in value)
    return settings.model_copy(update=changes)


def stand_in(member: Member, parent: str, now: datetime) -> DerSettings:
    """A home that can give what a contract says: one vehicle of that power, plugged in for a week."""
    most_w = max(1, member.increase_load_w, member.decrease_load_w)
    stored: dict[str, Any] = {key: hours * most_w for key, hours in STAND_IN_H.items()}
    spec = VehicleSpec(
        kind="vehicle",
        resource_id=next(iter(member.resources), f"{member.name}-vehicle"[-64:]),
        state_at=now,
        plugs_in_at=now,
        departs_at=now + STAY,
        max_charge_w=member.increase_load_w,
        max_discharge_w=member.decrease_load_w,
        relaxations=(Relaxation(restriction="reserve_soc", steps=(most_w * LOOSENED_H,)),)
        if member.relaxations
        else (),
        **stored,
    )
    return DerSettings(name=member.name, parent=parent, devices=(spec,))
