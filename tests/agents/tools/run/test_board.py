"""The board of `up` and `simulate`: who stands where, and the line at the end."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import paths
import pytest
from rich.console import Console

from agents.history.line import NoteLine
from agents.runtime.files.scenario import load_scenario
from agents.settings.scenario import Scenario
from agents.tools.run.board import Board
from agents.tools.run.simulate import build_simulation
from agents.tools.run.view import View, ladder_table, verdict

EVENING = datetime(2026, 1, 14, tzinfo=UTC)


@pytest.fixture(scope="module")
def evening() -> Scenario:
    return load_scenario(paths.EXAMPLES / "evening_peak.toml")


@pytest.fixture(scope="module")
def lines(evening: Scenario) -> list[NoteLine]:
    simulation = build_simulation(evening, seed=1)
    simulation.run()
    return [NoteLine.of(at, party, note) for at, party, note in simulation.notes]


def board_at(scenario: Scenario, lines: list[NoteLine], at: datetime) -> Board:
    board = Board(scenario)
    for line in lines:
        if line.at <= at:
            board.take(line)
    return board


def table_line(board: Board, at: datetime, party: str) -> str:
    console = Console(width=160, file=io.StringIO(), record=True)
    console.print(ladder_table(board.rows(), at))
    return next(line for line in console.export_text().splitlines() if f"│ {party}" in line)


def test_coordinator_shows_what_all_aggregators_give_and_not_what_the_last_one_could(
    evening: Scenario, lines: list[NoteLine]
) -> None:
    at = EVENING + timedelta(hours=17, minutes=6)
    board = board_at(evening, lines, at)
    ac = board.history.event("evening-peak").parties["ac"]
    assert ac.available_w == (58_000, 58_000, 58_000, 43_500)  # 26 + 24 + 8 and 19.5 + 18 + 6
    assert (ac.answers.asked, ac.answers.yes, ac.answers.no) == (5, 3, 0)
    row = table_line(board, at, "ac")
    assert "58 58 58 43.5 kW" in row
    assert "100 100 100 75 kW" in row


def test_silent_are_those_at_the_deadline_of_the_first_offers_whatever_rung_comes_then(
    evening: Scenario, lines: list[NoteLine]
) -> None:
    board = board_at(evening, lines, lines[-1].at)
    for party in board.summary()["events"][0]["parties"]:
        if party["role"] == "aggregator":
            assert party["yes"] + party["no"] + party["silent"] == party["asked"]
    assert any(party.get("silent") for party in board.summary()["events"][0]["parties"])


def test_board_is_over_when_every_planned_event_has_ended(evening: Scenario, lines: list[NoteLine]) -> None:
    assert not board_at(evening, lines, lines[0].at - timedelta(seconds=1)).over()
    assert not board_at(evening, lines, EVENING + timedelta(hours=19)).over()
    assert board_at(evening, lines, lines[-1].at).over()


@pytest.mark.parametrize(
    ("hour", "stopped", "said"),
    [
        (21, False, "a deal was concluded"),
        (19, True, "stopped; a deal stands"),
        (17.1, True, "stopped; no deal stands"),
        (17.1, False, "no deal was concluded"),
    ],
)
def test_last_line_says_what_came_of_the_run(
    evening: Scenario, lines: list[NoteLine], hour: float, stopped: bool, said: str
) -> None:
    board = board_at(evening, lines, EVENING + timedelta(hours=hour))
    assert verdict(board.summary(stopped)) == said


def test_live_table_says_what_is_not_summed_up_yet(evening: Scenario, lines: list[NoteLine]) -> None:
    at = next(line.at for line in lines if line.name == "request_received")
    board = board_at(evening, lines, at)
    assert "..." in table_line(board, at, "ra-")


def test_view_tells_slots_from_one(evening: Scenario, lines: list[NoteLine], capsys: Any) -> None:
    view = View(Board(evening))
    for line in lines:
        view.tell(line)
    noted = capsys.readouterr().out
    assert "slot 1 of 4: delivered" in noted
    assert "slot 4 of 4: delivered" in noted
    assert "slot 0" not in noted
