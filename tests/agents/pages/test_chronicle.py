"""What the pages are fed with, kept folded."""

from datetime import timedelta

from worlds import T0

from agents.pages import chronicle as module
from agents.pages.chronicle import Chronicle
from agents.settings.members import Member
from agents.settings.parties import AggregatorSettings
from protocol.actor import Entry, Note, Reconfigured

AGGREGATOR = AggregatorSettings(name="ra-1", parent="ac", members=(Member(name="hems-1", decrease_load_w=5_000),))


def entry(number: int, item: object = None, *effects: object) -> Entry:
    return Entry(T0 + timedelta(seconds=number), "ra-1", item, effects)  # type: ignore[arg-type]


def test_members_who_join_change_and_leave_are_in_the_book_at_once() -> None:
    told = Chronicle()
    told.know([AGGREGATOR])
    told.take(entry(1, Reconfigured({"hems-2": {"name": "hems-2", "decrease_load_w": 7_000}, "hems-1": None})))
    settings = told.settings["ra-1"]
    assert isinstance(settings, AggregatorSettings)
    assert [(one.name, one.decrease_load_w) for one in settings.members] == [("hems-2", 7_000)]


def test_note_that_this_version_does_not_know_is_told_all_the_same() -> None:
    told = Chronicle()
    told.take(entry(1, None, Note("a_new_note", "e1", "S99", {"power_w": (1_000,)})))
    assert [line.name for line in told.records["e1"].lines] == ["a_new_note"]


def test_oldest_events_make_room() -> None:
    told = Chronicle()
    for number in range(module.MOST_EVENTS + 5):
        told.take(entry(number, None, Note("closed", f"e{number}", "", {"outcome": "no_deal", "reason": None})))
    assert len(told.records) == module.MOST_EVENTS
    assert told.event("e4") is None
    assert told.event("e5") is not None
