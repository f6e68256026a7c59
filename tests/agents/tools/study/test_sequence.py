"""Events one after the other, with what was learned carried on."""

from pathlib import Path

import orjson
import pytest

from agents.cli.app import call
from agents.runtime.files import from_csv as tables
from agents.tools.study.sequence import SequenceBook, SequenceOutcome, in_sequence, summed
from agents.tools.study.variants import SEQUENCE_VARIANT, with_plan

HEAD = "user_id,plug_in,plug_out,max_kw,capacity_kwh,soc_arr\n"
SESSIONS = HEAD + "".join(
    f"U_{number},2020-03-03 15:{number:02}:00,2020-03-04 0{5 + number % 3}:00:00,{3.6 + number % 2},40,0.{4 + number % 6}\n"
    for number in range(12)
)
REQUESTS = "event_id,start,required_mw\n" + "".join(
    f"{day},2023-01-{day:02} 16:30:00,200\n{day},2023-01-{day:02} 17:00:00,400\n" for day in (10, 12, 16, 18)
)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    sessions, requests = tmp_path / "sessions.csv", tmp_path / "requests.csv"
    sessions.write_text(SESSIONS)
    requests.write_text(REQUESTS)
    return sessions, requests


def told(files: tuple[Path, Path], book: SequenceBook, size_pct: int = 100) -> list[SequenceOutcome]:
    events = list(tables.read_wanted(files[1]).values())
    sessions = tables.read_sessions(files[0])
    evening = tables.Plugged.EVERY_EVENING
    return list(in_sequence(sessions, events, evening, book, with_plan(SEQUENCE_VARIANT), size_pct=size_pct))


def test_all_books_meet_the_same_events_in_their_order(files: tuple[Path, Path]) -> None:
    some = (SequenceBook.STATIC, SequenceBook.FAIR)
    assert [[one.event for one in told(files, book)] for book in some] == [["10", "12", "16", "18"]] * 2


def test_row_sums_all_events_and_says_whose_owner_was_disturbed_most_often() -> None:
    outcomes = [
        SequenceOutcome("1", SequenceBook.FAIR, tables.Plugged.EVERY_EVENING, 100, 80, True, False, 4, ("a", "b")),
        SequenceOutcome("2", SequenceBook.FAIR, tables.Plugged.EVERY_EVENING, 100, 100, True, True, 4, ("a",)),
    ]
    row = summed(outcomes)
    assert (row.secured_pct, row.in_full_pct, row.disturbed_pct, row.most) == (90.0, 50.0, 37.5, 2)


def test_command_tells_and_draws_the_sequences(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sessions, requests = files
    args = ["--sessions", str(sessions), "--requests", str(requests), "--sequence", "--plan", "--events", "1"]
    assert call(["study", *args, "--jobs", "1", "--json", "--out", str(tmp_path)]) == 0
    rows = orjson.loads(capsys.readouterr().out)["rows"]
    assert {row["book"] for row in rows} == set(SequenceBook)
    assert (tmp_path / "study-sequence.svg").read_text().startswith("<?xml")
