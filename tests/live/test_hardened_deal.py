"""A whole deal behind certificates and an access list, as the commands make them, is the deal that is simulated."""

from pathlib import Path
from typing import Literal

import paths
import pytest
from hardened import hardened_files, running
from live_system import LiveSystem, deals

from agents.runtime.behaviour import intercept
from agents.runtime.files.scenario import load_scenario
from agents.tools.run.simulate import build_simulation
from protocol.actor import Note

SPEED = 1_800.0


def settled(who: str, note: Note) -> bool:
    return who == "utility" and note.name == "closed"


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_deal_over_mutual_tls_is_the_simulated_one(tmp_path: Path, protocol: Literal["5", "3.1.1"]) -> None:
    scenario = load_scenario(paths.EXAMPLES / "evening_peak.toml")
    simulation = build_simulation(scenario, scenario.seed)
    simulation.run()
    hardened = hardened_files(tmp_path)
    hardened.enrol_all()
    async with running(hardened):
        system = LiveSystem(hardened.address(protocol=protocol), scenario.start_at, SPEED)
        parties = (scenario.utility, scenario.coordinator, *scenario.aggregators, *scenario.homes)
        strange = {name: found for name, kind in scenario.behaviours.items() if (found := intercept(kind)) is not None}
        await system.run(parties, settled, strange)
    assert deals(list(system.notes)) == deals(list(simulation.notes))
