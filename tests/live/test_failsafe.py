"""The gateway of homes is killed in mid-event and comes back later: what each device does meanwhile, that it is led again, and
that what flowed is told as it was or not at all."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from charger_evening import MeteredEvening, awards, playing, reported_wh
from enduring_chargers import EnduringBothWaysCharger, EnduringCharger
from paths import ROOT
from physical_node import PhysicalNode
from played_node import VEHICLE
from worlds import battery

from broker.mosquitto import free_port
from protocol.actor import Note

pytestmark = [pytest.mark.live, pytest.mark.slow]

HOMES = ("ocpp16", "ocpp21", "echonet")
SPEED, SLOT_S, SLOTS = 60.0, 900, 3
ENDS_MINUTES = 12 + SLOTS * SLOT_S / 60 + 6
MOST_W, LEAST_W, OFFLINE_S = 3_000, 1_380, 3
NODE, CHARGING, DISCHARGING = "127.0.0.2", b"\x42", b"\x43"


class FailsafeEvening(MeteredEvening):
    """A home that charges less, and two that feed back."""

    slot_s, slots = SLOT_S, SLOTS

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, HOMES, max_discharge_w=0, asked_w=5 * MOST_W)
        self.port, self.own_port, self.node_port = free_port(), free_port(), 0
        url = f"ws://127.0.0.1:{self.port}/ocpp/"
        self.old = EnduringCharger(f"{url}ocpp16", SPEED, most_w=MOST_W)
        self.new = EnduringBothWaysCharger(f"{url}ocpp21", SPEED, most_w=MOST_W)

    def discharges_w(self, home: str) -> int:
        return 0 if home == "ocpp16" else MOST_W

    def least_w(self, home: str) -> int:
        return LEAST_W if home == "ocpp16" else 0

    def _settings(self, name: str) -> dict[str, Any]:
        found = super()._settings(name)
        if name == "ra-1":
            own = battery("own", 50_000, capacity_wh=100_000, soc_wh=80_000)
            found["aggregator"] = found["aggregator"].model_copy(update={"storage": (own,)})
        return found

    def driven_by(self, home: str) -> dict[str, Any]:
        if home == "echonet":
            own = {"host": NODE, "port": self.node_port, "bind": "127.0.0.1", "own_port": self.own_port}
            more = {"settles_s": 0, "silent_after_s": 400, "object": "vehicle", "memory": str(self.folder / "ev.found")}
            return {"driver": "echonet", "options": own | more}
        options = {"charge_point": home, "port": self.port, "sample_s": 1, "silent_after_s": 400, "follows_within_s": 2}
        both = {"discharges": True, "offline_s": OFFLINE_S, "memory": str(self.folder / "needs")}
        return {"driver": "ocpp", "options": options | (both if home == "ocpp21" else {})}

    async def kill_homes(self) -> None:
        """All at once, as by a power cut of the gateway."""
        daemon = self.daemons["homes"]
        assert daemon.process is not None
        daemon.restarts = False
        self.signal("homes", signal.SIGKILL)
        await daemon.process.wait()

    def start_homes_again(self) -> None:
        self.daemons["homes"].restarts = True
        self.keep_running("homes")


async def until(holds: Callable[[], bool]) -> None:
    """The evening itself has its time."""
    while not holds():
        await asyncio.sleep(0.02)


async def test_devices_leave_what_they_were_told_without_their_gateway_and_are_led_again(tmp_path: Path) -> None:
    evening = FailsafeEvening(tmp_path)
    node = await PhysicalNode.begun(NODE, SPEED)
    evening.node_port = node.port
    async with playing((evening.old, evening.new), (node,)), AsyncExitStack() as watching:
        async with asyncio.timeout(240):
            await evening.start()
            await evening.notes("homes", "controlling", len(HOMES))
            await watching.enter_async_context(watchdog(evening))
            await until(lambda: evening.old.powers_w[-1] == 0 and evening.new.powers_w[-1] == -MOST_W)
            await until(lambda: node.objects[VEHICLE][0xDA] == DISCHARGING)
            await evening.until(17)  # the first slot is under way
            await evening.kill_homes()
            told = len(evening.old.limits_a), len(evening.new.setpoints_w), len(node.modes[VEHICLE])

            # each goes back by itself, or is given back, while the first slot is under way or at its end
            await until(lambda: evening.new.powers_w[-1] == MOST_W)
            assert evening.old.powers_w[-1] == 0  # its limit holds to the end that it was told
            await until(lambda: node.objects[VEHICLE][0xDA] == CHARGING)
            await until(lambda: not (tmp_path / "ev.found").exists())
            await until(lambda: evening.old.powers_w[-1] == MOST_W)
            await evening.until(29)  # the second slot is under way
            evening.start_homes_again()
            await evening.until(ENDS_MINUTES)
        outcome = await evening.stop()
    trace = await evening.trace()
    assert outcome.broken == []

    # nothing was told beyond the end of a slot
    ends = {*evening.old.ends, *evening.new.ends}
    slots = [evening.begins_at(slot) for slot in range(1, SLOTS + 1)]
    assert {min(abs(end - at) for at in slots) <= timedelta(seconds=1.5) for end in ends} == {True}

    # the failsafe is left again, and all is given back in the end
    assert evening.old.limits_a[told[0] :].count(0.0) >= 2
    assert evening.new.setpoints_w[told[1] :].count(-MOST_W) >= 2
    assert node.modes[VEHICLE][told[2]] == "42"
    assert node.modes[VEHICLE][told[2] + 1 :].count("43") >= 1
    assert (evening.old.powers_w[-1], evening.new.powers_w[-1]) == (MOST_W, MOST_W)
    assert node.objects[VEHICLE][0xDA] == CHARGING
    for one in (evening.old, evening.new):
        assert -MOST_W <= one.least_flowed_w <= one.most_flowed_w <= MOST_W

    # what nobody read is not made up; what was read is what flowed
    reports = reported_wh(trace)
    assert {slot for _, slot in reports} == {2}
    for home, charger in (("ocpp16", evening.old), ("ocpp21", evening.new)):
        metered_wh, baseline_wh = reports[home, 2]
        flowed_wh = charger.flowed_wh(evening.begins_at(2), evening.begins_at(3))
        assert metered_wh == pytest.approx(flowed_wh, abs=60), home
        due_wh = awards(trace)[f"ra-1/{home}"][2] * SLOT_S / 3_600
        assert baseline_wh - metered_wh == pytest.approx(due_wh, rel=0.2), home
    told_of = [
        effect for entry in trace if entry.actor == "utility" for effect in entry.effects if isinstance(effect, Note)
    ]
    settled = [note for note in told_of if note.name == "settled"][-1]
    assert settled.data["values_missing"] == 2 * len(HOMES)


@asynccontextmanager
async def watchdog(evening: FailsafeEvening) -> AsyncIterator[None]:
    """The process that gives back what does not go back by itself."""
    path = evening.daemons["homes"].path
    made = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "agents.cli", "watchdog", "--config", str(path), "--after", "0.5"),
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        assert made.stdout is not None
        assert b"looks after ev-echonet" in await made.stdout.readline()
        yield
    finally:
        made.terminate()
        await made.wait()
