"""What an aggregator has to give, over the rounds of its parent."""

from datetime import timedelta

from worlds import START, T0, battery

from agents.negotiation.child import ChildAnswer, RequestRecord
from agents.negotiation.children import Children
from agents.negotiation.out import Out
from agents.negotiation.subject import Subject
from agents.parties.aggregator.actor import Aggregator
from agents.parties.aggregator.own_storage import OwnStorage, StorageYard
from agents.parties.aggregator.supply import Supply
from agents.settings.parties import AggregatorSettings
from protocol import messages as m
from protocol.plan import Plan
from protocol.units import Direction


def answer(power_w: Plan) -> ChildAnswer:
    return ChildAnswer("*.offer", power_w, power_w, m.Basis.OWN, START)


def supply_of(locked_w: Plan, counted_w: Plan) -> Supply:
    """One member, asked twice by us; what it counts for now is planned, so it is taken however it compares."""
    until = T0 + timedelta(minutes=10)
    ra = Aggregator(AggregatorSettings(name="ra-1", parent="ac"))
    period = m.IntervalPeriod(start=START, duration=timedelta(minutes=30))
    subject = Subject("e1", Direction.DECREASE_LOAD, period, (9_000, 9_000), 1)
    children = Children(("h-1",), {})
    own = OwnStorage(Out(ra, "e1"), StorageYard.build((battery("own"),)), subject, True)
    children.renew("h-1", RequestRecord("r", 1, 1, "dr", (9_000, 9_000), T0, until, until, m.Terms()))
    own.offer((1_000, 1_000))
    children.put(children["h-1"], answer(counted_w)._replace(offered_w=counted_w), None, answer(locked_w))
    return Supply(own.subject, children, own)


def test_first_answer_is_promised_though_a_question_before_had_brought_more_in_a_slot() -> None:
    supply = supply_of(locked_w=(2_000, 7_000), counted_w=(5_000, 5_000))
    supply.promise()
    (promised,) = supply.children["h-1"].promised
    assert promised is not None
    assert promised.power_w == (5_000, 5_000)
    assert supply.storage.promised_w == ((1_000, 1_000),)
    assert supply.backs((6_000, 6_000))


def test_each_of_two_answers_is_backed_where_none_covers_the_other() -> None:
    supply = supply_of(locked_w=(2_000, 7_000), counted_w=(5_000, 5_000))
    supply.promise()
    child = supply.children["h-1"]
    supply.children.put(child, answer((8_000, 1_000))._replace(offered_w=(8_000, 1_000)), None, child.locked)
    supply.promise()
    supply.children.put(child, answer((0, 0)), None, None)
    assert [supply.backs(power_w) for power_w in ((6_000, 6_000), (9_000, 2_000), (9_000, 6_000))] == [
        True,
        True,
        False,
    ]
    supply.recall((9_000, 2_000))
    assert supply.available_w() == (9_000, 2_000)


def test_answer_that_covers_all_before_it_takes_their_place() -> None:
    supply = supply_of(locked_w=(2_000, 7_000), counted_w=(5_000, 5_000))
    child = supply.children["h-1"]
    for power_w in ((5_000, 5_000), (8_000, 1_000), (8_000, 6_000), (7_000, 6_000)):
        supply.children.put(child, answer(power_w)._replace(offered_w=power_w), None, child.locked)
        supply.promise()
    assert [one and one.power_w for one in child.promised] == [(8_000, 6_000)]
