"""A battery at its reserve: an event lets it charge from 18:00, and a later one counts on that."""

from datetime import datetime, timedelta

import pytest
from asked import request
from worlds import START, T0, battery, vehicle

from agents.parties.der.actor import Der
from agents.settings.parties import DerSettings
from protocol import messages as m
from protocol.actor import Effect, Received, Send, Setpoint
from protocol.codec import encode
from protocol.edges import Edge
from protocol.plan import Plan
from protocol.units import Direction

SLOT = timedelta(minutes=30)
CHARGED, GIVEN = START, START + 2 * SLOT
"""When the event that lets it charge begins, and when the other one."""
EDGE = Edge("ra", "h")
FULL: Plan = (4_000,)
LOOSE = vehicle(
    "car",
    soc_wh=10_000,
    departure_soc_wh=8_000,
    reserve_wh=9_000,
    relaxations=[{"restriction": "reserve_soc", "steps": [8_500]}],
)
"""Its owner lets it go half a kWh lower when asked."""


def home() -> Der:
    wall = battery("wall", 5_000, soc_wh=2_000, reserve_wh=2_000, capacity_wh=9_000)
    return Der(DerSettings(name="h", parent="ra", devices=(wall,)))


def hears(der: Der, message: m.EventMessage, now: datetime = T0) -> list[m.EventMessage]:
    """What it says to a message."""
    return said(der.receive(Received(EDGE, message, encode(message)), now))


def said(effects: list[Effect]) -> list[m.EventMessage]:
    found = [effect.message for effect in effects if isinstance(effect, Send)]
    return [message for message in found if isinstance(message, m.EventMessage)]


def asks(der: Der, event_id: str, power_w: Plan = FULL) -> m.Offer:
    """It is asked to charge ("charge"), or to give; its offer."""
    start, direction = (CHARGED, Direction.INCREASE_LOAD) if event_id == "charge" else (GIVEN, Direction.DECREASE_LOAD)
    ids = {"message_id": f"{event_id}.1.1", "event_id": event_id, "request_id": f"{event_id}.1.1"}
    period = m.IntervalPeriod(start=start, duration=SLOT)
    (offer,) = hears(der, request(*power_w, direction=direction, interval_period=period, **ids))
    assert isinstance(offer, m.Offer)
    return offer


def award(offer: m.Offer, power_w: Plan | None, revision: int = 1) -> m.Award:
    """Of an offer; None: cancelled."""
    return m.Award(
        message_id=f"{offer.event_id}.award.{revision}",
        sent_at=T0,
        event_id=offer.event_id,
        request_id=offer.request_id,
        round=1,
        revision=revision,
        award_id=f"{offer.event_id}.award",
        accepts=None if power_w is None else offer.message_id,
        outcome=m.Outcome.CANCELLED if power_w is None else m.Outcome.CONCLUDED,
        power_w=(0,) if power_w is None else power_w,
        confirm_by=START - timedelta(minutes=10),
    )


def relax(offer: m.Offer) -> m.Relax:
    """Whoever lacks what was not offered asks to loosen."""
    return m.Relax(
        message_id=f"{offer.event_id}.relax.1",
        sent_at=T0,
        event_id=offer.event_id,
        request_id=offer.request_id,
        round=1,
        revision=1,
        shortfall_w=(FULL[0] - offer.power_w[0],),
        restrictions=(m.Restriction.RESERVE_SOC,),
        reply_by=START - timedelta(minutes=25),
    )


def given_up(messages: list[m.EventMessage]) -> list[Plan]:
    """What is still given by what is withdrawn."""
    return [message.power_w for message in messages if isinstance(message, m.Withdraw)]


def left(charged_w: Plan | None) -> Plan:
    """What a home can give that knew from the beginning what it was going to charge."""
    der = home()
    hears(der, award(asks(der, "charge"), charged_w))
    offer = asks(der, "give")
    return offer.power_w if offer.opt is m.Opt.IN else (0,)


def test_later_event_gives_what_an_earlier_one_charges() -> None:
    assert left(None) == (0,)
    assert left(FULL) == (3_610,)  # what goes in and out again loses a tenth


@pytest.mark.parametrize("charged_w", [None, (0,), (1_000,), (3_900,)])
def test_award_that_counts_on_energy_of_an_event_that_brings_less_is_withdrawn_to_what_is_left(
    charged_w: Plan | None,
) -> None:
    der = home()
    charge, give = asks(der, "charge"), asks(der, "give")
    assert given_up(hears(der, award(give, give.power_w))) == []
    assert given_up(hears(der, award(charge, charged_w))) == [left(charged_w)]


def test_award_that_counts_on_all_that_is_brought_stands_until_less_is_brought() -> None:
    der = home()
    charge, give = asks(der, "charge"), asks(der, "give")
    hears(der, award(give, give.power_w))
    assert given_up(hears(der, award(charge, FULL))) == []
    assert given_up(hears(der, award(charge, (1_500,), 2))) == [left((1_500,))]


def test_offer_that_counts_on_an_event_that_is_gone_is_withdrawn_to_what_is_left_when_it_is_awarded() -> None:
    der = home()
    charge, give = asks(der, "charge"), asks(der, "give")
    hears(der, award(charge, (1_000,)))
    assert given_up(hears(der, award(give, give.power_w))) == [left((1_000,))]


def test_award_is_not_raised_above_what_is_left() -> None:
    der = home()
    charge, give = asks(der, "charge"), asks(der, "give")
    hears(der, award(give, (2_000,)))
    assert given_up(hears(der, award(charge, (1_000,)))) == [left((1_000,))]
    assert given_up(hears(der, award(give, give.power_w, 2))) == [left((1_000,))]


def test_what_gets_less_and_less_is_withdrawn_once_for_each_award() -> None:
    der = home()
    charge, give = asks(der, "charge"), asks(der, "give")
    hears(der, award(give, give.power_w))
    assert given_up(hears(der, award(charge, (2_000,)))) == [left((2_000,))]
    assert given_up(hears(der, award(charge, (1_000,), 2))) == []  # the first word on it is not answered yet
    assert given_up(hears(der, award(give, left((2_000,)), 2))) == [left((1_000,))]
    assert given_up(hears(der, award(give, left((1_000,)), 3))) == []


def loosened(der: Der) -> m.Offer:
    """What a home gives when it is asked to loosen."""
    (offer,) = hears(der, relax(asks(der, "give")))
    assert isinstance(offer, m.Offer)
    return offer


def test_what_was_loosened_is_looked_at_again_by_what_was_loosened() -> None:
    der, alone = (Der(DerSettings(name="h", parent="ra", devices=(LOOSE,))) for _ in range(2))
    charge = asks(der, "charge", (500,))
    offer, without = loosened(der), loosened(alone)
    assert without.power_w < offer.power_w < FULL
    assert given_up(hears(der, award(offer, offer.power_w))) == []
    assert given_up(hears(der, award(charge, None))) == [without.power_w]


def test_other_device_gives_what_the_one_that_was_not_charged_cannot() -> None:
    """The home gives as much as it said: nothing is withdrawn, but it is not the empty battery that is told to."""
    spare = battery("spare", 5_000, soc_wh=9_000)
    empty = battery("wall", 5_000, soc_wh=2_000, reserve_wh=2_000, capacity_wh=9_000)
    der = Der(DerSettings(name="h", parent="ra", devices=(empty, spare)))
    charge, give = asks(der, "charge"), asks(der, "give")
    hears(der, award(charge, FULL))
    assert given_up(hears(der, award(give, FULL))) == []
    assert given_up(hears(der, award(charge, None, 2))) == []
    commanded = m.Dispatch(
        message_id="give.dispatch",
        sent_at=GIVEN,
        event_id="give",
        request_id=give.request_id,
        round=1,
        revision=1,
        award_id="give.award",
        slot=0,
        valid_for_s=1_800,
        power_w=-FULL[0],
    )
    effects = der.receive(Received(EDGE, commanded, encode(commanded)), GIVEN - timedelta(minutes=1))
    told = {one.resource_id: one.power_w for one in effects if isinstance(one, Setpoint)}
    assert told == {"spare": -FULL[0]}
