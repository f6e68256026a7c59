"""An evening with real processes in which homes are the central systems of chargers that call in by OCPP 1.6J; the
chargers are played with frames written by hand. Three of them fail in mid-event."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from chaos_path import system
from charger_evening import ENDS_MINUTES, SLOT_S, SPEED, ChargerEvening, noted, reported_wh, withdrawals
from charging_physics import ChargingCharger

from agents.tools.replay.source import RecordingSource
from agents.tools.replay.verify import verify
from broker.mosquitto import free_port
from protocol.actor import Entry

pytestmark = [pytest.mark.live, pytest.mark.slow]

HOMES = ("sound", "reboots", "unplugged", "silent")


class Evening(ChargerEvening):
    """Four homes, each with a charger that calls in there."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, HOMES, max_discharge_w=0)
        self.port = free_port()
        self.chargers = {
            name: ChargingCharger(f"ws://127.0.0.1:{self.port}/ocpp/{name}", SPEED, most_w=3_000) for name in HOMES
        }

    def driven_by(self, home: str) -> dict[str, Any]:
        return {"driver": "ocpp", "options": {"charge_point": home, "port": self.port, "sample_s": 1}}


async def play(folder: Path) -> tuple[Evening, system.Outcome, list[Entry]]:
    """The whole evening; what stands in all journals."""
    evening = Evening(folder)
    chargers = evening.chargers
    playing = [asyncio.create_task(charger.run()) for charger in chargers.values()]
    try:
        async with asyncio.timeout(240):
            await evening.start()
            await evening.notes("homes", "controlling", len(HOMES))
            await evening.until(13.5)  # the first slot is under way
            chargers["unplugged"].unplug()
            chargers["silent"].fall_silent()
            chargers["reboots"].reboot()
            await evening.until(ENDS_MINUTES)
        outcome = await evening.stop()
    finally:
        for task in playing:
            task.cancel()
        await asyncio.gather(*playing, return_exceptions=True)
    return evening, outcome, await evening.trace()


async def test_homes_with_ocpp_chargers_deliver_and_those_that_fail_withdraw_with_a_cause(tmp_path: Path) -> None:
    evening, outcome, trace = await play(tmp_path)
    chargers = evening.chargers
    awarded = {edge for edge in outcome.awards if edge.startswith("ra-1/")}
    assert awarded == {f"ra-1/{home}" for home in HOMES}
    causes = withdrawals(trace, HOMES)
    assert causes.keys() == {"unplugged", "silent"}
    assert causes["unplugged"] == "ev-unplugged is unplugged"
    assert causes["silent"].startswith("ev-silent: silent")
    assert noted(trace, "ra-1", "withdrawn") == causes
    assert outcome.broken == []
    for name in evening.daemons:  # what chargers said is an input: the journal makes every step again
        assert verify(RecordingSource(tmp_path / name)).divergence is None
    assert not [line for line in evening.daemons["homes"].lines if line.get("event") == "devices_simulated"]

    assert set(chargers["sound"].limits_a) == {0.0}
    assert chargers["sound"].cleared  # and given back
    assert chargers["reboots"].limits_after_boot_a[0] == 0.0  # it had forgotten everything
    assert "RemoteStopTransaction" not in {name for one in chargers.values() for name in one.actions}

    reports = reported_wh(trace)
    for home, slot in (("sound", 0), ("sound", 1), ("reboots", 1)):
        metered_wh, baseline_wh = reports[home, slot]
        assert 0 <= metered_wh < baseline_wh == 3_000 * SLOT_S // 3_600
    assert not [slot for home, slot in reports if home == "silent"]
