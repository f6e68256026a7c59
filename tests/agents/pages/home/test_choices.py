"""What a resident has chosen beforehand, and when nobody is to be disturbed."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from worlds import vehicle

from agents.history.standing import PartyStage
from agents.pages.home.choices import (
    Choices,
    StandingAnswer,
    ToldBefore,
    answers,
    load,
    load_told,
    save,
    save_told,
    told_path,
    wanted_limits,
)
from agents.pages.home.view import HomeEvent
from agents.settings.checked import ConfigError
from protocol import messages as m
from protocol.units import Direction

NOW = datetime(2026, 1, 14, 17, 0, tzinfo=UTC)


def event(event_id: str, stage: PartyStage, *, asked: bool = False, in_h: float = 1, **more: Any) -> HomeEvent:
    """An event of an hour that begins in some hours."""
    start = NOW + timedelta(hours=in_h)
    request = m.Request(
        message_id="ra.r", event_id=event_id, request_id="r", revision=1, round=1, sent_at=NOW, program_id="dr",
        direction=Direction.DECREASE_LOAD, interval_period=m.IntervalPeriod(start=start, duration=timedelta(minutes=30)),
        power_w=(2_000, 2_000), reply_by=start, decide_by=start, terms=m.Terms(),
    )  # fmt: skip
    by = NOW + timedelta(minutes=4) if asked else None
    return HomeEvent(event_id, request, stage, "", None, None, False, answer_by=by, **more)


ASKED = event("e1", PartyStage.CONSIDERING, asked=True)
OFFERED, RUNNING = event("e2", PartyStage.OFFERED), event("e3", PartyStage.DELIVERING, in_h=-0.5)
OUT, OVER = event("e4", PartyStage.OPTED_OUT), event("e5", PartyStage.DELIVERING, in_h=-3)


def said(choices: Choices, *events: HomeEvent) -> list[StandingAnswer]:
    return list(answers(choices, events, NOW))


def test_who_wants_to_be_asked_is_answered_for_by_nobody() -> None:
    assert said(Choices(), ASKED, OFFERED, RUNNING) == []


def test_never_leaves_what_runs_and_declines_what_is_asked() -> None:
    no = [StandingAnswer(key, False) for key in ("e1", "e2", "e3")]
    assert said(Choices(rule="never"), ASKED, OFFERED, RUNNING, OUT, OVER) == no


def test_pause_is_as_never_until_its_end() -> None:
    paused = Choices(rule="always", paused_until=NOW + timedelta(seconds=1))
    assert said(paused, ASKED) == [StandingAnswer("e1", False)]
    assert said(Choices(rule="always", paused_until=NOW), ASKED) == [StandingAnswer("e1", True)]


def test_always_says_yes_as_often_a_day_as_was_chosen() -> None:
    tomorrow = event("e6", PartyStage.CONSIDERING, asked=True, in_h=20)
    assert said(Choices(rule="always", most_a_day=2), ASKED, OFFERED) == [StandingAnswer("e1", True)]
    assert said(Choices(rule="always", most_a_day=1), ASKED, OFFERED) == []
    assert said(Choices(rule="always", most_a_day=1), tomorrow, OFFERED) == [StandingAnswer("e6", True)]
    second = event("e7", PartyStage.CONSIDERING, asked=True)
    assert said(Choices(rule="always", most_a_day=1), ASKED, second) == [StandingAnswer("e1", True)]


def test_day_is_that_of_the_residents_clocks() -> None:
    late = event("e6", PartyStage.CONSIDERING, asked=True, in_h=8)  # 01:00 UTC; in Tokyo both are on the 15th
    assert said(Choices(rule="always", most_a_day=1), OFFERED, late) == [StandingAnswer("e6", True)]
    assert said(Choices(rule="always", most_a_day=1, zone="Asia/Tokyo"), OFFERED, late) == []


@pytest.mark.parametrize(
    ("begin", "end", "quiet"),
    [(16, 18, True), (18, 20, False), (22, 7, False), (16, 7, True), (20, 18, True), (17, 17, False)],
)
def test_quiet_hours_may_run_over_midnight(begin: int, end: int, quiet: bool) -> None:
    assert Choices(quiet_from=time(begin), quiet_to=time(end)).quiet(NOW) is quiet


def test_quiet_hours_are_on_the_residents_clocks() -> None:
    tokyo = Choices(quiet_from=time(1), quiet_to=time(3), zone="Asia/Tokyo")  # it is 02:00 there
    assert tokyo.quiet(NOW)
    assert not tokyo.model_copy(update={"zone": "UTC"}).quiet(NOW)


def test_choices_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "choices.json"
    assert load(path) == Choices()
    chosen = Choices(rule="never", paused_until=NOW, quiet_from=time(22), quiet_to=time(7), zone="Asia/Tokyo")
    save(path, chosen)
    assert load(path) == chosen
    path.write_text('{"rule": "sometimes"}')
    with pytest.raises(ConfigError, match=r"choices\.json"):
        load(path)


CAR = vehicle("ev-1", relaxations=[{"restriction": "reserve_soc", "steps": [4_000]}])


def test_settings_hold_where_nothing_else_was_said() -> None:
    assert wanted_limits(Choices(), CAR, NOW) == {}
    said = Choices(limits={"ev-1": {"departure_soc_wh": 24_000}, "ev-2": {"reserve_wh": 1}})
    assert wanted_limits(said, CAR, NOW) == {"departure_soc_wh": 24_000}


def test_what_is_kept_for_an_outage_is_the_reserve_and_is_not_loosened() -> None:
    kept = Choices(kept={"ev-1": 27_000}, limits={"ev-1": {"reserve_wh": 10_000}})
    assert wanted_limits(kept, CAR, NOW) == {"reserve_wh": 27_000, "relaxations": []}
    assert wanted_limits(Choices(kept={"ev-1": 5_000}), CAR, NOW)["reserve_wh"] == 8_000


def test_limits_are_loosened_in_the_chosen_hours_only() -> None:
    evening = Choices(loosen_from=time(17), loosen_to=time(22))
    assert wanted_limits(evening, CAR, NOW) == {}
    assert wanted_limits(evening, CAR, NOW + timedelta(hours=5)) == {"relaxations": []}
    night = Choices(loosen_from=time(22), loosen_to=time(6), zone="Asia/Tokyo")
    assert wanted_limits(night, CAR, NOW) == {}  # it is two in the morning there
    assert wanted_limits(evening, vehicle("ev-2"), NOW + timedelta(hours=5)) == {}  # nothing is to be loosened


def test_choices_of_a_page_of_before_are_read(tmp_path: Path) -> None:
    path = tmp_path / "choices.json"
    path.write_text(
        '{"rule":"always","most_a_day":1,"paused_until":null,"quiet_from":null,"quiet_to":null,"zone":"UTC"}'
    )
    assert load(path) == Choices(rule="always", most_a_day=1)


def test_what_was_told_is_known_again_and_is_no_loss_where_it_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "choices.json"
    told = ToldBefore(said=(StandingAnswer("e1", True),), pushed={"mail": ("e1 x",)})
    save_told(path, told)
    assert load_told(path) == told
    told_path(path).write_text("{")
    assert load_told(path) == ToldBefore()
