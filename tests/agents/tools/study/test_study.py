"""The study: what each rung of the ladder is worth."""

import sys
from dataclasses import replace
from pathlib import Path

import orjson
import paths
import pytest

from agents.cli.app import call
from agents.runtime.files import from_csv as tables
from agents.settings.checked import ConfigError
from agents.tools.study import results, table
from agents.tools.study.remembered import Memory
from agents.tools.study.runs import Case, StudyOutcome, outcomes
from agents.tools.study.study import spaced, study
from agents.tools.study.variants import SIZES_PCT, VARIANTS, StudyBooks, with_plan
from protocol.units import Direction

HEAD = "user_id,plug_in,plug_out,max_kw,capacity_kwh,soc_arr\n"
SESSIONS = HEAD + "".join(
    f"U_{number},2020-03-03 15:{number:02}:00,2020-03-04 0{5 + number % 3}:00:00,{3.6 + number % 2},40,0.{4 + number % 6}\n"
    for number in range(12)
)
REQUESTS = """event_id,start,required_mw
7,2023-01-24 16:30:00,200
7,2023-01-24 17:00:00,400
8,2023-01-31 17:00:00,100
9,2023-02-07 17:00:00,0
"""
REAL = paths.REAL
NAMES = [variant.name for variant in VARIANTS]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    sessions, requests = tmp_path / "sessions.csv", tmp_path / "requests.csv"
    sessions.write_text(SESSIONS)
    requests.write_text(REQUESTS)
    return sessions, requests


@pytest.fixture
def command(files: tuple[Path, Path]) -> list[str]:
    return ["study", "--sessions", str(files[0]), "--requests", str(files[1])]


def all_of(files: tuple[Path, Path], books: StudyBooks, *, seed: int = 0, run_all: bool = False) -> list[StudyOutcome]:
    sessions = tables.read_sessions(files[0])
    return [
        outcome
        for wanted in tables.read_wanted(files[1]).values()
        for outcome in outcomes(sessions, wanted, tables.Plugged.EVERY_EVENING, books=books, seed=seed, run_all=run_all)
    ]


def test_living_homes_are_all_asked_and_secure_what_those_give_who_are_there(files: tuple[Path, Path]) -> None:
    away = "U_away,2020-03-03 22:00:00,2020-03-04 06:00:00,7.2,60,0.3\n"
    files[0].write_text(SESSIONS.replace(" 15:", " 12:") + away)
    sessions = tables.read_sessions(files[0])
    (wanted, *_) = tables.read_wanted(files[1]).values()
    evening = tables.Plugged.EVERY_EVENING
    single, living = (list(outcomes(sessions, wanted, evening, sizes_pct=(70,), living=live)) for live in (False, True))
    assert {outcome.homes for outcome in single} == {12}
    assert {outcome.homes for outcome in living} == {13}
    assert living[-1].secured_wh == living[-1].asked_wh > 0


@pytest.mark.parametrize("books", StudyBooks)
def test_no_rung_lowers_what_is_secured_of_an_event(files: tuple[Path, Path], books: StudyBooks) -> None:
    found = all_of(files, books, run_all=True)
    assert len(found) == 2 * len(SIZES_PCT) * len(VARIANTS)
    assert results.lowered(found) == []
    assert all(0 <= outcome.secured_wh <= outcome.asked_wh for outcome in found)
    assert any(outcome.secured_wh for outcome in found)


@pytest.mark.parametrize("books", StudyBooks)
def test_what_is_not_run_is_what_a_run_would_have_said(files: tuple[Path, Path], books: StudyBooks) -> None:
    def said(found: list[StudyOutcome]) -> list[StudyOutcome]:
        return [replace(outcome, run=True, messages=0) for outcome in found]

    short = all_of(files, books)
    assert said(short) == said(all_of(files, books, run_all=True))
    assert not all(outcome.run for outcome in short)


def test_the_same_seed_gives_the_same_outcomes(files: tuple[Path, Path]) -> None:
    assert all_of(files, StudyBooks.KNOWN, seed=3) == all_of(files, StudyBooks.KNOWN, seed=3)


def test_a_deal_gives_the_least_share_and_no_fallback_leaves_an_impossible_request_alone(
    files: tuple[Path, Path],
) -> None:
    found = all_of(files, StudyBooks.KNOWN)
    assert all(outcome.secured_wh * 100 >= 70 * outcome.asked_wh for outcome in found if outcome.concluded)
    impossible = [outcome for outcome in found if outcome.case.size_pct == 150]
    assert {o.concluded for o in impossible if o.case.variant == "no_fallback"} == {False}
    assert not any(outcome.disturbed for outcome in found if outcome.case.variant in ("no_fallback", "own_storage"))


def test_a_remembered_vehicle_answers_like_itself(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    remembered = all_of(files, StudyBooks.TRUSTED)
    monkeypatch.setattr(Memory, "_remembered", lambda self, device: device)
    assert all_of(files, StudyBooks.TRUSTED) == remembered


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="the real tables are not here")
@pytest.mark.parametrize("books", StudyBooks)
def test_no_rung_lowers_what_is_secured_of_real_events(books: StudyBooks) -> None:
    sessions = tables.read_sessions(REAL / "ev_sessions.csv")
    for wanted in spaced(list(tables.read_wanted(REAL / "dr_requests.csv").values()), 3):
        found = list(outcomes(sessions, wanted, tables.Plugged.AS_RECORDED, books=books, run_all=True))
        assert results.lowered(found) == []


def test_events_of_a_sample_are_evenly_spaced(files: tuple[Path, Path]) -> None:
    one = tables.read_wanted(files[1])["7"]
    events = [replace(one, number=str(number)) for number in range(10)]
    assert [event.number for event in spaced(events, 4)] == ["0", "2", "5", "7"]
    assert spaced(events, None) == spaced(events, 99) == events


def test_shares_are_summed_over_events() -> None:
    case = Case("1", tables.Plugged.AS_RECORDED, StudyBooks.KNOWN, 100, "no_fallback")
    found = [
        StudyOutcome(case, 1000, 1000, True, True, 10, 1, 5),
        StudyOutcome(replace(case, event="2"), 3000, 2400, True, False, 10, 2, 5),
        StudyOutcome(replace(case, event="3"), 4000, 0, False, False, 10, 0, 5),
    ]
    (row,) = results.rows(found)
    assert (row.events, row.concluded_pct, row.in_full_pct) == (3, 66.7, 33.3)
    assert (row.secured_pct, row.disturbed_pct) == (42.5, 15.0)  # by hand: 3400 of 8000 Wh, 3 of 20 homes
    worse = replace(found[0], case=replace(case, variant="own_storage"), secured_wh=900)
    assert results.lowered([found[0], worse]) == [(found[0], worse)]


def test_the_command_says_one_object_for_a_machine(
    command: list[str], capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert call([*command, "--events", "1", "--json"]) == 0
    said = orjson.loads(capsysbinary.readouterr().out)
    assert (said["events"], said["negotiations"], said["lowered"], said["least_share_pct"]) == (1, 80, 0, 70)
    assert len(said["rows"]) == 80  # two books, two habits, four sizes, five variants
    assert [row["variant"] for row in said["rows"][:5]] == NAMES
    assert set(said["rows"][0]) == set(results.StudyRow.__dataclass_fields__)


def test_the_command_writes_table_numbers_and_picture(command: list[str], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "out"
    out.mkdir()
    page = out / "study.md"
    page.write_text(f"# Ours\n\n{table.BEGIN}\nold\n{table.END}\n\nWhat it does not show.\n")
    assert call([*command, "--events", "1", "--out", str(out)]) == 0
    text = page.read_text()
    assert text.startswith("# Ours\n")
    assert text.endswith("What it does not show.\n")
    assert "\nold\n" not in text
    assert "| every evening | 1.5 |" in text
    assert orjson.loads((out / "study-results.json").read_bytes())["events"] == 1
    assert (out / "study-ladder.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--events", "0"], "--events: has to be at least 1"),
        (["--jobs", "0"], "--jobs: has to be at least 1 and at most 64"),
        (["--least-share", "101"], "--least-share: has to be at least 1 and at most 100"),
        (["--out", "/no/such/folder"], "/no/such/folder: is no folder"),
        (["--sessions", "/no/such/file"], "/no/such/file: cannot be read: No such file or directory"),
    ],
)
def test_a_mistake_is_one_sentence(
    command: list[str], more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [*command, *more] if more[0] != "--sessions" else [*command[:1], *more, *command[3:]]
    assert call(given) == 2
    assert capsys.readouterr().err == f"gridpact: {said}\n"


def test_tables_without_a_request_or_a_fleet_are_said(files: tuple[Path, Path]) -> None:
    files[1].write_text("event_id,start,required_mw\n9,2023-02-07 17:00:00,0\n")
    with pytest.raises(ConfigError, match="required_mw: no event asks for power"):
        study(*files)
    files[1].write_text("event_id,start,required_mw\n9,2023-02-07 12:00:00,10\n")
    with pytest.raises(ConfigError, match="no vehicle is plugged in and able to give anything in any"):
        study(*files)


def test_a_page_without_a_place_for_results_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "study.md"
    page.write_text("mine\n")
    with pytest.raises(ConfigError, match="has no place for results"):
        table.write_page(page, "x")
    assert page.read_text() == "mine\n"


def test_a_page_without_a_place_is_said_before_the_run(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "study.md").write_text("mine\n")
    assert call([*command, "--out", str(tmp_path)]) == 2
    assert "has no place for results" in capsys.readouterr().err


def test_without_matplotlib_one_sentence_says_what_to_install(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert call([*command, "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "gridpact: the picture needs matplotlib: pip install 'gridpact[report]'\n"


# -- the plan, and the optimum beside it


def planned(files: tuple[Path, Path], direction: Direction = Direction.DECREASE_LOAD) -> list[StudyOutcome]:
    sessions, wanted = tables.read_sessions(files[0]), tables.read_wanted(files[1])["7"]
    variants = [with_plan(one) for one in VARIANTS]
    return list(
        outcomes(
            sessions, wanted, tables.Plugged.EVERY_EVENING, sizes_pct=(100, 150), variants=variants,
            direction=direction, compare=True,
        )
    )  # fmt: skip


@pytest.mark.parametrize("direction", Direction)
def test_nothing_secures_more_than_the_optimum_of_the_coalition(files: tuple[Path, Path], direction: Direction) -> None:
    found = planned(files, direction)
    assert len(found) == 2 * len(VARIANTS)
    for outcome in found:
        assert outcome.best is not None
        assert outcome.level_pm <= outcome.best.level_pm
        assert outcome.secured_wh <= outcome.best.energy_wh
    assert any(outcome.concluded for outcome in found)


def test_optimum_grows_with_the_means(files: tuple[Path, Path]) -> None:
    levels = [outcome.best.level_pm for outcome in planned(files) if outcome.case.size_pct == 150 and outcome.best]
    assert levels == sorted(levels)
    assert levels[0] < levels[2]


def test_plan_secures_what_the_ladder_of_the_patent_does_not(files: tuple[Path, Path]) -> None:
    own = {one.case.variant: one for one in planned(files) if one.case.size_pct == 100}
    sessions, wanted = tables.read_sessions(files[0]), tables.read_wanted(files[1])["7"]
    plain = {
        one.case.variant: one for one in outcomes(sessions, wanted, tables.Plugged.EVERY_EVENING, sizes_pct=(100,))
    }
    for variant, outcome in own.items():
        assert outcome.secured_wh >= plain[variant].secured_wh
        assert outcome.disturbed <= plain[variant].disturbed
    assert all(0 < one.woken <= one.homes and one.questions >= one.homes for one in own.values() if one.concluded)


def test_command_compares_with_the_optimum_where_it_is_asked_to(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call([*command, "--events", "1", "--jobs", "1", "--plan", "--optimum"]) == 0
    told = capsys.readouterr().out
    assert "beside the optimum of the coalition with the same means" in told
    assert call([*command, "--events", "1", "--jobs", "1", "--more-load", "--json"]) == 0
    rows = orjson.loads(capsys.readouterr().out)["rows"]
    assert {row["of_best_pct"] for row in rows} == {None}
