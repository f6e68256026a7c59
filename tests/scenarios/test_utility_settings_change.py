"""A utility that never rests takes other settings: for the events that are issued from then on."""

from datetime import timedelta
from pathlib import Path

import pytest
from worlds import START, T0, Story, World

from agents.negotiation.plans.acceptance import Judged
from agents.negotiation.policies import SHIPPED, Policies
from agents.parties.memory import memory_of, remember
from agents.parties.utility.actor import Utility
from agents.runtime.daemon.books import with_books_of
from agents.runtime.daemon.changeover import settings_to_run
from agents.runtime.journal.file import write_journal
from agents.settings.at_once import utility_taken_at_once
from agents.settings.daemon import PartiesConfig
from agents.settings.parties import EventSettings, PartySettings, UtilitySettings
from broker.stepper import Stepper
from protocol import messages as m
from protocol.actor import Issue, Reconfigured, Send
from protocol.entries import encode_effects
from protocol.units import Direction

LATER = START + timedelta(hours=3)


def planned(event_id: str, hours: int) -> EventSettings:
    start = START + timedelta(hours=hours)
    issue_at = start - timedelta(minutes=40)
    return EventSettings(
        event_id=event_id, issue_at=issue_at, direction=Direction.DECREASE_LOAD, start=start, power_w=(6_000,)
    )


def told(settings: dict[str, object], minutes: float = 30) -> Story:
    """An evening with one event, and one planned for later; the utility is given other settings in between."""
    world = World()
    world.simple("ra-1", 4)
    world.event(12_000, 12_000)
    world.events.append(planned("e2", 3))
    simulation = world.build()
    simulation.give(T0 + timedelta(minutes=minutes), "utility", Reconfigured({}, settings))
    simulation.run()
    return Story(simulation, world)


def requests(story: Story) -> dict[str, m.Request]:
    return {one.event_id: one for one in story.sent("request", "utility") if isinstance(one, m.Request)}


def test_event_under_way_keeps_the_terms_that_it_began_with_and_the_next_one_has_the_new_ones() -> None:
    story = told({"mandate": True, "accept_share_pct": 30})
    asked = requests(story)
    assert (asked["e1"].terms.mandate, asked["e1"].terms.least_share_pct) == (False, 70)
    assert (asked["e2"].terms.mandate, asked["e2"].terms.least_share_pct) == (True, 30)
    assert story.note("settings_changed", "utility").data == {"changed": ["mandate", "accept_share_pct"]}
    assert [note.data["outcome"] for note in story.notes("closed", "utility")] == ["concluded", "concluded"]


def test_events_that_are_planned_otherwise_are_issued_and_none_of_them_twice() -> None:
    more = (planned("e1", 5), planned("e3", 4))
    settings = UtilitySettings(children=("ac",), events=more).model_dump(mode="json", include={"events"})
    story = told(settings)
    assert set(requests(story)) == {"e1", "e3"}
    assert story.notes("order_refused", "utility") == []
    assert len([note for note in story.notes("event_issued", "utility") if note.event_id == "e1"]) == 1


@pytest.mark.parametrize("settings", [{"mandate": True, "reply_pct": 60}, {"events": []}])
def test_memory_of_a_utility_goes_on_by_the_settings_of_each_event(settings: dict[str, object]) -> None:
    story = told(settings)
    entries = [one for one in story.simulation.trace if one.actor == "utility"]
    first_settings = story.simulation.actor("utility").first_settings  # type: ignore[attr-defined]
    for first in range(1, len(entries), 5):
        before = Stepper(Utility(first_settings))
        for entry in entries[:first]:
            before.fold(entry)
        after = Stepper(Utility(first_settings))
        remember(after.actor, memory_of(before.actor))
        assert memory_of(after.actor) == memory_of(before.actor)
        for entry in entries[first:]:
            after.fold_bytes(entry.at, entry.input, encode_effects(entry.effects), devices_too=True)


async def test_start_in_mid_event_gives_a_utility_its_other_settings(tmp_path: Path) -> None:
    story = told({"mandate": True})
    actor = story.simulation.actor("utility")
    assert isinstance(actor, Utility)
    now = T0 + timedelta(minutes=50)
    entries = [one for one in story.simulation.trace if one.actor == "utility" and one.at < now]
    known, path = PartiesConfig(utility=actor.first_settings), tmp_path / "utility.journal"
    await write_journal(path, entries, known)
    given = PartiesConfig(utility=actor.first_settings.model_copy(update={"mandate": True, "reply_pct": 60}))
    start = await settings_to_run(path, given, now)
    assert (start.under, start.waits) == (known, False)
    assert start.taken == {"utility": Reconfigured({}, {"reply_pct": 60})}  # a mandate it has already
    assert with_books_of(known, [actor]).utility == actor.settings


def test_event_under_way_keeps_its_coordinator_and_the_next_one_is_asked_of_others() -> None:
    world = World()
    world.simple("ra-1", 4)
    world.event(12_000, 12_000)
    world.events.append(planned("e2", 3))
    simulation = world.build()
    simulation.give(T0 + timedelta(minutes=30), "utility", Reconfigured({}, {"children": ["ac", "ac-2"], "meters": []}))
    simulation.run()
    story = Story(simulation, world)
    asked = {
        (effect.message.event_id, effect.edge.child)
        for entry in simulation.trace
        if entry.actor == "utility"
        for effect in entry.effects
        if isinstance(effect, Send) and isinstance(effect.message, m.Request)
    }
    assert asked == {("e1", "ac"), ("e2", "ac"), ("e2", "ac-2")}
    assert [note.data["outcome"] for note in story.notes("closed", "utility")] == ["concluded", "concluded"]
    actor = simulation.actor("utility")
    assert isinstance(actor, Utility)
    again = Utility(actor.first_settings)
    remember(again, memory_of(actor))
    assert again.has_child("ac-2")


def test_coordinator_that_is_asked_no_more_ends_the_event_under_way() -> None:
    world = World()
    world.simple("ra-1", 4)
    world.event(12_000, 12_000)
    simulation = world.build()
    simulation.give(T0 + timedelta(minutes=30), "utility", Reconfigured({}, {"children": ["ac-2"]}))
    simulation.run()
    story = Story(simulation, world)
    assert story.settled_wh() == (12_000, 12_000)


class Declines:
    """Accepts nothing short of all."""

    def accepts(self, judged: Judged) -> bool:
        return judged.offered_w == judged.asked_w


def choosing(settings: PartySettings) -> Policies:
    return Policies.of(settings, lambda kind, name: Declines() if name == "declines" else SHIPPED[f"{kind}.{name}"])


def test_event_under_way_keeps_its_policy_and_the_next_one_goes_by_the_new_one() -> None:
    actor = Utility(UtilitySettings(children=("ac",)), None, choosing)
    start = {"e1": START, "e2": LATER}
    for event_id, settings in (("e1", None), ("e2", {"acceptance": "declines"})):
        if settings is not None:
            actor.receive(Reconfigured({}, settings), T0)
        actor.receive(Issue(event_id, "dr", Direction.DECREASE_LOAD, start[event_id], (6_000,), 1_800), T0)
    again = Utility(actor.first_settings, None, choosing)
    remember(again, memory_of(actor))
    for one in (actor, again):
        kinds = [type(one.events[name].role.policies.acceptance) for name in start]  # type: ignore[attr-defined]
        assert kinds == [type(SHIPPED["acceptance.least_share"]), Declines]


@pytest.mark.parametrize("key", ["sharing", "request_values"])
def test_aggregator_that_never_rests_shares_out_by_another_policy_from_the_next_event_on(key: str) -> None:
    world = World()
    world.simple("ra-1", 4)
    world.event(12_000, 12_000)
    world.event(6_000, event_id="e2", start=LATER, issue_at=LATER - timedelta(minutes=40))
    simulation = world.build()
    simulation.give(T0 + timedelta(minutes=30), "ra-1", Reconfigured({}, {key: "merit_order"}))
    simulation.run()
    story = Story(simulation, world)
    assert [note.data["outcome"] for note in story.notes("closed", "ra-1")] == ["concluded", "concluded"]
    given = {
        event_id: sum(any(one.power_w) for one in story.sent("award", "ra-1") if one.event_id == event_id)  # type: ignore[attr-defined]
        for event_id in ("e1", "e2")
    }
    assert given == {"e1": 4, "e2": 1 if key == "request_values" else given["e2"]}
    assert story.note("settings_changed", "ra-1").data == {"changed": [key]}


@pytest.mark.parametrize("changed", [{"children": ("ac", "ac-2")}, {"meters": ("h",)}])
def test_children_and_meters_are_taken_while_an_event_is_under_way(changed: dict[str, tuple[str, ...]]) -> None:
    before = UtilitySettings(children=("ac",))
    after = before.model_copy(update=changed)
    assert utility_taken_at_once(before, after) == {key: list(value) for key, value in changed.items()}
