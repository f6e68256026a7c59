"""A device's payloads as values, and a power as payloads."""

from datetime import UTC, datetime
from typing import Any

import pytest

from agents.devices.climate import ClimateSpec, Room, temperature_c
from agents.drivers.mqtt.options import MqttOptions, Place
from agents.drivers.mqtt.values import found_in, growing_wh, posts, state_of, value_at, variables_of
from agents.settings.checked import ConfigError, checked

T0 = datetime(2026, 1, 14, 17, tzinfo=UTC)
COMMAND = {
    "command": [{"topic": "x/set", "payload": '{"w": ${power_w}}'}],
    "release": [{"topic": "x/set", "payload": "auto"}],
}


def options(**given: Any) -> MqttOptions:
    return checked(MqttOptions, {"alive": "x/alive", **given}, "file")


@pytest.mark.parametrize(
    ("path", "payload", "value"),
    [
        ("", b" 12.5 ", "12.5"),
        ("a.b.1.c", b'{"a": {"b": [0, {"c": 7}]}}', 7),
        ("a.b", b'{"a": 5}', None),
        ("a.3", b'{"a": [1]}', None),
        ("a", b"no json", None),
        ("a", b"", None),
        ("a", b"[" * 100_000, None),
        ("a.-1", b'{"a": [1]}', None),
    ],
)
def test_value_is_found_by_its_path(path: str, payload: bytes, value: object) -> None:
    assert value_at(Place(topic="x", path=path), {"x": payload}) == value


def test_state_has_units_signs_and_both_registers() -> None:
    found = options(
        power={"topic": "x/p", "unit": "kW", "scale": -1},
        imported={"topic": "x/e", "path": "in", "unit": "kWh"},
        exported={"topic": "x/e", "path": "out", "unit": "Wh"},
        soc={"topic": "x/soc", "unit": "%"},
        plugged={"topic": "x/car", "yes": ["B", "C"]},
        fault={"topic": "x/error"},
    )
    payloads = {"x/p": b"2.5", "x/e": b'{"in": 12.345, "out": 45}', "x/soc": b"61.5", "x/car": b"c", "x/error": b"0"}
    state = state_of(found, payloads, 3.0)
    assert (state.power_w, state.register_wh, state.soc_pct, state.soc_wh) == (-2_500, 12_300, 61.5, None)
    assert (state.plugged, state.fault, state.age_s) == (True, "", 3.0)
    state = state_of(found, payloads | {"x/car": b"A", "x/error": b"GFCI\x1b[2J"}, 0.0)
    assert (state.plugged, state.fault) == (False, "GFCI?[2J")


def test_registers_are_shown_so_that_they_grow_whatever_their_sign() -> None:
    found = options(imported={"topic": "x/i", "unit": "kWh", "scale": -1}, exported={"topic": "x/o", "unit": "Wh"})
    assert growing_wh(found, {"x/i": b"12.5", "x/o": b"45"}) == {"imported": 12_500, "exported": 45}
    assert growing_wh(found, {"x/i": b"unavailable", "x/o": b"45"}) == {"exported": 45}


@pytest.mark.parametrize(
    "payload", [b"unavailable", b"nan", b"inf", b"1e99", b"true", b"", b"\xff\xfe", b"[1]", b"1e400"]
)
def test_what_is_no_number_is_not_known(payload: bytes) -> None:
    found = options(
        power={"topic": "x", "unit": "W"}, imported={"topic": "x", "unit": "kWh"}, soc={"topic": "x", "unit": "%"}
    )
    state = state_of(found, {"x": payload}, 0.0)
    assert (state.power_w, state.register_wh, state.soc_pct) == (None, None, None)


def test_temperature_of_a_room_is_heat_in_its_store() -> None:
    spec = ClimateSpec(
        kind="climate", resource_id="pump", mode="heating", rated_w=3_000, capacity_wh_per_k=4_000, loss_w_per_k=200,
        wished_c=21, least_c=19.5, most_c=23, room_c=21, state_at=T0, outdoor_c=(0,), outdoor_at=T0,
    )  # fmt: skip
    soc = {"topic": "pump/room", "unit": "Wh", "scale": 1333.3, "offset": -12666.7}  # as docs/device-kinds.md has it
    state = state_of(options(soc=soc), {"pump/room": b"20.4"}, 0.0)
    assert state.soc_wh is not None
    assert temperature_c(Room(spec), state.soc_wh) == pytest.approx(20.4, abs=0.01)


def test_register_of_which_one_side_is_unknown_is_not_known() -> None:
    found = options(imported={"topic": "x/in", "unit": "kWh"}, exported={"topic": "x/out", "unit": "kWh"})
    assert state_of(found, {"x/in": b"12"}, 0.0).register_wh is None
    assert state_of(options(exported={"topic": "x/out", "unit": "kWh"}), {"x/out": b"3"}, 0.0).register_wh == -3_000


def test_power_becomes_payloads() -> None:
    found = options(volts=230, phases=3)
    variables = variables_of(found, -7_000, T0, 89.2, "pv")
    templates = options(
        command=[{"topic": "x/${found}", "payload": "${power_w} ${power_kw} ${charge_w} ${discharge_w} ${amps} $$", "retain": True}],
        release=[{"topic": "x", "payload": "${until} ${for_s}"}],
    )  # fmt: skip
    assert posts(templates.command, variables)[0][:3] == ("x/pv", b"-7000 -7 0 7000 10.1 $", True)
    assert posts(templates.release, variables)[0].payload == b"2026-01-14T17:00:00Z 90"


def test_what_was_found_is_text() -> None:
    place = Place(topic="x", path="mode")
    assert found_in(place, {"x": b'{"mode": "pv"}'}) == "pv"
    assert found_in(place, {"x": b'{"mode": 3}'}) == "3"
    assert found_in(place, {}) is None


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"power": {"topic": "x", "unit": "kWh"}}, "power.unit: kWh is none of W, kW, MW"),
        ({"power": {"topic": "x/#", "unit": "W"}}, "power.topic: one topic is needed, without wildcards"),
        ({"command": COMMAND["command"]}, "command and release are needed both, or neither"),
        ({**COMMAND, "release": [{"topic": "x", "payload": "${found}"}]}, "found is needed as well"),
        (
            {**COMMAND, "command": [{"topic": "x", "payload": "${watts}"}]},
            "there is no variable watts; there are power_w",
        ),
        ({**COMMAND, "command": [{"topic": "x", "payload": "5 $"}]}, r"a \$ begins a variable"),
        ({"alive": None}, "something of its state is needed"),
        ({"power": {"topic": "x", "unit": "W", "scale": float("nan")}}, "power.scale: input should be a finite number"),
        ({"soc": {"topic": "x", "unit": "Wh", "offset": float("inf")}}, "soc.offset: input should be a finite number"),
        ({"imported": {"topic": "x", "unit": "Wh", "scale": 0}}, "imported.scale: with 0 every value is the same"),
        ({"steps": 3}, "steps: there is no such key"),
        ({"broker": {"host": "b", "password_file": "p"}}, "broker: user is needed as well as password_file"),
    ],
)
def test_mistake_is_one_sentence_with_its_key(given: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=f"^file: .*{text}"):
        options(**given)
