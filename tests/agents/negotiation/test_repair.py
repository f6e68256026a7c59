"""A smaller deal is cut from what is expected of those who hold awards, not from what stands on paper."""

from datetime import UTC, datetime

import pytest

from agents.negotiation import repair as repair_module
from agents.negotiation.awards import Awards
from agents.negotiation.child import AwardRecord, ChildAnswer, RequestRecord
from agents.negotiation.children import Children
from agents.negotiation.out import Out
from agents.negotiation.own import NoOwnPower
from agents.negotiation.parent import ParentParty
from agents.negotiation.repair import Repair
from agents.negotiation.subject import Subject
from agents.negotiation.timers import Timers
from agents.negotiation.watch import DeliveryWatch
from protocol import messages as m
from protocol.units import Direction

START = datetime(2026, 1, 14, 18, tzinfo=UTC)


def repair(**gives_pct: int) -> Repair:
    """Of children that each hold 4 kW and give so many percent of it."""
    children = Children(tuple(gives_pct), {})
    answer = ChildAnswer("*.o", (4_000,), (4_000,), m.Basis.OWN, START)
    for name in gives_pct:
        award = AwardRecord("e1.1.1", 1, 1, m.Outcome.CONCLUDED, (4_000,), "*.o", "", START, START)
        children.bind(children[name], award, True)
        children[name].accepted = answer
        children[name].request = RequestRecord("e1.1.1", 1, 1, "dr", (4_000,), START, START, START, m.Terms())
    subject = Subject("e1", Direction.DECREASE_LOAD, m.IntervalPeriod(start=START), (8_000,), 1)
    out = Out(ParentParty("p", tuple(gives_pct), {}), "e1")
    watch = DeliveryWatch(out, subject, children, None)
    watch.gives_pct = {name: pct for name, pct in gives_pct.items() if pct < 100}
    made = Repair(out, subject, children, Awards(out, subject, Timers(), children), NoOwnPower(subject), watch, None)
    return made


def test_who_gives_nothing_does_not_count_for_what_is_cut() -> None:
    made = repair(a=100, b=0)
    made.reduce((3_000,), START)
    assert made.standing_w() == (3_000,)
    assert made.children["a"].awarded_w == (3_000,)


def test_who_gives_less_is_cut_by_so_much_more() -> None:
    made = repair(a=100, b=63)
    made.reduce((6_000,), START)
    assert made.standing_w() == (6_000,)
    assert made.children["a"].awarded_w == (4_000,)
    assert made.children["b"].awarded_w == (3_175,)


@pytest.mark.parametrize("gives_pct", [{"a": 63, "b": 0}, {"a": 0, "b": 63}])
def test_deal_of_nothing_cuts_also_those_of_whom_nothing_is_expected(gives_pct: dict[str, int]) -> None:
    made = repair(**gives_pct)
    made.reduce((0,), START)
    assert [made.children[name].awarded_w for name in "ab"] == [(0,), (0,)]


def test_children_that_have_nothing_over_where_it_is_missing_are_passed_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """What each of many could run at was once looked for at every withdrawal of one of them."""

    def not_looked_for(*given: object, **more: object) -> tuple[int, ...]:
        raise AssertionError("looked for")

    monkeypatch.setattr(repair_module, "allowed", not_looked_for)
    made = repair(a=100, b=100)
    assert made.replace((1_000,), "odd", START) == (1_000,)
    for name in "ab":
        made.children.spare[name] = None
    assert made.replace((1_000,), "odd", START) == (1_000,)
    made.reduce((8_000,), START)
    assert made.standing_w() == (8_000,)
