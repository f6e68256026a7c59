"""The negotiation over a real Mosquitto: the same deal as simulated, whoever misbehaves, over either MQTT."""

import time
from datetime import datetime
from typing import Literal

import paths
import pytest
from live_system import LiveSystem, deals

from agents.runtime.behaviour import intercept
from agents.runtime.files.scenario import load_scenario
from agents.settings.behaviour import Behaviour
from agents.settings.scenario import Scenario
from agents.tools.run.simulate import build_simulation
from broker.mosquitto import Broker
from protocol.actor import Note

EVENING_PEAK = paths.EXAMPLES / "evening_peak.toml"
SPEED = 1_800.0


def settled(who: str, note: Note) -> bool:
    return who == "utility" and note.name == "closed"


async def live(broker: Broker, scenario: Scenario, protocol: Literal["5", "3.1.1"] = "5") -> LiveSystem:
    return await run(LiveSystem(broker, scenario.start_at, SPEED, protocol), scenario)


async def run(system: LiveSystem, scenario: Scenario) -> LiveSystem:
    parties = (scenario.utility, scenario.coordinator, *scenario.aggregators, *scenario.homes)
    strange = {name: found for name, kind in scenario.behaviours.items() if (found := intercept(kind)) is not None}
    await system.run(parties, settled, strange)
    return system


def simulated(scenario: Scenario) -> dict[object, object]:
    simulation = build_simulation(scenario, scenario.seed)
    simulation.run()
    return deals(list(simulation.notes))


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_same_scenario_gives_the_same_deal_live_and_simulated(
    broker: Broker, protocol: Literal["5", "3.1.1"]
) -> None:
    scenario = load_scenario(EVENING_PEAK)
    system = await live(broker, scenario, protocol)
    assert deals(list(system.notes)) == simulated(scenario)
    outcome = [note.data["outcome"] for _, who, note in system.notes if settled(who, note)]
    assert outcome == ["concluded"]


async def test_silent_late_garbage_and_repeating_homes_do_not_disturb_the_deal(broker: Broker) -> None:
    scenario = load_scenario(EVENING_PEAK)
    strange = {
        "hems-1-1": Behaviour.SILENT,
        "hems-1-2": Behaviour.LATE,
        "hems-1-3": Behaviour.GARBAGE,
        "hems-1-4": Behaviour.REPEATS,
    }
    for name, kind in strange.items():
        scenario.behaviours[name] = kind
    system = await live(broker, scenario)
    concluded = [note.data["power_w"] for _, who, note in system.notes if note.name == "event_awarded"]
    assert concluded == [(100_000, 100_000, 100_000, 75_000)]
    refused = [who for _, who, note in system.notes if note.name == "message_refused"]
    assert "ra-1" in refused
    late = [note.data["child"] for _, _, note in system.notes if note.name == "late_answer_recorded"]
    assert "hems-1-2" in late


class Stalling(LiveSystem):
    """Its whole process stands still for a quarter of an hour of its time as a stage of the asking begins."""

    def tell(self, at: datetime, who: str, note: Note) -> None:
        super().tell(at, who, note)
        if who == "ra-3" and note.name in ("request_values_sent", "relax_asked"):
            time.sleep(900 / SPEED)


async def test_process_that_stands_still_amid_the_asking_makes_nobody_late(broker: Broker) -> None:
    scenario = load_scenario(EVENING_PEAK)
    system = await run(Stalling(broker, scenario.start_at, SPEED), scenario)
    assert deals(list(system.notes)) == simulated(scenario)
