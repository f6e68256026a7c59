"""A request to a DER, what it asks, what it answers, and its award."""

from datetime import timedelta

from asked import request
from worlds import T0

from agents.devices.contract import Flexibility
from agents.parties.der.terms import EventTerms, terms_of
from protocol import messages as m

REQUEST = request(
    *(3_000, 2_000),
    message_id="ra.e1.1",
    request_id="ra.e1.1.h",
    round=2,
    reply_by=T0 + timedelta(minutes=10),
    decide_by=T0 + timedelta(minutes=20),
)
TERMS: EventTerms = terms_of(REQUEST)
ANSWER = Flexibility((1_000, 2_000), (1_500, 2_000), (m.Restriction.RESERVE_SOC, None), (0, 0))
AWARD = m.Award(
    message_id="ra.award",
    sent_at=T0,
    event_id="e1",
    request_id="ra.e1.1.h",
    round=2,
    revision=3,
    award_id="a1",
    accepts="h.offer.own.ra.e1.1.h",
    outcome=m.Outcome.CONCLUDED,
    power_w=(500, 0),
    confirm_by=T0 + timedelta(minutes=30),
)
