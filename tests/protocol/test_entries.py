"""A journal's entries as bytes and back: nothing is lost, and the same entry is always the same bytes (P11)."""

from datetime import timedelta
from typing import Any

import pytest
from worlds import START, T0, World

from broker.chance import Faults
from protocol import actor as a
from protocol.codec import decode
from protocol.edges import Edge
from protocol.entries import decode_effects, decode_input, encode_effects, encode_input
from protocol.errors import RejectReason
from protocol.units import Direction


def test_every_step_of_a_run_survives_as_bytes() -> None:
    world = World()
    world.simple("ra-1", 2, scale_w=20_000)
    world.event(10_000, 5_000)
    simulation = world.run(3, Faults(loss_pct=10, repeat_pct=20)).simulation
    kinds: set[type[Any]] = set()
    for entry in simulation.trace:
        item, effects = encode_input(entry.input), encode_effects(entry.effects)
        assert decode_input(item) == entry.input
        assert encode_input(decode_input(item)) == item
        assert encode_effects(decode_effects(effects)) == effects
        kinds |= {type(entry.input)} | {type(effect) for effect in entry.effects}
    assert {a.Received, a.Measured, a.Send, a.Clear, a.Setpoint, a.Measure, a.Note} <= kinds


@pytest.mark.parametrize(
    "item",
    [
        a.Refused(Edge("ra", "der"), "offer", RejectReason.MALFORMED, "no JSON", None),
        a.Decided("e1", False),
        a.Issue("e1", "dr", Direction.INCREASE_LOAD, START, (1, 2), 900),
        a.Issue("e1", "dr", Direction.INCREASE_LOAD, START, (1, 2), 900, asks_again=True),
        a.Cancel("e1", "not needed"),
        a.Resumed(T0),
        a.Resumed(T0, counts_waited=True),
        a.Reanchored(T0),
        a.Corrected("h1", "meter", 90),
        a.Reconfigured({}, {"collect_pct": 40, "ladder": ["relax"]}),
        a.Reconfigured({"h1": {"name": "h1", "decrease_load_w": 3_000}, "h2": None}),
        a.Measured("bat", T0, 100, -50, "e1", 3),
        a.Measured("car", T0, 100, None, None, None, True, 3_000, 6_000, 0, START, 2, "no contact"),
        a.Planned("car", START, (a.PlannedStay(T0), a.PlannedStay(START, 100, T0, 50)), ("2026-01-15",)),
    ],
    ids=lambda item: type(item).__name__,
)
def test_inputs_from_this_side_survive_as_bytes(item: a.Input) -> None:
    assert decode_input(encode_input(item)) == item


def test_effects_for_this_side_survive_as_bytes() -> None:
    effects: tuple[a.Effect, ...] = (
        a.Question("e1", "take part?", T0),
        a.Setpoint("bat", None, T0, T0 + timedelta(minutes=1)),
        a.Clear(Edge("ra", "der")),
        a.Note("shortfall_stated", "e1", "S36", {"missing_w": [1, 2]}),
    )
    assert decode_effects(encode_effects(effects)) == effects


def test_input_stands_in_an_entry_in_the_bytes_in_which_it_came() -> None:
    body = b'{ "accepted": true, "message_id": "c1", "sent_at": "2026-01-14T18:00:00+09:00", "event_id": "e",'
    body += b' "request_id": "e.1.1", "round": 1, "revision": 1, "award_id": "a" }'
    edge, message = decode("dr/confirm/ra-1/hems-1", body)
    kept = encode_input(a.Received(edge, message, body))
    again = decode_input(kept)
    assert body in kept
    assert again == a.Received(edge, message)
    assert encode_input(again) == kept


def test_reading_without_the_newer_fields_is_written_as_released_versions_wrote_it() -> None:
    written = encode_input(a.Measured("bat", T0, 100))
    at = b'"2026-01-14T17:00:00Z"'
    expected = b'{"input":"measured","resource_id":"bat","at":%s,"soc_wh":100,"energy_wh":null' % at
    assert written == expected + b',"event_id":null,"slot":null}'
