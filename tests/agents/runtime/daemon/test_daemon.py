"""The shell's loop over a bus in memory, and a whole daemon as a process."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import asked
import pytest
from memory_bus import MemoryBus
from patient_clock import PatientClock, going
from worlds import START, T0, vehicle

from agents.drivers.simulated import build_driver
from agents.parties.der.actor import Der
from agents.parties.utility.actor import Utility
from agents.runtime.behaviour import LATE, intercept
from agents.runtime.daemon.notify import notify, watchdog_period_s
from agents.runtime.intercepted import InterceptedBus
from agents.runtime.journal.file import JournalFile
from agents.runtime.journal.journal import Journal
from agents.runtime.shell import Shell
from agents.settings.behaviour import Behaviour
from agents.settings.parties import Consent, DerSettings, EventSettings, UtilitySettings
from broker.bus import Arrival, Post
from broker.clock import Clock, ClockSources
from broker.mosquitto import private_broker
from broker.stepper import Stepper
from protocol import messages as m
from protocol.actor import Cancel, Decided, Effect, Input, Note, Reanchored, Refused, Resumed
from protocol.codec import encode
from protocol.edges import Edge
from protocol.errors import RejectReason
from protocol.units import Direction

EDGE = Edge("ra-1", "hems-1")
TOPIC = "dr/request/ra-1/hems-1"


class Sleeper:
    """An actor that is woken once at its deadline, and keeps what it is given."""

    name = "sleeper"

    def __init__(self, deadline: datetime | None = None, moves: bool = True) -> None:
        self.deadline: datetime | None = deadline
        self.moves = moves
        self.happened: list[object] = []

    def receive(self, item: Input, now: datetime) -> list[Effect]:
        self.happened.append(item)
        return [Note("heard")]

    def wake(self, now: datetime) -> list[Effect]:
        self.happened.append("woken")
        if self.moves:
            self.deadline = None
        return [Note("woken")]

    def knows(self, event_id: str) -> bool:
        return False

    def at_rest(self, now: datetime) -> bool:
        return False

    def parents(self) -> tuple[str, ...]:
        return ("above",)

    def is_parent(self) -> bool:
        return False

    def status(self) -> Mapping[str, object]:
        return {"name": self.name}


def request(**changes: object) -> m.Request:
    return asked.request(3_000, 3_000, **{"message_id": "ra-1.request.1"} | changes)


def home(consent: Consent = Consent.ALWAYS) -> Der:
    return Der(DerSettings(name="hems-1", parent="ra-1", devices=(vehicle("ev-1"),), consent=consent))


@asynccontextmanager
async def running(shell: Shell) -> AsyncIterator[None]:
    task = asyncio.create_task(shell.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))


def clock() -> Clock:
    return Clock(T0 + timedelta(minutes=1), datetime.now(UTC))


def scaled(speed: float) -> PatientClock:
    return PatientClock(T0 + timedelta(minutes=1), speed)


async def test_a_request_is_answered_with_an_offer_on_its_edge() -> None:
    bus = MemoryBus()
    shell = Shell(home(), bus, clock(), {"ev-1": build_driver(vehicle("ev-1"))})
    async with running(shell):
        await shell.deliver([Arrival(TOPIC, encode(request()))])
        async with asyncio.timeout(5):
            post = await bus.posts.get()
    assert post.topic == "dr/offer/ra-1/hems-1"
    assert not post.retain
    assert json.loads(post.payload)["power_w"] == [3000, 3000]


async def test_a_retained_offer_is_ignored_and_a_retained_request_is_taken() -> None:
    actor = Sleeper()
    shell = Shell(actor, MemoryBus(), clock())
    await shell.deliver([Arrival("dr/offer/sleeper/x", b"{}", retained=True)])
    await shell.deliver([Arrival(TOPIC, encode(request()), retained=True)])
    assert shell.intake.counts["retained_ignored"] == 1
    assert shell.status()["shell"]["inbox"] == 1  # type: ignore[index]


async def test_bytes_that_are_no_message_are_an_input_and_disturb_nothing() -> None:
    heard = asyncio.Event()
    actor = Sleeper()
    shell = Shell(actor, MemoryBus(), clock(), tell=lambda at, who, note: heard.set())
    async with running(shell):
        await shell.deliver([Arrival("elsewhere/entirely", b"")])
        await shell.deliver([Arrival("dr/offer/sleeper/x", b"\xff\xfe")])
        async with asyncio.timeout(5):
            await heard.wait()
    assert shell.intake.counts["foreign_topic"] == 1
    [item] = actor.happened
    assert isinstance(item, Refused)
    assert (item.edge, item.kind, item.reason) == (Edge("sleeper", "x"), "offer", RejectReason.MALFORMED)


async def test_the_deadline_comes_before_a_full_inbox() -> None:
    woken = asyncio.Event()
    actor = Sleeper(deadline=T0)
    shell = Shell(actor, MemoryBus(), clock(), tell=lambda at, who, note: woken.set())
    for _ in range(50):
        await shell.deliver([Arrival("dr/offer/sleeper/x", b"no")])
    async with running(shell), asyncio.timeout(5):
        await woken.wait()
    assert actor.happened[0] == "woken"


async def test_a_deadline_is_kept_in_scaled_time() -> None:
    woken: asyncio.Future[datetime] = asyncio.get_running_loop().create_future()
    fast = scaled(3_600)
    deadline = fast.now() + timedelta(minutes=10)
    shell = Shell(Sleeper(deadline), MemoryBus(), fast, tell=lambda at, who, note: woken.set_result(at))
    async with going(fast), running(shell), asyncio.timeout(5):
        at = await woken
    assert timedelta() <= at - deadline < timedelta(minutes=30)


async def test_an_own_fault_ends_the_shell() -> None:
    shell = Shell(Sleeper(deadline=T0, moves=False), MemoryBus(), clock())
    with pytest.raises(RuntimeError, match=r"its deadline .* did not move"):
        await shell.run()


async def test_every_step_is_durable_before_it_is_published(tmp_path: Path) -> None:
    bus, journal = MemoryBus(), Journal(tmp_path / "hems-1.journal")
    shell = Shell(home(), bus, clock(), {"ev-1": build_driver(vehicle("ev-1"))}, journal=journal)
    acknowledged = asyncio.Event()
    async with running(shell):
        await shell.deliver([Arrival(TOPIC, encode(request()), acknowledge=acknowledged.set)])
        await asyncio.sleep(0.05)
        assert bus.posts.empty()  # the journal's writer does not run yet
        assert not acknowledged.is_set()
        journal.start()
        async with asyncio.timeout(5):
            await bus.posts.get()
            await acknowledged.wait()
    assert [stored.entry().actor for stored in journal.entries("hems-1")] == ["hems-1", "hems-1"]
    await journal.close()


async def test_a_restarted_party_says_again_what_may_not_have_left_and_knows_what_it_knew(tmp_path: Path) -> None:
    posts = []
    for _ in range(2):
        bus, journal = MemoryBus(), Journal(tmp_path / "hems-1.journal")
        journal.start()
        shell = Shell(home(), bus, clock(), {"ev-1": build_driver(vehicle("ev-1"))}, journal=journal)
        async with running(shell), asyncio.timeout(5):
            if not posts:
                await shell.deliver([Arrival(TOPIC, encode(request()))])
            posts.append(await bus.posts.get())
            assert shell.actor.knows("e1")
        await journal.close()
    assert posts[0]._replace(sent=None) == posts[1]._replace(sent=None)


@pytest.mark.parametrize("consent", [Consent.ALWAYS, Consent.NEVER])
async def test_what_is_over_is_archived_and_a_late_repeat_is_still_a_repeat(tmp_path: Path, consent: Consent) -> None:
    bus, journal = MemoryBus(), Journal(tmp_path / "hems-1.journal")
    journal.start()
    asked = request()
    fast = scaled(3_600)
    shell = Shell(
        home(consent), bus, fast, {"ev-1": build_driver(vehicle("ev-1"))}, journal=journal, build=partial(home, consent)
    )
    async with going(fast), running(shell), asyncio.timeout(10):
        await shell.deliver([Arrival(TOPIC, encode(asked))])
        await bus.posts.get()
        assert shell.actor.knows("e1")
        while not shell.at_rest:
            await fast.wait_until(fast.now() + timedelta(minutes=10))
        moved = journal.archive()
        shell.renew()
        await shell.begin()
        assert (await moved) is not None
        assert not shell.actor.knows("e1")
        repeated = asyncio.Event()
        await shell.deliver([Arrival(TOPIC, encode(asked), acknowledge=repeated.set)])
        await repeated.wait()
        assert shell.intake.counts["repeated_archived"] == 1
    await journal.close()
    journal = Journal(tmp_path / "hems-1.journal")
    again = Shell(home(consent), bus, fast, {"ev-1": build_driver(vehicle("ev-1"))}, journal=journal)
    again.fold()
    assert not again.actor.knows("e1")
    await journal.close()


class Machine:
    """A machine's clock, set by hand."""

    def __init__(self, year: int = 2026) -> None:
        self.utc, self.passed_s, self.asleep_s = datetime(year, 1, 14, 17, tzinfo=UTC), 0.0, 0.0
        awake = lambda: self.passed_s - self.asleep_s
        self.clock = Clock(sources=ClockSources(lambda: self.utc, lambda: self.passed_s, awake))

    def suspend(self, by: timedelta) -> None:
        self.utc += by
        self.passed_s += by.total_seconds()
        self.asleep_s += by.total_seconds()


async def test_clock_that_is_set_back_stands_in_the_journal_before_any_earlier_instant(tmp_path: Path) -> None:
    machine, journal, actor = Machine(), Journal(tmp_path / "sleeper"), Sleeper()
    journal.start()
    told: list[tuple[datetime, str]] = []
    tell = lambda at, who, note: told.append((at, note.name))
    shell = Shell(actor, MemoryBus(), machine.clock, tell=tell, journal=journal)
    first, back = machine.utc, machine.utc - timedelta(hours=1)
    async with running(shell), asyncio.timeout(5):
        await shell.give(Decided("e1", True))
        machine.utc = back
        machine.clock.look()
        await shell.give(Decided("e2", True))  # time stands still
        await shell.give(Reanchored(back))
        machine.clock.step_back()
        await shell.clock_was_set()
        await shell.give(Decided("e3", True))
    await journal.close()
    file = JournalFile(tmp_path / "sleeper")
    assert [(stored.at, type(stored.entry().input).__name__) for stored in file.entries()] == [
        (first, "Decided"), (first, "Decided"), (first, "Reanchored"), (back, "Decided"),
    ]  # fmt: skip
    assert told == [(first, "heard"), (first, "heard"), (first, "clock_set_back"), (back, "heard")]
    assert actor.happened == [Decided(event, True) for event in ("e1", "e2", "e3")]
    again, journal = Sleeper(), Journal(tmp_path / "sleeper")
    assert Shell(again, MemoryBus(), machine.clock, journal=journal).fold() == back
    assert again.happened == actor.happened
    await journal.close()


async def test_start_whose_journal_is_of_a_clock_far_ahead_goes_back_by_a_step_that_stands_in_it(
    tmp_path: Path,
) -> None:
    for year in (2216, 2026, 2026):
        journal = Journal(tmp_path / "sleeper")
        journal.start()
        shell = Shell(Sleeper(), MemoryBus(), Machine(year).clock, journal=journal)
        async with running(shell), asyncio.timeout(5):
            await shell.give(Decided("e1", True))
        await journal.close()
    entries = [stored.entry() for stored in JournalFile(tmp_path / "sleeper").entries()]
    steps = [(entry.at.year, type(entry.input).__name__) for entry in entries]
    assert steps == [
        (2216, "Decided"), (2216, "Reanchored"), (2026, "Resumed"), (2026, "Decided"), (2026, "Resumed"),
        (2026, "Decided"),
    ]  # fmt: skip
    assert [entry.input.down_since.year for entry in entries if isinstance(entry.input, Resumed)] == [2026, 2026]


async def test_start_hears_what_waited_before_it_serves_what_became_due_meanwhile(tmp_path: Path) -> None:
    """A report that waited at the broker is heard by who was down over the end of its grace."""
    later = PatientClock(T0 + timedelta(hours=1), 1.0)
    for clock_, deadline in ((PatientClock(T0, 1.0), None), (later, T0 + timedelta(minutes=30))):
        journal, actor, woken = Journal(tmp_path / "sleeper"), Sleeper(deadline), asyncio.Event()
        journal.start()
        tell = lambda at, who, note, woken=woken: woken.set() if note.name == "woken" else None
        shell = Shell(actor, MemoryBus(), clock_, tell=tell, journal=journal)
        async with running(shell), asyncio.timeout(10):
            await shell.give(Decided("waited", True))
            if deadline is not None:
                await shell.give(Decided("waited, too", True))
                await woken.wait()
        await journal.close()
    assert actor.happened == [
        Decided("waited", True), Resumed(T0, counts_waited=True), Decided("waited", True), Decided("waited, too", True), "woken",
    ]  # fmt: skip


async def test_flood_keeps_what_is_due_waiting_only_so_long_after_a_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.runtime.hearing.HEARS_AT_MOST_S", 0.2)
    later, woken = PatientClock(T0 + timedelta(hours=1), 1.0), asyncio.Event()
    for deadline in (None, T0):
        journal, actor = Journal(tmp_path / "sleeper"), Sleeper(deadline)
        journal.start()
        tell = lambda at, who, note: woken.set() if note.name == "woken" else None
        shell = Shell(actor, MemoryBus(), later, tell=tell, journal=journal)
        async with running(shell), asyncio.timeout(10):
            await shell.give(Decided("first", True))
            while deadline is not None and not woken.is_set():
                await shell.give(Decided("flood", True))
        await journal.close()
    assert "woken" in actor.happened


async def test_jump_of_the_clock_is_followed_by_who_waits_for_a_later_instant() -> None:
    machine, woken = Machine(), asyncio.Event()
    actor = Sleeper(machine.utc + timedelta(hours=1))
    shell = Shell(actor, MemoryBus(), machine.clock, tell=lambda at, who, note: woken.set())
    async with running(shell), asyncio.timeout(10):
        machine.utc += timedelta(hours=2)
        machine.clock.look()
        await shell.clock_was_set()
        await woken.wait()
    assert actor.happened == ["woken"]


async def test_who_was_behind_a_jump_of_the_clock_hears_before_it_judges() -> None:
    machine, woken = Machine(), asyncio.Event()
    before = machine.utc
    actor = Sleeper(before + timedelta(hours=1))
    tell = lambda at, who, note: woken.set() if note.name == "woken" else None
    shell = Shell(actor, MemoryBus(), machine.clock, tell=tell)
    async with running(shell), asyncio.timeout(10):
        machine.utc += timedelta(hours=2)
        machine.clock.look()
        await shell.clock_was_set(before)
        await shell.give(Decided("waited", True))
        await woken.wait()
    assert actor.happened == [Resumed(before, counts_waited=True), Decided("waited", True), "woken"]


async def test_who_was_suspended_hears_before_it_judges_though_nobody_has_looked_at_the_clock() -> None:
    machine, woken = Machine(), asyncio.Event()
    before = machine.utc
    actor = Sleeper(before + timedelta(minutes=5))
    tell = lambda at, who, note: woken.set() if note.name == "woken" else None
    shell = Shell(actor, MemoryBus(), machine.clock, tell=tell)
    async with running(shell), asyncio.timeout(10):
        machine.suspend(timedelta(minutes=12))
        await shell.give(Decided("waited", True))
        await woken.wait()
        machine.clock.look()
        await shell.clock_was_set()  # what the daemon tells a moment later changes nothing
        await shell.give(Decided("later", True))
    assert actor.happened == [
        Resumed(before, counts_waited=True),
        Decided("waited", True),
        "woken",
        Decided("later", True),
    ]


async def test_utility_that_begins_anew_after_an_archive_is_silent_about_what_is_over(tmp_path: Path) -> None:
    event = EventSettings(
        event_id="e1", issue_at=T0, direction=Direction.DECREASE_LOAD, start=START, power_w=(1000,), slot_s=900
    )
    build = partial(Utility, UtilitySettings(children=("ac",), events=(event,)))
    told: list[str] = []
    later, journal = PatientClock(START + timedelta(hours=1), 1.0), Journal(tmp_path / "utility")
    journal.start()
    shell = Shell(
        build(), MemoryBus(), later, tell=lambda at, who, note: told.append(note.name), journal=journal, build=build
    )
    async with running(shell), asyncio.timeout(5):
        await shell.give(Cancel("e2"))
        assert told == ["order_refused", "order_refused"]  # a first start tells of what it cannot do any more
        told.clear()
        moving = journal.archive()
        shell.renew()
        await shell.begin()
        await moving
        await shell.give(Cancel("e2"))
    assert told == ["order_refused"]  # the operator's own
    await journal.close()
    notes = [
        (note.name, note.event_id)
        for stored in JournalFile(tmp_path / "utility").entries()
        for note in stored.entry().effects
        if isinstance(note, Note)
    ]
    assert notes == [("order_refused", "e1"), ("order_refused", "e2")]
    journal = Journal(tmp_path / "utility")
    again = Shell(build(), MemoryBus(), later, journal=journal)
    again.fold()
    assert again.actor.deadline is None
    await journal.close()


async def test_a_resident_who_is_asked_stands_in_the_status_until_the_answer_is_due() -> None:
    asked = asyncio.Event()
    shell = Shell(
        home(Consent.ASK),
        MemoryBus(),
        clock(),
        tell=lambda at, who, note: asked.set() if note.name == "resident_asked" else None,
    )
    async with running(shell):
        await shell.deliver([Arrival(TOPIC, encode(request()))])
        async with asyncio.timeout(5):
            await asked.wait()
    [question] = shell.status()["questions"]  # type: ignore[misc]
    assert question["event_id"] == "e1"  # type: ignore[index]
    shell.questions["e1"] = replace(shell.questions["e1"], answer_by=T0)
    assert shell.status()["questions"] == []


async def test_a_silent_party_says_nothing_and_a_repeating_one_everything_three_times() -> None:
    bus, post = MemoryBus(), Post("dr/offer/ra-1/x", b"{}")
    async with going(scaled(10_000)) as fast, asyncio.timeout(10):
        for behaviour, times in ((Behaviour.SILENT, 0), (Behaviour.REPEATS, 3), (Behaviour.LATE, 1)):
            changed = intercept(behaviour)
            assert changed is not None
            before = fast.now()
            await InterceptedBus(bus, "x", fast, changed).publish(post)
            assert [await bus.posts.get() for _ in range(times)] == [post] * times
            assert (fast.now() - before >= LATE) is (behaviour is Behaviour.LATE)
    assert bus.posts.empty()


def test_readiness_is_one_datagram(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        assert notify("READY=1", {"NOTIFY_SOCKET": address})
        assert manager.recv(100) == b"READY=1"
    assert not notify("READY=1", {"NOTIFY_SOCKET": address})  # nobody listens any more
    assert not notify("READY=1", {})


def test_the_watchdog_is_fed_twice_a_period_and_only_by_the_process_it_watches() -> None:
    assert watchdog_period_s({"WATCHDOG_USEC": "30000000"}) == 15
    assert watchdog_period_s({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}) == 15
    assert watchdog_period_s({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}) is None
    assert watchdog_period_s({}) is None


# -- a whole daemon

UTILITY = """
[broker]
port = {port}
connect_within_s = {within}
[control]
dir = "{dir}"
[utility]
children = ["ac"]
"""


async def start(tmp_path: Path, text: str, **environment: str) -> asyncio.subprocess.Process:
    path = tmp_path / "utility.toml"
    path.write_text(text)
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "agents.cli",
        "run",
        "utility",
        "--config",
        str(path),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path.cwd())} | environment,
    )


@pytest.mark.live
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_daemon_says_when_it_is_ready_and_ends_cleanly_at_a_signal(tmp_path: Path, number: int) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.setblocking(False)
        async with asyncio.timeout(30), private_broker() as broker:
            text = UTILITY.format(port=broker.port, within=20, dir=tmp_path / "run")
            before = os.umask(0)
            process = await start(tmp_path, text, NOTIFY_SOCKET=address)
            os.umask(before)
            assert process.stdout is not None
            line = json.loads(await process.stdout.readline())
            control = tmp_path / "run" / "utility.sock"
            journal = tmp_path / "state" / "gridpact" / f"127.0.0.1-{broker.port}" / "utility.journal"
            modes = [oct(path.stat().st_mode)[-3:] for path in (control, control.parent, journal, journal.parent)]
            assert (line["event"], modes) == ("ready", ["600", "700", "600", "700"])
            assert manager.recv(100) == b"READY=1"
            process.send_signal(number)
            assert await process.wait() == 0
            assert manager.recv(100) == b"STOPPING=1"
            lines = [line, *map(json.loads, (await process.stdout.read()).splitlines())]
    assert [line["event"] for line in lines] == ["ready", "stopped"]
    assert {line["party"] for line in lines} == {"utility"}
    assert all(datetime.fromisoformat(line["timestamp"]).tzinfo is not None for line in lines)
    assert not control.exists()


async def test_a_daemon_that_reaches_no_broker_ends_with_its_own_exit_code(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        async with asyncio.timeout(30):
            process = await start(tmp_path, UTILITY.format(port=port, within=1, dir=tmp_path / "run"))
            out, _ = await process.communicate()
    assert process.returncode == 3
    said = json.loads(out.splitlines()[-1])["text"]
    assert said.startswith(f"the broker at 127.0.0.1:{port} was not reached within 1 s: 127.0.0.1:{port}: ")


async def test_a_mistake_in_the_configuration_ends_with_its_own_exit_code(tmp_path: Path) -> None:
    async with asyncio.timeout(30):
        process = await start(tmp_path, "[utility]\nname = 5\n")
        _, err = await process.communicate()
    assert process.returncode == 2
    assert err.decode().count("\n") == 1
    assert "utility.toml: utility.name: " in err.decode()


async def test_a_clean_stop_leaves_a_memory_that_needs_no_entry_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "home.journal"
    journal = Journal(path)
    journal.start()
    bus = MemoryBus()
    shell = Shell(home(), bus, clock(), {"ev-1": build_driver(vehicle("ev-1"))}, journal=journal)
    async with running(shell), asyncio.timeout(5):
        await shell.deliver([Arrival(TOPIC, encode(request()))])
        await bus.posts.get()
    shell.keep_snapshot()
    await journal.close()
    monkeypatch.setattr(Stepper, "fold_bytes", lambda *given, **more: pytest.fail("an entry was taken again"))
    again = Journal(path)
    restarted = Shell(home(), MemoryBus(), clock(), {"ev-1": build_driver(vehicle("ev-1"))}, journal=again)
    assert restarted.fold() is not None
    assert restarted.actor.status() == shell.actor.status()
    assert restarted.actor.knows("e1")
    await again.close()
