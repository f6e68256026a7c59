"""An evening with real processes in which each home's charger fails in its own way: every fault at every kind of peer, its frames
written by hand. What the home says upward, what the aggregator's own storage replaces, and that the owner's limits hold.

| fault | what it is |
|---|---|
| sound | none |
| silent | nothing comes any more, the connection stays |
| timeout | values come, a set-point is never answered |
| slow | every answer takes 1.5 s |
| refuses | a set-point is refused |
| nothing | a set-point is accepted, and nothing is done |
| reboots | it starts anew and has forgotten what it was told |
| clock | its clock is an hour ahead, and limits end by it |
| reset | its register counts anew |
| cable | the cable is pulled |
"""

import asyncio
import io
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from charger_evening import MeteredEvening, awards, noted, playing, reported_wh, withdrawals
from charging_physics import ChargingCharger
from charging_physics2 import BothWaysCharger, OneWayCharger
from physical_node import PhysicalNode
from played_node import VEHICLE
from rich.console import Console
from worlds import battery

from agents.settings.devices import DeviceSpec
from agents.tools.explain.read import read
from agents.tools.explain.sources import JournalSources
from agents.tools.explain.text import write_device
from broker.mosquitto import free_port
from protocol.actor import Entry, Note

pytestmark = [pytest.mark.live, pytest.mark.slow]

SPEED, SLOT_S = 60.0, 900
ENDS_MINUTES = 12 + 2 * SLOT_S / 60 + 8
LEAST_W, MOST_W, STEP_WH = 1_380, 3_000, 100
CHARGERS = {"ocpp16": ChargingCharger, "ocpp201": OneWayCharger, "ocpp21": BothWaysCharger}
NOT_TAKEN, NO_CAUSE = "does not take its set-point", ""
OCPP = {
    "sound": NO_CAUSE,
    "silent": "silent",
    "timeout": NOT_TAKEN,
    "slow": NO_CAUSE,
    "refuses": NOT_TAKEN,
    "nothing": "does not follow: ",
    "reboots": NO_CAUSE,
    "clock": NO_CAUSE,
    "reset": NO_CAUSE,
    "cable": "is unplugged",
}
"""By fault the cause with which the home withdraws; none: it goes on to give what it has promised."""
WRONG_MODE = "does not follow: its mode is charging, it was told discharging"
ECHONET = {name: cause for name, cause in OCPP.items() if name != "clock"} | {
    "timeout": WRONG_MODE,
    "refuses": WRONG_MODE,
    "nothing": WRONG_MODE,
    "reboots": WRONG_MODE,  # nobody sets it anew over its owner's head
}
"""It has no clock, and its mode is read again."""
EXPECTED = {f"{peer}-{fault}": cause for peer in CHARGERS for fault, cause in OCPP.items()} | {
    f"echonet-{fault}": cause for fault, cause in ECHONET.items()
}
HOMES = tuple(EXPECTED)


def peer_of(home: str) -> str:
    return home.partition("-")[0]


def fault_of(home: str) -> str:
    return home.partition("-")[2]


class FaultsEvening(MeteredEvening):
    """A home for each."""

    slot_s = SLOT_S

    def __init__(self, folder: Path) -> None:
        most_w = sum(MOST_W if peer_of(home) in ("ocpp16", "ocpp201") else 2 * MOST_W for home in HOMES)
        super().__init__(folder, HOMES, max_discharge_w=0, asked_w=most_w)
        self.port, self.own_port = free_port(), free_port()
        self.chargers: dict[str, ChargingCharger] = {}
        for home in HOMES:
            if peer_of(home) in CHARGERS:
                self.chargers[home] = _charger(home, f"ws://127.0.0.1:{self.port}/ocpp/{home}")
        self.nodes: dict[str, PhysicalNode] = {}

    def discharges_w(self, home: str) -> int:
        return MOST_W if peer_of(home) in ("ocpp21", "echonet") else 0

    def least_w(self, home: str) -> int:
        return LEAST_W if peer_of(home) in ("ocpp16", "ocpp201") else 0

    def _settings(self, name: str) -> dict[str, Any]:
        found = super()._settings(name)
        if name == "ra-1":
            own = battery("own", 200_000, capacity_wh=400_000, soc_wh=300_000)
            found["aggregator"] = found["aggregator"].model_copy(update={"storage": (own,)})
        return found

    def driven_by(self, home: str) -> dict[str, Any]:
        if peer_of(home) == "echonet":
            return self._node(home)
        options = {"charge_point": home, "port": self.port, "sample_s": 1, "silent_after_s": 240}
        return {"driver": "ocpp", "options": options | {"discharges": peer_of(home) == "ocpp21", "follows_within_s": 2}}

    def _node(self, home: str) -> dict[str, Any]:
        place = f"127.0.0.{10 + HOMES.index(home)}"
        own = {"host": place, "port": self.nodes[home].port, "bind": "127.0.0.1", "own_port": self.own_port}
        patient = own | {"silent_after_s": 400, "settles_s": 0, "poll_s": 30, "patience_s": 1}
        vehicle = {"object": "vehicle", "memory": str(self.folder / f"{home}.found")}
        meter = {"driver": "echonet", "options": patient | {"object": "meter"}}
        return {"driver": "echonet", "options": patient | vehicle, "meter": meter}

    def devices(self, home: str) -> tuple[DeviceSpec, ...]:
        return (self.car(home),)

    def fail(self) -> None:
        """In the first slot."""
        for home, charger in self.chargers.items():
            match fault_of(home):
                case "silent":
                    charger.fall_silent()
                case "reboots":
                    charger.reboot()
                case "reset":
                    charger.reset_register()
                case "cable":
                    charger.unplug()
        for home, node in self.nodes.items():
            match fault_of(home):
                case "silent":
                    node.swallows = 1_000_000
                case "reboots":
                    node.start_anew()
                case "reset":
                    node.reset_registers()
                case "cable":
                    node.objects[VEHICLE] |= {0xC7: b"\x30", 0xDA: b"\x44"}


def _charger(home: str, url: str) -> ChargingCharger:
    made = CHARGERS[peer_of(home)](url, SPEED, most_w=MOST_W)
    made.sample_s = 0.4
    made.refuses, made.answers_no_limit = fault_of(home) == "refuses", fault_of(home) == "timeout"
    made.does_nothing, made.slow_s = fault_of(home) == "nothing", 1.5 if fault_of(home) == "slow" else 0.0
    made.behind = timedelta(hours=-1) if fault_of(home) == "clock" else timedelta()
    return made


async def _nodes() -> dict[str, PhysicalNode]:
    found = {}
    for number, home in enumerate(HOMES):
        if peer_of(home) == "echonet":
            node = found[home] = await PhysicalNode.begun(f"127.0.0.{10 + number}", SPEED)
            node.refuses = {0xDA} if fault_of(home) == "refuses" else set()
            node.does_nothing, node.answers_no_setting = fault_of(home) == "nothing", fault_of(home) == "timeout"
            node.slow_s = 0.8 if fault_of(home) == "slow" else 0.0
            node.meter_step_wh = STEP_WH
            node.reset_registers(50_000)
    return found


def _told(causes: Mapping[str, str]) -> dict[str, str]:
    """By home whether it withdrew with the cause that is expected; else the cause."""
    wrong = {}
    for home, expected in EXPECTED.items():
        cause = causes.get(home, NO_CAUSE)
        if (not expected and cause) or expected not in cause or (expected and not cause.startswith(f"ev-{home}")):
            wrong[home] = f"{cause!r}, not {expected!r}"
    return wrong


def _notes(entry: Entry) -> list[Note]:
    return [effect for effect in entry.effects if isinstance(effect, Note)]


def _slots(reports: Mapping[tuple[str, int], Any]) -> dict[str, set[int]]:
    """By home those that it has reported."""
    found: dict[str, set[int]] = {}
    for home, slot in reports:
        found.setdefault(home, set()).add(slot)
    return found


async def test_each_fault_of_each_peer_is_told_with_its_cause_and_replaced(tmp_path: Path) -> None:
    evening = FaultsEvening(tmp_path)
    evening.nodes = await _nodes()
    async with playing(evening.chargers.values(), evening.nodes.values()):
        async with asyncio.timeout(300):
            await evening.start()
            await evening.notes("homes", "controlling", len(HOMES))
            await evening.until(17)  # the first slot is under way
            evening.fail()
            await evening.until(ENDS_MINUTES)
        outcome = await evening.stop()
    trace = await evening.trace()
    assert awards(trace).keys() >= {f"ra-1/{home}" for home in HOMES}
    causes = withdrawals(trace, HOMES)
    assert _told(causes) == {}
    assert noted(trace, "ra-1", "withdrawn") == causes
    assert outcome.broken == []

    # what is lost is replaced by the aggregator's own storage
    told = [note for entry in trace if entry.actor == "ra-1" for note in _notes(entry)]
    assert [note for note in told if note.name == "own_storage_replaces"]
    assert not [note for note in told if note.name == "shortfall_stated"]

    # the owner's limits hold, and who can be reached is given back
    for home, charger in evening.chargers.items():
        assert charger.most_flowed_w <= MOST_W, home
        assert charger.least_flowed_w >= -evening.discharges_w(home), home
        if fault_of(home) not in ("silent", "cable"):
            assert charger.cleared, home
    for home, node in evening.nodes.items():
        if fault_of(home) in ("sound", "slow", "reset"):
            assert node.objects[VEHICLE][0xDA] == b"\x42", home  # as it was found

    # what a register tells: nothing across its reset, everything behind it
    reports = reported_wh(trace)
    for home in HOMES:
        slots = _slots(reports).get(home, set())
        if fault_of(home) in ("sound", "slow", "reboots", "clock"):
            assert slots == {0, 1}, home
        elif fault_of(home) == "reset":
            assert slots == {1}, home
    for home in HOMES:
        if fault_of(home) in ("sound", "clock", "reset"):
            metered_wh, baseline_wh = reports[home, 1]
            due_wh = awards(trace)[f"ra-1/{home}"][1] * SLOT_S / 3_600
            assert baseline_wh - metered_wh == pytest.approx(due_wh, rel=0.2), home

    # explain tells real devices like any other
    story = read(JournalSources([tmp_path / name for name in evening.daemons]).evidence("e1"))
    for home in ("ocpp16-reset", "ocpp201-cable", "ocpp21-silent", "echonet-sound"):
        out = Console(file=io.StringIO(), width=200, highlight=False)
        write_device(out, story, story.devices[home])
        text = out.file.getvalue()  # type: ignore[attr-defined]
        assert f"Answers for ev-{home}." in text
        assert "S51" in text
        assert "sets ev-" in text
        assert re.findall(r"It withdrew: (.+)\.\n", text) == [
            cause for name, cause in causes.items() if name == home
        ], text
        assert "is over" not in text, text  # what it is asked once more hides nothing that it took
    assert "in steps of 0.1 kWh" in text  # of its smart meter

    # smart meters report to the utility as well, and what is missing or not exact is told there
    settled = [note for entry in trace if entry.actor == "utility" for note in _notes(entry) if note.name == "settled"][
        -1
    ]
    assert int(str(settled.data["meters"])) >= sum(slots > 0 for slots in map(len, _slots(reports).values()))
    assert settled.data["meters_step_wh"] == STEP_WH * sum(home in _slots(reports) for home in evening.nodes)
    assert int(str(settled.data["values_missing"])) >= len(CHARGERS) + 1  # the slots of the resets
