"""A mix of what a home told in several rounds is awarded, and raised later: what stood when it was awarded bounds it."""

from datetime import timedelta
from typing import Any

import pytest
from asked import request
from worlds import START, T0, vehicle

from agents.parties.der.actor import Der
from agents.parties.memory import memory_of, remember
from agents.settings.parties import DerSettings
from protocol import messages as m
from protocol.actor import Received, Send
from protocol.codec import encode
from protocol.edges import Edge
from protocol.messages import WantedProfile, WantedProfiles

SETTINGS = DerSettings(
    name="h", parent="ra", devices=(vehicle("car", soc_wh=12_000, departure_soc_wh=8_000, max_discharge_w=3_000),)
)
EVEN = WantedProfiles(shapes=(WantedProfile(even=True, weights=(1, 1, 1, 1)), WantedProfile(weights=(4, 3, 2, 1))))
FIRST = WantedProfiles(shapes=(WantedProfile(even=True, weights=(1, 0, 0, 0)),))
MIX, MORE = (1_000, 500, 900, 400), (1_000, 700, 900, 400)
"""In its second round the home is asked for, and tells, nothing in the second and the last slot."""


def hear(der: Der, message: m.EventMessage) -> list[m.Message]:
    """What it says to that."""
    effects = der.receive(Received(Edge("ra", "h"), message, encode(message)), message.sent_at)
    return [effect.message for effect in effects if isinstance(effect, Send)]


def award(revision: int, power_w: tuple[int, ...], accepts: str, **changes: Any) -> m.Award:
    head: dict[str, Any] = {"event_id": "e1", "request_id": "e1.1.2", "round": 2, "award_id": "a"}
    return m.Award(
        **head, message_id=f"a{revision}", sent_at=T0 + timedelta(minutes=5 + revision), revision=revision,
        accepts=accepts, outcome=m.Outcome.CONCLUDED, power_w=power_w, confirm_by=START, **changes,
    )  # fmt: skip


def asked_twice(der: Der) -> str:
    """The offer that stands."""
    hear(der, request(1_000, 1_000, 1_000, 1_000, profiles=EVEN))
    second: dict[str, Any] = {
        "message_id": "r2",
        "request_id": "e1.1.2",
        "round": 2,
        "sent_at": T0 + timedelta(minutes=1),
    }
    (offer,) = hear(der, request(900, 0, 900, 0, profiles=FIRST, **second))
    assert isinstance(offer, m.Offer)
    assert offer.profiles is not None
    assert not any(plan[1] or plan[3] for plan in (offer.power_w, *offer.profiles.power_w))
    return offer.message_id


def accepted(said: list[m.Message]) -> bool:
    return all(one.accepted for one in said if isinstance(one, m.Confirm))


@pytest.mark.parametrize("again", [False, True])
def test_mix_of_two_rounds_is_raised_to_what_both_told(again: bool) -> None:
    der = Der(SETTINGS)
    ref = asked_twice(der)
    assert accepted(hear(der, award(1, MIX, ref)))
    if again:  # the process was started anew
        der, before = Der(SETTINGS), der
        remember(der, memory_of(before))
    said = hear(der, award(2, MORE, ref))
    assert accepted(said)
    assert not any(isinstance(one, m.Withdraw) for one in said)


def test_mix_is_not_raised_above_what_it_ever_told() -> None:
    der = Der(SETTINGS)
    ref = asked_twice(der)
    hear(der, award(1, MIX, ref))
    assert not accepted(hear(der, award(2, (1_000, 3_001, 900, 400), ref)))
