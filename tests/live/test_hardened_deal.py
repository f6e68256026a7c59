"""A whole deal behind certificates and an access list, as the commands make them, is the deal that is simulated."""

import asyncio
from pathlib import Path
from typing import Any

import paths
import pytest
from hardened import hardened_files, running
from live_system import LiveSystem, deals

from agents.runtime.behaviour import intercept
from agents.runtime.files.scenario import load_scenario
from agents.runtime.fleet.process import Fleet
from agents.runtime.fleet.sources import HomesSource
from agents.settings.scenario import Scenario
from agents.tools.run.simulate import build_simulation
from protocol.actor import Note

SPEED = 1_800.0


def settled(who: str, note: Note) -> bool:
    return who == "utility" and note.name == "closed"


def simulated(scenario: Scenario) -> dict[object, object]:
    simulation = build_simulation(scenario, scenario.seed)
    simulation.run()
    return deals(list(simulation.notes))


@pytest.mark.parametrize(("protocol", "crowd"), [("5", False), ("5", True), ("3.1.1", False), ("3.1.1", True)])
async def test_deal_over_mutual_tls_is_the_simulated_one(tmp_path: Path, protocol: str, crowd: bool) -> None:
    scenario = load_scenario(paths.EXAMPLES / "evening_peak.toml")
    hardened = hardened_files(tmp_path)
    hardened.enrol_all()
    async with running(hardened):
        system = LiveSystem(hardened.address(protocol=protocol), scenario.start_at, SPEED)
        system.crowd = crowd
        parties = (scenario.utility, scenario.coordinator, *scenario.aggregators, *scenario.homes)
        strange = {name: found for name, kind in scenario.behaviours.items() if (found := intercept(kind)) is not None}
        await system.run(parties, settled, strange)
    assert deals(list(system.notes)) == simulated(scenario)


async def test_gateway_speaks_for_all_homes_by_one_certificate(tmp_path: Path) -> None:
    scenario = load_scenario(paths.EXAMPLES / "evening_peak.toml")
    hardened = hardened_files(tmp_path, gateways={"fleet": tuple(ra.name for ra in scenario.aggregators)})
    for name in ("utility", "ac", "fleet", *(ra.name for ra in scenario.aggregators)):
        hardened.bundle(name)
    async with running(hardened):
        system = LiveSystem(hardened.address(), scenario.start_at, 120)
        started: list[asyncio.Task[Any]] = []
        waiting = dict.fromkeys(home.name for home in scenario.homes if home.name in (expected := simulated(scenario)))

        def fleet() -> None:
            source = HomesSource("fleet", scenario.homes, behaviours=scenario.behaviours)
            many = Fleet(source, hardened.address(), tell=system.tell)
            many.clock = system.clock
            system.under_way.append(lambda: many.told().waiting > 0)
            started.append(asyncio.create_task(many.run()))

        def done(who: str, note: Note) -> bool:
            if note.name == "standing_by":
                waiting.pop(who, None)
            return not waiting

        await system.run((scenario.utility, scenario.coordinator, *scenario.aggregators), done, beside=fleet)
        started[0].cancel()
        await asyncio.gather(*started, return_exceptions=True)
    assert deals(list(system.notes)) == expected
