"""An aggregator learns from what its members did, and asks accordingly."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from worlds import START, T0, Story, World

from agents.drivers.build import build_drivers
from agents.parties.aggregator.actor import Aggregator
from agents.parties.memory import memory_of, remember
from agents.runtime.daemon.books import with_books_of
from agents.settings.daemon import PartiesConfig
from agents.settings.learned import Learned
from agents.settings.parties import Consent
from broker.bus import Post
from broker.stepper import Stepper
from protocol import messages as m
from protocol.actor import Corrected, Decided
from protocol.codec import decode, encode
from protocol.entries import encode_effects

SECOND = START + timedelta(hours=6)


def world(half_life_days: int | None = 30, *, second: bool = True, **settings: Any) -> World:
    """Six homes, and an event of 12 kW; another one in the night, where the batteries are charged again."""
    made = World()
    made.simple("ra-1", 6, reliability_half_life_days=half_life_days, **settings)
    made.event(12_000)
    if second:
        made.event(12_000, event_id="e2", issue_at=SECOND - timedelta(hours=1), start=SECOND)
    return made


def refusing(made: World) -> World:
    """The first home never takes part."""
    made.homes[0] = made.homes[0].model_copy(update={"consent": Consent.NEVER})
    return made


def known(story: Story, name: str = "ra-1-h0") -> Learned:
    actor = story.simulation.actor("ra-1")
    assert isinstance(actor, Aggregator)
    assert actor.learning is not None
    return actor.learning.conduct.known[name]


def asked_w(story: Story, event_id: str) -> int:
    """In the first round."""
    (first, *_) = [note for note in story.notes("request_values_sent", "ra-1") if note.event_id == event_id]
    power_w = first.data["power_w"]
    assert isinstance(power_w, tuple)
    return int(power_w[0])


def test_more_is_asked_for_once_a_member_has_refused() -> None:
    story = refusing(world()).run()
    assert asked_w(story, "e1") == 12_000
    assert asked_w(story, "e2") > 12_500
    assert 1_950 < known(story).refused < 2_000  # the second one ends a day later
    assert known(story, "ra-1-h1").offered > 1_900


def test_without_the_setting_nothing_is_learned_and_the_contract_counts() -> None:
    story = refusing(world(None)).run()
    assert asked_w(story, "e2") == 12_000
    actor = story.simulation.actor("ra-1")
    assert isinstance(actor, Aggregator)
    assert actor.learning is None


def test_member_that_never_answers_is_silent_and_one_that_was_hurried_is_excused() -> None:
    made = world(second=False)
    made.intercepts = dict.fromkeys(("ra-1-h0", "ra-1-h1"), lambda name, post: [])
    book = made.aggregators[0].members
    slow = tuple(replace(one, answers_within_s=40_000) if one.name == "ra-1-h1" else one for one in book)
    made.aggregators[0] = made.aggregators[0].model_copy(update={"members": slow})
    story = made.run()
    assert (known(story).silent, known(story).excused) == (1_000, 0)
    assert (known(story, "ra-1-h1").silent, known(story, "ra-1-h1").excused) == (0, 1_000)


def test_answer_that_was_sent_in_time_and_came_late_is_excused() -> None:
    made = world(second=False)
    made.intercepts["ra-1-h0"] = lambda name, post: [(post, timedelta(minutes=25))]
    assert known(made.run()).excused == 1_000


def test_meter_that_shows_half_of_what_was_due_makes_half_of_the_delivery() -> None:
    def half(name: str, post: Post) -> list[tuple[Post, timedelta]]:
        _, message = decode(post.topic, post.payload)
        if isinstance(message, m.Report) and message.readings:
            weak = tuple(
                one.model_copy(update={"energy_wh": (one.energy_wh + one.baseline_wh) // 2}) for one in message.readings
            )
            post = post._replace(payload=encode(message.model_copy(update={"readings": weak})))
        return [(post, timedelta())]

    made = world(second=False)
    made.intercepts["ra-1-h0"] = half
    story = made.run()
    assert known(story).given == pytest.approx(500, abs=2)
    assert known(story).not_given == pytest.approx(500, abs=2)
    assert known(story, "ra-1-h1").given == 1_000


def test_member_that_withdraws_has_not_kept_its_firm_offer() -> None:
    made = world(second=False)
    simulation = made.build()
    simulation.give(T0 + timedelta(minutes=50), "ra-1-h0", Decided("e1", take_part=False))
    simulation.run()
    found = known(Story(simulation, made))
    assert (found.offered, found.withdrawn) == (1_000, 1_000)


def test_correction_by_the_operator_counts_from_the_next_event_on() -> None:
    made = refusing(world())
    simulation = made.build()
    simulation.give(START + timedelta(hours=4), "ra-1", Corrected("ra-1-h0", "agreed"))
    simulation.run()
    story = Story(simulation, made)
    assert asked_w(story, "e2") == 12_000
    corrected = story.note("reliability_corrected").data
    assert corrected == {"child": "ra-1-h0", "before_pct": 80, "expected_pct": 100, "cause": "agreed"}


def test_memory_of_what_was_learned_goes_on_as_the_party_that_has_learned_it() -> None:
    made = refusing(world())
    entries = [one for one in made.run().simulation.trace if one.actor == "ra-1"]
    settings = made.aggregators[0]
    for first in range(20, len(entries), 25):
        before = Stepper(Aggregator(settings), build_drivers(settings))
        for entry in entries[:first]:
            before.fold(entry)
        after = Stepper(Aggregator(settings), build_drivers(settings))
        remember(after.actor, memory_of(before.actor))
        for entry in entries[first:]:
            after.fold_bytes(entry.at, entry.input, encode_effects(entry.effects), devices_too=True)


def test_settings_of_the_next_journal_have_what_was_learned() -> None:
    story = refusing(world(second=False)).run()
    actor = story.simulation.actor("ra-1")
    assert isinstance(actor, Aggregator)
    carried = with_books_of(PartiesConfig(aggregator=actor.settings), [actor])
    again = PartiesConfig.model_validate_json(carried.as_bytes())
    assert again.aggregator is not None
    fresh = Aggregator(again.aggregator)
    assert fresh.learning is not None
    assert actor.learning is not None
    assert fresh.learning.conduct.known == actor.learning.conduct.known != {}
