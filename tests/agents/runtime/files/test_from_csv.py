"""Scenarios from tables of sessions and requests."""

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.runtime.files import from_csv as tables
from agents.runtime.files.scenario import build_scenario
from agents.runtime.files.toml_out import to_toml
from agents.settings.checked import ConfigError

SESSIONS = """user_id,plug_in,plug_out,energy_kwh,max_kw,capacity_kwh,soc_arr
A_1,2020-03-03 15:40:00,2020-03-04 07:10:00,8,7.0,40,0.9
B_2,2020-03-03 16:05:00,2020-03-04 06:50:00,8,3.5,30,0.8
C_3,2020-03-05 08:00:00,2020-03-05 09:00:00,8,3.5,30,0.8
"""
REQUESTS = """event_id,start,required_mw
7,2023-01-24 16:30:00,200
7,2023-01-24 17:00:00,400
8,2023-01-25 16:30:00,0
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    sessions, requests = tmp_path / "sessions.csv", tmp_path / "requests.csv"
    sessions.write_text(SESSIONS)
    requests.write_text(REQUESTS)
    return sessions, requests


def test_an_event_keeps_the_shape_of_its_half_hours(files: tuple[Path, Path]) -> None:
    wanted = tables.read_wanted(files[1])
    assert list(wanted) == ["7"]  # an event that asks for nothing is none
    assert wanted["7"].shape == (0.5, 1.0)
    assert wanted["7"].end == datetime(2023, 1, 24, 17, 30, tzinfo=UTC)


def test_one_user_is_one_vehicle_that_is_plugged_in_during_the_event(files: tuple[Path, Path]) -> None:
    wanted = tables.read_wanted(files[1])["7"]
    data = tables.scenario_data(tables.read_sessions(files[0]), wanted, k=1.0, aggregators=2)
    scenario = build_scenario(tomllib.loads(to_toml(data)), "x")
    assert [home.name for home in scenario.homes] == ["hems-A-1", "hems-B-2"]
    vehicle = scenario.homes[0].devices[0]
    assert vehicle.plugs_in_at == datetime(2023, 1, 24, 16, 0, tzinfo=UTC)  # type: ignore[union-attr]
    assert vehicle.departs_at == datetime(2023, 1, 25, 7, 0, tzinfo=UTC)  # type: ignore[union-attr]
    assert [ra.name for ra in scenario.aggregators] == ["ra-1", "ra-2"]


def test_a_request_is_k_times_what_the_fleet_can_give(files: tuple[Path, Path]) -> None:
    sessions, wanted = tables.read_sessions(files[0]), tables.read_wanted(files[1])["7"]
    asked = {}
    for k in (0.5, 1.0):
        event = tables.scenario_data(sessions, wanted, k=k)["utility"]["events"][0]
        asked[k] = event["power_w"]
        assert event["start"] - event["issue_at"] == timedelta(hours=2)
    assert asked[1.0] == [4750, 9500]  # by hand: chargers of 6 kW (a 7 kW one is cut) and 3.5 kW, half in slot 0
    assert asked[0.5] == [2375, 4750]


def test_every_evening_moves_a_users_own_session_to_the_event(files: tuple[Path, Path]) -> None:
    wanted = tables.RecordedRequest("9", datetime(2023, 1, 26, 8, 30, tzinfo=UTC), (1.0,))
    data = tables.scenario_data(tables.read_sessions(files[0]), wanted, plugged=tables.Plugged.EVERY_EVENING)
    assert [home["name"] for home in data["homes"]] == ["hems-C-3"]


def test_a_fleet_that_can_give_nothing_is_said(files: tuple[Path, Path]) -> None:
    wanted = tables.RecordedRequest("9", datetime(2023, 1, 25, 12, 0, tzinfo=UTC), (1.0,))
    with pytest.raises(ConfigError, match="event 9: no vehicle is plugged in"):
        tables.scenario_data(tables.read_sessions(files[0]), wanted)


def test_a_mistake_in_a_table_is_said_with_file_and_line(files: tuple[Path, Path]) -> None:
    files[0].write_text(SESSIONS.replace("2020-03-03 16:05:00", "yesterday"))
    with pytest.raises(ConfigError, match=r"sessions\.csv: line 3: plug_in: Invalid isoformat string: 'yesterday'"):
        tables.read_sessions(files[0])
    files[1].write_text("event_id,required_mw\n")
    with pytest.raises(ConfigError, match=r"requests\.csv: line 1: the column start is missing"):
        tables.read_wanted(files[1])
