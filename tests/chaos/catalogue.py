"""The faults, what must happen, and how each is brought about: docs/chaos.md is made from this list.

rows.py says what a row is; lives.py has those of lost memory, clocks, names and readers.
"""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import aiomqtt
from lives import life_rows
from proxy import Proxy
from rows import (
    ASKING,
    FAKETIME,
    RESTARTING,
    SLOWER,
    SLOWEST,
    Disturb,
    Judge,
    Missing,
    Row,
    Short,
    row,
    same,
    seen_of,
    settled,
)
from system import ROLES, BrokerProcess, Outcome, System
from thousand import amid_offers

from broker.node import POINTS


def killed(actor: str, point: str, count: int) -> Row:
    async def arm(system: System) -> None:
        system.dying[actor] = (point, count)

    async def wait(system: System) -> None:
        pass

    def judge(outcome: Outcome) -> tuple[str, bool]:
        seen, ok = same(outcome)
        return seen, ok and outcome.exits[actor][0] == -signal.SIGKILL

    short = Short.DEAL if (actor, point) in (("ra-1", "committed"), ("ac", "publishing")) else Short.NOT
    return row(
        f"kill -9 of {actor}: {point}", "the same awards", wait, judge, short=short, before=arm, speed=RESTARTING
    )


async def nothing(system: System) -> None:
    pass


def broker_killed_at(minutes: float) -> Disturb:
    async def disturb(system: System) -> None:
        await system.until(minutes)
        await system.broker.end(signal.SIGKILL)
        await asyncio.sleep(1)
        await system.broker.start()

    return disturb


async def broker_restarted_cleanly(system: System) -> None:
    await system.until(ASKING)
    await system.broker.end(signal.SIGTERM)
    await system.broker.start()


async def broker_stopped_20_s(system: System) -> None:
    await system.until(ASKING)
    system.broker.signal(signal.SIGSTOP)
    await asyncio.sleep(20)
    system.broker.signal(signal.SIGCONT)


async def database_truncated(system: System) -> None:
    await system.until(ASKING + 2)
    await system.broker.end(signal.SIGTERM)
    database = system.folder / "mosquitto.db"
    database.write_bytes(database.read_bytes()[:40])
    refused = await asyncio.create_subprocess_exec(
        "mosquitto" if shutil.which("mosquitto") else "/usr/sbin/mosquitto", "-c", str(system.folder / "mosquitto.conf"),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(2):
            await refused.wait()
    except TimeoutError:
        refused.kill()
        await refused.wait()
    database.unlink(missing_ok=True)
    await system.broker.start()


async def homes_overflow(system: System) -> None:
    await system.until(ASKING)
    system.signal("homes", signal.SIGSTOP)
    async with aiomqtt.Client("127.0.0.1", system.broker.port) as client:
        for _ in range(2_000):
            await client.publish("dr/award/ra-1/h0", b"more than fits", qos=1)
    await asyncio.sleep(1)
    system.signal("homes", signal.SIGCONT)


def stopped(name: str, at: float, seconds: float) -> Disturb:
    async def disturb(system: System) -> None:
        await system.until(at)
        system.signal(name, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        system.signal(name, signal.SIGCONT)

    return disturb


async def power_cut(system: System) -> None:
    await system.until(2.02)
    for name in ROLES:
        system.signal(name, signal.SIGKILL)
    await system.broker.end(signal.SIGKILL)
    await system.broker.start()


def all_killed_at(minutes: float) -> Disturb:
    async def disturb(system: System) -> None:
        await system.until(minutes)
        for name in ROLES:
            system.signal(name, signal.SIGKILL)

    return disturb


class Behind:
    """An agent behind a proxy."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.proxy: Proxy

    async def before(self, system: System) -> None:
        self.proxy = Proxy(system.broker.port)
        await self.proxy.start()
        system.ports[self.name] = self.proxy.port

    async def cut(self, system: System) -> None:
        await system.until(ASKING)
        self.proxy.cut()
        await asyncio.sleep(2)
        self.proxy.mend()

    async def stalled(self, system: System) -> None:
        await system.until(ASKING)
        self.proxy.stall()
        await asyncio.sleep(2)
        self.proxy.flow()

    async def flapping(self, system: System) -> None:
        await system.until(1)
        for _ in range(10):
            self.proxy.cut()
            await asyncio.sleep(0.2)
            self.proxy.mend()
            await asyncio.sleep(0.4)


async def command(*words: str) -> int:
    """Run a program quietly; its exit code."""
    nowhere = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*words, stdout=nowhere, stderr=nowhere)
    return await process.wait()


class SmallDisk:
    """A file system of a megabyte under something."""

    def __init__(self, under: Callable[[System], Path]) -> None:
        self.under = under

    async def before(self, system: System) -> None:
        where = self.under(system)
        where.mkdir(parents=True, exist_ok=True)
        if await command("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(where)):
            raise Missing("mounting a tmpfs needs the right to do so")

    async def full(self, system: System) -> None:
        await system.until(ASKING)
        filler = self.under(system) / "filler"
        with suppress(OSError), filler.open("wb") as file:
            while True:
                file.write(b"x" * 4096)
                file.flush()
        await asyncio.sleep(3)
        filler.unlink()

    def __call__(self, fault: str, expected: str, judge: Judge, alert: str = "", **options: object) -> Row:
        made = row(fault, expected, self.full, judge, before=self.before, alert=alert, **options)  # type: ignore[arg-type]

        async def run(folder: Path) -> tuple[str, bool]:
            try:
                return await made.run(folder)
            finally:
                for mount in (folder / "ra-1", folder / "db"):
                    await command("umount", "-l", str(mount))

        return Row(fault, expected, run)


async def wall_clock_is_faked(system: System) -> None:
    if FAKETIME is None:
        raise Missing("libfaketime is not installed")
    (system.folder / "faketime").write_text("+0")
    system.environment["ra-1"] = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(system.folder / "faketime"),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_NO_CACHE": "1",
    }


async def wall_clock_steps(system: System) -> None:
    for minutes, offset in ((ASKING, "+3600"), (20.0, "-7200"), (58.0, "+86400")):
        await system.until(minutes)
        (system.folder / "faketime").write_text(offset)


class Second:
    """A second process of the aggregator."""

    def __init__(self) -> None:
        self.code = 0
        self.said = b""

    async def starts(self, system: System) -> None:
        await system.until(ASKING)
        process = await system.spawn("ra-1")
        self.said, _ = await process.communicate()
        self.code = process.returncode or 0

    def judge(self, outcome: Outcome) -> tuple[str, bool]:
        seen, ok = same(outcome)
        return f"exit code {self.code}; {seen}", ok and self.code == 5 and b"is in use by process" in self.said


class Twin:
    """A second aggregator of the same name that knows nothing: another journal, the same broker."""

    def __init__(self) -> None:
        self.code: int | None = 0
        self.said = b""

    async def starts(self, system: System) -> None:
        await system.until(ASKING + 1)
        own = system.daemons["ra-1"].path
        twin = own.with_name("twin.toml")
        text = own.read_text().replace("ra-1.journal", "twin.journal").replace(str(system.folder / "control"), "@")
        twin.write_text(text.replace('"@"', f'"{system.folder / "twin"}"'))
        process = await system.spawn("ra-1", twin)
        try:
            async with asyncio.timeout(10):
                self.said, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
        self.code = process.returncode

    def judge(self, outcome: Outcome) -> tuple[str, bool]:
        # what the twin said stands in its own journal, which is not among those that are read
        outcome.broken = [text for text in outcome.broken if not text.startswith("P12")]
        seen, ok = settled(outcome)
        codes = [*outcome.exits["ra-1"], self.code]
        told = b"another process is connected" in self.said
        return f"exit codes {codes}; {seen}", ok and told and codes == [0, 3]


async def flood(system: System) -> None:
    await system.until(1.8)
    async with aiomqtt.Client("127.0.0.1", system.broker.port) as client:
        for number in range(500):
            for topic in ("dr/offer/ra-1/h0", "dr/request/ac/ra-1", "dr/award/ra-1/h1", "dr/confirm/ra-1/h0"):
                await client.publish(topic, os.urandom(number % 300), qos=1)


async def storm(system: System) -> None:
    await system.until(1)
    await system.broker.end(signal.SIGKILL)
    await system.broker.start()


def concluded(outcome: Outcome) -> tuple[str, bool]:
    return seen_of(outcome), outcome.outcome == "concluded" and not outcome.broken


PERSISTENT = {"persistence": "true", "autosave_interval": "1"}
SECOND, TWIN = Second(), Twin()


def rows() -> list[Row]:
    """The whole catalogue."""
    counts = {"received": 3, "stepped": 3, "appended": 3, "committed": 2, "publishing": 2, "published": 2}
    cut, stalled, flapping, homes = Behind("ra-1"), Behind("ra-1"), Behind("ra-1"), Behind("homes")
    found = [row("none", "all is asked for and bought", nothing, short=Short.DEAL)]
    for actor in ROLES:
        found += [killed(actor, point, 1 if actor == "utility" else counts.get(point, 2)) for point in POINTS]
    found += [
        Row("kill -9 of ra-1 amid the offers of 100 homes", "the awards of the run without it",
            amid_offers, amid_offers),
        row("broker killed -9, without persistence", "the same awards", broker_killed_at(ASKING), speed=SLOWER),
        row("broker killed -9, with persistence", "the same awards", broker_killed_at(ASKING), before=_persist,
            speed=SLOWER),
        row("broker killed -9 on standby, without persistence", "the same awards", broker_killed_at(40), short=Short.WHOLE),
        row("broker restarted cleanly, with persistence", "the same awards", broker_restarted_cleanly, before=_persist,
            speed=SLOWER),
        row("broker stopped for 20 s", "the same awards", broker_stopped_20_s, speed=SLOWER, alert="outbox_ageing"),
        row("broker's database truncated", "the same awards without it", database_truncated, before=_persist),
        row("broker's queues overflow while the homes stand still", "a deal; the loss is noticed",
            homes_overflow, settled, broker={"max_queued_messages": "5", "max_inflight_messages": "1"},
            alert="broker_dropped"),
        row("aggregator cut off for 2 s", "the same awards", cut.cut, before=cut.before, speed=SLOWER),
        row("homes cut off for 2 s", "a deal", homes.cut, settled, before=homes.before, speed=SLOWER),
        row("aggregator's link swallows everything for 2 s", "the same awards", stalled.stalled, before=stalled.before, speed=SLOWER),
        row("aggregator's link flaps", "the same awards", flapping.flapping, before=flapping.before, speed=SLOWER),
        row("aggregator stands still for 3 s (SIGSTOP)", "a deal", stopped("ra-1", ASKING, 3), settled),
        row("coordinator stands still for 3 s (SIGSTOP)", "a deal", stopped("ac", ASKING, 3), settled),
        row("utility stands still for 3 s (SIGSTOP)", "a deal", stopped("utility", ASKING, 3), settled),
        row("homes are slow: stand still for 3 s (SIGSTOP)", "a deal", stopped("homes", ASKING, 3), settled),
        SmallDisk(lambda system: system.folder / "ra-1")(
            "disk full under the aggregator's journal for 3 s", "it says so, waits, and goes on", settled,
            "journal_failing"),
        SmallDisk(lambda system: system.folder / "db")(
            "disk full under the broker's database", "the same awards", same,
            broker={**PERSISTENT, "persistence_location": "@/db/"}),
        row("wall clock steps by +1 h, -2 h, +1 d", "the same awards", wall_clock_steps, before=wall_clock_is_faked),
        row("second process on the same journal", "it exits with a sentence", SECOND.starts, SECOND.judge, short=Short.DEAL),
        row("second process under the same name", "the newcomer exits with a sentence", TWIN.starts, TWIN.judge),
        row("flood of 2,000 posts that are no messages", "a deal; the home in whose name they come is not heard", flood,
            concluded, speed=SLOWEST, alert="quarantine"),
        row("reconnect storm of 200 homes", "all is bought", storm, concluded, homes=200, speed=SLOWEST),
        row("power cut: everything is killed while asking", "the same awards", power_cut, speed=SLOWER),
        row("all agents killed on standby", "the same awards", all_killed_at(40), speed=SLOWER),
        row("all agents killed while delivering", "the same awards", all_killed_at(70), speed=SLOWER),
        row("all agents killed after the last slot", "the same awards", all_killed_at(90.2), speed=SLOWER),
    ]  # fmt: skip
    return found + life_rows()


async def _persist(system: System) -> None:
    system.broker = BrokerProcess(system.folder, {**PERSISTENT, "persistence_location": f"{system.folder}/"})


if __name__ == "__main__":
    print("| Fault | What must happen |\n|---|---|")
    for one in rows():
        print(f"| {one.fault} | {one.expected} |")
    sys.exit(0)
