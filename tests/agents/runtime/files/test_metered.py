"""A home's own history as its forecast, and mistakes in one sentence."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.runtime.files.config import build_config
from agents.runtime.files.metered import homes_with_history, usual_day
from agents.runtime.files.scenario import load_scenario
from agents.runtime.fleet.sources import load_source
from agents.settings.checked import ConfigError
from agents.settings.devices import SolarSpec
from agents.settings.scenario import Scenario
from protocol.units import SLOT

DAY = timedelta(days=1)
FIRST = datetime(2026, 6, 1, tzinfo=UTC)
PLANT = {"kind": "solar", "resource_id": "pv", "export_limit_w": 5_000, "history_file": "pv.csv"}


def written(path: Path, *days_wh: int, hole: int | None = None) -> Path:
    """So much in each half hour of a day, and as many Wh more as half hours have passed of the day."""
    rows = [
        f"{(FIRST + day * DAY + half_hour * SLOT).isoformat()},{energy_wh + half_hour}"
        for day, energy_wh in enumerate(days_wh)
        for half_hour in range(48)
        if half_hour != hole
    ]
    path.write_text("\n".join(["start,energy_wh", *rows]) + "\n")
    return path


def home(**changes: Any) -> dict[str, Any]:
    return {"name": "h", "parent": "ra-1", "devices": [PLANT]} | changes


def test_mean_of_the_same_half_hour_is_usual(tmp_path: Path) -> None:
    midnight, power_w = usual_day(written(tmp_path / "pv.csv", 100, 200, 600))
    assert midnight == FIRST + 2 * DAY
    assert power_w == tuple(2 * (300 + half_hour) for half_hour in range(48))


def test_days_of_another_season_do_not_count(tmp_path: Path) -> None:
    _, power_w = usual_day(written(tmp_path / "pv.csv", 9_000, *(100,) * 14))
    assert power_w[:2] == (200, 202)


def test_times_with_another_offset_are_the_same_instants(tmp_path: Path) -> None:
    path = written(tmp_path / "pv.csv", 100)
    before = usual_day(path)
    path.write_text(path.read_text().replace("2026-06-01T10:00:00+00:00", "2026-06-01T19:00:00+09:00"))
    assert usual_day(path) == before


def test_daemon_reads_the_history_of_plant_and_base_load(tmp_path: Path) -> None:
    written(tmp_path / "pv.csv", 100, 300)
    written(tmp_path / "load.csv", 50)
    point = {"import_limit_w": 9_000, "history_file": "load.csv"}
    config = build_config({"ders": [home(connection=point)]}, tmp_path / "ders.toml")
    (made,) = config.ders
    plant, connection = made.devices[0], made.connection
    assert isinstance(plant, SolarSpec)
    assert connection is not None
    assert plant.forecast_repeats
    assert (plant.forecast_at, plant.forecast_w[:2]) == (FIRST + DAY, (400, 402))
    assert connection.base_range_w(FIRST + 6 * DAY + SLOT, FIRST + 6 * DAY + 2 * SLOT) == (102, 102)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("2026-06-01T10:10:00Z,5", "line 50: start: 10:10:00 is no half hour"),
        ("2026-06-01T10:00:00,5", "line 50: start: an instant needs its offset from UTC, as in 2026-01-14T17:00:00Z"),
        (" ,5", "line 50: start: is empty"),
        ("2026-06-01T10:00:00Z,5", "line 50: start: 2026-06-01T10:00Z stands twice"),
        ("2026-06-02T10:00:00Z,-5", "line 50: energy_wh: -5 does not lie between 0 and 5e+10"),
    ],
)
def test_row_that_cannot_be_is_told(row: str, text: str, tmp_path: Path) -> None:
    path = written(tmp_path / "pv.csv", 100)
    path.write_text(path.read_text() + row + "\n")
    with pytest.raises(ConfigError) as caught:
        usual_day(path)
    assert str(caught.value) == f"{path}: {text}"


def test_half_hour_without_a_row_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "pv.csv", 100, 100, hole=21)
    with pytest.raises(ConfigError, match=r"has no row of 10:30 UTC among its newest 14 days: a history needs"):
        usual_day(path)
    path.write_text("start,energy_wh\n")
    with pytest.raises(ConfigError, match="has no rows"):
        usual_day(path)


@pytest.mark.parametrize(
    ("first", "step", "text"),
    [
        (0.25, 0.01, "energy_wh: parts of a Wh, and below 10 Wh throughout: is it in kWh?"),
        (12_345_678, 180, "energy_wh: never falls: is it a register? The energy of each half hour is needed"),
    ],
)
def test_history_in_another_unit_is_refused(first: float, step: float, text: str, tmp_path: Path) -> None:
    rows = [f"{(FIRST + half_hour * SLOT).isoformat()},{first + half_hour * step}" for half_hour in range(60)]
    (tmp_path / "pv.csv").write_text("\n".join(["start,energy_wh", *rows]) + "\n")
    with pytest.raises(ConfigError) as caught:
        usual_day(tmp_path / "pv.csv")
    assert str(caught.value) == f"{tmp_path / 'pv.csv'}: {text}"


def test_forecast_beside_a_history_is_refused(tmp_path: Path) -> None:
    given = home(devices=[PLANT | {"forecast_w": [1]}])
    with pytest.raises(ConfigError) as caught:
        homes_with_history([given], tmp_path, "ders")
    assert str(caught.value) == "ders[0].devices[0].history_file: forecast_w stands there, too: keep one of them"


def test_homes_without_a_history_stay_as_they_are(tmp_path: Path) -> None:
    given = [{"devices": [{"kind": "solar", "forecast_w": [1]}, 3], "connection": {"import_limit_w": 1}}, 5]
    assert homes_with_history(given, tmp_path, "ders") == given
    assert homes_with_history("x", tmp_path, "ders") == "x"


SCENARIO = """
[scenario]
name = "sunny"
start_at = 2026-06-04T08:00:00Z
ends_at = 2026-06-04T20:00:00Z
[coordinator]
[[aggregators]]
name = "ra-1"
[[homes]]
name = "h-{n}"
parent = "ra-1"
count = 2
[homes.connection]
import_limit_w = 9000
history_file = "load.csv"
[[homes.devices]]
kind = "solar"
resource_id = "pv-{n}"
export_limit_w = 5000
history_file = "%s"
[[homes.devices]]
kind = "vehicle"
resource_id = "ev-{n}"
capacity_wh = 40000
soc_wh = 20000
departure_soc_wh = 30000
max_charge_w = 6000
charging = "follow_pv"
departs_at = 2026-06-05T06:00:00Z
"""


def scenario(folder: Path, plants: str) -> Scenario:
    """Two homes with a plant each, their base load and generation by history."""
    written(folder / "load.csv", 50)
    path = folder / "sunny.toml"
    path.write_text(SCENARIO % plants)
    return load_scenario(path)


def test_scenario_reads_the_history_of_its_homes(tmp_path: Path) -> None:
    written(tmp_path / "pv.csv", 100, 300)
    first, second = scenario(tmp_path, "pv.csv").homes
    plant = first.devices[0]
    assert isinstance(plant, SolarSpec)
    assert (plant.forecast_at, plant.forecast_w[:2], plant.forecast_repeats) == (FIRST + DAY, (400, 402), True)
    assert first.connection == second.connection
    assert first.connection is not None
    assert first.connection.base_range_w(FIRST, FIRST + SLOT) == (100, 100)


def test_each_home_of_a_template_has_its_own_history(tmp_path: Path) -> None:
    for number in (1, 2):
        written(tmp_path / f"pv-{number}.csv", 100 * number)
    plants = [home.devices[0] for home in scenario(tmp_path, "pv-{n}.csv").homes]
    assert [plant.forecast_w[0] for plant in plants if isinstance(plant, SolarSpec)] == [200, 400]


def test_history_that_is_not_there_is_said_by_the_scenario(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"pv-1\.csv"):
        scenario(tmp_path, "pv-{n}.csv")


def test_fleet_speaks_for_homes_with_a_history(tmp_path: Path) -> None:
    written(tmp_path / "pv.csv", 100)
    scenario(tmp_path, "pv.csv")
    source = load_source(tmp_path / "sunny.toml", FIRST + 30 * DAY)
    plant = source.homes[0].devices[0]
    assert isinstance(plant, SolarSpec)
    assert plant.forecast_w[0] == 200
    assert plant.forecast_at == FIRST + 30 * DAY - (datetime(2026, 6, 4, 8, tzinfo=UTC) - FIRST)
