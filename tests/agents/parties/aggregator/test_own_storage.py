"""What one event reserves of an aggregator's own storage, over the rounds of its parent."""

from datetime import timedelta

from worlds import START, T0, battery

from agents.negotiation.out import Out
from agents.negotiation.subject import Subject
from agents.parties.aggregator.actor import Aggregator
from agents.parties.aggregator.own_storage import OwnStorage, StorageYard
from agents.settings.parties import AggregatorSettings
from protocol.messages import IntervalPeriod
from protocol.units import Direction

PERIOD = IntervalPeriod(start=START, duration=timedelta(minutes=30))


def storage() -> OwnStorage:
    ra = Aggregator(AggregatorSettings(name="ra-1", parent="ac"))
    subject = Subject("e1", Direction.DECREASE_LOAD, PERIOD, (9_000, 9_000), 1)
    return OwnStorage(Out(ra, "e1"), StorageYard.build((battery("own"),)), subject, True)


def test_what_an_earlier_answer_was_given_with_stays_offered_though_less_is_missing() -> None:
    own = storage()
    assert own.offer((3_000, 3_000)) == (3_000, 3_000)
    own.promised_w = (own.locked_w(),)
    own.lock()
    assert own.offer((1_000, 4_000)) == (3_000, 4_000)
    assert own.locked_w() == (3_000, 4_000)


def test_nothing_is_kept_for_an_answer_once_the_deal_is_made() -> None:
    own = storage()
    own.offer((3_000, 3_000))
    own.promised_w = (own.locked_w(),)
    own.commit((500, 0))
    assert own.offer((1_000, 0)) == (1_000, 0)
    own.free(T0)
    assert own.promised_w == ()
