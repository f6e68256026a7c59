"""Of a home neither its name, nor a device's, nor its words are known above its aggregator."""

from datetime import timedelta

import pytest
from worlds import START, T0, Story, World

from agents.negotiation.cause import OUTAGE, OVERRIDE, WithdrawalCause, cause_of
from agents.parties.aggregator.actor import Aggregator
from broker.simulation import Simulation
from broker.stepper import Stepper
from protocol import messages as m
from protocol.actor import Decided, Effect, Input, Measured, Outage, Reconfigured, Send
from protocol.entries import encode_effects, encode_input

MINUTE = timedelta(minutes=1)
IN_EVENT = START + 10 * MINUTE


def evening() -> tuple[World, Simulation]:
    world = World()
    world.simple("ra-1", 3)
    world.simple("ra-2", 2)
    world.event(30_000, 30_000)
    return world, world.build()


def known_above(story: Story) -> list[bytes]:
    """All that the coordinator has heard, said and noted, and what the aggregators told it."""
    found = []
    for entry in story.simulation.trace:
        if entry.actor == "ac":
            found += [encode_input(entry.input), encode_effects(entry.effects)]
        elif entry.actor.startswith("ra-") and "-h" not in entry.actor:
            up: list[Effect] = [one for one in entry.effects if isinstance(one, Send) and one.edge.child == entry.actor]
            found.append(encode_effects(up))
    return found


@pytest.mark.parametrize(
    ("item", "party", "cause"),
    [
        (Decided("e1", take_part=False), "ra-1-h0", WithdrawalCause.RESIDENT),
        (Outage(is_out=True), "ra-1-h0", WithdrawalCause.OUTAGE),
        (Measured("ev-ra-1-0", IN_EVENT, plugged=False), "ra-1-h0", WithdrawalCause.UNPLUGGED),
        (Measured("ev-ra-1-0", IN_EVENT, fault="the owner says: call Saturday"), "ra-1-h0", WithdrawalCause.DEVICE),
        (Reconfigured({"ra-1-h0": None}), "ra-1", WithdrawalCause.LEFT),
    ],
)
def test_withdrawal_of_a_home_is_one_word_above_its_aggregator(item: Input, party: str, cause: WithdrawalCause) -> None:
    world, simulation = evening()
    simulation.give(IN_EVENT, party, item)
    simulation.run()
    story = Story(simulation, world)
    told = story.sent("withdraw", "ra-1")
    assert [one.cause for one in told if isinstance(one, m.Withdraw)] == [cause]
    for text in known_above(story):
        for word in (b"ra-1-h", b"ev-ra", b"Saturday", OVERRIDE.encode(), OUTAGE.encode()):
            assert word not in text


def test_home_that_refuses_its_award_is_one_word_above_its_aggregator() -> None:
    world, simulation = evening()
    simulation.give(T0 + 5 * MINUTE + timedelta(seconds=0.2), "ra-1-h0", Outage(is_out=True))
    simulation.run()
    assert all(b"ra-1-h" not in text for text in known_above(Story(simulation, world)))


def test_word_of_an_aggregator_passes_on_as_it_is() -> None:
    assert [cause_of(cause.value) for cause in WithdrawalCause] == list(WithdrawalCause)
    assert cause_of("ev-1: the relay sticks") is WithdrawalCause.DEVICE


def test_journal_of_an_aggregator_that_passed_its_homes_words_on_is_taken_again() -> None:
    world, simulation = evening()
    simulation.give(IN_EVENT, "ra-1-h0", Decided("e1", take_part=False))
    simulation.run()
    stepper = Stepper(Aggregator(world.aggregators[0]))
    told = 0
    for entry in simulation.trace:
        if entry.actor != "ra-1":
            continue
        before = tuple(map(in_words, entry.effects))
        told += before != entry.effects
        stepper.fold_bytes(entry.at, entry.input, encode_effects(before), devices_too=False)
    assert told


def in_words(effect: Effect) -> Effect:
    """As release 0.1.0 told it."""
    if isinstance(effect, Send) and isinstance(effect.message, m.Withdraw) and effect.edge.parent == "ac":
        return Send(effect.edge, effect.message.model_copy(update={"cause": f"ra-1-h0: {OVERRIDE}"}))
    return effect
