"""A scenario: a whole tree in one TOML file, for `gridpact up` and `gridpact simulate`."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from agents.settings.behaviour import Behaviour
from agents.settings.parties import AggregatorSettings, CoordinatorSettings, DerSettings, Settings, UtilitySettings
from agents.settings.plan import WEEKDAYS, Clock, Weekday
from protocol.units import Direction, Instant, Name, Percent, PowerW, TelemetrySeconds


class Outline(Settings):
    """[scenario]"""

    name: Name
    start_at: Instant
    ends_at: Instant
    """When `up` and `simulate` stop at the latest."""
    speed: Annotated[float, Field(gt=0, le=100_000)] = 60.0
    """How much faster than real time `up` runs."""
    seed: int = 0


class HomeTemplate(Settings):
    """[[homes]]: so many like homes; `{n}` in a text is the number of the home, from 1 on."""

    name: str
    parent: Name
    count: Annotated[int, Field(ge=1, le=100_000)] = 1
    devices: Annotated[tuple[dict[str, Any], ...], Field(min_length=1)]
    consent: str = "always"
    stored_rule: bool = True
    answers_within_s: int | None = None
    capability_every_s: int | None = None
    release_s: int = 0
    rebound_s: int | None = None
    relax_others: bool = False
    meter_to: tuple[Name, ...] | None = None
    """The utility, when nothing is said."""
    connection: dict[str, Any] | None = None
    behaviour: Behaviour = Behaviour.NORMAL
    merit: int = 0
    reliability_pct: Percent = 100
    answers_dispatch: bool = False
    """Whether its aggregator asks it to say at once that it has a dispatch. Where nothing is said, it does where messages are
    simulated to be lost."""
    telemetry_s: TelemetrySeconds | None = None
    """How often its aggregator asks it to tell inside a slot what has flowed so far, s."""
    profiles: bool = True
    """Whether its aggregator, where its ladder has the rung `plan`, asks it for more profiles than one."""


class DailyEvent(Settings):
    """[[daily_events]]: an event on every day (or on some days of the week), at a time on the clocks of a zone."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,48}$")]
    """With the day behind it, the event's id."""
    zone: str
    at: Clock
    days: Annotated[tuple[Weekday, ...], Field(min_length=1)] = WEEKDAYS
    issue_before_s: Annotated[int, Field(ge=60, le=7 * 86400)] = 2 * 3600
    direction: Direction
    slot_s: Annotated[int, Field(ge=60, le=86400)] = 1800
    power_w: Annotated[tuple[PowerW, ...], Field(min_length=1, max_length=336)]
    program_id: Name = "dr"


class ScenarioFile(Settings):
    scenario: Outline
    utility: dict[str, Any] = Field(default_factory=dict)
    coordinator: dict[str, Any]
    aggregators: Annotated[tuple[dict[str, Any], ...], Field(min_length=1)]
    homes: tuple[HomeTemplate, ...] = ()
    daily_events: tuple[DailyEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """All parties' settings."""

    name: str
    start_at: datetime
    ends_at: datetime
    speed: float
    seed: int
    utility: UtilitySettings
    coordinator: CoordinatorSettings
    aggregators: tuple[AggregatorSettings, ...]
    homes: tuple[DerSettings, ...]
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
