"""The utility's demand forecast: what it asks for, and mistakes in one sentence."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import paths
import pytest
from worlds import T0

from agents.cli.app import call
from agents.runtime.files.config import load_config
from agents.runtime.files.forecast import ForecastSlot, events_of, read_forecast
from agents.runtime.files.included import included
from agents.settings.checked import ConfigError
from agents.settings.daemon import Role
from agents.settings.forecast import ForecastSettings
from protocol.units import SLOT, Direction

HEADER = "start,demand_w,supply_w\n"


def slots(*missing_w: int) -> list[ForecastSlot]:
    return [ForecastSlot(T0 + SLOT * number, missing) for number, missing in enumerate(missing_w)]


def test_short_asks_to_decrease_load_and_surplus_to_increase_it() -> None:
    short, flooded = events_of(slots(0, 300, 200, -500, 0), ForecastSettings(file=Path("f.csv")))
    assert (short.direction, short.start, short.power_w) == (Direction.DECREASE_LOAD, T0 + SLOT, (300, 200))
    assert (flooded.direction, flooded.start, flooded.power_w) == (Direction.INCREASE_LOAD, T0 + SLOT * 3, (500,))
    assert short.issue_at == short.start - timedelta(hours=2)


def test_what_lies_in_the_dead_band_asks_for_nothing() -> None:
    settings = ForecastSettings(file=Path("f.csv"), dead_band_w=250)
    assert [event.power_w for event in events_of(slots(250, 251, -250), settings)] == [(251,)]


def test_the_rows_are_read_with_their_own_slot_length(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(HEADER + "2026-01-14T18:00:00+09:00,120,100\n2026-01-14T18:15:00+09:00,120,90\n")
    read = read_forecast(path)
    assert read[0].start == datetime(2026, 1, 14, 9, tzinfo=UTC)
    [event] = events_of(read, ForecastSettings(file=path))
    assert (event.slot_s, event.power_w) == (900, (20, 30))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("start,demand_w\n", "line 1: the column supply_w is missing"),
        (HEADER, "a forecast needs two slots or more"),
        (HEADER + "2026-01-14T18:00:00,1,1\n", "line 2: start: an instant needs its offset"),
        (HEADER + "2026-01-14T18:00:00Z,1.5,1\n", "line 2: demand_w: '1.5' is no whole number"),
        (HEADER + "2026-01-14T18:00:00Z,1\n", "line 2: 2 cells where the header row has 3"),
        (HEADER + "3026-01-14T18:00:00Z,1,1\n", "line 2: start: lies in the year 3026;"),
        (HEADER + "0001-01-01T00:00:00+09:00,1,1\n", "line 2: start: lies in the year 1;"),
        (HEADER + "2026-01-14T18:00:00Z,nan,1\n", "line 2: demand_w: 'nan' is no whole number"),
        (HEADER + "2026-01-14T18:00:00Z,2000000000000,1\n", "line 2: demand_w: lies more than 100000000000 W off"),
        (HEADER + f"2026-01-14T18:00:00Z,{10**30},1\n", f"line 2: demand_w: {10**30} is too large: "),
        (
            HEADER + "2026-01-14T18:00:00Z,1,1\n2026-01-14T18:00:30Z,1,1\n",
            "line 3: start: slots of 30 s: whole seconds, a minute to a day, are possible",
        ),
        (
            HEADER + "2026-01-14T18:00:00Z,1,1\n2026-01-14T18:30:00Z,1,1\n2026-01-14T19:30:00Z,1,1\n",
            "line 4: start: the slots have to follow each other without gaps",
        ),
    ],
)
def test_a_mistake_is_one_sentence_with_line_and_column(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "f.csv"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_forecast(path)
    assert str(caught.value).startswith(f"{path}: {sentence}")


def test_a_daemon_reads_forecast_and_book_from_files_beside_its_configuration(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(HEADER + "2026-01-14T18:00:00Z,5,1\n2026-01-14T18:30:00Z,1,4\n")
    (tmp_path / "book.csv").write_text("name,resources,decrease_load_w\nhems-1,ev-1,6000\n")
    utility = tmp_path / "utility.toml"
    utility.write_text('[utility]\nchildren = ["ac"]\nforecast = {file = "f.csv"}\n')
    config = load_config(utility, Role.UTILITY)
    assert config.utility is not None
    assert [event.power_w for event in config.utility.events] == [(4,), (3,)]
    ra = tmp_path / "ra.toml"
    ra.write_text('[aggregator]\nname = "ra-1"\nparent = "ac"\nmembers_file = "book.csv"\n')
    aggregator = load_config(ra, Role.AGGREGATOR).aggregator
    assert aggregator is not None
    assert [(member.name, member.decrease_load_w) for member in aggregator.members] == [("hems-1", 6000)]


def test_members_in_two_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="x: members_file: the members stand in this file, too"):
        included({"members": [], "members_file": "book.csv"}, tmp_path, "x")


def test_a_day_of_forecast_runs_as_events_both_ways(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny = paths.TINY
    text, events = tiny.read_text().replace("T18:40:00Z", "T20:30:00Z"), "[[utility.events]]"
    head, tail = text[: text.index(events)], text[text.index(events) :].split("\n\n", 1)[1]
    scenario = tmp_path / "day.toml"
    scenario.write_text(head + '[utility.forecast]\nfile = "f.csv"\nissue_before_s = 3600\n\n' + tail)
    (tmp_path / "f.csv").write_text(
        HEADER + "2026-01-14T18:30:00Z,20000,0\n2026-01-14T19:00:00Z,3000,0\n2026-01-14T19:30:00Z,0,4000\n"
    )
    assert call(["simulate", str(scenario)]) == 0
    out = capsys.readouterr().out
    assert "forecast-20260114-1830" in out
    assert "forecast-20260114-1930" in out
