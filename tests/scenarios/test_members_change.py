"""Members join, change and leave while their aggregator negotiates and delivers."""

from dataclasses import replace
from datetime import timedelta

import pytest
from worlds import START, T0, Story, World, vehicle

from agents.drivers.build import build_drivers
from agents.parties.aggregator.actor import Aggregator
from agents.parties.memory import memory_of, remember
from agents.settings.contracts import plain_contract, plain_contracts
from agents.settings.members import Member
from broker.stepper import Stepper
from protocol import messages as m
from protocol.actor import Reconfigured
from protocol.entries import encode_effects
from protocol.messages import Outcome

NEW = Member(name="new", resources=("ev-new",), increase_load_w=6_000, decrease_load_w=6_000)
JOINS = Reconfigured({"new": plain_contract(NEW)})
NEW_PLACE = Member(name="ra-1-h0", decrease_load_w=1_000)
LATER = START + timedelta(hours=3)
"""The start of a second event."""


def world(homes: int = 4, asked_w: int = 12_000) -> World:
    made = World()
    made.simple("ra-1", homes, over_request=False)
    made.home("new", "ra-1", vehicle("ev-new"))
    made.event(asked_w, asked_w)
    return made


def told(made: World, at_min: float, item: Reconfigured, party: str = "ra-1") -> Story:
    """What happens where a party is given its other book so many minutes after the start."""
    simulation = made.build()
    simulation.give(T0 + timedelta(minutes=at_min), party, item)
    simulation.run()
    return Story(simulation, made)


def asked(story: Story, event_id: str = "e1") -> dict[str, m.Request]:
    """The first request to each home."""
    found: dict[str, m.Request] = {}
    for one in story.sent("request", "ra-1"):
        assert isinstance(one, m.Request)
        if one.event_id == event_id:
            found.setdefault(one.message_id.split(".")[2], one)
    return found


def test_member_that_joins_is_asked_in_the_next_event_and_not_in_the_one_under_way() -> None:
    made = world()
    made.event(12_000, event_id="e2", issue_at=START + timedelta(hours=2), start=LATER)
    story = told(made, 40, JOINS)
    assert "new" not in asked(story)
    assert "new" in asked(story, "e2")
    assert story.note("book_changed").data == {"joined": 1, "changed": 0, "left": 0, "first": ["new"]}
    assert [note.data["outcome"] for note in story.notes("closed", "ra-1")] == ["concluded", "concluded"]


def test_contract_that_changes_counts_from_the_next_event_on() -> None:
    made = world()
    made.event(12_000, event_id="e2", issue_at=START + timedelta(hours=2), start=LATER)
    less = Member(name="ra-1-h0", resources=("ev-ra-1-0",), decrease_load_w=1_000)
    story = told(made, 6, Reconfigured({"ra-1-h0": plain_contract(less)}))
    assert asked(story)["ra-1-h0"].power_w == (3_000, 3_000)
    assert max(asked(story, "e2")["ra-1-h0"].power_w) <= 1_000


def test_member_that_leaves_with_an_award_is_cancelled_and_replaced_by_others() -> None:
    story = told(world(asked_w=18_000), 70, Reconfigured({"ra-1-h0": None}))
    left = story.note("member_left", "ra-1")
    assert left.data["child"] == "ra-1-h0"
    assert any(left.data["power_w"])
    assert {str(note.data["child"]) for note in story.notes("replaced", "ra-1")} <= {f"ra-1-h{i}" for i in (1, 2, 3)}
    awards = [one for one in story.sent("award", "ra-1") if isinstance(one, m.Award) and "ra-1-h0" in one.award_id]
    assert awards[-1].outcome is Outcome.CANCELLED
    assert awards[-1].reason == "its contract has ended"
    (closed,) = story.notes("closed", "ra-1-h0")
    assert closed.data["outcome"] == "cancelled"
    (delivered,) = story.notes("delivered", "ra-1")
    stated_wh = sum(sum(note.data["shortfall_w"]) // 2 for note in story.notes("shortfall_stated", "ra-1"))  # type: ignore[call-overload]
    before_wh = 4_500 // 6  # ten minutes of it before it left
    assert delivered.data["awarded_wh"] == 18_000 - stated_wh + before_wh
    assert delivered.data["delivered_wh"] == 13_500 + before_wh


def test_member_that_leaves_before_it_answers_is_waited_for_no_more() -> None:
    made = world()
    made.intercepts["ra-1-h0"] = lambda name, post: []
    story = told(made, 8, Reconfigured({"ra-1-h0": None}))
    summed = story.notes("offers_summed", "ra-1")[0]
    assert summed.data["silent"] == 0
    assert story.notes("closed", "ra-1")[0].data["outcome"] == "concluded"


def test_member_that_has_left_is_not_asked_once_more_and_its_answer_is_refused() -> None:
    made = world(asked_w=24_000)
    made.coordinator["max_rerequests"] = 2
    made.intercepts["ra-1-h0"] = lambda name, post: [(post, timedelta(minutes=3))]
    story = told(made, 6, Reconfigured({"ra-1-h0": None}))
    requests = [one for one in story.sent("request", "ra-1") if "ra-1-h0" in one.message_id]
    assert len(requests) == 1
    refused = story.notes("message_refused", "ra-1")
    assert refused
    assert {note.data["reason"] for note in refused} == {"unknown_party"}


def test_aggregator_that_leaves_its_coordinator_is_replaced_by_the_other_one() -> None:
    made = World()
    made.simple("ra-1", 3, over_request=False)
    made.simple("ra-2", 6, over_request=False, scale_w=18_000)
    made.event(12_000, 12_000)
    story = told(made, 65, Reconfigured({"ra-1": None}), "ac")
    assert story.note("member_left", "ac").data["child"] == "ra-1"
    assert story.notes("closed", "ra-1")[-1].data["outcome"] == "cancelled"
    assert story.notes("replaced", "ac") or story.notes("shortfall_stated", "ac")


def test_settings_that_change_count_from_the_next_event_on() -> None:
    made = world()
    made.event(12_000, event_id="e2", issue_at=START + timedelta(hours=2), start=LATER)
    story = told(made, 6, Reconfigured({}, {"collect_pct": 10, "dispatch_lead_s": 300}))
    assert story.note("settings_changed").data == {"changed": ["collect_pct", "dispatch_lead_s"]}
    leads = [
        START - at if note.event_id == "e1" else LATER - at
        for at, who, note in story.simulation.notes
        if note.name == "dispatched" and who == "ra-1" and note.data["slot"] == 0
    ]
    assert leads == [timedelta(seconds=60), timedelta(seconds=300)]
    first, second = asked(story)["ra-1-h0"], asked(story, "e2")["ra-1-h0"]
    assert first.reply_by - first.sent_at > 3 * (second.reply_by - second.sent_at)


@pytest.mark.parametrize("at_min", [6, 70])
def test_memory_of_a_changed_book_goes_on_as_the_party_that_has_lived_through_it(at_min: int) -> None:
    made = world()
    made.event(12_000, event_id="e2", issue_at=START + timedelta(hours=2), start=LATER)
    changes: dict[str, object] = {"ra-1-h0": None, "new": plain_contract(NEW)}
    entries = [
        one
        for one in told(made, at_min, Reconfigured(changes, {"collect_pct": 20})).simulation.trace
        if one.actor == "ra-1"
    ]  # type: ignore[arg-type]
    settings = made.aggregators[0]
    place = next(i for i, one in enumerate(entries) if isinstance(one.input, Reconfigured))
    for first in (place + 1, (place + len(entries)) // 2):
        before = Stepper(Aggregator(settings), build_drivers(settings))
        for entry in entries[:first]:
            before.fold(entry)
        after = Stepper(Aggregator(settings), build_drivers(settings))
        remember(after.actor, memory_of(before.actor))
        assert memory_of(after.actor) == memory_of(before.actor)
        for entry in entries[first:]:
            after.fold_bytes(entry.at, entry.input, encode_effects(entry.effects), devices_too=True)


def test_party_that_never_rests_remembers_few_changes() -> None:
    settings = world().aggregators[0]
    actor = Aggregator(settings)

    def give(contracts: dict[str, Member | None], **others: object) -> None:
        actor.receive(Reconfigured(plain_contracts(contracts), others or None), T0)

    for number in range(50):
        give({"new": replace(NEW, merit=number)}, collect_pct=10 + number)
        give({f"x{number}": replace(NEW, name=f"x{number}", resources=())})
    assert len(actor.changes) == 1
    assert actor.other_settings == {0: {"collect_pct": 59}}
    actor.editions["e1"] = 1
    give({"ra-1-h0": None})
    give({"ra-1-h0": NEW_PLACE}, collect_pct=30)
    assert (len(actor.changes), actor.editions) == (3, {"e1": 1})
    del actor.editions["e1"]
    give({}, relax_pct=20)
    assert [list(one)[-1] for one in actor.changes] == ["ra-1-h0", "ra-1-h0"]  # who came back stands last
    again = Aggregator(settings)
    remember(again, memory_of(actor))
    assert again.changes == actor.changes
    assert again.book.members == actor.book.members
    assert again.book.members[-1].name == "ra-1-h0"
    assert (again.settings.collect_pct, again.settings.relax_pct) == (30, 20)


def test_event_is_remembered_by_the_book_between_two_changes() -> None:
    made = world()
    simulation = made.build()
    less = Member(name="ra-1-h0", resources=("ev-ra-1-0",), decrease_load_w=1_000)
    simulation.give(T0 + timedelta(minutes=2), "ra-1", JOINS)
    simulation.give(T0 + timedelta(minutes=6), "ra-1", Reconfigured({"ra-1-h0": plain_contract(less)}))
    simulation.run(until=START)
    actor = simulation.actor("ra-1")
    assert isinstance(actor, Aggregator)
    again = Aggregator(made.aggregators[0])
    remember(again, memory_of(actor))
    assert (len(again.changes), again.editions) == (2, {"e1": 1})
    book = again.events["e1"].asking.book
    assert book is not None
    assert "new" in book
    assert book["ra-1-h0"].decrease_load_w == 6_000
    assert again.book["ra-1-h0"] == less
