"""What a home's page reads from the home's own journal."""

from datetime import timedelta

import pytest
from worlds import T0, vehicle

from agents.pages.chronicle import Chronicle
from agents.pages.home.as_data import event_json
from agents.pages.home.tongue import Tongue
from agents.pages.home.view import HomeEvent, home_events
from agents.settings.parties import DerSettings
from protocol import messages as m
from protocol.actor import Entry, Received, Send
from protocol.edges import Edge
from protocol.units import Direction

HOME, EDGE = "hems-1", Edge("ra-1", "hems-1")
DIRECT, ESTIMATED = m.ReadingType.DIRECT_READ, m.ReadingType.ESTIMATED


def request() -> m.Request:
    period = m.IntervalPeriod(start=T0, duration=timedelta(minutes=30))
    return m.Request(
        message_id="ra-1.r", event_id="e1", request_id="r", revision=1, round=1, sent_at=T0, program_id="dr",
        direction=Direction.DECREASE_LOAD, interval_period=period, power_w=(2_000, 2_000),
        reply_by=T0, decide_by=T0, terms=m.Terms(),
    )  # fmt: skip


def report(number: int, slot: int, kind: m.ReadingType, resource_id: str = "ev-1") -> m.Report:
    reading = m.Reading(
        slot=slot, energy_wh=-1_000, baseline_wh=0, state=m.EventStatus.ACTIVE, reading_type=kind
    )  # fmt: skip
    return m.Report(
        message_id=f"{HOME}.{number}", event_id="e1", request_id="r", revision=1, round=1, sent_at=T0,
        resource_id=resource_id, readings=(reading,),
    )  # fmt: skip


def seen(*reports: m.Report) -> HomeEvent:
    """The one event, behind a request and what the home's meters told."""
    told = Chronicle()
    told.know([DerSettings(name=HOME, parent="ra-1", devices=(vehicle("ev-1"), vehicle("ev-2")))])
    told.take(Entry(T0, HOME, Received(EDGE, request()), ()))
    told.take_all(Entry(T0, HOME, None, (Send(EDGE, one),)) for one in reports)
    (event,) = home_events(HOME, told, {})
    return event


def test_slots_with_a_replacement_value_of_any_device_are_marked() -> None:
    event = seen(report(1, 0, DIRECT), report(2, 1, DIRECT), report(3, 1, ESTIMATED, "ev-2"))
    assert event.delivered == {0: 1_000, 1: 2_000}
    assert event.estimated == (1,)
    assert event_json(event, None)["estimated_slots"] == (1,)


def test_value_that_came_late_takes_the_mark_away() -> None:
    event = seen(report(1, 0, ESTIMATED), report(2, 0, DIRECT))
    assert event.estimated == ()
    assert Tongue("en").estimated(event) == Tongue("ja").estimated(event) == ""


@pytest.mark.parametrize(("language", "says"), [("en", "1 of 2"), ("ja", "2 コマ中 1 コマ")])
def test_household_is_told_how_much_of_it_is_not_metered(language: str, says: str) -> None:
    assert says in Tongue(language).estimated(seen(report(1, 0, DIRECT), report(2, 1, ESTIMATED)))
