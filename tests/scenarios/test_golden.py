"""Golden transcripts: the shipped scenarios as a newcomer reads them. To accept a change: GOLDEN=write pytest ..."""

import os
from pathlib import Path

import pytest
from paths import EVENINGS

from agents.runtime.files.scenario import load_scenario
from agents.tools.run.simulate import build_simulation
from broker.recording import Recording, transcript

HERE = Path(__file__).parent


@pytest.mark.parametrize("path", EVENINGS, ids=lambda path: path.stem)
def test_shipped_scenario_tells_the_story_that_was_agreed(path: Path) -> None:
    simulation = build_simulation(load_scenario(path), seed=1)
    simulation.run()
    told = transcript(Recording.of(simulation.posts))
    golden = HERE / "golden" / f"{path.stem}.txt"
    if os.environ.get("GOLDEN") == "write":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(told, encoding="utf-8")
    assert told == golden.read_text(encoding="utf-8")
