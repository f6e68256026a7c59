"""Who gives less than is due: what is expected of it, and when it is believed again."""

from datetime import UTC, datetime, timedelta

import pytest

from agents.negotiation.child import AwardRecord, RequestRecord
from agents.negotiation.children import Children
from agents.negotiation.out import Out
from agents.negotiation.parent import ParentParty
from agents.negotiation.readings import Readings
from agents.negotiation.subject import Subject
from agents.negotiation.watch import DeliveryWatch
from agents.settings.members import Member, Members
from protocol import messages as m
from protocol.units import Direction

START = datetime(2026, 1, 14, 18, tzinfo=UTC)
BOOK = Members(
    members=(Member(name="a", decrease_load_w=6_000), Member(name="ra", kind="aggregator", decrease_load_w=6_000))
)


def watch(awarded_at: datetime = START - timedelta(minutes=20)) -> DeliveryWatch:
    """Of a DER and an aggregator that are awarded 4 kW in two half hours each."""
    return watch_of(BOOK, awarded_at)


def watch_of(book: Members, awarded_at: datetime = START - timedelta(minutes=20)) -> DeliveryWatch:
    """Of all of a book, awarded 4 kW in two half hours each."""
    children = Children(tuple(book.by_name), {})
    for name in book.by_name:
        award = AwardRecord("e1.1.1", 1, 1, m.Outcome.CONCLUDED, (4_000, 4_000), "*.o", "", awarded_at, START)
        children.bind(children[name], award, True)
    period = m.IntervalPeriod(start=START)
    subject = Subject("e1", Direction.DECREASE_LOAD, period, (8_000, 8_000), 1)
    return DeliveryWatch(Out(ParentParty("p", (), {}), "e1"), subject, children, book)


def metered(slot: int, given_wh: int, heard: tuple[str, ...] = ("a", "ra")) -> Readings:
    readings = Readings()
    reading = m.Reading(slot=slot, energy_wh=-given_wh, baseline_wh=0, state=m.EventStatus.ACTIVE)
    for name in heard:
        readings.take(name, reading, slot + 1, summed=False)
    return readings


def test_who_gives_half_is_expected_to_give_half() -> None:
    made = watch()
    assert made.judge(0, metered(0, 1_000), ())
    assert (made.pct("a"), made.pct("ra")) == (50, 100)
    assert made.doubtful_w() == (2_000, 2_000)


def test_who_gives_what_is_due_again_is_believed() -> None:
    made = watch()
    made.judge(0, metered(0, 1_000), ())
    assert made.judge(1, metered(1, 2_000), ())
    assert made.doubtful_w() == (0, 0)
    assert not made.judge(1, metered(1, 1_990), ())


def test_meter_that_tells_nothing_counts_as_nothing_given_and_one_that_lies_as_unknown() -> None:
    made = watch()
    assert not made.judge(0, metered(0, 0, ("ra",)), ("a",))
    assert made.judge(0, metered(0, 0, ("ra",)), ())
    assert made.pct("a") == 0


def test_aggregator_that_tells_nothing_is_not_counted_on_until_its_sum_comes() -> None:
    made = watch()
    assert made.judge(0, metered(0, 2_000, ("a",)), ())
    assert (made.pct("a"), made.pct("ra")) == (100, 0)
    assert made.unheard_w() == made.doubtful_w() == (4_000, 4_000)
    assert made.judge(1, metered(1, 1_990), ())
    assert (made.pct("ra"), made.unheard_w()) == (100, (0, 0))


@pytest.mark.parametrize(("stated", "expected"), [(False, (100, 100)), (True, (0, 100))])
def test_sum_that_comes_late_is_believed_at_once_but_a_homes_where_it_is_stated_as_missing(
    stated: bool, expected: tuple[int, int]
) -> None:
    made = watch()
    assert made.judge(0, metered(0, 0, ()), ())
    assert (made.pct("a"), made.pct("ra")) == (0, 0)
    if stated:
        made.shortfall_stated()
    assert made.judge_late(0, metered(0, 2_000))
    assert (made.pct("a"), made.pct("ra")) == expected
    assert not made.judge_late(0, metered(0, 2_000))


def test_unanswered_dispatch_costs_its_own_slot_and_nothing_where_an_answer_comes_late() -> None:
    made = watch()
    assert made.unanswered("a", 1)
    assert (made.pct("a"), made.doubtful_w()) == (0, (0, 4_000))
    assert made.awaited_w(START + timedelta(minutes=30, seconds=29)) == (0, 4_000)
    assert made.awaited_w(START + timedelta(minutes=30, seconds=30)) == (0, 0)
    assert not made.answered("a", 0)
    assert made.answered("a", 1)
    assert (made.pct("a"), made.doubtful_w()) == (100, (0, 0))
    assert not made.unanswered("a", 1)


@pytest.mark.parametrize(
    ("shares", "expected"), [((40, 20, 60, 0, 50), 40), ((0, 0, 100, 100, 100), 100), ((40,) * 4, 100)]
)
def test_untried_home_is_expected_to_do_as_the_others_do(shares: tuple[int, ...], expected: int) -> None:
    names = tuple(f"h{number}" for number in range(len(shares)))
    made = watch_of(Members(members=tuple(Member(name=name, decrease_load_w=6_000) for name in (*names, "new"))))
    award = AwardRecord("e1.1.1", 1, 1, m.Outcome.CONCLUDED, (0, 4_000), "*.o", "", START - timedelta(hours=1), START)
    made.children.bind(made.children["new"], award, True)
    readings = Readings()
    for name, share in zip(names, shares, strict=True):
        one = m.Reading(slot=0, energy_wh=-2_000 * share // 100, baseline_wh=0, state=m.EventStatus.ACTIVE)
        readings.take(name, one, 1, summed=False)
    made.judge(0, readings, ())
    assert made.pct("new") == expected
    assert made.doubtful_w()[1] == sum(4_000 * (100 - share) // 100 for share in (*shares, expected))
    made.judge(1, Readings(), [*names])
    assert made.pct("new") == 0


@pytest.mark.parametrize(("given_wh", "pct"), [(1_100, 55), (2_000, 100)])
def test_award_that_was_raised_inside_the_slot_is_judged_by_what_was_due(given_wh: int, pct: int) -> None:
    made = watch()
    child, raised_at = made.children["a"], START + timedelta(minutes=15)
    child.request = RequestRecord("e1.1.1", 1, 1, "dr", (8_000, 8_000), START, START, START, m.Terms())
    for power_w, at in ((2_000, START - timedelta(minutes=9)), (6_000, raised_at)):  # 2 kWh are due
        if at > START:
            made.children.changes(child, at)
        award = AwardRecord("e1.1.1", 1, 2, m.Outcome.CONCLUDED, (power_w,) * 2, "*.o", "", at, START)
        made.children.bind(child, award, True)
    made.judge(0, metered(0, given_wh), ())
    assert made.pct("a") == pct
    assert made.children.stood == {}


@pytest.mark.parametrize("minutes", [1, 29])
def test_award_that_was_given_inside_the_slot_is_not_judged_by_it(minutes: int) -> None:
    made = watch(START + timedelta(minutes=minutes))
    assert not made.judge(0, metered(0, 100), ())
    assert made.judge(1, metered(1, 100), ())


def told_in_steps(*given_wh: int, step_wh: int = 100) -> list[int]:
    """What is expected of a DER after each slot, percent, whose meter counts in steps; 500 Wh are due in each."""
    children = Children(("a",), {})
    plan = (1_000,) * len(given_wh)
    awarded_at = START - timedelta(minutes=20)
    children.bind(
        children["a"], AwardRecord("e1.1.1", 1, 1, m.Outcome.CONCLUDED, plan, "*.o", "", awarded_at, START), True
    )
    subject = Subject("e1", Direction.DECREASE_LOAD, m.IntervalPeriod(start=START), plan, 1)
    made = DeliveryWatch(Out(ParentParty("p", (), {}), "e1"), subject, children, BOOK)
    made.steps_wh["a"] = step_wh
    found = []
    for slot, given in enumerate(given_wh):
        made.judge(slot, metered(slot, given, ("a",)), ())
        found.append(made.pct("a"))
    return found


def test_meter_in_steps_that_shows_a_step_later_is_no_shortfall() -> None:
    assert told_in_steps(400, 600, 400, 500, 600, 400, 500) == [100] * 7
    assert told_in_steps(400, step_wh=0) == [80]


def test_meter_in_steps_that_stays_behind_is_a_shortfall() -> None:
    assert told_in_steps(400, 400, 400) == [100, 80, 80]
    assert told_in_steps(400, 400, 600, 500) == [100, 80, 100, 100]  # it gives what is due again


def test_step_that_nobody_believes_hides_nothing() -> None:
    assert told_in_steps(0, 0, 0, step_wh=1_000_000) == [100, 100, 0]
