"""Notes in words, as the story of a run tells them."""

from pathlib import Path

import pytest

from agents.runtime.files.scenario import load_scenario
from agents.tools.run.board import Told
from agents.tools.run.narrate import words
from agents.tools.run.simulate import build_simulation


@pytest.fixture(scope="module")
def told() -> dict[tuple[str, str], str]:
    """By party and name of the note, the words for its last one in a tree with aggregators of aggregators."""
    simulation = build_simulation(load_scenario(Path("city")), seed=1)
    simulation.run()
    return {(party, note.name): words(Told.of(at, party, note)) for at, party, note in simulation.notes}


def test_aggregator_tells_to_how_many_of_its_ders_it_dispatches(told: dict[tuple[str, str], str]) -> None:
    assert told["harbour-north", "dispatched"] == "slot 2: 15.7 kW is due; dispatches to 3 DERs"


def test_aggregator_of_aggregators_tells_that_it_has_nobody_to_dispatch_to(told: dict[tuple[str, str], str]) -> None:
    assert told["ra-harbour", "dispatched"] == "slot 2: 31.4 kW is due; no DER of its own to dispatch to"


def test_those_who_are_asked_and_awarded_are_members_whether_ders_or_aggregators(
    told: dict[tuple[str, str], str],
) -> None:
    for name in ("ra-harbour", "harbour-north"):
        assert " members for " in told[name, "request_values_sent"]
        assert " members for " in told[name, "awards_sent"]
