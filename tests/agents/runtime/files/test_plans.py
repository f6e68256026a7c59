"""A vehicle's plan in a file: its first departure is found, and a zone that there is not is one sentence."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agents.runtime.files.config import build_config
from agents.runtime.files.plans import homes_with_departures, with_departure
from agents.runtime.files.scenario import load_scenario
from agents.runtime.files.toml_out import to_toml
from agents.settings.checked import ConfigError
from agents.settings.daemon import DaemonConfig

NIGHT = datetime(2026, 1, 13, 22, tzinfo=UTC)


def car(zone: str = "Asia/Tokyo", days: tuple[str, ...] = ("wed", "fri"), **more: Any) -> dict[str, Any]:
    plan = {"zone": zone, "departures": [{"days": days, "at": "07:30"}]}
    return {"kind": "vehicle", "state_at": NIGHT, "plan": plan, **more}


def test_first_departure_is_that_of_the_plan() -> None:
    made = with_departure(car(), "f")
    assert made["departs_at"] == datetime(2026, 1, 13, 22, 30, tzinfo=UTC)
    assert made["plugs_in_at"] == NIGHT
    later = with_departure(car(plugs_in_at=datetime(2026, 1, 13, 23, tzinfo=UTC)), "f")
    assert later["departs_at"] == datetime(2026, 1, 15, 22, 30, tzinfo=UTC)


def test_devices_without_a_plan_stay_as_they_are() -> None:
    battery = {"kind": "storage", "plan": 7}
    assert with_departure(battery, "f") is battery
    assert homes_with_departures([{"devices": [battery]}, "odd"], "f") == [{"devices": [battery]}, "odd"]


@pytest.mark.parametrize(
    ("device", "text"),
    [
        (car("Europe/Osol"), "f.plan.zone: there is no time zone 'Europe/Osol' (did you mean Europe/Oslo?)"),
        (car(departs_at=NIGHT), "f.departs_at: leave it out: by the plan it departs first at 2026-01-13T22:30Z"),
        (car() | {"state_at": 7}, "f.state_at: is missing"),
        (car() | {"plan": {"zone": "UTC"}}, "f.plan: departures: is missing"),
        (
            car() | {"plan": car()["plan"] | {"vacations": [{"first": "2026-01-01", "last": "2028-01-01"}]}},
            "f.plan: there is no departure within a year of 2026-01-13",
        ),
    ],
)
def test_mistake_is_one_sentence(device: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as found:
        with_departure(device, "f")
    assert str(found.value) == text


def test_what_up_writes_for_its_daemons_is_read_as_the_same_homes(tmp_path: Path) -> None:
    homes = load_scenario(Path("year")).homes
    written = DaemonConfig(ders=homes).model_dump(exclude_none=True)
    again = build_config(tomllib.loads(to_toml(written)), tmp_path / "homes.toml")
    assert again.ders == homes
