"""The vehicles of one event as they live: all sessions of a user around it, to the second, and who is away is there too."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.runtime.files.from_csv import LEAD, Plugged, RecordedLife, read_sessions, read_wanted, scenario_data
from agents.runtime.files.from_csv_lives import lives
from agents.runtime.files.scenario import build_scenario
from agents.settings.devices import VehicleSpec

HEAD = "user_id,plug_in,plug_out,max_kw,capacity_kwh,soc_arr\n"
SESSIONS = """evening,2020-03-02 15:10:07,2020-03-03 07:00:00,3.6,40,0.4
evening,2020-03-03 15:20:00,2020-03-04 07:05:11,3.6,40,0.5
evening,2020-03-05 18:00:00,2020-03-06 07:00:00,3.6,40,0.6
night,2020-03-03 22:00:00,2020-03-04 06:00:00,7.2,60,0.3
long ago,2019-01-01 12:00:00,2019-01-01 13:00:00,7.2,60,0.3
"""
REQUESTS = "event_id,start,required_mw\n7,2023-01-24 17:30:00,200\n7,2023-01-24 18:00:00,400\n"
START = datetime(2023, 1, 24, 17, 30, tzinfo=UTC)
"""A Tuesday, as 2020-03-03 was."""


def found(folder: Path, plugged: Plugged = Plugged.AS_RECORDED) -> dict[str, RecordedLife]:
    (folder / "sessions.csv").write_text(HEAD + SESSIONS)
    (folder / "requests.csv").write_text(REQUESTS)
    (wanted,) = read_wanted(folder / "requests.csv").values()
    return {one.name: one for one in lives(read_sessions(folder / "sessions.csv"), wanted, plugged, 0)}


def spec(life: RecordedLife) -> VehicleSpec:
    return VehicleSpec.model_validate(life.device)


@pytest.mark.parametrize("plugged", Plugged)
def test_all_sessions_around_the_event_are_stays_to_the_second(tmp_path: Path, plugged: Plugged) -> None:
    stays = spec(found(tmp_path, plugged)["evening"]).stays
    assert len(stays) == 3
    assert {(stay.plugs_in_at.minute, stay.plugs_in_at.second) for stay in stays} == {(10, 7), (20, 0), (0, 0)}
    assert any(stay.plugs_in_at < START < stay.departs_at for stay in stays)


def test_who_comes_later_is_a_home_without_being_counted_on(tmp_path: Path) -> None:
    night = found(tmp_path)["night"]
    assert night.present is None
    assert spec(night).state_at < START - LEAD < spec(night).plugs_in_at


def test_present_is_who_is_plugged_in_when_the_event_is_issued(tmp_path: Path) -> None:
    evening = found(tmp_path)["evening"]
    assert evening.present is not None
    assert evening.present["plugs_in_at"] <= START - LEAD < evening.present["departs_at"]


def test_scenario_has_all_homes_and_asks_for_what_the_present_ones_can_give(tmp_path: Path) -> None:
    fleet = list(found(tmp_path).values())
    (wanted,) = read_wanted(tmp_path / "requests.csv").values()
    data = scenario_data({}, wanted, k=1.0, lives=fleet)
    assert [home["devices"][0]["resource_id"] for home in data["homes"]] == [f"ev-{life.name}" for life in fleet]
    assert data["utility"]["events"][0]["power_w"][1] in range(3_000, 7_200)
    assert len(build_scenario(data, "living").homes) == len(fleet)
    assert timedelta() < START - data["scenario"]["start_at"]
