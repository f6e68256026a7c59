"""An evening with real processes in which homes are the central systems of chargers that call in by OCPP 1.6J; the
chargers are played with frames written by hand. Three of them fail in mid-event."""

import asyncio
import tomllib
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from chaos_path import system
from charging_physics import ChargingCharger
from worlds import T0, vehicle

from agents.runtime.files.toml_out import to_toml
from agents.settings.members import Member
from agents.settings.parties import AggregatorSettings, DerSettings, EventSettings, UtilitySettings
from agents.tools.replay.source import RecordingSource
from agents.tools.replay.verify import verify
from broker.mosquitto import free_port
from protocol import messages as m
from protocol.actor import Entry, Note, Send
from protocol.units import Direction

pytestmark = [pytest.mark.live, pytest.mark.slow]

SPEED = 60.0
START = T0 + timedelta(minutes=12)
SLOT_S = 240
HOMES = ("sound", "reboots", "unplugged", "silent")


class Evening(system.System):
    """Four homes, each with a charger that charges at 3 kW by itself."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, homes=len(HOMES), speed=SPEED)
        self.port = free_port()
        self.chargers = {
            name: ChargingCharger(f"ws://127.0.0.1:{self.port}/ocpp/{name}", SPEED, most_w=3_000) for name in HOMES
        }

    def _actors(self, name: str) -> list[str]:
        return list(HOMES) if name == "homes" else [name]

    def _settings(self, name: str) -> dict[str, Any]:
        match name:
            case "utility":
                event = EventSettings(
                    event_id="e1", issue_at=T0 + timedelta(minutes=2), direction=Direction.DECREASE_LOAD, start=START,
                    slot_s=SLOT_S, power_w=(12_000,) * 2,
                )  # fmt: skip
                return {"utility": UtilitySettings(children=("ac",), events=(event,), reply_pct=80, report_grace_s=240)}
            case "ra-1":
                book = tuple(
                    Member(name=home, resources=(f"ev-{home}",), increase_load_w=6_000, decrease_load_w=6_000)
                    for home in HOMES
                )
                return {"aggregator": AggregatorSettings(name="ra-1", parent="ac", members=book)}
            case "ac":
                return super()._settings(name)
        wanted = {"soc_wh": 30_000, "departure_soc_wh": 36_000, "max_charge_w": 3_000, "max_discharge_w": 0}
        return {
            "ders": tuple(
                DerSettings(name=home, parent="ra-1", devices=(vehicle(f"ev-{home}", **wanted),)) for home in HOMES
            )
        }

    def write_config(self, name: str, *, anchored: bool) -> None:
        super().write_config(name, anchored=anchored)
        if name == "homes":
            path = self.daemons[name].path
            tables = tomllib.loads(path.read_text())
            for home in tables["ders"]:
                options = {"charge_point": home["name"], "port": self.port, "sample_s": 1}
                home["devices"][0] |= {"driver": "ocpp", "options": options}
            path.write_text(to_toml(tables))

    async def notes(self, name: str, note: str, times: int = 1) -> None:
        """Return when a daemon has told so many notes of a name."""
        while sum(line.get("event") == note for line in self.daemons[name].lines) < times:
            await asyncio.sleep(0.05)


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
            await evening.until(12 + 2 * SLOT_S / 60 + 5)
        outcome = await evening.stop()
    finally:
        for task in playing:
            task.cancel()
        await asyncio.gather(*playing, return_exceptions=True)
    return evening, outcome, await evening.trace()


def withdrawals(trace: Iterable[Entry]) -> dict[str, str]:
    """By home the cause that it states, the first time."""
    found: dict[str, str] = {}
    for entry in trace:
        for effect in entry.effects:
            if isinstance(effect, Send) and isinstance(effect.message, m.Withdraw) and entry.actor in HOMES:
                found.setdefault(entry.actor, effect.message.cause)
    return found


def reported_wh(trace: Iterable[Entry]) -> dict[tuple[str, int], tuple[int, int]]:
    """By home and slot what was reported to the aggregator: metered, baseline."""
    return {
        (entry.actor, reading.slot): (reading.energy_wh, reading.baseline_wh)
        for entry in trace
        for effect in entry.effects
        if isinstance(effect, Send) and isinstance(effect.message, m.Report) and effect.edge.parent == "ra-1"
        for reading in effect.message.readings
    }


def noted(trace: Iterable[Entry], party: str, name: str) -> dict[str, str]:
    """What a party noted of its children: the cause, the first time."""
    found: dict[str, str] = {}
    for entry in trace:
        for effect in entry.effects:
            if entry.actor == party and isinstance(effect, Note) and effect.name == name:
                found.setdefault(str(effect.data["child"]), str(effect.data["cause"]))
    return found


async def test_homes_with_ocpp_chargers_deliver_and_those_that_fail_withdraw_with_a_cause(tmp_path: Path) -> None:
    evening, outcome, trace = await play(tmp_path)
    chargers = evening.chargers
    awarded = {edge for edge in outcome.awards if edge.startswith("ra-1/")}
    assert awarded == {f"ra-1/{home}" for home in HOMES}
    causes = withdrawals(trace)
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
