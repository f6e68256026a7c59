"""A device that fails in mid-event is a withdrawal with its cause; what it cannot measure is not made up."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from asked import request
from worlds import START, T0, vehicle

from agents.parties.der.actor import Der
from agents.settings.parties import DerSettings
from protocol import messages as m
from protocol.actor import Effect, Measured, Note, Received, Send, Setpoint
from protocol.edges import Edge

EDGE = Edge("ra", "h")
MINUTE = timedelta(minutes=1)


def home_with_a_deal() -> Der:
    """Of its two vehicles the first gives 2 kW in the second slot; nobody needs the other."""
    devices = (vehicle("ev"), vehicle("other"))
    der = Der(DerSettings(name="h", parent="ra", devices=devices))
    head: dict[str, Any] = {"event_id": "e1", "request_id": "r1", "round": 1}
    der.receive(Received(EDGE, request(0, 2_000, message_id="r1", **head)), T0)
    award = m.Award(
        message_id="a1", sent_at=T0, revision=1, award_id="a1", accepts="h.offer.own.r1", outcome=m.Outcome.CONCLUDED,
        power_w=(0, 2_000), confirm_by=T0 + 30 * MINUTE, **head,
    )  # fmt: skip
    der.receive(Received(EDGE, award), T0 + 5 * MINUTE)
    assert der.events["e1"].award is not None
    return der


def at(der: Der, now: datetime) -> None:
    """Let everything happen that is due until then."""
    while der.deadline is not None and der.deadline <= now:
        der.wake(der.deadline)


def withdrawals(effects: list[Effect]) -> list[m.Withdraw]:
    return [one.message for one in effects if isinstance(one, Send) and isinstance(one.message, m.Withdraw)]


@pytest.mark.parametrize(
    ("told", "cause"),
    [({"plugged": False}, "ev is unplugged"), ({"fault": "silent: no answer"}, "ev: silent: no answer")],
)
def test_device_that_fails_in_its_slot_is_withdrawn_with_the_cause(told: dict[str, Any], cause: str) -> None:
    der = home_with_a_deal()
    now = START + 35 * MINUTE
    at(der, now)
    dispatch = m.Dispatch(
        message_id="d1", sent_at=now, event_id="e1", request_id="r1", round=1, revision=1, award_id="a1", slot=1,
        power_w=-2_000, valid_for_s=1_800,
    )  # fmt: skip
    assert any(isinstance(one, Setpoint) for one in der.receive(Received(EDGE, dispatch), now))
    effects = der.receive(Measured("ev", now + MINUTE, **told), now + MINUTE)
    assert [(one.cause, one.from_slot) for one in withdrawals(effects)] == [(cause, 1)]
    released = [one for one in effects if isinstance(one, Setpoint) and one.power_w is None]
    assert "ev" in [one.resource_id for one in released]
    assert withdrawals(der.receive(Measured("ev", now + 2 * MINUTE, **told), now + 2 * MINUTE)) == []


@pytest.mark.parametrize(
    ("minutes", "name"), [(10, "ev"), (35, "other"), (-5, "ev")], ids=["another slot", "no part", "before"]
)
def test_device_that_gives_nothing_now_may_fail(minutes: int, name: str) -> None:
    der = home_with_a_deal()
    now = START + minutes * MINUTE
    at(der, now)
    assert withdrawals(der.receive(Measured(name, now, fault="overheated"), now)) == []


def test_slot_of_which_no_energy_is_told_is_not_reported_and_the_last_one_ends_the_event() -> None:
    der = home_with_a_deal()
    end = START + 60 * MINUTE
    at(der, end)
    effects: list[Effect] = []
    for slot in range(2):
        for name in ("ev", "other"):
            energy_wh = None if name == "ev" else 0
            reading = Measured(name, START + (slot + 1) * 30 * MINUTE, None, energy_wh, "e1", slot)
            effects += der.receive(reading, end)
    assert not [one for one in effects if isinstance(one, Send) and isinstance(one.message, m.Report)]
    notes = [(one.name, dict(one.data)) for one in effects if isinstance(one, Note) and one.name != "closed"]
    assert notes == [("slot_not_metered", {"slot": slot, "resource_id": "ev"}) for slot in range(2)]
    assert der.at_rest(end)
