"""Faults of a life: a journal that is lost, parties that are down over a deadline, clocks that are set, a second process
under a name, readers beside daemons."""

import asyncio
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import orjson
from rows import SAME, SLOWER, Disturb, Row, row, same, seen_of, settled
from system import HERE, ROLES, ROOT, BrokerProcess, Outcome, System

from agents.runtime.daemon.client import ask
from agents.runtime.journal.file import JournalFile
from protocol.actor import Reanchored, Resumed

STANDBY, COPIED = 52.0, 1.5
"""Minutes of the evening: everything is bought; the copy of a journal is made, before the event is issued: a
second later all of it is bought."""


# -- lost memory


def deleted(name: str) -> Row:
    async def disturb(system: System) -> None:
        await system.until(STANDBY)
        await ended(system, name)
        shutil.rmtree(system.journal(name).parent)

    return row(f"journal of {name} deleted in mid-event", NOTICED, disturb, noticed, speed=SLOWER, alert="memory_lost")


def restored(name: str) -> Row:
    async def disturb(system: System) -> None:
        await system.until(COPIED)
        path = system.journal(name)
        copy = path.with_suffix(".copy")
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        await system.until(STANDBY)
        await ended(system, name)
        for file in path.parent.glob(f"{path.name}*"):
            file.unlink()
        copy.rename(path)

    fault = f"journal of {name} restored from an older copy"
    return row(fault, NOTICED, disturb, noticed, speed=SLOWER, alert="memory_lost")


NOTICED = "an alert says so, and nobody crashes"


async def ended(system: System, name: str, number: int = signal.SIGKILL) -> None:
    """End a process; its supervisor starts it again a moment later."""
    process = system.daemons[name].process
    assert process is not None
    process.send_signal(number)
    await process.wait()


def noticed(outcome: Outcome) -> tuple[str, bool]:
    """Who has forgotten says another word under the same id: of the promises those count that are of no party alone."""
    crashed = {name: codes for name, codes in outcome.exits.items() if not set(codes) <= {0, -signal.SIGKILL}}
    outcome.broken = [text for text in outcome.broken if text.startswith("P10")]
    return seen_of(outcome), not crashed and not outcome.broken


# -- down over a deadline


def down(name: str, since: float, until: float) -> Disturb:
    async def disturb(system: System) -> None:
        await system.until(since)
        await gone(system, name, signal.SIGKILL)
        await system.until(until)
        back(system, name)

    return disturb


async def gone(system: System, name: str, number: int) -> None:
    """End a process; nobody starts it again."""
    system.daemons[name].restarts = False
    await ended(system, name, number)


def back(system: System, name: str) -> None:
    """Start it again."""
    system.daemons[name].restarts = True
    system.keep_running(name)


async def down_over_confirm_by(system: System) -> None:
    """The aggregator dies as soon as it has awarded, and is back with a fifth of the time to its first slot left."""
    while not any(line.get("event") == "awards_sent" for line in system.daemons["ra-1"].lines):
        await asyncio.sleep(0.01)
    await gone(system, "ra-1", signal.SIGKILL)
    await system.until(58.0)
    back(system, "ra-1")


async def settings_changed(system: System) -> None:
    await system.until(STANDBY)
    await gone(system, "ac", signal.SIGTERM)
    path = system.daemons["ac"].path
    path.write_text(path.read_text().replace("[coordinator]\n", "[coordinator]\nreport_grace_s = 119\n"))
    back(system, "ac")


async def member_leaves_and_joins(system: System) -> None:
    """A home whose part is bought leaves, and joins again amid the delivery."""
    terms = {"resources": ["ev-h3"], "increase_load_w": 6_000, "decrease_load_w": 6_000}
    for minutes, change, contract in ((STANDBY, "leave", {}), (80, "add", terms)):
        await system.until(minutes)
        command = {"do": "contract", "change": change, "contracts": {"h3": contract}}
        told = await ask(system.folder / "control" / "ra-1.sock", command)
        if told.get("changed") != ["h3"]:
            raise RuntimeError(f"{change}: {told}")


def only_who_left(outcome: Outcome) -> tuple[str, bool]:
    """All others keep what they were awarded, or give more in its place."""
    awards = {edge: power_w for edge, power_w in outcome.awards.items() if edge.startswith("ra-1/")}
    kept = all(sum(awards[edge]) >= sum(SAME[edge]) for edge in awards if edge != "ra-1/h3")
    seen, ok = settled(outcome)
    return seen, ok and kept and not any(awards["ra-1/h3"])


# -- clocks, in real time


def real_time(fault: str, expected: str, drive: Callable[["RealTime"], Awaitable[bool]]) -> Row:
    async def run(folder: Path) -> tuple[str, bool]:
        broker = BrokerProcess(folder, {})
        await broker.start()
        daemon = RealTime(folder, broker.port)
        try:
            ok = await drive(daemon)
            daemon.process.send_signal(signal.SIGTERM)
            code = await daemon.process.wait()
        except TimeoutError:
            daemon.process.kill()
            await daemon.process.wait()
            return f"timed out; alerts: {'; '.join(daemon.alerts)}", False
        finally:
            await broker.end()
        return f"exit code {code}; alerts: {'; '.join(daemon.alerts)}", ok and code == 0

    return Row(fault, expected, run)


class RealTime:
    """A utility whose clock is the machine's, and the machine's is a file's."""

    process: asyncio.subprocess.Process

    def __init__(self, folder: Path, port: int) -> None:
        self.offset, self.journal, self.config = folder / "offset", folder / "utility.journal", folder / "utility.toml"
        self.alerts: list[str] = []
        self.config.write_text(
            f'[broker]\nport = {port}\n[control]\ndir = "{folder}/run"\n[journal]\npath = "{self.journal}"\n'
            '[utility]\nchildren = ["ac"]\n'
        )

    def move(self, set_s: int, asleep_s: int) -> None:
        """Set the machine's clock so far off, and let so many seconds have passed in a suspend."""
        self.offset.write_text(f"{set_s} {asleep_s}")

    async def start(self) -> None:
        self.move(0, 0)
        arguments = [str(HERE / "clocks.py"), str(self.offset), "--", "run", "utility", "--config", str(self.config)]
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        await self.heard("ready")
        while not (await ask(self.config.parent / "run" / "utility.sock", {"do": "status"}))["parties"]:
            await asyncio.sleep(0.05)

    async def alerted(self, text: str) -> None:
        """Return when an alert with this text stands."""
        while not any(text in alert for alert in self.alerts):
            await self.heard("alert")

    async def heard(self, event: str) -> dict[str, str]:
        """The next line of a name."""
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            async for text in self.process.stdout:
                line: dict[str, str] = orjson.loads(text)
                if line["event"] == "alert":
                    self.alerts.append(line["text"])
                if line["event"] == event:
                    return line
        raise RuntimeError(f"it ended, and never said {event}")

    def inputs(self) -> list[type]:
        return [type(step.entry().input) for step in JournalFile(self.journal).entries()]


async def clock_is_set(daemon: RealTime) -> bool:
    await daemon.start()
    daemon.move(3_600, 0)
    await daemon.alerted("forward by 3600")
    daemon.move(0, 0)
    await daemon.heard("clock_set_back")
    return Reanchored in daemon.inputs()


async def suspended(daemon: RealTime) -> bool:
    await daemon.start()
    daemon.move(0, 720)
    await daemon.alerted("suspended for 720")
    return Resumed in daemon.inputs()


# -- names and readers


def second(name: str) -> Row:
    codes: list[int | None] = []

    async def disturb(system: System) -> None:
        await system.until(3)
        own = system.daemons[name].path
        twin = own.with_name(f"twin-{name}.toml")
        text = own.read_text().replace(f"{name}.journal", f"twin-{name}.journal")
        twin.write_text(text.replace(f'"{system.folder / "control"}"', f'"{system.folder / "twin"}"'))
        process = await system.spawn(name, twin)
        await process.communicate()
        codes.append(process.returncode)

    def judge(outcome: Outcome) -> tuple[str, bool]:
        outcome.broken = [text for text in outcome.broken if not text.startswith("P12")]  # what the twin said
        seen, ok = settled(outcome)
        survivors = [*outcome.exits[name], *codes].count(0)
        return f"exit code {codes[-1]}; {seen}", ok and codes[-1] == 3 and survivors == 1

    return row(f"second process of {ROLES[name]}", "the newcomer exits with 3, one survives", disturb, judge)


async def readers(system: System) -> None:
    """Everything that reads, amid the delivery, of journals whose folders nobody may write."""
    await system.until(70)
    for name in ROLES:
        folder, before = system.journal(name).parent, files(system.journal(name).parent)
        for words in (("replay", "verify", str(folder)), ("explain", "e1", "--journals", str(folder))):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "agents.cli", *words, env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
            said, _ = await process.communicate()
            if process.returncode not in (0, 1) or b"Traceback" in said:
                raise RuntimeError(f"{' '.join(words)}: exit code {process.returncode}: {said.decode()[-300:]}")
        if files(folder) != before:
            raise RuntimeError(f"{folder}: {files(folder) ^ before} came or went")


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def life_rows() -> list[Row]:
    """All of them."""
    return [
        *map(deleted, ROLES),
        *map(restored, ROLES),
        row("aggregator down over confirm_by", "the same awards", down_over_confirm_by, same, speed=SLOWER),
        row("coordinator down over a slot's grace", "the same awards", down("ac", 74, 80), same, speed=SLOWER),
        row("utility down over a slot's grace", "the same awards", down("utility", 74, 80), same, speed=SLOWER),
        row("aggregator down over a slot's grace", "the same awards", down("ra-1", 74.6, 80), same, speed=SLOWER),
        row("settings changed in mid-event", "the same awards", settings_changed, same, speed=SLOWER),
        row(
            "a member leaves and joins again in mid-event",
            "it is released, all others keep their parts",
            member_leaves_and_joins,
            only_who_left,
            speed=SLOWER,
        ),
        real_time(
            "clock set an hour forward and back after the start", "it follows, and its journal says so", clock_is_set
        ),
        real_time("machine suspended for 12 minutes", "it hears before it judges, and says so", suspended),
        *map(second, ("utility", "ac", "homes")),
        row("readers beside all daemons", "the same awards; no file comes or goes", readers, same),
    ]
