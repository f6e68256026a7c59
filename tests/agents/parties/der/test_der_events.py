"""The events that a DER keeps: until they are over, and a bounded number of them."""

from datetime import datetime, timedelta

import pytest
from asked import request
from worlds import START, T0, vehicle

from agents.parties.der.actor import Der
from agents.settings.parties import Consent, DerSettings
from protocol.actor import Received
from protocol.codec import encode
from protocol.edges import Edge

END = START + timedelta(minutes=30)


def home(consent: Consent) -> Der:
    return Der(DerSettings(name="h", parent="ra", devices=(vehicle("ev-1"),), consent=consent))


def ask(der: Der, event_id: str, now: datetime) -> None:
    """One event of a slot from START."""
    ids = {"message_id": f"{event_id}.1.1", "event_id": event_id, "request_id": f"{event_id}.1.1"}
    wanted = request(1_000, sent_at=now, **ids)
    der.receive(Received(Edge("ra", "h"), wanted, encode(wanted)), now)


@pytest.mark.parametrize("consent", [Consent.ALWAYS, Consent.NEVER])
def test_who_offered_and_who_opted_out_is_at_rest_when_the_last_slot_is_over(consent: Consent) -> None:
    der = home(consent)
    ask(der, "e1", T0)
    while der.deadline is not None:
        der.wake(der.deadline)
    assert not der.at_rest(END - timedelta(seconds=1))
    assert der.at_rest(END)


def test_events_that_were_opted_out_of_and_are_over_make_room() -> None:
    der = home(Consent.NEVER)
    for number in range(Der.MAX_EVENTS):
        ask(der, f"early-{number}", T0)
    ask(der, "one-more", T0)
    assert len(der.events) == Der.MAX_EVENTS + 1  # none is over: the parent may still ask anew
    ask(der, "late", END)
    assert len(der.events) == Der.MAX_EVENTS
    assert "late" in der.events
    assert not der.knows("early-0")
