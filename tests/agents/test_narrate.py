"""Notes in words, as the story of a run tells them."""

from pathlib import Path

import pytest

from agents.board import Told
from agents.narrate import words
from agents.scenario import load_scenario
from agents.simulate import build_simulation


def told(scenario: str, name: str) -> dict[str, str]:
    """By party, the words for its last note of a name."""
    simulation = build_simulation(load_scenario(Path(scenario)), seed=1)
    simulation.run()
    return {party: words(Told.of(at, party, note)) for at, party, note in simulation.notes if note.name == name}


@pytest.fixture(scope="module")
def dispatched() -> dict[str, str]:
    return told("city", "dispatched")


def test_aggregator_tells_to_how_many_of_its_ders_it_dispatches(dispatched: dict[str, str]) -> None:
    assert dispatched["harbour-north"] == "slot 2: 15.7 kW is due; dispatches to 3 DERs"


def test_aggregator_of_aggregators_tells_that_it_has_nobody_to_dispatch_to(dispatched: dict[str, str]) -> None:
    assert dispatched["ra-harbour"] == "slot 2: 31.4 kW is due; no DER of its own to dispatch to"
