"""A party's shell with a real device: what it is told becomes inputs, what it orders becomes commands."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

from memory_bus import MemoryBus
from played_driver import PlayedDriver
from worlds import vehicle

from agents.drivers.build import build_drivers
from agents.drivers.contract import Abilities
from agents.drivers.remote import RemoteDevice
from agents.drivers.thread import DriverThread
from agents.parties.der.actor import Der
from agents.runtime.daemon.daemon import _simulated_in_words
from agents.runtime.journal.journal import Journal
from agents.runtime.shell import Shell
from agents.settings.parties import DerSettings
from broker.clock import Clock
from protocol.actor import Effect, Measure, Measured, Setpoint
from protocol.entries import decode_input

T0 = datetime.fromisoformat("2026-01-14T17:00:00Z")
HOME = DerSettings(name="h", parent="ra", devices=(vehicle("ev"), vehicle("second")))


def shell_of(driver: PlayedDriver, journal: Journal | None = None) -> Shell:
    """A home with a real device and a simulated one."""
    device = RemoteDevice("ev", DriverThread("played", driver), capacity_wh=40_000)
    simulated = {name: one for name, one in build_drivers(HOME).items() if name != "ev"}
    return Shell(Der(HOME), MemoryBus(), Clock(T0, speed=600), simulated, journal=journal, remote={"ev": device})


@asynccontextmanager
async def running(shell: Shell) -> AsyncIterator[None]:
    async with asyncio.timeout(60):
        task = asyncio.create_task(shell.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


async def until_read(shell: Shell, soc_wh: int) -> None:
    actor = shell.actor
    assert isinstance(actor, Der)
    while (seen := actor.home.readings.get("ev")) is None or seen.soc_wh != soc_wh:
        await asyncio.sleep(0)


async def test_state_of_a_real_device_reaches_the_actor_and_stands_in_the_journal(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "h.journal")
    journal.start()
    driver = PlayedDriver()
    shell = shell_of(driver, journal)
    async with running(shell):
        await until_read(shell, 20_000)
        status = shell.status()["devices"]
        assert isinstance(status, dict)
        assert (status["ev"]["driver"], status["ev"]["fault"], status["second"]) == (
            "played",
            None,
            {"driver": "simulated"},
        )
        await journal.all_durable()
    told = [decode_input(one.input) for one in journal.entries("h")]
    assert [one.plugged for one in told if isinstance(one, Measured) and one.resource_id == "ev"][:1] == [True]
    await journal.close()


class Commander:
    """Commands a device for an hour as soon as it is woken, and asks what flowed before."""

    name = "h"
    role = "der"

    def __init__(self) -> None:
        self.deadline: datetime | None = T0
        self.answers: list[Measured] = []

    def receive(self, item: object, now: datetime) -> list[Effect]:
        if isinstance(item, Measured) and item.event_id is not None:
            self.answers.append(item)
        return []

    def wake(self, now: datetime) -> list[Effect]:
        self.deadline = None
        return [
            Setpoint("ev", -1_500, T0, T0 + timedelta(hours=100)),
            Measure("ev", "e1", 0, T0 - timedelta(minutes=5), T0),
        ]

    def knows(self, event_id: str) -> bool:
        return True

    def at_rest(self, now: datetime) -> bool:
        return False


async def test_restart_commands_what_holds_and_asks_again_what_was_not_answered(tmp_path: Path) -> None:
    for life in range(2):
        journal, actor = Journal(tmp_path / "h.journal"), Commander()
        journal.start()
        driver = PlayedDriver(can=Abilities(silent_after_s=36_000))
        driver.hangs = life == 0  # it takes the set-point, and is never heard of
        device = RemoteDevice("ev", DriverThread("played", driver))
        shell = Shell(actor, MemoryBus(), Clock(T0, speed=600), journal=journal, remote={"ev": device})  # type: ignore[arg-type]
        async with running(shell):
            while await driver.command() != ("set", -1_500):
                pass
            while life == 1 and not actor.answers:
                await asyncio.sleep(0)
        await journal.close()
    assert [(one.event_id, one.slot, one.energy_wh) for one in actor.answers] == [("e1", 0, None)]


def test_start_names_the_devices_that_are_simulated() -> None:
    assert "for a, b: the physics" in _simulated_in_words(["a", "b"])
    assert "for a, b, c, d, e and 95 more: the physics" in _simulated_in_words([*"abcde", *("x" * 95)])
