"""An evening with real processes in which homes are the central systems of chargers that call in by OCPP 1.6J, and of two
that go both ways by OCPP 2.1; another home has a vehicle, a battery, a solar plant and a meter of ECHONET Lite. All are
played with frames written by hand. Four of them fail in mid-event."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from chaos_path import system
from charger_evening import ENDS_MINUTES, SLOT_S, SPEED, ChargerEvening, awards, noted, reported_wh, withdrawals
from charging_physics import ChargingCharger
from charging_physics2 import BothWaysCharger
from physical_node import SUN_W, PhysicalNode
from played_node import BATTERY, VEHICLE
from worlds import T0, battery

from agents.settings.devices import DeviceSpec, SolarSpec
from agents.tools.replay.source import RecordingSource
from agents.tools.replay.verify import verify
from broker.mosquitto import free_port
from protocol.actor import Entry

pytestmark = [pytest.mark.live, pytest.mark.slow]

HOMES = ("sound", "reboots", "unplugged", "silent", "feeds-back", "does-nothing", "echonet")
NODE = "127.0.0.2"
LEAST_W, MOST_W, BATTERY_W = 1_380, 3_000, 2_000
ECHONET_W = 2 * MOST_W + BATTERY_W


class Evening(ChargerEvening):
    """Six homes, each with a charger that calls in there, and one with a node."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, HOMES, max_discharge_w=0, asked_w=4 * MOST_W + 2 * 2 * MOST_W + ECHONET_W)
        self.port, self.own_port = free_port(), free_port()
        url = f"ws://127.0.0.1:{self.port}/ocpp/"
        self.chargers = {name: ChargingCharger(url + name, SPEED, most_w=MOST_W) for name in HOMES[:4]}
        self.both_ways = {
            name: BothWaysCharger(url + name, SPEED, most_w=MOST_W, does_nothing=name == "does-nothing")
            for name in HOMES[4:6]
        }
        self.node_port = 0

    def discharges_w(self, home: str) -> int:
        return 0 if home in self.chargers else MOST_W

    def least_w(self, home: str) -> int:
        return LEAST_W if home in self.chargers else 0

    def most_w(self, home: str) -> int:
        return ECHONET_W if home == "echonet" else super().most_w(home)

    def devices(self, home: str) -> tuple[DeviceSpec, ...]:
        if home != "echonet":
            return super().devices(home)
        sun = {
            "kind": "solar",
            "resource_id": "pv",
            "forecast_w": [SUN_W] * 4,
            "forecast_at": T0,
            "export_limit_w": SUN_W,
        }
        return (self.car(home), battery("bat", BATTERY_W), SolarSpec.model_validate(sun))

    def drivers(self, home: str) -> list[dict[str, Any]]:
        if home != "echonet":
            return super().drivers(home)
        own = {"host": NODE, "port": self.node_port, "bind": "127.0.0.1", "own_port": self.own_port}
        patient = own | {"silent_after_s": 600, "settles_s": 0}
        ev, bat, pv, meter = (
            {"driver": "echonet", "options": patient | {"object": kind} | more}
            for kind, more in (
                ("vehicle", {"memory": str(self.folder / "ev.found")}),
                ("battery", {"memory": str(self.folder / "bat.found")}),
                ("solar", {}),
                ("meter", {}),
            )
        )
        return [ev | {"meter": meter}, bat, pv]

    def driven_by(self, home: str) -> dict[str, Any]:
        options = {"charge_point": home, "port": self.port, "sample_s": 1}
        if home in self.both_ways:
            options |= {"discharges": True, "follows_within_s": 1}
        return {"driver": "ocpp", "options": options}


async def play(folder: Path) -> tuple[Evening, PhysicalNode, system.Outcome, list[Entry]]:
    """The whole evening; what stands in all journals."""
    evening = Evening(folder)
    chargers = evening.chargers
    node = await PhysicalNode.begun(NODE, SPEED)
    evening.node_port = node.port
    playing = [asyncio.create_task(charger.run()) for charger in (*chargers.values(), *evening.both_ways.values())]
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
        node.close()
    return evening, node, outcome, await evening.trace()


async def test_homes_with_ocpp_chargers_deliver_and_those_that_fail_withdraw_with_a_cause(tmp_path: Path) -> None:
    evening, node, outcome, trace = await play(tmp_path)
    chargers = evening.chargers
    awarded = {edge for edge in outcome.awards if edge.startswith("ra-1/")}
    assert awarded == {f"ra-1/{home}" for home in HOMES}
    assert awards(trace) == evening.simulated_awards()
    causes = withdrawals(trace, HOMES)
    assert causes.keys() == {"unplugged", "silent", "does-nothing"}, causes
    assert causes["does-nothing"].startswith("ev-does-nothing: does not follow: ")
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
    baseline = MOST_W * SLOT_S // 3_600
    for home, slot in (("sound", 0), ("sound", 1), ("reboots", 1)):
        metered_wh, baseline_wh = reports[home, slot]
        assert 0 <= metered_wh < baseline_wh == baseline
    both = evening.both_ways["feeds-back"]
    assert set(both.setpoints_w) == {-MOST_W}
    assert both.cleared
    assert reports["feeds-back", 1][0] == pytest.approx(-baseline, abs=baseline / 2)
    assert not [slot for home, slot in reports if home == "silent"]

    assert (node.modes[VEHICLE][0], node.modes[BATTERY][0]) == ("43", "43")
    assert (node.objects[VEHICLE][0xDA], node.objects[BATTERY][0xDA]) == (b"\x42", b"\x44")  # as they were found
    assert not list(tmp_path.glob("*.found"))
    metered_wh, baseline_wh = reports["echonet", 1]
    assert baseline_wh - metered_wh == pytest.approx(ECHONET_W * SLOT_S / 3_600, rel=0.25)
