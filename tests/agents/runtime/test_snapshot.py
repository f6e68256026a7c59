"""A start from a snapshot: the same memory as after all entries, and only for the code and settings that made it."""

import asyncio
import pickle
import zlib
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import orjson
import pytest
from other_processes import told_in_other_processes
from worlds import World, battery

from agents.drivers.simulated import build_driver
from agents.parties.aggregator.actor import Aggregator
from agents.runtime.journal.journal import Journal
from agents.runtime.shell import Shell
from agents.runtime.snapshot import maker, pack, unpack
from agents.settings.daemon import PartiesConfig
from agents.settings.parties import AggregatorSettings
from broker.bus import Deliver, Post
from broker.clock import Clock
from broker.stepper import Stepper
from protocol.actor import Entry
from protocol.entries import encode_effects
from protocol.remembered import UnknownState


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
            body = pack(entry.at, stepper.actor, stepper.drivers, {})
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
        assert started.fold() == entries[-1].at
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
    body = pack(entries[-1].at, actor, {}, {})
    assert b"increase_load_w" not in zlib.decompress(body)
    unpack(body, fresh, {})
    (event,) = fresh.events.values()
    assert event.children.claims is fresh.book.claims
    assert fresh.status() == actor.status()


@pytest.mark.parametrize(
    "body",
    [b"", b"\x80\x05", zlib.compress(b"{}"), zlib.compress(pickle.dumps(print)), zlib.compress(b'{"version":2}')],
)
def test_bytes_of_a_stranger_are_refused_and_run_nothing(
    evening: tuple[AggregatorSettings, list[Entry]], body: bytes
) -> None:
    with pytest.raises(UnknownState):
        unpack(body, Aggregator(evening[0]), {})


async def test_snapshot_that_cannot_be_read_costs_a_whole_fold_and_nothing_else(
    tmp_path: Path, evening: tuple[AggregatorSettings, list[Entry]]
) -> None:
    settings, entries = evening
    journal = await written(tmp_path / "j", entries, settings, None)
    journal.start()
    journal.keep_snapshot("ra-1", len(entries), maker(journal.settings), b"of another version")
    await journal.close()
    again = Journal(tmp_path / "j", configuration=as_bytes(settings))
    assert again.has_snapshots
    started = shell(settings, again)
    assert started.fold() == entries[-1].at
    assert started.actor.status()["events"]
    await again.close()


async def test_snapshot_of_other_settings_is_not_read(
    tmp_path: Path, evening: tuple[AggregatorSettings, list[Entry]]
) -> None:
    settings, entries = evening
    journal = await written(tmp_path / "j", entries, settings, len(entries))
    other = settings.model_copy(update={"report_grace_s": settings.report_grace_s + 1})
    assert journal.snapshot("ra-1", maker(journal.settings)) is not None
    assert journal.snapshot("ra-1", maker(sha256(as_bytes(other)).digest())) is None
    await journal.close()


@pytest.mark.parametrize(("stored", "reads"), [(None, True), (119, False)], ids=["new key", "other default"])
async def test_snapshot_of_a_version_that_did_not_know_a_key_is_read_where_the_key_says_nothing_new(
    tmp_path: Path, evening: tuple[AggregatorSettings, list[Entry]], stored: int | None, reads: bool
) -> None:
    settings, entries = evening
    as_written = orjson.loads(as_bytes(settings))
    assert as_written["aggregator"].pop("report_grace_s") == 120
    if stored is not None:
        as_written["aggregator"]["report_grace_s"] = stored
    journal = Journal(tmp_path / "j", configuration=orjson.dumps(as_written))
    journal.start()
    running = shell(settings, journal)
    for entry in entries:
        running.past.store(running.stepper.take(entry.input, entry.at))
    running.keep_snapshot()
    await journal.close()
    again = Journal(tmp_path / "j", configuration=as_bytes(settings))
    started = shell(settings, again)
    assert started.fold() == entries[-1].at
    assert (started.past.since_snapshot == 0) == reads
    assert started.actor.status() == running.actor.status()
    await again.close()


async def test_party_keeps_a_snapshot_after_so_many_entries_once_nothing_comes(
    tmp_path: Path, evening: tuple[AggregatorSettings, list[Entry]], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, entries = evening
    journal = Journal(tmp_path / "j", configuration=as_bytes(settings))
    journal.start()
    running = shell(settings, journal)
    running.past.snapshot_every = 5
    assert running.fold() is None
    for entry in entries:
        running.past.store(running.stepper.take(entry.input, entry.at))
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
    restarted.fold()
    assert restarted.actor.status() == running.actor.status()
    await again.close()


def test_maker_is_the_same_in_every_process() -> None:
    program = "from agents.runtime.snapshot import maker; print(maker(b'settings'))"
    assert told_in_other_processes(program) == {maker(b"settings")}
