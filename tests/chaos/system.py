"""A small evening on a real Mosquitto with real processes that are restarted when they die, as an init system would.

Utility, coordinator, aggregator (own storage, relaxations) and homes, one process each. Afterwards the journals tell
what happened: the checker of the simulator reads them.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from checker import violations
from worlds import START, T0, battery, vehicle

from agents.runtime.daemon.client import ask
from agents.runtime.files.toml_out import to_toml
from agents.runtime.journal.journal import Journal
from agents.settings.daemon import BrokerSettings as BrokerConfig
from agents.settings.daemon import ClockSettings, ControlSettings, DaemonConfig, JournalSettings, Role
from agents.settings.members import Member
from agents.settings.parties import AggregatorSettings, CoordinatorSettings, DerSettings, EventSettings, UtilitySettings
from broker.mosquitto import adapted, configuration, free_port, program
from protocol import messages as m
from protocol.actor import Entry, Send
from protocol.units import Direction

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SPEED = 120.0
SLOT_S = 900
SLOTS = 2
READY_WITHIN_S = 180
"""Many rows start at once, and the machine may be busy: nothing of an evening has begun yet."""
SETTLED_WITHIN_S = 120
ROLES = {"utility": Role.UTILITY, "ac": Role.COORDINATOR, "ra-1": Role.AGGREGATOR, "homes": Role.DER}


class BrokerProcess:
    """A Mosquitto that can be killed, stopped and started again on the same port."""

    def __init__(self, folder: Path, changes: Mapping[str, str]) -> None:
        self.port, self.folder = free_port(), folder
        text = adapted(configuration(), self.port)
        for key, value in changes.items():
            lines = [line for line in text.splitlines() if not line.startswith(f"{key} ")]
            text = "\n".join([*lines, f"{key} {value}".replace("@", str(folder))]) + "\n"
        (folder / "mosquitto.conf").write_text(text)
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with (self.folder / "mosquitto.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                program(), "-c", str(self.folder / "mosquitto.conf"), stdout=log, stderr=log
            )
        for _ in range(200):
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return
            await asyncio.sleep(0.05)

    async def end(self, number: int = signal.SIGKILL) -> None:
        assert self.process is not None
        with suppress(ProcessLookupError):
            self.process.send_signal(number)
        await self.process.wait()

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)


@dataclass
class Daemon:
    """One agent's process, and all those that came before it."""

    name: str
    path: Path
    process: asyncio.subprocess.Process | None = None
    lines: list[dict[str, Any]] = field(default_factory=list)
    exits: list[int] = field(default_factory=list)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    restarts: bool = True
    restart_s: float = 0.0
    """The longest that it took to be ready when it was started again."""


@dataclass
class Outcome:
    """What was left when the evening was over."""

    outcome: str
    """As the utility's journal tells it."""
    awards: dict[str, tuple[int, ...]]
    """Edge -> power of the award that stands, W."""
    broken: list[str]
    alerts: set[str]
    exits: dict[str, list[int]]
    said: list[str]
    """Lines of error of all agents."""
    to_the_end: bool = True
    """Whether the evening was over when it was looked at."""
    restart: timedelta = timedelta()
    """The longest that a restart took, in the parties' time."""


class System:
    """One evening."""

    def __init__(self, folder: Path, *, homes: int = 4, broker: Mapping[str, str] | None = None, speed: float = SPEED):
        self.folder, self.speed = folder, speed
        folder.mkdir(parents=True, exist_ok=True)
        self.broker = BrokerProcess(folder, broker or {})
        self.homes = homes
        self.ports: dict[str, int] = {}
        """Agents that reach the broker by another port (a proxy)."""
        self.environment: dict[str, dict[str, str]] = {}
        self.dying: dict[str, tuple[str, int]] = {}
        """Agents that kill themselves in their first life: point, and at which pass."""
        self.daemons = {name: Daemon(name, folder / f"{name}.toml") for name in ROLES}
        self.anchor_at = datetime.now(UTC)
        self._tasks: list[asyncio.Task[None]] = []

    # -- the world

    def _settings(self, name: str) -> dict[str, Any]:
        names = [f"h{number}" for number in range(self.homes)]
        most = self.homes * 6_000
        match name:
            case "utility":
                event = EventSettings(
                    event_id="e1", issue_at=T0 + timedelta(minutes=2), direction=Direction.DECREASE_LOAD, start=START,
                    slot_s=SLOT_S, power_w=(most, most - 2_000)[:SLOTS],
                )  # fmt: skip
                return {
                    "utility": UtilitySettings(children=("ac",), meters=tuple(names), events=(event,), reply_pct=80)
                }
            case "ac":
                ra = Member(name="ra-1", kind="aggregator", increase_load_w=most, decrease_load_w=most)
                return {"coordinator": CoordinatorSettings(name="ac", members=(ra,))}
            case "ra-1":
                book = tuple(
                    Member(name=home, resources=(f"ev-{home}",), increase_load_w=6_000, decrease_load_w=6_000)
                    for home in names
                )
                storage = (battery("bat-1", 2_000),)
                return {
                    "aggregator": AggregatorSettings(
                        name="ra-1", parent="ac", members=book, storage=storage, relax_pct=45
                    )
                }
            case _:
                relaxations = [{"restriction": "reserve_soc", "steps": [6_000, 3_000]}]
                return {
                    "ders": tuple(
                        DerSettings(
                            name=home, parent="ra-1", meter_to=("utility",),
                            devices=(vehicle(f"ev-{home}", reserve_wh=28_000, relaxations=relaxations),),
                        )
                        for home in names
                    )
                }  # fmt: skip

    def write_config(self, name: str, *, anchored: bool) -> None:
        clock = ClockSettings(origin_at=T0, speed=self.speed, wait=not anchored)
        if anchored:
            clock = ClockSettings(origin_at=T0, anchor_at=self.anchor_at, speed=self.speed)
        config = DaemonConfig(
            broker=BrokerConfig(port=self.ports.get(name, self.broker.port)),
            clock=clock,
            control=ControlSettings(dir=self.folder / "control", name=name),
            journal=JournalSettings(path=self.journal(name)),
            **self._settings(name),
        )
        self.daemons[name].path.write_text(to_toml(config.model_dump(exclude_none=True)))

    def journal(self, name: str) -> Path:
        return self.folder / name / f"{name}.journal"

    # -- the processes

    async def start(self) -> None:
        await self.broker.start()
        for name in self.daemons:
            self.write_config(name, anchored=False)
            self.keep_running(name)
        async with asyncio.timeout(READY_WITHIN_S):
            for daemon in self.daemons.values():
                await daemon.ready.wait()
        self.anchor_at = datetime.now(UTC) + timedelta(seconds=0.5)
        start = {"do": "start", "anchor_at": self.anchor_at}
        for name in self.daemons:
            self.write_config(name, anchored=True)
            await ask(self.folder / "control" / f"{name}.sock", start)

    async def spawn(self, name: str, path: Path | None = None) -> asyncio.subprocess.Process:
        """One process of an agent."""
        arguments = ["run", ROLES[name].value, "--config", str(path or self.daemons[name].path)]
        command = [sys.executable, "-P", "-m", "agents.cli", *arguments]
        if name in self.dying:
            point, count = self.dying.pop(name)
            command = [sys.executable, str(HERE / "dying.py"), point, str(count), "--", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **self.environment.get(name, {})}
        return await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=environment, limit=2**22
        )

    def keep_running(self, name: str) -> None:
        """Start an agent, and again whenever it dies."""
        self._tasks.append(asyncio.create_task(self._keep_running(self.daemons[name])))

    async def _keep_running(self, daemon: Daemon) -> None:
        while True:
            started_at = time.monotonic()
            process = daemon.process = await self.spawn(daemon.name)
            assert process.stdout is not None
            async for text in process.stdout:
                try:
                    line = orjson.loads(text)
                except orjson.JSONDecodeError:
                    line = {"level": "error", "text": text.decode(errors="replace").rstrip()}
                daemon.lines.append(line)
                if line.get("event") == "ready":
                    daemon.ready.set()
                    if daemon.exits:
                        daemon.restart_s = max(daemon.restart_s, time.monotonic() - started_at)
            daemon.exits.append(await process.wait())
            if not daemon.restarts or daemon.exits[-1] == 0 or len(daemon.exits) > 5:
                return
            await asyncio.sleep(0.2)

    def signal(self, name: str, number: int) -> None:
        process = self.daemons[name].process
        if process is not None and process.returncode is None:
            process.send_signal(number)

    # -- time

    async def until(self, minutes: float) -> None:
        """Return at so many minutes after the start of the evening, in the parties' time."""
        at = self.anchor_at + timedelta(minutes=minutes) / self.speed
        await asyncio.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()))

    async def finish(self) -> Outcome:
        """To the end of the evening; then stop everything and read the journals."""
        await self.until(60 + SLOTS * SLOT_S / 60 + 12)
        return await self.stop()

    async def deal(self) -> Outcome:
        """To the deal, shared out and confirmed by all; then the same."""
        async with asyncio.timeout(SETTLED_WITHIN_S):
            while not any(line.get("event") == "all_confirmed" for line in self.daemons["ra-1"].lines):
                await asyncio.sleep(0.2)
        await asyncio.sleep(1)
        return replace(await self.stop(), to_the_end=False)

    async def stop(self) -> Outcome:
        for daemon in self.daemons.values():
            daemon.restarts = False
            self.signal(daemon.name, signal.SIGCONT)
            self.signal(daemon.name, signal.SIGTERM)
        try:
            async with asyncio.timeout(15):
                await asyncio.gather(*self._tasks)
        except TimeoutError:
            for daemon in self.daemons.values():
                self.signal(daemon.name, signal.SIGKILL)
            await asyncio.gather(*self._tasks)
        if self.broker.process is not None and self.broker.process.returncode is None:
            self.broker.signal(signal.SIGCONT)
            await self.broker.end(signal.SIGTERM)
        return await self.outcome()

    # -- what was left

    async def trace(self) -> list[Entry]:
        entries: list[Entry] = []
        for name in self.daemons:
            journal = Journal(self.journal(name))
            rows = [kept for actor in self._actors(name) for kept in journal.entries(actor)]
            entries += [kept.entry() for kept in sorted(rows, key=lambda kept: kept.seq)]
            await journal.close()
        return sorted(entries, key=lambda entry: entry.at)

    def _actors(self, name: str) -> list[str]:
        return [f"h{number}" for number in range(self.homes)] if name == "homes" else [name]

    async def outcome(self) -> Outcome:
        trace = await self.trace()
        closed = [
            note.data["outcome"] for entry in trace if entry.actor == "utility"
            for note in entry.effects if getattr(note, "name", "") == "closed"
        ]  # fmt: skip
        standing: dict[str, tuple[int, ...]] = {}
        for entry in trace:
            for effect in entry.effects:
                if isinstance(effect, Send) and isinstance(effect.message, m.Award):
                    edge = f"{effect.edge.parent}/{effect.edge.child}"
                    standing[edge] = effect.message.power_w
        lines = [line for daemon in self.daemons.values() for line in daemon.lines]
        return Outcome(
            outcome=str(closed[-1]) if closed else "open",
            awards=standing,
            broken=violations(trace, grace=timedelta(seconds=self.speed)),
            alerts={line["alert"] for line in lines if line.get("event") == "alert"},
            exits={name: daemon.exits for name, daemon in self.daemons.items()},
            said=[str(line.get("text", line)) for line in lines if line.get("level") in ("error", "critical")],
            restart=timedelta(seconds=max(daemon.restart_s for daemon in self.daemons.values()) * self.speed),
        )
