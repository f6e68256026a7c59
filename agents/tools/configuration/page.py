"""Writes the second half of docs/configuration.md: `python -m agents.tools.configuration.page docs/configuration.md`."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agents.devices.climate import ClimateSpec
from agents.runtime.files.scenario import build_scenario
from agents.runtime.files.toml_out import to_edited_toml
from agents.settings.connection import ConnectionPoint
from agents.settings.daemon import (
    BrokerSettings,
    ClockSettings,
    ControlSettings,
    DaemonConfig,
    JournalSettings,
    MetricsSettings,
    SigningSettings,
)
from agents.settings.devices import (
    LoadSpec,
    MeterSpec,
    Relaxation,
    SolarSpec,
    Spec,
    StorageSpec,
    TableStay,
    VehicleSpec,
)
from agents.settings.forecast import ForecastSettings
from agents.settings.learned import Learned
from agents.settings.members import Member
from agents.settings.parties import (
    AggregatorSettings,
    CoordinatorSettings,
    DerSettings,
    EventSettings,
    Payment,
    UtilitySettings,
)
from agents.settings.plan import ExceptionalDay, OwnersPlan, Vacation, WeeklyDeparture
from agents.settings.scenario import DailyEvent, HomeTemplate, Outline, ScenarioFile
from agents.tools.access.plan import AccessPlan
from agents.tools.configuration.keys import SettingsKey, keys_of
from agents.tools.setup.daemons import daemon_tables
from agents.tools.setup.moved import first_system

MARK = "<!-- From here on written by `make configuration`, from the models that read the files. -->"

TABLES: tuple[tuple[str, str, tuple[tuple[str, type[Any], type[Any] | None], ...]], ...] = (
    (
        "A daemon's file",
        "One file a daemon. Keys at its top stand above all tables.",
        (
            ("at the top", DaemonConfig, None),
            ("[broker]", BrokerSettings, None),
            ("[clock]", ClockSettings, None),
            ("[control]", ControlSettings, None),
            ("[journal]", JournalSettings, None),
            ("[metrics]", MetricsSettings, None),
            ("[signing]", SigningSettings, None),
        ),
    ),
    (
        "Parties",
        "The table of a daemon's role. In a scenario they are `[utility]`, `[coordinator]`, `[[aggregators]]`.",
        (
            ("[utility]", UtilitySettings, None),
            ("[[utility.events]]", EventSettings, None),
            ("[utility.forecast]", ForecastSettings, None),
            ("[coordinator]", CoordinatorSettings, None),
            ("[aggregator]", AggregatorSettings, None),
            ("[[members]]", Member, None),
            ("[[aggregator.learned]]", Learned, None),
            ("[[ders]]", DerSettings, None),
            ("[ders.connection]", ConnectionPoint, None),
            ("[ders.payment]", Payment, None),
        ),
    ),
    (
        "Devices",
        "`[[ders.devices]]`, in a scenario `[[homes.devices]]`; an aggregator's own storage is `[[aggregator.storage]]`.",
        (
            ("every device", Spec, None),
            ("meter", MeterSpec, None),
            ('kind = "vehicle"', VehicleSpec, Spec),
            ("relaxations", Relaxation, None),
            ("plan", OwnersPlan, None),
            ("plan.departures", WeeklyDeparture, None),
            ("plan.exceptions", ExceptionalDay, None),
            ("plan.vacations", Vacation, None),
            ("stays", TableStay, None),
            ('kind = "storage"', StorageSpec, Spec),
            ('kind = "solar"', SolarSpec, Spec),
            ('kind = "load"', LoadSpec, Spec),
            ('kind = "climate"', ClimateSpec, Spec),
        ),
    ),
    (
        "A scenario",
        "A whole tree in one file.",
        (
            ("the tables", ScenarioFile, None),
            ("[scenario]", Outline, None),
            ("[[homes]]", HomeTemplate, None),
            ("[[daily_events]]", DailyEvent, None),
        ),
    ),
    (
        "A broker's access.toml",
        "Written by `gridpact broker init`, read by `gridpact broker update`.",
        (("[access]", AccessPlan, None),),
    ),
)
BOOK = SettingsKey("members_file", "file", "-", "Instead of `members`: a file that holds them (TOML or CSV).")
HISTORY = "in a daemon's file: a CSV of what was metered, of which what is expected is made."
NAMED_FILES: dict[type[Any], tuple[SettingsKey, ...]] = {
    CoordinatorSettings: (BOOK,),
    AggregatorSettings: (BOOK,),
    UtilitySettings: (SettingsKey("forecast", "table", "-", "Of demand: a shortage or surplus becomes an event."),),
    SolarSpec: (SettingsKey("history_file", "file", "-", f"Instead of `forecast_w`, {HISTORY}"),),
    ConnectionPoint: (SettingsKey("history_file", "file", "-", f"Instead of `base_load_w`, {HISTORY}"),),
}
"""Keys that stand for what is read from a file before the models see it."""
EXAMPLES = {
    "utility-utility.toml": "A utility",
    "coordinator-ac.toml": "A coordinator",
    "books/ac.toml": "Its book of members",
    "aggregator-ra-2.toml": "An aggregator with storage of its own",
    "der-homes.toml": "Homes",
}
SHOWN_AT = datetime(2026, 1, 14, 8, 0, tzinfo=UTC)
FOLDER = Path("/srv/first")


def generated() -> str:
    """All of the page behind its mark."""
    return "\n".join(["", *_tables(), *_examples()])


def _tables() -> Iterator[str]:
    yield "## Every key\n"
    yield (
        "A key that is not here is refused, with the nearest one. The unit is said by the key's end. `needed`: there is "
        "no default; a dash: left out, it is not there.\n"
    )
    for title, text, tables in TABLES:
        yield f"### {title}: keys\n\n{text}\n"
        for name, model, but in tables:
            yield f"#### {name}\n"
            yield "| key | takes | default | |\n|---|---|---|---|"
            for key in (*keys_of(model, but), *NAMED_FILES.get(model, ())):
                means = key.means.replace("|", "\\|")
                yield f"| `{key.name}` | {key.takes} | {key.default} | {means} |"
            yield ""


def _examples() -> Iterator[str]:
    yield "## An example of each role's file\n"
    yield "What `gridpact init /srv/first` writes, with one home of each sort.\n"
    for name, tables in example_files().items():
        yield f"{EXAMPLES[name]}, `{name}`:\n\n```toml\n{to_edited_toml(tables)}```\n"


def example_files() -> dict[str, dict[str, Any]]:
    """By file, below the folder: the tables of the examples."""
    given = first_system(SHOWN_AT, "Europe/Oslo")
    for home in given["homes"]:
        home["count"] = 1
    scenario = build_scenario(given, "the examples")
    files = daemon_tables(scenario, "first", FOLDER, {"host": "127.0.0.1", "port": 8883})
    return {name: files[name] for name in EXAMPLES}


def page(before: str) -> str:
    """The whole page: what people wrote above the mark, and what is made below it."""
    return f"{before.partition(MARK)[0]}{MARK}\n{generated()}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")
