"""What an owner says of a device's limits while its home runs."""

from datetime import timedelta
from typing import Any

from asked import request
from worlds import T0, battery, vehicle

from agents.parties.der.actor import Der
from agents.parties.memory import memory_of, remember
from agents.settings.parties import Consent, DerSettings
from protocol import messages as m
from protocol.actor import Effect, Limited, Measured, Note, Planned, PlannedStay, Received, Send, Setpoint
from protocol.codec import encode
from protocol.edges import Edge
from protocol.entries import decode_input, encode_input

EDGE = Edge("ra", "h")
LOOSE = {"relaxations": [{"restriction": "reserve_soc", "steps": [4_000]}]}


def home(*devices: Any) -> Der:
    return Der(DerSettings(name="h", parent="ra", devices=devices or (vehicle("ev-1"),), consent=Consent.ALWAYS))


def asked(der: Der, event_id: str = "e", slots: int = 8, minutes: int = 0) -> list[Effect]:
    """A decrease of 6 kW for so many half hours; the car can give 22 kWh."""
    at = T0 + timedelta(minutes=minutes)
    ids = {"message_id": f"ra.{event_id}", "sent_at": at, "event_id": event_id, "request_id": f"{event_id}.1"}
    by = {"reply_by": at + timedelta(minutes=20), "decide_by": at + timedelta(minutes=40)}
    wanted = request(*(6_000,) * slots, **ids, **by)
    return der.receive(Received(EDGE, wanted, encode(wanted)), at)


def offered_wh(effects: list[Effect]) -> int:
    (offer,) = [one.message for one in effects if isinstance(one, Send) and isinstance(one.message, m.Offer)]
    return sum(offer.power_w) // 2


def test_answer_goes_by_the_reserve_that_the_owner_has_set_and_by_the_settings_when_it_is_taken_back() -> None:
    der = home()
    full_wh = offered_wh(asked(der))
    der = home()
    told = der.receive(Limited("ev-1", {"reserve_wh": 25_000}), T0)
    assert [(one.name, dict(one.data)) for one in told if isinstance(one, Note)] == [
        ("limits_changed", {"resource_id": "ev-1", "changed": ["reserve_wh"]})
    ]
    kept_wh = offered_wh(asked(der, "e1"))
    assert kept_wh < 5_000 < full_wh
    der.receive(Limited("ev-1", {}), T0)
    der.events.clear()
    der.ledger.free("e1", T0)
    assert offered_wh(asked(der, "e2")) == full_wh


def test_what_the_device_has_told_is_known_to_it_with_other_limits() -> None:
    der = home(battery("bat-1"))
    der.receive(Measured("bat-1", T0 + timedelta(minutes=1), soc_wh=9_000), T0 + timedelta(minutes=1))
    der.receive(Limited("bat-1", {"reserve_wh": 8_000}), T0 + timedelta(minutes=2))
    assert offered_wh(asked(der, minutes=3)) <= 1_000


def test_what_was_offered_before_is_not_touched() -> None:
    der = home()
    before_wh = offered_wh(asked(der))
    effects = der.receive(Limited("ev-1", {"reserve_wh": 30_000}), T0)
    assert not [one for one in effects if isinstance(one, Send | Setpoint)]
    (event,) = der.events.values()
    assert sum(event.offered_w[m.Basis.OWN]) // 2 == before_wh


def test_limit_at_a_departure_counts_before_what_the_plan_wants_there() -> None:
    der = home()
    stay = PlannedStay(T0 + timedelta(hours=14), soc_wh=39_000)
    der.receive(Planned("ev-1", T0 + timedelta(days=8), (stay,)), T0)
    der.receive(Measured("ev-1", T0, soc_wh=30_000), T0)
    device = der.home.device("ev-1")
    assert device.spec.departure_soc_wh == 39_000  # type: ignore[attr-defined]
    der.receive(Limited("ev-1", {"departure_soc_wh": 24_000}), T0)
    assert der.home.device("ev-1").spec.departure_soc_wh == 24_000  # type: ignore[attr-defined]
    assert der.home.plans["ev-1"].stays == (stay,)


def test_limits_are_remembered_with_the_state() -> None:
    der = home(vehicle("ev-1", **LOOSE))
    der.receive(Limited("ev-1", {"reserve_wh": 25_000, "relaxations": []}), T0)
    again = home(vehicle("ev-1", **LOOSE))
    remember(again, memory_of(der))
    assert again.home.limits == {"ev-1": {"reserve_wh": 25_000, "relaxations": []}}
    assert again.home.device("ev-1").relaxable == ()
    assert offered_wh(asked(again)) == offered_wh(asked(der))


def test_limits_that_a_device_cannot_have_change_nothing() -> None:
    der = home()
    for item in (Limited("ev-1", {"reserve_wh": 99_000}), Limited("ev-1", {"max_charge_w": 1}), Limited("ev-9", {})):
        assert der.receive(item, T0) == []
    assert der.home.limits == {}


def test_input_reads_as_it_was_written() -> None:
    item = Limited("ev-1", {"reserve_wh": 25_000, "relaxations": [{"restriction": "reserve_soc", "steps": [4_000]}]})
    assert decode_input(encode_input(item)) == item
