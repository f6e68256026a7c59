"""Notes in words, as the story of a run tells them."""

from datetime import UTC, datetime
from pathlib import Path
from string import Formatter

import orjson
import pytest

from agents.history.line import NoteLine
from agents.history.narrate import WORDS, SlotCounts, figure, line, words
from agents.runtime.files.scenario import load_scenario
from agents.tools.run.simulate import build_simulation
from protocol.codec import to_json
from protocol.note_model import MODELS, NoteModel
from protocol.notes import AwardRefused, EventIssued, LateReportRecorded

SLOTS = 3
"""Of the city's event."""
AT = datetime(2026, 1, 14, 18, tzinfo=UTC)


@pytest.fixture(scope="module")
def noted() -> dict[tuple[str, str], str]:
    """By party and name of the note, the words for its last one in a tree with aggregators of aggregators."""
    simulation = build_simulation(load_scenario(Path("city")), seed=1)
    simulation.run()
    return {(party, note.name): words(NoteLine.of(at, party, note), SLOTS) for at, party, note in simulation.notes}


def test_aggregator_tells_to_how_many_of_its_ders_it_dispatches(noted: dict[tuple[str, str], str]) -> None:
    assert noted["harbour-north", "dispatched"] == "slot 3 of 3: 15.7 kW is due; dispatches to 3 DERs"


def test_aggregator_of_aggregators_tells_that_it_has_nobody_to_dispatch_to(noted: dict[tuple[str, str], str]) -> None:
    assert noted["ra-harbour", "dispatched"] == "slot 3 of 3: 31.4 kW is due; no DER of its own to dispatch to"


def test_those_who_are_asked_and_awarded_are_members_whether_ders_or_aggregators(
    noted: dict[tuple[str, str], str],
) -> None:
    for name in ("ra-harbour", "harbour-north"):
        assert " members for " in noted[name, "request_values_sent"]
        assert " members for " in noted[name, "awards_sent"]


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.__name__)
def test_every_note_has_words_that_use_its_own_keys(model: type[NoteModel]) -> None:
    used = {key for _, key, _, _ in Formatter().parse(WORDS[model.name]) if key}
    assert used <= set(model.keys)


def test_words_are_those_of_a_model_each() -> None:
    assert set(WORDS) == {model.name for model in MODELS.values()}


def test_line_from_memory_and_from_a_log_reads_the_same() -> None:
    note = EventIssued(direction="decrease_load", requested_w=(1_000, 2_000), start=AT, reply_by=AT, revision=1).note(
        "e"
    )
    noted = NoteLine.of(AT, "utility", note)
    logged = NoteLine.read(orjson.loads(to_json(noted.as_json())))
    assert logged is not None
    assert line(noted) == line(logged)
    assert "asks for decrease load of 1 2 kW from 18:00:00" in line(noted)


def test_slot_is_counted_from_one_and_of_how_many_where_that_is_known() -> None:
    noted = NoteLine.of(AT, "ra-1", LateReportRecorded(child="h", slot=0).note("e"))
    assert words(noted, 4).startswith("the meter of h tells slot 1 of 4 after")
    assert words(noted).startswith("the meter of h tells slot 1 after")


def test_what_a_peer_wrote_moves_no_cursor() -> None:
    note = AwardRefused(child="h", cause="\x1b[2Jnothing").note("e")
    assert words(NoteLine.of(AT, "ra", note)) == "h refuses its award: \N{REPLACEMENT CHARACTER}[2Jnothing"


def test_note_that_is_not_known_is_told_with_its_figures() -> None:
    assert words(NoteLine(AT, "x", "new_thing", "e", "", {"power_w": [1_000]})) == "new thing, power_w 1 kW"


def test_slots_are_counted_by_the_plans_of_the_last_events() -> None:
    counts = SlotCounts()
    for number in range(SlotCounts.MOST_EVENTS + 1):
        assert counts.of(NoteLine(AT, "x", "can_meet", f"e{number}", "S36", {"power_w": [1, 2]})) == 2
    assert counts.of(NoteLine(AT, "x", "dispatched", f"e{SlotCounts.MOST_EVENTS}", "", {"slot": 0, "power_w": 5})) == 2
    assert counts.of(NoteLine(AT, "x", "dispatched", "e0", "", {"slot": 0, "power_w": 5})) == 0


def test_cause_that_is_a_name_is_told_in_words_and_somebodys_own_words_as_they_are() -> None:
    told = {cause: figure("cause", cause) for cause in ("contract_ended", "my_own words")}
    assert told == {"contract_ended": "contract ended", "my_own words": "my_own words"}
