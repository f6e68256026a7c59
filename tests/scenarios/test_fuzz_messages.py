"""Valid messages of odd values against every role, single and as a fleet, at every stage (tests/support/odd_evenings.py).

Seeds are fixed. `GRIDPACT_FUZZ=2000` takes so many of them for each role instead of the few that every run has;
`odd_evening(SEED, ROLE)` repeats one. `make fuzz MINUTES=60` goes on from there and tells what each sender costs.
"""

import os
import traceback
from collections import Counter
from functools import cache

import pytest
from odd_costs import KEPT_A_MESSAGE, REMEMBERED, REMEMBERED_A_MESSAGE, costs, remembered
from odd_evenings import ROLES, Evening, odd_evening

from agents.parties.der.event import DerStage
from agents.runtime.fleet.homes import Homes
from agents.tools.watch.picture import Picture
from agents.tools.watch.shows import row_json
from broker.stepper import Stepper
from protocol.actor import Received
from protocol.codec import to_json
from protocol.edges import ROUTES
from protocol.entries import decode_effects, decode_input, encode_effects, encode_input

SEEDS = int(os.environ.get("GRIDPACT_FUZZ", "16"))


@cache
def evening(seed: int, role: str) -> Evening | str:
    """What happened, or what was raised and where."""
    try:
        return odd_evening(seed, role)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"seed {seed}: {type(error).__name__}: {error} ({last.filename}:{last.lineno})"


def evenings(role: str) -> list[Evening]:
    return [found for seed in range(SEEDS) if isinstance(found := evening(seed, role), Evening)]


@pytest.mark.parametrize("role", ROLES)
def test_no_valid_message_ends_a_party(role: str) -> None:
    found = [evening(seed, role) for seed in range(SEEDS)]
    assert [one for one in found if isinstance(one, str)] == []


@pytest.mark.parametrize(("seed", "role"), [(5059, "der"), (5062, "der"), (5063, "aggregator"), (20024, "aggregator")])
def test_no_lie_sets_two_honest_parties_off_to_answer_each_other_for_ever(seed: int, role: str) -> None:
    """Forged awards: their refusal was taken for a lost memory, and told a parent that somebody else had made them. In the last
    one a confirm above a refused award brought it back, to be sent again every 20 ms."""
    found = odd_evening(seed, role).simulation
    assert max(Counter(post.topic for _, _, post in found.posts).values()) < 100


@pytest.mark.parametrize("role", ROLES)
def test_whatever_is_heard_what_is_said_is_a_message(role: str) -> None:
    for one in evenings(role):
        for entry in one.simulation.trace:
            assert len(decode_effects(encode_effects(entry.effects))) == len(entry.effects)


@pytest.mark.parametrize("role", ROLES)
def test_whatever_is_heard_a_restart_takes_it_again(role: str) -> None:
    for one in evenings(role)[: SEEDS // 4]:
        steppers = {name: Stepper(one.fresh(name)) for name in one.targets}
        for entry in one.simulation.trace:
            if entry.actor in steppers:
                item = decode_input(encode_input(entry.input))
                effects = encode_effects(entry.effects)
                steppers[entry.actor].fold_bytes(entry.at, item, effects, devices_too=False)


@pytest.mark.parametrize("role", ROLES)
def test_what_a_sender_costs_is_bounded_by_what_it_says(role: str) -> None:
    for one in evenings(role)[: SEEDS // 4]:
        by = costs(one)
        heard = sum(cost.messages for cost in by.values())
        assert heard > 10
        assert max(cost.most_journal_bytes for cost in by.values()) <= KEPT_A_MESSAGE
        assert max(remembered(one).values()) <= REMEMBERED + REMEMBERED_A_MESSAGE * heard


def test_fleet_says_what_its_homes_say() -> None:
    for one in evenings("der"):
        fleet = Homes(one.world.homes)
        fleet.fold(
            (entry.at, entry.actor, entry.input, encode_effects(entry.effects))
            for entry in one.simulation.trace
            if entry.actor in fleet
        )


@pytest.mark.parametrize("role", ROLES)
def test_view_of_it_can_be_told(role: str) -> None:
    for one in evenings(role)[: SEEDS // 4]:
        picture = Picture()
        for at, _, post in one.simulation.posts:
            picture.take(post.topic, post.payload, at)
        assert [to_json(row_json(row)) for row in picture.rows(one.simulation.now)] != None


def test_every_kind_is_heard_in_every_stage_of_a_home() -> None:
    heard: Counter[tuple[str, str]] = sum((one.odd for one in evenings("der")), Counter())
    down = {kind for kind in ROUTES if kind in ("request", "relax", "award", "dispatch")}
    assert {stage for stage, _ in heard} >= {stage.value for stage in DerStage} - {DerStage.CONSIDERING}
    assert {kind for _, kind in heard} >= down


def test_odd_messages_are_heard_by_every_role() -> None:
    for role in ROLES:
        told = sum(
            isinstance(entry.input, Received) and entry.input.message.message_id.startswith("odd.")
            for one in evenings(role)
            for entry in one.simulation.trace
        )
        assert told > 10 * len(evenings(role))
