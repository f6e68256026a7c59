"""What a party remembers, as a versioned form: whoever reads it at any instant decides as if nothing had happened."""

from datetime import timedelta

import paths
import pytest
from hunter import plan_of, run
from worlds import LOOSENS, T0, World

from agents.drivers.build import build_drivers
from agents.drivers.state import driver_memory, remember_driver
from agents.negotiation import announcer
from agents.parties.aggregator.state import AGGREGATOR
from agents.parties.memory import memory_of, pieces_of, remember
from agents.parties.state import COORDINATOR, UTILITY
from agents.runtime.build import build_actor
from agents.runtime.files.scenario import load_scenario
from agents.settings.parties import PartySettings
from agents.tools.run.simulate import build_simulation
from broker.bus import Post
from broker.stepper import Stepper
from protocol import remembered
from protocol.actor import Entry, Send
from protocol.entries import encode_effects
from protocol.remembered import UnknownState


def stepper(settings: PartySettings) -> Stepper:
    return Stepper(build_actor(settings), build_drivers(settings))


def reborn(settings: PartySettings, before: Stepper) -> Stepper:
    """A fresh party and devices that remember what those before know, and nothing else of them."""
    after = stepper(settings)
    remember(after.actor, memory_of(before.actor))
    for name, driver in before.drivers.items():
        memory = driver_memory(driver)
        assert memory is not None
        remember_driver(after.drivers[name], memory)
    return after


def live_through(settings: PartySettings, entries: list[Entry], every: int = 1) -> None:
    """Take all entries again, reborn after each (or each `every`th); the effects are the same byte for byte."""
    living = stepper(settings)
    for number, entry in enumerate(entries):
        living.fold_bytes(entry.at, entry.input, encode_effects(entry.effects), devices_too=True)
        if number % every == 0:
            born = reborn(settings, living)
            assert memory_of(born.actor) == memory_of(living.actor)
            assert born.actor.status() == living.actor.status()
            assert born.actor.deadline == living.actor.deadline
            living = born


@pytest.mark.parametrize("name", ["evening_peak", "midday_surplus"])
def test_party_reborn_at_every_instant_of_a_shipped_scenario_decides_the_same(name: str) -> None:
    scenario = load_scenario(paths.EXAMPLES / f"{name}.toml")
    simulation = build_simulation(scenario, 1)
    simulation.run(until=scenario.ends_at)
    parties: list[PartySettings] = [scenario.utility, scenario.coordinator, *scenario.aggregators, *scenario.homes[::7]]
    for settings in parties:
        live_through(settings, [entry for entry in simulation.trace if entry.actor == settings.name])


@pytest.mark.parametrize("seed", range(12))
def test_party_reborn_amid_losses_crashes_changes_and_cancellations_decides_the_same(seed: int) -> None:
    simulation = run(*plan_of(seed))
    for node in simulation.nodes.values():
        assert node.build is not None
        live_through(node.build().settings, node.journal)  # type: ignore[attr-defined]


def test_party_reborn_amid_messages_that_are_still_to_be_sent_sends_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcer, "SLICE", 2)
    world = World()
    world.simple("ra-1", 7, vehicle_changes=LOOSENS)
    world.event(60_000)
    entries = [entry for entry in world.run().simulation.trace if entry.actor == "ra-1"]
    live_through(world.aggregators[0], entries)
    kinds = {effect.message.kind for entry in entries for effect in entry.effects if isinstance(effect, Send)}
    assert kinds >= {"request", "relax", "award", "dispatch"}


def test_party_reborn_while_it_asks_silent_ones_again_asks_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """All first requests to the members are lost: at half of the time seven are asked again, two in a step."""
    monkeypatch.setattr(announcer, "SLICE", 2)
    world = World()
    world.simple("ra-1", 7, vehicle_changes=LOOSENS)
    world.event(60_000)
    simulation = world.build()
    simulation.run(until=T0)
    heard: set[str] = set()

    def lost_once(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        first = post.topic.startswith(("dr/request/ra-1/", "dr/relax/ra-1/")) and post.topic not in heard
        heard.add(post.topic)
        return [] if first else [(post, timedelta())]

    for name in simulation.nodes:
        simulation.intercept(name, lost_once)
    simulation.run()
    entries = [entry for entry in simulation.trace if entry.actor == "ra-1"]
    live_through(world.aggregators[0], entries)
    asked = [effect.message.message_id for entry in entries for effect in entry.effects if isinstance(effect, Send)]
    assert sum(asked.count(one) == 2 for one in set(asked)) >= 14


def test_memory_written_in_small_pieces_is_that_of_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.simple("ra-1", 60, vehicle_changes=LOOSENS)
    world.event(240_000)
    world.run()
    monkeypatch.setattr(remembered, "PIECE", 4)
    for name, form in (("utility", UTILITY), ("ac", COORDINATOR), ("ra-1", AGGREGATOR)):
        actor = world.actors[name]
        body = memory_of(actor)
        assert body == form._adapter.dump_json(form.load(body))
        assert max(map(len, pieces_of(actor))) < 2_000
    assert len(body) > 6_000


def test_memory_of_another_form_is_refused_in_a_sentence() -> None:
    scenario = load_scenario(paths.TINY)
    with pytest.raises(UnknownState, match="version"):
        remember(
            build_actor(scenario.utility),
            memory_of(build_actor(scenario.utility)).replace(b'"version":1', b'"version":9'),
        )
