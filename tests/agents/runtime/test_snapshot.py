"""A start from a snapshot: the same memory as after all entries, and only for the code and settings that made it."""

import asyncio
import os
import pickle
import sqlite3
import zlib
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import paths
import pytest
from other_processes import told_in_other_processes
from worlds import World, battery

from agents.cli.app import call
from agents.drivers.build import build_drivers
from agents.drivers.simulated import build_driver
from agents.parties.aggregator.actor import Aggregator
from agents.parties.build import build_actor
from agents.runtime.files.scenario import load_scenario
from agents.runtime.journal.journal import Journal
from agents.runtime.journal.lease import Lease
from agents.runtime.shell import Shell
from agents.runtime.snapshot import Snapshot, maker, pack, unpack
from agents.settings.daemon import PartiesConfig
from agents.settings.parties import AggregatorSettings
from agents.tools.run.simulate import build_simulation
from broker.bus import Deliver, Post
from broker.clock import Clock
from broker.private import make_file
from broker.stepper import Stepper
from protocol.actor import Entry
from protocol.entries import encode_effects


class NoBus:
    """Nothing is published here."""

    async def run(self, deliver: Deliver) -> None:
        raise NotImplementedError

    async def publish(self, post: Post) -> None:
        raise NotImplementedError


@pytest.fixture(scope="module")
def evening() -> tuple[AggregatorSettings, list[Entry]]:
    world = World()
    world.simple("ra-1", 5, storage=(battery("bat-1"),))
    world.event(20_000, 15_000)
    trace = world.run().simulation.trace
    return world.aggregators[0], [entry for entry in trace if entry.actor == "ra-1"]


def as_bytes(settings: AggregatorSettings) -> bytes:
    return PartiesConfig(aggregator=settings).as_bytes()


def shell(settings: AggregatorSettings, journal: Journal) -> Shell:
    drivers = {spec.resource_id: build_driver(spec) for spec in settings.storage}
    return Shell(Aggregator(settings), NoBus(), Clock(datetime(2026, 1, 14, tzinfo=UTC)), drivers, journal=journal)


async def written(path: Path, entries: list[Entry], settings: AggregatorSettings, snapshot_at: int | None) -> Journal:
    journal = Journal(path, configuration=as_bytes(settings))
    journal.start()
    stepper = Stepper(Aggregator(settings), {s.resource_id: build_driver(s) for s in settings.storage})
    number = 0
    for count, entry in enumerate(entries, 1):
        number = journal.append(entry)
        stepper.fold_bytes(entry.at, entry.input, encode_effects(entry.effects), devices_too=True)
        if count == snapshot_at:
            body = pack(Snapshot(entry.at, stepper.actor, stepper.drivers, {}))
            assert body is not None
            journal.keep_snapshot("ra-1", number, maker(journal.settings), body)
    await journal.durable(number)
    await journal.close()
    return Journal(path, configuration=as_bytes(settings))


async def test_start_from_a_snapshot_takes_only_the_entries_behind_it_and_knows_the_same(
    tmp_path: Path, evening: tuple[AggregatorSettings, list[Entry]], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, entries = evening
    taken: list[datetime] = []
    fold_bytes = Stepper.fold_bytes

    def counted(self: Stepper, at: datetime, *given: object, **more: object) -> object:
        taken.append(at)
        return fold_bytes(self, at, *given, **more)  # type: ignore[arg-type]

    known = []
    for name, snapshot_at in (("whole", None), ("half", len(entries) // 2), ("all", len(entries))):
        journal = await written(tmp_path / name, entries, settings, snapshot_at)
        monkeypatch.setattr(Stepper, "fold_bytes", counted)
        taken.clear()
        started = shell(settings, journal)
        assert started._fold() == entries[-1].at
        monkeypatch.setattr(Stepper, "fold_bytes", fold_bytes)
        assert len(taken) == len(entries) - (snapshot_at or 0)
        known.append(
            (started.actor.status(), started.actor.deadline, started.stepper.drivers["bat-1"].measure(*at(entries)))
        )
        await journal.close()
    assert known[0] == known[1] == known[2]


def at(entries: list[Entry]) -> tuple[datetime, datetime]:
    return entries[-1].at, entries[-1].at


def test_book_is_not_in_a_snapshot_but_the_one_of_whoever_reads_it(
    evening: tuple[AggregatorSettings, list[Entry]],
) -> None:
    settings, entries = evening
    actor, fresh = Aggregator(settings), Aggregator(settings)
    for entry in entries:
        Stepper(actor).fold_bytes(entry.at, entry.input, encode_effects(entry.effects), devices_too=False)
    body = pack(Snapshot(entries[-1].at, actor, {}, {}))
    assert body is not None
    snapshot = unpack(body, fresh)
    assert snapshot is not None
    again = snapshot.actor
    assert isinstance(again, Aggregator)
    assert again.book is fresh.book
    (event,) = again.events.values()
    assert event.children.claims is fresh.book.claims
    assert again.status() == actor.status()


async def test_snapshot_of_other_settings_is_not_read(
    tmp_path: Path, evening: tuple[AggregatorSettings, list[Entry]]
) -> None:
    settings, entries = evening
    journal = await written(tmp_path / "j", entries, settings, len(entries))
    other = settings.model_copy(update={"report_grace_s": settings.report_grace_s + 1})
    assert journal.snapshot("ra-1", maker(journal.settings)) is not None
    assert journal.snapshot("ra-1", maker(sha256(as_bytes(other)).digest())) is None
    await journal.close()


async def test_party_keeps_a_snapshot_after_so_many_entries_once_nothing_comes(
    tmp_path: Path, evening: tuple[AggregatorSettings, list[Entry]], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, entries = evening
    journal = Journal(tmp_path / "j", configuration=as_bytes(settings))
    journal.start()
    running = shell(settings, journal)
    running.snapshot_every = 5
    assert running._fold() is None
    for entry in entries:
        running._count(running._kept(running.stepper.take(entry.input, entry.at)))
    kept = asyncio.Event()
    monkeypatch.setattr("agents.runtime.shell.QUIET_S", 0.01)
    keep_snapshot = journal.keep_snapshot
    monkeypatch.setattr(journal, "keep_snapshot", lambda *given: (keep_snapshot(*given), kept.set()))
    assert running.actor.deadline is None
    stepping = asyncio.create_task(running._step_on())
    await kept.wait()
    stepping.cancel()
    await asyncio.wait([stepping])
    await journal.close()
    again = Journal(tmp_path / "j", configuration=as_bytes(settings))
    found = again.snapshot("ra-1", maker(journal.settings))
    assert found is not None
    assert found[0] > len(entries) - 10
    restarted = shell(settings, again)
    restarted._fold()
    assert restarted.actor.status() == running.actor.status()
    await again.close()


class Command:
    """A pickle of it calls something in whoever loads it."""

    def __init__(self, *reduced: object) -> None:
        self.reduced = reduced

    def __reduce__(self) -> tuple[object, ...]:
        return self.reduced


def named(module: str, name: str) -> bytes:
    """A pickle's words for what stands under a name."""
    return b"".join(b"\x8c%c%b" % (len(text), text.encode()) for text in (module, name)) + b"\x93"


def stranger(through: str, mark: Path) -> bytes:
    """A pickle that makes the file `mark` when it is loaded by Python's own means."""
    text = b"\x8c%c%b" % (len(str(mark)), str(mark).encode())
    match through:
        case "a command":
            return pickle.dumps(Command(os.system, (f"touch {mark}",)))
        case "a file":
            return pickle.dumps(Command(open, (str(mark), "w")))
        case "a class of ours that locks a file":
            return pickle.dumps(Command(Lease, (mark,)))
        case "a function of ours":
            return pickle.dumps(Command(make_file, (mark,)))
        case "a name in a module of ours":
            path = named("agents.settings.daemon", "Path") + text + b"\x85R"
            return b"\x80\x04" + named("agents.settings.daemon", "Path.touch") + path + b"\x85R."
        case _:
            scope = named("builtins", "getattr") + named("protocol.edges", "Edge.other") + b"\x8c\x0b__globals__\x86R"
            get = named("builtins", "getattr") + scope + b"\x8c\x03get\x86R" + b"\x8c\x0c__builtins__\x85R"
            get = named("builtins", "getattr") + get + b"\x8c\x03get\x86R" + b"\x8c\x04open\x85R"
            return b"\x80\x04" + get + text + b"\x8c\x01w\x86R."


THROUGH = (
    "a command", "a file", "a class of ours that locks a file", "a function of ours", "a name in a module of ours",
    "what hangs on a function",
)  # fmt: skip


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("through", THROUGH)
async def test_snapshot_of_a_stranger_runs_no_code_wherever_its_journal_is_read_or_started(
    tmp_path: Path, evening: tuple[AggregatorSettings, list[Entry]], through: str
) -> None:
    settings, entries = evening
    path, mark = tmp_path / "ra-1.journal", tmp_path / "mark"
    pickle.loads(stranger(through, mark))
    assert mark.exists()  # it would
    mark.unlink()
    await (await written(path, entries, settings, None)).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        of_settings = maker(sha256(as_bytes(settings)).digest())
        row = ("ra-1", len(entries), of_settings, zlib.compress(stranger(through, mark)))
        connection.execute("INSERT INTO snapshot VALUES (?, ?, ?, ?)", row)
    for command in (["replay", "verify", str(path)], ["explain", "--journals", str(path), "--json"]):
        assert call(command) == 0
    assert call(["journal", "export", str(path), "--out", str(tmp_path / "out.jsonl")]) == 0
    journal = Journal(path, configuration=as_bytes(settings))
    started = shell(settings, journal)
    assert started._fold() == entries[-1].at
    assert started._since_snapshot == len(entries)
    await journal.close()
    assert not mark.exists()


def test_every_role_comes_back_from_its_snapshot() -> None:
    scenario = load_scenario(paths.TINY)
    simulation = build_simulation(scenario, 1, keep_trace=True)
    simulation.run()
    for settings in (scenario.utility, scenario.coordinator, *scenario.aggregators, *scenario.homes):
        stepper = Stepper(build_actor(settings), build_drivers(settings))
        for entry in simulation.trace:
            if entry.actor == settings.name:
                stepper.fold(entry)
        body = pack(Snapshot(scenario.start_at, stepper.actor, stepper.drivers, {}))
        assert body is not None
        again = unpack(body, build_actor(settings))
        assert again is not None
        assert again.actor.status() == stepper.actor.status()
        assert again.drivers.keys() == stepper.drivers.keys()


def test_damaged_snapshot_is_passed_over(evening: tuple[AggregatorSettings, list[Entry]]) -> None:
    settings, entries = evening
    body = pack(Snapshot(entries[-1].at, Aggregator(settings), {}, {}))
    assert body is not None
    fresh = Aggregator(settings)
    assert unpack(body[: len(body) // 2], fresh) is None
    assert unpack(zlib.compress(pickle.dumps({"no": "snapshot"})), fresh) is None


def test_maker_is_the_same_in_every_process() -> None:
    program = "from agents.runtime.snapshot import maker; print(maker(b'settings'))"
    assert told_in_other_processes(program) == {maker(b"settings")}
