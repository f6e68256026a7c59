"""`gridpact up`: a private broker, an OS process each for utility, coordinator and every aggregator, homes in a few
processes with a connection each; what they log is the story that is shown.

The clock stands still until all are connected; then every process is given the same anchor.
"""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import orjson

import agents
from agents.history.line import NoteLine
from agents.runtime.daemon.client import ask
from agents.runtime.daemon.sockets import runtime_dir
from agents.runtime.files.toml_out import to_toml
from agents.settings.daemon import BrokerSettings, ClockSettings, ControlSettings, DaemonConfig, JournalSettings, Role
from agents.settings.scenario import Scenario
from agents.tools.run.view import View
from broker.clock import Clock
from broker.mosquitto import private_broker

HOMES_A_PROCESS = 100
MOST_HOME_PROCESSES = 4
START_WITHIN_S = 90.0
STOP_WITHIN_S = 8.0
SETTLE_S = 0.2
"""Lines of different processes are put into the order of their instants over this span of real time."""
LINE_LIMIT = 4 * 1024 * 1024


class AgentDied(RuntimeError):
    """A daemon ended by itself; `str(error)` says which, and its last words."""


@dataclass(slots=True)
class Agent:
    """A daemon that is to be started, and then its process."""

    name: str
    role: Role
    config: DaemonConfig
    process: asyncio.subprocess.Process | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    last_words: list[str] = field(default_factory=list)


def plan_agents(
    scenario: Scenario, broker: BrokerSettings, clock: ClockSettings, control: Path, journals: Path
) -> list[Agent]:
    """The daemons of a scenario, with their journals in a folder."""

    def config(name: str, **role: Any) -> DaemonConfig:
        return DaemonConfig(
            broker=broker,
            clock=clock,
            control=ControlSettings(dir=control, name=name),
            journal=JournalSettings(path=journals / f"{name}.journal"),
            **role,
        )

    utility, coordinator = scenario.utility, scenario.coordinator
    found = [
        Agent(utility.name, Role.UTILITY, config(utility.name, utility=utility)),
        Agent(coordinator.name, Role.COORDINATOR, config(coordinator.name, coordinator=coordinator)),
    ]
    found += [Agent(ra.name, Role.AGGREGATOR, config(ra.name, aggregator=ra)) for ra in scenario.aggregators]
    homes = scenario.homes
    processes = min(MOST_HOME_PROCESSES, len(homes), max(2, -(-len(homes) // HOMES_A_PROCESS)))
    for number in range(processes):
        own = homes[number::processes]
        behaviours = {home.name: scenario.behaviours[home.name] for home in own if home.name in scenario.behaviours}
        name = f"homes-{number + 1}"
        found.append(Agent(name, Role.DER, config(name, ders=own, behaviours=behaviours)))
    return found


class Up:
    """One run."""

    def __init__(
        self,
        scenario: Scenario,
        view: View,
        *,
        protocol: Literal["5", "3.1.1"] = "5",
        control: Path | None = None,
        journals: Path | None = None,
    ) -> None:
        """`journals`: the folder in which they stay; by default they go with the run."""
        self.scenario, self.view, self.journals = scenario, view, journals
        self.protocol: Literal["5", "3.1.1"] = protocol
        self.control = control or runtime_dir() / f"up-{os.getpid()}"
        self._own_control = control is None
        self._held: list[tuple[datetime, int, float, NoteLine]] = []
        """Lines that wait to be put in order: instant, number, when they came in, note."""
        self._number = 0

    async def run(self) -> dict[str, Any]:
        """To the scenario's end; the summary. Raises BrokerMissing, BrokerFailed, AgentDied."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gridpact-up-")))
            broker = await stack.enter_async_context(private_broker())
            self.view.say(f"broker at {broker.host}:{broker.port}, control sockets in {self.control}")
            address = BrokerSettings(host=broker.host, port=broker.port, protocol=self.protocol)
            clock = ClockSettings(origin_at=self.scenario.start_at, speed=self.scenario.speed, wait=True)
            agents_ = plan_agents(self.scenario, address, clock, self.control, self.journals or folder)
            stack.push_async_callback(self._stop_all, agents_)
            stack.enter_context(self.view)
            tasks = [asyncio.create_task(self._run_agent(agent, folder)) for agent in agents_]
            stack.callback(lambda: [task.cancel() for task in tasks])
            await self._until_over(agents_, tasks, stop)
        if self._own_control:
            with suppress(OSError):
                self.control.rmdir()
        return self.view.finish(stopped=stop.is_set() and not self.view.board.over())

    async def _until_over(self, agents_: list[Agent], tasks: list[asyncio.Task[None]], stop: asyncio.Event) -> None:
        script, stopped = asyncio.create_task(self._script(agents_)), asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((script, stopped, *tasks), return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():  # a process that is just being started hears it, too, and ends
                await asyncio.sleep(SETTLE_S)
                return
            for task in (*tasks, script):
                if task.done():
                    task.result()
        finally:
            script.cancel()
            stopped.cancel()
            self._flush(everything=True)

    async def _script(self, agents_: list[Agent]) -> None:
        try:
            async with asyncio.timeout(START_WITHIN_S):
                for agent in agents_:
                    await agent.ready.wait()
        except TimeoutError:
            slow = ", ".join(agent.name for agent in agents_ if not agent.ready.is_set())
            raise AgentDied(f"{slow}: not connected within {START_WITHIN_S:.0f} s") from None
        homes = sum(len(agent.config.ders) for agent in agents_)
        self.view.say(
            f"{len(agents_)} processes are connected, {homes} homes among them; "
            f"the clock starts at {self.scenario.start_at:%H:%M:%S}, {self.scenario.speed:g} times real time"
        )
        anchor_at = datetime.now(UTC) + timedelta(seconds=0.5)
        start = {"do": "start", "anchor_at": anchor_at}
        await asyncio.gather(*(ask(self.control / f"{agent.name}.sock", start) for agent in agents_))
        clock = Clock(self.scenario.start_at, anchor_at, self.scenario.speed)
        while not self.view.board.over() and clock.now() < self.scenario.ends_at:
            await asyncio.sleep(SETTLE_S / 2)
            self._flush()
            self.view.tick(clock.now())
        await asyncio.sleep(SETTLE_S)

    async def _run_agent(self, agent: Agent, folder: Path) -> None:
        """Start a daemon and read its log until it ends, which it does not by itself."""
        path = folder / f"{agent.name}.toml"
        path.write_text(to_toml(agent.config.model_dump(exclude_none=True)), encoding="utf-8")
        command = [sys.executable, "-P", "-m", "agents.cli", "run", agent.role.value, "--config", str(path)]
        agent.process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE_LIMIT,
            env=_environment(),
            start_new_session=True,
        )
        assert agent.process.stdout is not None
        assert agent.process.stderr is not None
        await asyncio.gather(self._listen(agent, agent.process.stdout), _keep(agent, agent.process.stderr))
        code = await agent.process.wait()
        words = " / ".join(agent.last_words[-3:]) or "without a word"
        raise AgentDied(f"{agent.name} ended with exit code {code}: {words}")

    async def _listen(self, agent: Agent, log: asyncio.StreamReader) -> None:
        while text := await log.readline():
            try:
                line: Mapping[str, Any] = orjson.loads(text)
            except orjson.JSONDecodeError:
                agent.last_words.append(text.decode(errors="replace").strip())
                continue
            noted = NoteLine.read(line)
            if noted is not None:
                self._number += 1
                self._held.append((noted.at, self._number, asyncio.get_running_loop().time(), noted))
            elif line.get("event") == "ready":
                agent.ready.set()
            elif line.get("level") in ("error", "critical"):
                agent.last_words.append(str(line.get("text", line.get("event"))))

    def _flush(self, everything: bool = False) -> None:
        """Show what has settled, in the order of its instants."""
        settled = asyncio.get_running_loop().time() - SETTLE_S
        ready = sorted(item for item in self._held if everything or item[2] <= settled)
        self._held = [item for item in self._held if not (everything or item[2] <= settled)]
        for _, _, _, noted in ready:
            self.view.tell(noted)

    async def _stop_all(self, agents_: list[Agent]) -> None:
        running = [agent.process for agent in agents_ if agent.process is not None and agent.process.returncode is None]
        for process in running:
            process.terminate()
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                for process in running:
                    await process.wait()
        except TimeoutError:
            for process in running:
                if process.returncode is None:
                    process.kill()
                    await process.wait()


async def _keep(agent: Agent, stream: asyncio.StreamReader) -> None:
    while text := await stream.readline():
        agent.last_words = [*agent.last_words[-20:], text.decode(errors="replace").rstrip()]


def _environment() -> dict[str, str]:
    """Ours, with this installation's packages first: a daemon never runs other code than this process."""
    home = str(Path(agents.__file__).resolve().parent.parent)
    before = os.environ.get("PYTHONPATH")
    kept = {key: value for key, value in os.environ.items() if key not in ("NOTIFY_SOCKET", "WATCHDOG_USEC")}
    return {**kept, "PYTHONPATH": f"{home}{os.pathsep}{before}" if before else home, "PYTHONUNBUFFERED": "1"}
