"""A scenario of many days from tables: sessions one after the other, moved by whole weeks, and all requests of the days."""

import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.cli import app
from agents.drivers.build import build_driver
from agents.drivers.telling import TellingDriver
from agents.runtime.files.from_csv_days import days_data
from agents.runtime.files.recorded import RecordedRequest, Session
from agents.runtime.files.scenario import build_scenario, load_scenario
from agents.settings.checked import ConfigError
from agents.settings.devices import VehicleSpec
from agents.tools.run.life import Life
from agents.tools.run.simulate import build_simulation

MONDAY = datetime(2026, 1, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def evenings(weeks_before: int, *days: int, soc_arr: float = 0.4) -> list[Session]:
    """Plugged in from 17:00 to 07:00."""
    begin = MONDAY - timedelta(weeks=weeks_before) + 17 * HOUR
    return [Session(begin + day * DAY, begin + day * DAY + 14 * HOUR, 7.0, 60.0, soc_arr) for day in days]


def request(day: int, hour: int = 20) -> RecordedRequest:
    return RecordedRequest(f"r{day}", MONDAY + day * DAY + hour * HOUR, (1.0, 0.5))


USERS = {"a": evenings(9, 0, 1, 3), "b": evenings(30, 0, 1, 2, 3, 9), "c": evenings(0, 1)}
REQUESTS = {f"r{day}": request(day) for day in (0, 1, 3)}


def test_sessions_keep_their_days_of_the_week_and_their_order() -> None:
    made = days_data(USERS, REQUESTS, 7)
    stays = {home["name"]: home["devices"][0]["stays"] for home in made["homes"]}
    assert {name: [one["plugs_in_at"].day for one in told] for name, told in stays.items()} == {
        "hems-a": [12, 13, 15], "hems-b": [12, 13, 14, 15], "hems-c": [13],
    }  # fmt: skip
    assert [event["start"].day for event in made["utility"]["events"]] == [12, 13, 15]


def test_every_day_is_played_and_every_car_departs_as_often_as_it_did() -> None:
    scenario = build_scenario(days_data(USERS, REQUESTS, 7, k=0.4, aggregators=1), "days")
    life = Life(scenario)
    life.simulation = build_simulation(scenario, 1, tell=life.tell)
    life.simulation.run(until=scenario.ends_at)
    found = life.summary()
    assert found["outcomes"] == {"concluded": 3}
    assert (found["departures"], found["departures_as_agreed"]) == (8, 8)
    assert found["delivered_wh"] == found["metered_wh"]
    assert found["delivered_wh"] == pytest.approx(found["awarded_wh"], rel=0.01)


def test_car_is_away_after_the_last_session_of_its_table() -> None:
    table = days_data(USERS, REQUESTS, 7)["homes"][2]["devices"][0]
    driver = build_driver(VehicleSpec.model_validate(table))
    assert isinstance(driver, TellingDriver)
    told = [
        driver.measure(at, at).plugged for at in (MONDAY, MONDAY + 42 * HOUR, MONDAY + 60 * HOUR, MONDAY + 999 * DAY)
    ]
    assert told == [False, True, False, False]


def test_events_whose_ids_would_be_the_same_are_kept_apart() -> None:
    made = days_data(USERS, {"a.b": request(0), "a_b": request(1)}, 7)
    assert [event["event_id"] for event in made["utility"]["events"]] == ["ea-b", "ea-b-2"]


def test_car_that_is_there_when_the_days_end_takes_part_until_then() -> None:
    made = days_data({"a": evenings(0, 0, 1)}, {"r0": request(0), "r1": request(1)}, 2)
    assert [one["departs_at"].day for one in made["homes"][0]["devices"][0]["stays"]] == [13, 14]
    assert [event.event_id for event in build_scenario(made, "days").utility.events] == ["er0", "er1"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"capacity_kwh": 82.5}, "user a: capacity_kwh: 60 and 82.5 in different sessions: one user is one vehicle"),
        ({"max_kw": 3.7}, "user a: max_kw: 3.7 and 7 in different sessions: one user is one vehicle"),
    ],
)
def test_user_with_two_vehicles_is_refused(changes: dict[str, Any], text: str) -> None:
    first, second = evenings(0, 0, 1)
    with pytest.raises(ConfigError, match=text):
        days_data({"a": [first, replace(second, **changes)]}, REQUESTS, 7)


def test_days_without_anybody_to_ask_are_refused() -> None:
    with pytest.raises(ConfigError, match="in 7 days from 2026-01-12 on nobody who is plugged in can give anything"):
        days_data(USERS, {"noon": request(0, hour=12)}, 7)


def test_command_writes_a_scenario_that_can_be_loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sessions, requests, out = tmp_path / "s.csv", tmp_path / "r.csv", tmp_path / "days.toml"
    lines = [f"a,2026-01-{day} 17:00,2026-01-{day + 1} 07:00,7,60,0.4" for day in (12, 13)]
    lines.append("a,2026-01-13 06:00,2026-01-13 09:00,7,60,0.4")
    sessions.write_text("\n".join(["user_id,plug_in,plug_out,max_kw,capacity_kwh,soc_arr", *lines, ""]))
    starts = [f"{day},2026-01-{day} 20:{minute},1" for day in (12, 13) for minute in ("00", "30")]
    requests.write_text("\n".join(["event_id,start,required_mw", *starts, ""]))
    given = ["scenario", "from-csv", "--sessions", str(sessions), "--requests", str(requests), "--out", str(out)]
    assert app.call([*given, "--days", "7"]) == 0
    left_out = "left out, as they begin before the last one of their user has ended: 1 sessions"
    assert capsys.readouterr().out == f"{out}: 2 events, 1 vehicles\n{sessions}: {left_out}\n"
    assert len(tomllib.loads(out.read_text())["homes"][0]["devices"][0]["stays"]) == 2
    assert len(load_scenario(out).utility.events) == 2
    assert app.call([*given, "--days", "7", "--event", "12"]) == 2
