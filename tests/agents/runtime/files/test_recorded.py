"""Tables of sessions and requests: converted by their offsets, zone and slots, or refused with line and column."""

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.runtime.files.from_csv import Plugged, names, scenario_data
from agents.runtime.files.recorded import RecordedRequest, Session, read_sessions, read_wanted
from agents.runtime.files.scenario import build_scenario
from agents.runtime.files.toml_out import to_toml
from agents.runtime.files.wall_clock import WallClock, zone_named
from agents.settings.checked import ConfigError

OSLO = "Europe/Oslo"
AUTUMN = "2026-10-25"
"""The hour from 2:00 comes twice in Oslo, from 0:00 and from 1:00 UTC on."""
SPRING = "2026-03-29"
"""The hour from 2:00 is left out."""
SESSIONS = "user_id,plug_in,plug_out,max_kw,capacity_kwh,soc_arr\n"
REQUESTS = "event_id,start,required_mw\n"


def requests(folder: Path, *rows: str, zone: str | None = None) -> dict[str, RecordedRequest]:
    path = folder / "requests.csv"
    path.write_text(REQUESTS + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return read_wanted(path, WallClock(zone and zone_named(zone)))


def sessions(folder: Path, *rows: str, zone: str | None = None) -> dict[str, list[Session]]:
    path = folder / "sessions.csv"
    path.write_text(SESSIONS + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return read_sessions(path, WallClock(zone and zone_named(zone)))


def instants(wanted: RecordedRequest) -> list[str]:
    return [f"{wanted.start + wanted.slot * slot:%d %H:%M}" for slot, share in enumerate(wanted.shape) if share]


# -- requests


def test_offset_of_a_request_is_converted(tmp_path: Path) -> None:
    found = requests(tmp_path, "1,2026-01-14T18:00:00+09:00,1", "2,2026-01-14T18:00:00Z,1")
    assert found["1"].start == datetime(2026, 1, 14, 9, tzinfo=UTC)
    assert found["2"].start == datetime(2026, 1, 14, 18, tzinfo=UTC)


def test_time_without_an_offset_is_of_the_named_zone_or_else_of_utc(tmp_path: Path) -> None:
    row = "1,2026-01-14T18:00:00,1"
    assert requests(tmp_path, row)["1"].start == datetime(2026, 1, 14, 18, tzinfo=UTC)
    assert requests(tmp_path, row, zone="Asia/Tokyo")["1"].start == datetime(2026, 1, 14, 9, tzinfo=UTC)


def test_repeated_hour_is_told_apart_by_the_order_of_the_rows(tmp_path: Path) -> None:
    times = ("01:30", "02:00", "02:30", "02:00", "02:30", "03:00")
    rows = [f"1,{AUTUMN}T{time}:00,{number}" for number, time in enumerate(times, 1)]
    wanted = requests(tmp_path, *rows, zone=OSLO)["1"]
    assert wanted.start == datetime(2026, 10, 24, 23, 30, tzinfo=UTC)
    assert wanted.shape == tuple(number / 6 for number in range(1, 7))


def test_repeated_hour_with_offsets_needs_no_order(tmp_path: Path) -> None:
    rows = [f"1,{AUTUMN}T02:00:00+01:00,2", f"1,{AUTUMN}T02:00:00+02:00,1", f"1,{AUTUMN}T02:30:00+02:00,4"]
    wanted = requests(tmp_path, *rows, zone=OSLO)["1"]
    assert (wanted.shape, instants(wanted)) == ((0.25, 1.0, 0.5), ["25 00:00", "25 00:30", "25 01:00"])


def test_quarter_hours_stay_quarter_hours(tmp_path: Path) -> None:
    rows = [f"1,2026-01-14T18:{minute:02}:00,{mw}" for minute, mw in ((0, 1), (15, 5), (30, 1), (45, 7))]
    wanted = requests(tmp_path, *rows)["1"]
    assert (wanted.slot, [round(share * 7) for share in wanted.shape]) == (timedelta(minutes=15), [1, 5, 1, 7])


def test_rows_in_any_order_are_one_event(tmp_path: Path) -> None:
    wanted = requests(tmp_path, "1,2026-01-14T18:30:00,4", "1,2026-01-14T18:00:00,2")["1"]
    assert wanted.shape == (0.5, 1.0)


def test_slot_without_a_row_asks_for_nothing(tmp_path: Path) -> None:
    rows = [f"1,2026-01-14T{time}:00,1" for time in ("18:00", "18:30", "19:30")]
    assert requests(tmp_path, *rows)["1"].shape == (1.0, 1.0, 0.0, 1.0)


def test_byte_order_mark_and_empty_lines_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "requests.csv"
    path.write_bytes(b"\xef\xbb\xbf" + REQUESTS.encode() + b"\n\n1,2026-01-14T18:00:00,1\n")
    assert list(read_wanted(path)) == ["1"]


@pytest.mark.parametrize(
    ("rows", "zone", "text"),
    [
        (
            ["1,2026-01-14T18:00:00,1", "1,2026-01-14T18:00:00,5"],
            None,
            "line 3: start: event 1 has this slot already, in line 2",
        ),
        (
            [f"1,{AUTUMN}T02:00:00,1", f"1,{AUTUMN}T02:00:00,2"],
            None,
            "line 3: start: event 1 has this slot already, in line 2; in an autumn night that has it twice? Then name ",
        ),
        (
            [f"1,{AUTUMN}T02:00:00,{number}" for number in range(3)],
            OSLO,
            "line 4: start: event 1 has this slot already, in line 3",
        ),
        (
            [f"1,{AUTUMN}T01:30:00,1", f"1,{AUTUMN}T02:00:00,1"],
            OSLO,
            f"line 3: start: {AUTUMN}T02:00:00 is twice on that day in {OSLO}: write its offset, as in {AUTUMN}T02:00:00+",
        ),
        (
            [f"1,{SPRING}T02:00:00,1"],
            OSLO,
            "line 2: start: 2026-03-29T02:00:00 is left out on that day in Europe/Oslo, where clocks are put forward",
        ),
        (
            ["1,2026-01-14T18:00:00Z,1", "1,2026-01-14T18:30:00,1"],
            None,
            "line 3: start: has no offset from UTC, but line 2 has one: name the zone of the times without one",
        ),
        (
            [f"1,2026-01-14T18:{minute:02}:00,1" for minute in (0, 15, 40)],
            None,
            "line 4: start: does not lie in the slots of event 1, which are of 15 minutes",
        ),
        (
            [f"{event},2026-01-14T18:{minute:02}:00,1" for event, minute in ((1, 0), (1, 15), (2, 0), (2, 30))],
            None,
            "line 5: start: no two rows of event 2 are 15 minutes apart, as others of this table",
        ),
        (
            [f"1,{year}-01-14T{hour}:00,1" for year, hour in ((2026, "18:00"), (2026, "18:30"), (2027, "19:00"))],
            None,
            "line 4: start: event 1 would have more than 336 slots of 30 minutes",
        ),
        (
            ["1,2026-01-14T18:00:00,1", "1,2026-01-14T18:00:30,1"],
            None,
            "line 2: start: slots of 30 s: whole seconds, a minute to a day, are possible",
        ),
        (["1,3026-01-14T18:00:00,1"], None, "line 2: start: lies in the year 3026; the years 2000 to 2199 are taken"),
        (["1,0001-01-01T00:00:00+09:00,1"], None, "line 2: start: lies in the year 1;"),
        (["1,9999-12-31T23:00:00-09:00,1"], None, "line 2: start: lies in the year 9999;"),
        (["1,14/01/2026 18:00,1"], None, "line 2: start: Invalid isoformat string: '14/01/2026 18:00'"),
        (["1,2026-01-14T18:00:00,nan"], None, "line 2: required_mw: 'nan' is no finite number"),
        (["1,2026-01-14T18:00:00,inf"], None, "line 2: required_mw: 'inf' is no finite number"),
        (["1,2026-01-14T18:00:00,-3"], None, "line 2: required_mw: -3 does not lie between 0 and 100000"),
        (["1,2026-01-14T18:00:00,much"], None, "line 2: required_mw: 'much' is no number"),
        (["1,2026-01-14T18:00:00,1_0"], None, "line 2: required_mw: '1_0' is no number"),
        (
            ['1,2026-01-14T18:00:00,"1,5"'],
            None,
            "line 2: required_mw: '1,5' is no number: write a decimal point, and no thousands",
        ),
        (["1,2026-01-14,1"], None, "line 2: start: 2026-01-14 is a day without a time, as in 2026-01-14T17:00"),
        (["1,20260114,1"], None, "line 2: start: 20260114 is a day without a time"),
        (
            ["1\x1b[2J,2026-01-14T18:00:00,1", "1\x1b[2J,2026-01-14T18:00:00,1"],
            None,
            "line 3: start: event 1?[2J has this slot already, in line 2",
        ),
        ([",2026-01-14T18:00:00,1"], None, "line 2: event_id: is empty"),
        (["1,,1"], None, "line 2: start: is empty"),
        (["1,2026-01-14T18:00:00,3,5"], None, "line 2: 4 cells where the header row has 3"),
        (["1,2026-01-14T18:00:00"], None, "line 2: 2 cells where the header row has 3"),
        (['1,"2026'], None, "is no CSV behind line 1: unexpected end of data"),
    ],
)
def test_request_that_cannot_be_meant_is_refused_by_line(
    tmp_path: Path, rows: list[str], zone: str | None, text: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        requests(tmp_path, *rows, zone=zone)
    assert str(caught.value).startswith(f"{tmp_path / 'requests.csv'}: {text}")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "line 1: the column event_id is missing"),
        ("event_id,start\n", "line 1: the column required_mw is missing"),
        ("event_id,start,required_mw,start\n", "line 1: the column start stands 2 times"),
        (
            "event_id;start;required_mw\n1;2026-01-14T18:00:00;1,5\n",
            r"line 1: the column event_id is missing \(there are semicolons between the cells: commas are needed\)",
        ),
        (
            "event_id\tstart\trequired_mw\n",
            r"line 1: the column event_id is missing \(there are tabs between the cells: commas are needed\)",
        ),
    ],
)
def test_header_that_does_not_do_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "requests.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"requests.csv: {sentence}"):
        read_wanted(path)


def test_zone_that_there_is_not_is_said_with_the_nearest_one() -> None:
    with pytest.raises(
        ConfigError, match=r"--zone: there is no time zone 'Europe/Olso' \(did you mean Europe/Oslo\?\)"
    ):
        zone_named("Europe/Olso")
    for name in ("", "../x", "Europe", "/etc/passwd", "\0"):
        with pytest.raises(ConfigError, match="--zone: there is no time zone"):
            zone_named(name)


# -- sessions

EVENING = "2026-01-14T17:00:00,2026-01-15T07:00:00,6,60"


def test_session_over_the_end_of_summer_time_is_an_hour_longer(tmp_path: Path) -> None:
    row = "u1,2026-10-24T17:00:00,2026-10-25T09:00:00,6,60,0.9"
    [session] = sessions(tmp_path, row, zone=OSLO)["u1"]
    assert session.plug_in == datetime(2026, 10, 24, 15, tzinfo=UTC)
    assert session.plug_out == datetime(2026, 10, 25, 8, tzinfo=UTC)


def test_end_in_the_repeated_hour_is_taken_where_the_other_end_leaves_one(tmp_path: Path) -> None:
    [session] = sessions(tmp_path, f"u1,{AUTUMN}T02:50:00,{AUTUMN}T02:10:00,6,60,0.9", zone=OSLO)["u1"]
    assert session.plug_in.astimezone(UTC) == datetime(2026, 10, 25, 0, 50, tzinfo=UTC)
    assert session.plug_out.astimezone(UTC) == datetime(2026, 10, 25, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (
            f"u1,{AUTUMN}T02:10:00,{AUTUMN}T09:00:00,6,60,0.9",
            "line 2: plug_in: 2026-10-25T02:10:00 is twice on that day in Europe/Oslo: write its offset",
        ),
        (
            f"u1,2026-10-24T17:00:00,{AUTUMN}T02:10:00,6,60,0.9",
            "line 2: plug_out: 2026-10-25T02:10:00 is twice on that day in Europe/Oslo: write its offset",
        ),
        (f"u1,{SPRING}T02:10:00,{SPRING}T09:00:00,6,60,0.9", "line 2: plug_in: 2026-03-29T02:10:00 is left out"),
        (
            "u1,2026-01-15T17:00:00,2026-01-15T07:00:00,6,60,0.9",
            "line 2: plug_out: 2026-01-15T07:00:00 is not after plug_in, 2026-01-15T17:00:00",
        ),
        (f"u1,{EVENING},0.9\nu1,{EVENING},0.9", "line 3: plug_in: this session of u1 stands in line 2 already"),
        (f"u1,{EVENING},90", "line 2: soc_arr: 90 does not lie between 0 and 1: it is a share, not percent"),
        (f"u1,{EVENING},nan", "line 2: soc_arr: 'nan' is no finite number"),
        (f"u1,{EVENING.replace(',6,', ',inf,')},0.9", "line 2: max_kw: 'inf' is no finite number"),
        (f"u1,{EVENING.replace(',6,', ',-6,')},0.9", "line 2: max_kw: -6 does not lie between 0.001 and 1000"),
        (f"u1,{EVENING.replace(',6,', ',0,')},0.9", "line 2: max_kw: 0 does not lie between 0.001 and 1000"),
        (f"u1,{EVENING.replace(',6,', ',6000,')},0.9", "line 2: max_kw: 6000 does not lie between 0.001 and 1000: is"),
        (f"u1,{EVENING.replace(',60', ',60000')},0.9", "line 2: capacity_kwh: 60000 does not lie between 0.001 and"),
        (f'u1,"{EVENING[:19]}",{EVENING[20:]},"0,9"', "line 2: soc_arr: '0,9' is no number: write a decimal point"),
        (
            f"u1,{EVENING.replace('2026-01-15', '2031-01-15')},0.9",
            "line 2: plug_out: lies 1826 days after plug_in: is it the right year?",
        ),
        (
            f"u1,{EVENING.replace(',60', ',0.06')},0.9",
            "line 2: capacity_kwh: 0.06 lasts for 36 s at 6 kW: is it in MWh?",
        ),
        (f",{EVENING},0.9", "line 2: user_id: is empty"),
    ],
)
def test_session_that_cannot_be_meant_is_refused_by_line(tmp_path: Path, row: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        sessions(tmp_path, row, zone=OSLO)
    assert str(caught.value).startswith(f"{tmp_path / 'sessions.csv'}: {text}")


def test_offsets_in_one_table_and_none_in_the_other_need_a_zone(tmp_path: Path) -> None:
    clock, path = WallClock(), tmp_path / "sessions.csv"
    path.write_text(SESSIONS + f"u1,{EVENING},0.9\n")
    other = tmp_path / "requests.csv"
    other.write_text(REQUESTS + "1,2026-01-14T18:00:00+09:00,1\n")
    read_wanted(other, clock)
    with pytest.raises(ConfigError) as caught:
        read_sessions(path, clock)
    text = f"line 2: plug_in: has no offset from UTC, but {other}, line 2, has one: name the zone of the times without"
    assert str(caught.value).startswith(f"{path}: {text}")


def test_blanks_around_a_cell_and_rows_of_blanks_mean_nothing(tmp_path: Path) -> None:
    later = EVENING.replace("2026-01-15", "2026-01-17").replace("2026-01-14", "2026-01-16")
    found = sessions(tmp_path, f"u1,{EVENING},0.9", "   ", " , , , , , ", f" u1 , {later} , 0.9 ")
    assert {user: len(own) for user, own in found.items()} == {"u1": 2}


# -- from both to a scenario


def test_users_whose_names_would_be_the_same_are_kept_apart() -> None:
    users = ["car.1", "car_1", "car-1-2", "車一", "é", "x" * 50, "x" * 45, "A_1"]
    found = names(users)
    assert found == ["car-1", "car-1-2", "car-1-2-2", "user-4", "user-5", "x" * 40, f"{'x' * 30}-2", "A-1"]


def test_sessions_are_moved_by_wall_clocks_over_a_clock_change(tmp_path: Path) -> None:
    summer = sessions(tmp_path, "u1,2026-07-07T17:00:00,2026-07-08T07:00:00,6,60,0.9", zone=OSLO)
    wanted = requests(tmp_path, "1,2026-12-08T18:00:00,1", zone=OSLO)["1"]
    [home] = scenario_data(summer, wanted)["homes"]
    [vehicle] = home["devices"]
    assert vehicle["plugs_in_at"] == datetime(2026, 12, 8, 16, tzinfo=UTC)  # 17:00 there, in winter
    assert vehicle["departs_at"] == datetime(2026, 12, 9, 6, tzinfo=UTC)


def test_session_on_the_day_of_the_event_stays_where_it_was(tmp_path: Path) -> None:
    night = sessions(tmp_path, f"u1,{AUTUMN}T02:00:00+01:00,{AUTUMN}T09:00:00+01:00,6,60,0.9", zone=OSLO)
    wanted = requests(tmp_path, f"1,{AUTUMN}T04:00:00,1", zone=OSLO)["1"]
    [home] = scenario_data(night, wanted)["homes"]
    assert home["devices"][0]["plugs_in_at"] == datetime(2026, 10, 25, 1, tzinfo=UTC)


@pytest.mark.parametrize("event", ["1", "event one", "é/#+", "x" * 200])
@pytest.mark.parametrize("user", ["u1", "車一", "a b/c", "x" * 200])
def test_scenario_that_is_written_can_be_loaded(tmp_path: Path, user: str, event: str) -> None:
    rows = [f"{event},2026-01-14T18:{minute:02}:00,{minute}" for minute in (0, 15, 30)]
    found = sessions(tmp_path, f"{user},{EVENING},0.9", f"{user}.,{EVENING},0.9")
    wanted = requests(tmp_path, *rows)[event]
    text = to_toml(scenario_data(found, wanted, plugged=Plugged.EVERY_EVENING, storage_kw=4.0))
    scenario = build_scenario(tomllib.loads(text), "x")
    assert scenario.utility.events[0].slot_s == 900
    assert len(scenario.homes) == 2
