"""Every message of a DER passes its own checks, also where it is made without looking, and is the same to the byte."""

from datetime import timedelta
from typing import Any

import pytest
from der_cases import ANSWER, AWARD, REQUEST, TERMS
from worlds import START, T0

from agents.devices.contract import Flexibility
from agents.parties.der import messages
from protocol import messages as m
from protocol.codec import decode_body, encode


def built(make: Any) -> list[m.Message]:
    part = messages.resource("ev", m.ResourceKind.VEHICLE, ANSWER.power_w, True, make)
    request_id = REQUEST.request_id
    return [
        messages.offer("h", TERMS, request_id, ANSWER, part, m.Basis.RELAXED, T0, make),
        messages.opt_out("h", TERMS, request_id, m.OptReason.MUST_RUN, ANSWER.binding, T0, make),
        messages.confirm("h", AWARD, "", T0, make),
        messages.confirm("h", AWARD, "the offer has expired", T0, make),
    ]


@pytest.mark.parametrize("number", range(4))
def test_message_made_without_looking_is_the_checked_one_to_the_byte(number: int) -> None:
    made, checked = built(m.made)[number], built(messages.checked)[number]
    assert encode(made) == encode(checked)
    assert decode_body(made.kind, encode(made)) == checked


def test_checked_message_out_of_bounds_is_a_fault() -> None:
    above = Flexibility((2_000, 0), (1_000, 0), (None, None), (0, 0))
    with pytest.raises(ValueError, match="power_w is above available_w"):
        messages.offer("h", TERMS, REQUEST.request_id, above, (), m.Basis.OWN, T0)


def test_offer_stays_valid_for_half_of_the_time_until_the_event() -> None:
    assert TERMS.valid_until == T0 + timedelta(minutes=40)
    assert TERMS.over_at == START + timedelta(hours=1)


def test_device_that_gives_nothing_and_cannot_be_relaxed_is_left_out() -> None:
    assert messages.resource("tank", m.ResourceKind.LOAD, (0, 0), False) == ()
    assert len(messages.resource("ev", m.ResourceKind.VEHICLE, (0, 0), True)) == 1
