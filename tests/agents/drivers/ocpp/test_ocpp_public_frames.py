"""Frames of another's making: what chargers that one can buy have sent, as their owners quote it in public issues of central
systems, written down anew (identities, ids and instants are ours); the values by the standard's units and signs.

| frame | as quoted for |
|---|---|
| `OUTLET` | an Alfen ICU: everything at the outlet, three decimals, `Trigger` |
| `INLET` | an ABB: the state of charge at the vehicle, in `Percent` |
| `PHASES` | a charger on three phases: power and current of each, no sum |
| `ONE_OF_THREE` | a vehicle on one phase of three, power in kW, a temperature in `Celsius` |
| `OF_BEGINNING` | a Growatt THOR: what the register was at the beginning, behind what it is now; an instant with a zone |
| `NEUTRAL` | an Injet: its current on `N` |
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from ocpp_central import charging, running
from played_charger2 import PlayedCharger2

from agents.drivers.contract import DeviceReading

pytestmark = pytest.mark.live

Sampled = Sequence[Mapping[str, str]]


def one(value: str, measurand: str, unit: str, **more: str) -> Mapping[str, str]:
    return {"value": value, "measurand": measurand, "unit": unit} | more


TRIGGERED = {"context": "Trigger", "location": "Outlet"}
PERIODIC = {"context": "Sample.Periodic", "format": "Raw"}
REGISTER, POWER, CURRENT = "Energy.Active.Import.Register", "Power.Active.Import", "Current.Import"

OUTLET: Sampled = (
    one("8424.200", POWER, "W", **TRIGGERED),
    one("14.900", "Current.Offered", "A", **TRIGGERED),
    one("445343.000", REGISTER, "Wh", **TRIGGERED),
)
INLET: Sampled = (
    one("70.0", "SoC", "Percent", context="Sample.Periodic", location="EV"),
    {"value": "12750", "unit": "Wh", "context": "Sample.Periodic"},
)
PHASES: Sampled = tuple(
    sampled
    for phase, volts, amps, watts in (("L1", "229.00", "15.21", "3464"), ("L2", "227.90", "15.42", "3492"),
                                      ("L3", "226.70", "15.15", "3416"))
    for sampled in (
        one(volts, "Voltage", "V", phase=f"{phase}-N", **PERIODIC),
        one(amps, CURRENT, "A", phase=phase, **PERIODIC),
        one(watts, POWER, "W", phase=phase, **PERIODIC),
    )
)  # fmt: skip
ONE_OF_THREE: Sampled = (
    one("113400", REGISTER, "Wh"),
    one("3.4", POWER, "kW"),
    one("32", "Temperature", "Celsius"),
    one("230.4", "Voltage", "V", phase="L1-N"),
    one("14.8", CURRENT, "A", phase="L1"),
    one("0.0", CURRENT, "A", phase="L2"),
    one("0.0", CURRENT, "A", phase="L3"),
)
OF_BEGINNING: Sampled = (
    one("163630", REGISTER, "Wh", **PERIODIC),
    one("157440", REGISTER, "Wh", context="Transaction.Begin", format="Raw"),
    one("5.84", CURRENT, "A", phase="L1", **PERIODIC),
    one("5.90", CURRENT, "A", phase="L2", **PERIODIC),
    one("6.18", CURRENT, "A", phase="L3", **PERIODIC),
)
NEUTRAL: Sampled = (
    one("254780", REGISTER, "Wh"),
    one("3.5", POWER, "kW"),
    one("35", "Temperature", "Celsius"),
    one("231.1", "Voltage", "V", phase="L1-N"),
    one("15.6", CURRENT, "A", phase="N"),
)


async def told(sampled: Sampled, **options: Any) -> DeviceReading:
    """What a charger of 1.6J tells by a frame."""
    async with charging(**options) as (found, charger, transaction):
        await charger.meter(transaction, *sampled)
        return await found.driver.read("ev")


@pytest.mark.parametrize(
    ("sampled", "register_wh", "power_w", "soc_pct"),
    [
        (OUTLET, 445_343.0, 8_424, None),
        (INLET, 12_750.0, None, 70.0),
        (PHASES, 1_000.0, 10_372, None),  # its register as the transaction began
        (ONE_OF_THREE, 113_400.0, 3_400, None),
        (OF_BEGINNING, 163_630.0, None, None),
        (NEUTRAL, 254_780.0, 3_500, None),
    ],
)
async def test_meter_values_of_a_charger_have_unit_and_sign(
    sampled: Sampled, register_wh: float, power_w: int | None, soc_pct: float | None
) -> None:
    reading = await told(sampled)
    assert (reading.register_wh, reading.power_w, reading.soc_pct) == (register_wh, power_w, soc_pct)


async def test_least_power_is_of_the_phases_that_a_vehicle_uses() -> None:
    assert (await told(ONE_OF_THREE, phases=3)).least_w == 6 * 230
    assert (await told(PHASES, phases=3)).least_w == 3 * 6 * 230
    assert (await told(NEUTRAL, phases=1)).least_w == 6 * 230


async def test_instant_with_a_zone_is_read() -> None:
    async with charging() as (found, charger, transaction):
        later = {"timestamp": "2099-01-05T14:58:38+10:00", "sampledValue": list(OF_BEGINNING)}
        assert await charger.call("MeterValues", connectorId=1, transactionId=transaction, meterValue=[later]) == {}
        assert (await found.driver.read("ev")).register_wh == 163_630.0


# -- 2.0.1 and 2.1


async def test_transaction_events_name_their_evse_once_and_tell_units_by_multipliers() -> None:
    async with running() as found:
        charger = await PlayedCharger2.open(found.url, "ocpp2.0.1")
        await charger.boot()
        await charger.is_connected()
        begun = {"timestamp": charger.now(), "transactionInfo": {"transactionId": "t-9", "chargingState": "Charging"}}
        head = {"triggerReason": "CablePluggedIn", "evse": {"id": 1, "connectorId": 1}}
        await charger.call("TransactionEvent", eventType="Started", seqNo=0, **begun, **head)
        sampled = [
            {
                "value": 21.5,
                "measurand": REGISTER,
                "unitOfMeasure": {"unit": "Wh", "multiplier": 3},
                "location": "Outlet",
            },
            {"value": 7.2, "measurand": POWER, "unitOfMeasure": {"unit": "kW"}, "context": "Sample.Periodic"},
            {"value": 61, "measurand": "SoC", "unitOfMeasure": {"unit": "Percent"}, "location": "EV"},
        ]
        values = {"meterValue": [{"timestamp": charger.now(), "sampledValue": sampled}]}
        tail = {"triggerReason": "MeterValuePeriodic", **begun, **values}
        await charger.call("TransactionEvent", eventType="Updated", seqNo=1, **tail)  # without its EVSE
        reading = await found.driver.read("ev")
        assert (reading.register_wh, reading.power_w, reading.soc_pct) == (21_500.0, 7_200, 61.0)
        await charger.close()


async def test_needs_of_a_vehicle_that_goes_both_ways_have_unit_and_sign() -> None:
    """As a vendor of central systems asks chargers for them: dynamic control, the vehicle's needs by itself."""
    async with running(discharges=True, capacity_wh=60_000) as found:
        charger = await PlayedCharger2.open(found.url)
        await charger.boot()
        await charger.is_connected()
        await charger.tell("Started", imported_wh=5_000.0, exported_wh=1_000.0, given_w=2_500.0, power_w=0.0)
        both = {
            "minChargePower": 1_380, "maxChargePower": 11_000, "minDischargePower": 1_380, "maxDischargePower": 10_000,
            "evTargetEnergyRequest": 18_000, "evMinEnergyRequest": -6_000, "evMaxEnergyRequest": 30_000, "targetSoC": 80,
        }  # fmt: skip
        await charger.need(
            controlMode="DynamicControl", mobilityNeedsMode="EVCC", departureTime="2099-04-14T14:22:37.000Z",
            v2xChargingParameters=both,
        )  # fmt: skip
        reading = await found.until(lambda known: known.departs_at is not None)
        assert (reading.most_charge_w, reading.most_discharge_w, reading.least_w) == (11_000, 10_000, 1_380)
        assert (reading.wanted_wh, reading.soc_pct) == (18_000, 50.0)  # 80 % less 18 of 60 kWh
        assert (reading.register_wh, reading.power_w) == (4_000.0, -2_500)
        assert reading.departs_at is not None
        assert reading.departs_at.isoformat() == "2099-04-14T14:22:37+00:00"
        await charger.close()
