"""Graces nest by depth, and what is missing is asked for inside of them."""

from datetime import timedelta

from agents.negotiation.grace import ASKED, ReportGrace
from agents.settings.members import Member, Members

S = timedelta(seconds=1)
HOME = Member(name="h", decrease_load_w=1_000)


def test_party_with_homes_only_waits_as_its_settings_say_and_asks_from_the_first_quarter_on() -> None:
    grace = ReportGrace.of(120, Members(members=(HOME,)))
    assert (grace.whole, grace.before_asking, grace.between_asking) == (120 * S, 30 * S, 30 * S)
    assert grace.before_asking + ASKED * grace.between_asking == grace.whole


def test_party_above_an_aggregator_waits_longer_than_it_and_asks_only_then() -> None:
    below = Member(name="ra", kind="aggregator", decrease_load_w=1_000)
    grace = ReportGrace.of(120, Members(members=(HOME, below)))
    assert grace.whole > 120 * S
    assert 120 * S < grace.before_asking < grace.whole
    slow = Member(name="slow", kind="aggregator", decrease_load_w=1_000, reports_within_s=600)
    assert ReportGrace.of(120, Members(members=(below, slow))).whole > 600 * S
    assert ReportGrace.of(900, Members(members=(below, slow))).whole == 900 * S


def test_party_without_a_book_waits_as_its_settings_say() -> None:
    assert ReportGrace.of(360).whole == 360 * S
