"""A utility that never rests takes other settings: for the events that are issued from then on."""

from datetime import timedelta
from pathlib import Path

import pytest
from worlds import START, T0, Story, World

from agents.parties.memory import memory_of, remember
from agents.parties.utility.actor import Utility
from agents.runtime.daemon.books import with_books_of
from agents.runtime.daemon.changeover import settings_to_run
from agents.runtime.journal.file import write_journal
from agents.settings.daemon import PartiesConfig
from agents.settings.parties import EventSettings, UtilitySettings
from broker.stepper import Stepper
from protocol import messages as m
from protocol.actor import Reconfigured
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
