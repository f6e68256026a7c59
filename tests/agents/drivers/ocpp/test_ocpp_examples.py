"""The examples of the driver `ocpp` as their chargers would meet them."""

from datetime import UTC, datetime, timedelta

import paths

from agents.drivers.ocpp import OcppDriver, OcppOptions
from agents.drivers.ocpp.limit import limit_of
from agents.runtime.files.config import load_config
from agents.settings.daemon import Role

T0 = datetime(2026, 1, 14, 17, tzinfo=UTC)


def test_charger_of_the_example_is_limited_on_three_phases() -> None:
    folder = paths.EXAMPLES / "ocpp"
    device = load_config(folder / "charger.toml", Role.DER).ders[0].devices[0]
    assert device.driver == "ocpp"
    options = OcppOptions.model_validate(device.options).placed(folder)
    abilities = OcppDriver({device.resource_id: options}).abilities(device.resource_id)
    assert (abilities.least_w, abilities.gives_back) == (4_140, True)
    assert options.password_file == folder / "charger.password"
    limit = limit_of(6_900, options, options.phases, T0, T0 + timedelta(minutes=15))
    assert limit is not None
    assert (limit.unit, limit.most, limit.lasts_s) == ("A", 10.0, 900)


def test_vehicle_of_the_example_is_told_a_setpoint_in_whole_watts() -> None:
    folder = paths.EXAMPLES / "ocpp"
    device = load_config(folder / "v2x.toml", Role.DER).ders[0].devices[0]
    options = OcppOptions.model_validate(device.options).placed(folder)
    assert OcppDriver({device.resource_id: options}).abilities(device.resource_id).step_w == 1
    assert options.memory == folder / "wallbox.needs"
    limit = limit_of(-4_321, options, options.phases, T0, T0 + timedelta(minutes=15), follows=True)
    assert limit is not None
    assert (limit.unit, limit.most, limit.offline_s) == ("W", -4_321.0, 300)
