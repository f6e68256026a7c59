"""A coordinator learns from what its aggregators did, and plans accordingly."""

from datetime import timedelta
from typing import Any

import pytest
from worlds import START, Story, World

from agents.parties.coordinator.actor import Coordinator
from agents.parties.memory import memory_of, remember
from agents.runtime.daemon.books import with_books_kept, with_books_of
from agents.settings.daemon import PartiesConfig
from agents.settings.learned import Learned
from agents.settings.parties import Consent, CoordinatorSettings
from broker.stepper import Stepper
from protocol.actor import Corrected
from protocol.entries import encode_effects
from protocol.plan import Plan

SECOND = START + timedelta(hours=6)


def world(half_life_days: int | None = 30, **settings: Any) -> World:
    """Two aggregators of the same scale, and two events of 12 kW; half of the first one's homes never take part."""
    made = World(coordinator={"reliability_half_life_days": half_life_days, "max_rerequests": 0, **settings})
    made.simple("ra-1", 4)
    made.simple("ra-2", 4)
    made.homes[:2] = [home.model_copy(update={"consent": Consent.NEVER}) for home in made.homes[:2]]
    made.aggregators[0] = made.aggregators[0].model_copy(update={"over_request": False})
    made.event(12_000)
    made.event(24_000, event_id="e2", issue_at=SECOND - timedelta(hours=1), start=SECOND)
    return made


def asked_w(story: Story, event_id: str) -> dict[str, Plan]:
    """In the first round, by aggregator."""
    found = {}
    for name in ("ra-1", "ra-2"):
        for one in story.to("request", "ac", name):
            if one.event_id == event_id and one.round == 1:
                found[name] = one.power_w  # type: ignore[attr-defined]
    return found


def coordinator(story: Story) -> Coordinator:
    actor = story.simulation.actor("ac")
    assert isinstance(actor, Coordinator)
    return actor


def learned(story: Story) -> dict[str, Learned]:
    actor = coordinator(story)
    assert actor.learning is not None
    return actor.learning.conduct.known


def test_aggregator_that_offered_less_is_asked_for_less_of_the_next_event() -> None:
    story = world().run()
    assert asked_w(story, "e1") == {"ra-1": (6_000,), "ra-2": (6_000,)}
    second = asked_w(story, "e2")
    assert second["ra-1"][0] < second["ra-2"][0]
    assert second["ra-1"][0] + second["ra-2"][0] == 24_000
    assert learned(story)["ra-2"].offered > learned(story)["ra-1"].offered


def test_plan_without_the_setting_goes_by_scale_alone() -> None:
    story = world(None).run()
    assert asked_w(story, "e2") == {"ra-1": (12_000,), "ra-2": (12_000,)}
    assert coordinator(story).learning is None


def test_same_plan_for_all_stays_the_same() -> None:
    story = world(plan="same").run()
    assert set(asked_w(story, "e2").values()) == {(24_000,)}


def test_correction_by_the_operator_counts_in_the_next_plan() -> None:
    made = world()
    simulation = made.build()
    simulation.give(START + timedelta(hours=4), "ac", Corrected("ra-1", "agreed"))
    simulation.run()
    story = Story(simulation, made)
    assert story.note("reliability_corrected").data["expected_pct"] == 100
    second = asked_w(story, "e2")
    assert second["ra-1"][0] == pytest.approx(second["ra-2"][0], rel=0.02)


def test_memory_of_a_coordinator_goes_on_as_the_one_that_has_learned() -> None:
    made = world()
    story = made.run()
    entries = [one for one in story.simulation.trace if one.actor == "ac"]
    settings = coordinator(story).settings
    for first in range(5, len(entries), 9):
        before = Stepper(Coordinator(settings))
        for entry in entries[:first]:
            before.fold(entry)
        after = Stepper(Coordinator(settings))
        remember(after.actor, memory_of(before.actor))
        for entry in entries[first:]:
            after.fold_bytes(entry.at, entry.input, encode_effects(entry.effects), devices_too=True)


def test_next_journal_of_a_coordinator_begins_with_what_was_learned() -> None:
    story = world().run()
    actor = coordinator(story)
    before = PartiesConfig(coordinator=actor.settings)
    carried = with_books_of(before, [actor])
    file = PartiesConfig(coordinator=actor.settings.model_copy(update={"max_rerequests": 1}))
    given, _ = with_books_kept(file, before, carried)
    again = PartiesConfig.model_validate_json(given.as_bytes()).coordinator
    assert isinstance(again, CoordinatorSettings)
    assert {one.name: one for one in again.learned} == learned(story) != {}
