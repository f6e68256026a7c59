"""The examples of the driver `mqtt` as their devices would meet them."""

from datetime import UTC, datetime

import paths
import pytest

from agents.drivers.mqtt.options import MqttOptions
from agents.drivers.mqtt.values import found_in, posts, state_of, variables_of
from agents.runtime.files.config import load_config
from agents.settings.daemon import Role

T0 = datetime(2026, 1, 14, 17, tzinfo=UTC)


def options(name: str) -> MqttOptions:
    """Of the one device of an example."""
    spec = load_config(paths.EXAMPLES / "mqtt" / name, Role.DER).ders[0].devices[0]
    return MqttOptions.model_validate(spec.options)


def test_evcc_charges_by_a_current_and_goes_back_to_its_mode() -> None:
    evcc, at = options("evcc.toml"), "evcc/loadpoints/1"
    payloads = {
        f"{at}/chargePower": b"7360.5", f"{at}/chargeTotalImport": b"1234.567", f"{at}/vehicleSoc": b"54",
        f"{at}/connected": b"true", f"{at}/mode": b"pv",
    }  # fmt: skip
    state = state_of(evcc, payloads, 0.0)
    assert (state.power_w, state.register_wh, state.soc_pct, state.plugged) == (
        7_360,
        pytest.approx(1_234_567),
        54,
        True,
    )
    found = found_in(evcc.found, payloads)
    variables = variables_of(evcc, 6_900, T0, 60, found or "")
    assert [(one.topic, one.payload) for one in posts(evcc.command, variables)] == [
        (f"{at}/maxCurrent/set", b"10"),
        (f"{at}/mode/set", b"now"),
    ]
    assert [one.payload for one in posts((*evcc.stop, *evcc.release), variables)] == [b"off", b"pv", b"16"]


def test_home_assistants_battery_is_told_watts_for_a_time() -> None:
    battery = options("home_assistant.toml")
    state = {"battery_power": 1500, "total": {"charged": 100.5, "discharged": 90.25}, "soc": 61, "error": "none"}
    payloads = {"inverter/state": str(state).replace("'", '"').encode(), "inverter/mode": b"self_use"}
    reading = state_of(battery, payloads, 0.0)
    assert (reading.power_w, reading.register_wh, reading.soc_pct, reading.fault) == (-1_500, 10_250, 61, "")
    said = posts(battery.command, variables_of(battery, -2_000, T0, 900, "self_use"))
    assert [one.payload for one in said] == [b"forced", b'{"watts": -2000, "seconds": 900}']
