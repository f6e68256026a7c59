"""What a home tells that it could probably give, and how sure that is."""

from datetime import timedelta
from typing import Any

import pytest
from worlds import T0, battery, vehicle

from agents.devices.contract import Segment
from agents.parties.der.actor import Der
from agents.settings.devices import SolarSpec
from agents.settings.parties import Consent, DerSettings
from protocol.messages import Capability
from protocol.units import Direction


def capability(*devices: Any, **settings: Any) -> Capability:
    der = Der(DerSettings(name="h", parent="ra", devices=devices, capability_every_s=600, **settings))
    before = der.status()
    told = der.capability({}, T0)
    assert der.status() == before
    return told


def test_battery_tells_its_power_in_each_slot_and_its_energy_once() -> None:
    told = capability(battery("bat", 5_000))
    assert told.decrease_load.p50_w == (5_000,) * 48
    assert told.decrease_load.p10_w == told.decrease_load.p50_w == told.decrease_load.p90_w
    assert told.decrease_load.p50_wh == 13_300
    assert 0 < told.increase_load.p50_wh < 24 * 5_000
    assert told.valid_until == T0 + timedelta(seconds=1_200)


def test_car_that_is_away_tells_nothing_for_then() -> None:
    told = capability(vehicle("ev", plugs_in_at=T0 + timedelta(hours=2), departs_at=T0 + timedelta(hours=6)))
    given = [power > 0 for power in told.decrease_load.p50_w]
    assert not any(given[:4])
    assert any(given[4:12])
    assert not any(given[12:])


@pytest.mark.parametrize(
    ("settings", "shares"),
    [
        ({"consent": Consent.ALWAYS}, (1, 1, 1)),
        ({"consent": Consent.ASK, "stored_rule": True}, (0, 1, 1)),
        ({"consent": Consent.ASK, "stored_rule": False}, (0, 0, 1)),
        ({"consent": Consent.NEVER}, (0, 0, 0)),
    ],
)
def test_how_sure_it_is_hangs_on_who_decides(settings: dict[str, Any], shares: tuple[int, int, int]) -> None:
    band = capability(battery("bat", 5_000), **settings).band(Direction.DECREASE_LOAD)
    assert (band.p10_w[0], band.p50_w[0], band.p90_w[0]) == tuple(5_000 * share for share in shares)
    assert (band.p10_wh, band.p50_wh, band.p90_wh) == tuple(13_300 * share for share in shares)


def test_sun_of_a_forecast_is_not_sure() -> None:
    solar = SolarSpec(kind="solar", resource_id="sun", forecast_w=(2_000,) * 48, forecast_at=T0, export_limit_w=1_000)
    band = capability(solar, battery("bat", 5_000)).band(Direction.INCREASE_LOAD)
    alone = capability(battery("bat", 5_000)).band(Direction.INCREASE_LOAD)
    assert band.p10_w == alone.p10_w
    assert band.p50_w[0] > alone.p50_w[0]


def test_what_another_event_holds_is_not_told_again() -> None:
    der = Der(DerSettings(name="h", parent="ra", devices=(battery("bat", 5_000),), capability_every_s=600))
    der.ledger.reserve("e", {"bat": (Segment(T0, T0 + timedelta(hours=1), -5_000),)})
    told = der.capability({}, T0)
    assert told.decrease_load.p50_w[:3] == (0, 0, 5_000)
    assert told.decrease_load.p50_wh <= 13_300
