"""The journal: durable groups, what has not left, migration, the lease, a failing disk, archives."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import paths
import pytest
from worlds import World

from agents.runtime.journal.file import JournalFile
from agents.runtime.journal.journal import Journal, JournalError
from agents.runtime.journal.lease import LeaseTaken
from agents.runtime.journal.outbox import leaves
from agents.runtime.journal.schema import MIGRATIONS, ROWS_OF_STEPS, migrate
from protocol.actor import Entry, Received
from protocol.entries import encode_effects, encode_input


def evening() -> list[Entry]:
    """The entries of a small evening's aggregator."""
    world = World()
    world.simple("ra-1", 2)
    world.event(6_000)
    return [entry for entry in world.run().simulation.trace if entry.actor == "ra-1"]


def bytes_of(entry: Entry) -> tuple[bytes, bytes]:
    return encode_input(entry.input), encode_effects(entry.effects)


@asynccontextmanager
async def writing(path: Path) -> AsyncIterator[Journal]:
    journal = Journal(path)
    journal.start()
    try:
        yield journal
    finally:
        await journal.close()


async def test_what_is_durable_is_read_back_byte_for_byte(tmp_path: Path) -> None:
    entries = evening()
    async with writing(tmp_path / "ra-1.journal") as journal:
        numbers = [journal.append(entry) for entry in entries]
        await journal.durable(numbers[-1])
        assert journal.waiting == 0
    reopened = Journal(tmp_path / "ra-1.journal")
    assert [(stored.input, stored.effects) for stored in reopened.entries("ra-1")] == [
        bytes_of(entry) for entry in entries
    ]
    assert [stored.entry().input for stored in reopened.entries("ra-1")] == [entry.input for entry in entries]
    assert [stored.seq for stored in reopened.entries("ra-1")] == numbers
    assert list(reopened.entries("ra-2")) == []
    await reopened.close()


async def test_effect_counts_as_left_only_when_it_is_marked(tmp_path: Path) -> None:
    entries = evening()
    outgoing = [
        (number, place)
        for number, entry in enumerate(entries, 1)
        for place, effect in enumerate(entry.effects)
        if leaves(effect)
    ]
    async with writing(tmp_path / "j") as journal:
        for entry in entries:
            journal.append(entry)
        for mark in outgoing[:-2]:
            journal.sent("ra-1", mark)
        await journal.durable(len(entries))
    async with writing(tmp_path / "j") as journal:
        assert [mark for mark, _ in journal.undone("ra-1")] == outgoing[-2:]
        assert journal.pending == 2
        number, place = outgoing[-1]
        assert journal.undone("ra-1")[-1][1] == entries[number - 1].effects[place]


async def test_what_left_before_its_turn_is_done_again_with_what_did_not(tmp_path: Path) -> None:
    entries = evening()
    first, second, *rest = (
        (number, place)
        for number, entry in enumerate(entries, 1)
        for place, effect in enumerate(entry.effects)
        if leaves(effect)
    )
    async with writing(tmp_path / "j") as journal:
        numbers = [journal.append(entry) for entry in entries]
        journal.sent("ra-1", second)
        assert journal.pending == len(rest) + 1
        await journal.durable(numbers[-1])
    async with writing(tmp_path / "j") as journal:
        assert [mark for mark, _ in journal.undone("ra-1")] == [first, second, *rest]
        for mark in (second, first):
            journal.sent("ra-1", mark)
    async with writing(tmp_path / "j") as journal:
        assert [mark for mark, _ in journal.undone("ra-1")] == rest


async def test_parties_that_are_written_at_once_are_read_one_by_one_and_in_order(tmp_path: Path) -> None:
    entries = [entry._replace(actor=f"ra-{number % 3}") for number, entry in enumerate(evening())]
    async with writing(tmp_path / "j") as journal:
        numbers = [journal.append(entry) for entry in entries]
        await journal.durable(numbers[-1])
        for actor in ("ra-0", "ra-1", "ra-2"):
            own = [number for number, entry in zip(numbers, entries, strict=True) if entry.actor == actor]
            assert [stored.seq for stored in journal.entries(actor)] == own
            assert [stored.seq for stored in journal.entries(actor, after=own[1])] == own[2:]
    assert [stored.seq for stored in JournalFile(tmp_path / "j").entries()] == numbers
    assert [stored.entry().actor for stored in JournalFile(tmp_path / "j").entries()] == [e.actor for e in entries]


async def test_message_that_was_taken_is_known_for_ever(tmp_path: Path) -> None:
    entries = evening()
    heard = next(entry.input for entry in entries if isinstance(entry.input, Received))
    async with writing(tmp_path / "j") as journal:
        assert not journal.heard("ra-1", heard.edge, heard.message.message_id)
        await journal.durable([journal.append(entry) for entry in entries][-1])
        archived = await journal.archive()
        assert archived is not None
        assert journal.heard("ra-1", heard.edge, heard.message.message_id)


async def test_archive_has_everything_and_the_journal_begins_anew(tmp_path: Path) -> None:
    entries = evening()
    async with writing(tmp_path / "j") as journal:
        for entry in entries:
            journal.append(entry)
        archived = await journal.archive()
        assert archived is not None
        assert await journal.archive() is None
        await journal.durable(journal.append(entries[0]))
        assert len(list(journal.entries("ra-1"))) == 1
    old = Journal(archived)
    assert [(stored.input, stored.effects) for stored in old.entries("ra-1")] == [bytes_of(entry) for entry in entries]
    await old.close()


def folder_cannot_be_made(journal: Journal, patch: pytest.MonkeyPatch) -> Callable[[], object]:
    in_the_way = journal.path.with_name(journal.path.name + ".archive")
    in_the_way.write_text("")
    return in_the_way.unlink


def nothing_is_synced(journal: Journal, patch: pytest.MonkeyPatch) -> Callable[[], object]:
    def refuse(descriptor: int) -> None:
        raise OSError("No space left on device")

    patch.setattr(os, "fsync", refuse)
    return partial(patch.setattr, os, "fsync", lambda descriptor: None)


def journal_cannot_be_written(journal: Journal, patch: pytest.MonkeyPatch) -> Callable[[], object]:
    journal._file.writes.execute("PRAGMA query_only = 1")
    return partial(journal._file.writes.execute, "PRAGMA query_only = 0")


@pytest.mark.parametrize("fail", [folder_cannot_be_made, nothing_is_synced, journal_cannot_be_written])
async def test_archive_that_the_disk_refuses_is_made_when_it_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fail: Callable[..., Callable[[], object]]
) -> None:
    entries, told = evening(), asyncio.Queue[str]()
    loop = asyncio.get_running_loop()
    journal = Journal(tmp_path / "j", lambda text: loop.call_soon_threadsafe(told.put_nowait, text) and None)
    journal.start()
    async with asyncio.timeout(10):
        await journal.durable([journal.append(entry) for entry in entries][-1])
        mend = fail(journal, monkeypatch)
        moving = journal.archive()
        following = journal.append(entries[0])
        assert await told.get() != ""
        assert len(list(journal.entries("ra-1"))) == len(entries)
        mend()
        assert await told.get() == ""
        archived = await moving
        await journal.durable(following)
    assert [stored.seq for stored in journal.entries("ra-1")] == [following]
    await journal.close()
    assert archived is not None
    assert [file.name for file in archived.parent.iterdir()] == [archived.name]
    assert len(list(JournalFile(archived).entries())) == len(entries)


@pytest.mark.parametrize("kill", ["making", "renaming", "forgetting", "committed"])
async def test_archive_that_a_kill_left_half_done_is_swept_up_and_every_entry_is_kept_once(
    tmp_path: Path, kill: str
) -> None:
    entries = evening()
    async with writing(tmp_path / "j") as journal:
        await journal.durable([journal.append(entry) for entry in entries][-1])
    program = f"""
import os, sys
from pathlib import Path
from agents.runtime.journal import archive, files
from agents.runtime.journal.journal import Journal

def die(*given):
    os.kill(os.getpid(), 9)

journal = Journal(Path({str(tmp_path / "j")!r}))
match {kill!r}:
    case "making":
        files.make_durable = die
    case "renaming":
        make_durable = files.make_durable
        files.make_durable = lambda path: die() if path.is_dir() else make_durable(path)
    case "forgetting":
        archive._forget_entries = die
    case "committed":
        archive.suppress = die
archive.archived(journal._file.writes, journal.path)
"""
    dying = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, env=os.environ | {"PYTHONPATH": str(paths.ROOT)}
    )
    assert await dying.wait() == -9
    left = {path.suffix for path in (tmp_path / "j.archive").iterdir()}
    assert left == {".part" if kill == "making" else ".sqlite"}
    async with writing(tmp_path / "j") as journal:
        waiting = [step.seq for step in journal.entries("ra-1")]
        assert len(waiting) == (0 if kill == "committed" else len(entries))
        last = journal.append(entries[0])
        await journal.durable(last)
        archived = await journal.archive()
    files = sorted((tmp_path / "j.archive").iterdir())
    assert archived in files
    assert len(files) == 1 + (kill == "committed")
    assert sorted(stored.seq for file in files for stored in JournalFile(file).entries()) == [*range(1, last + 1)]


def modes(folder: Path) -> dict[str, str]:
    return {path.name: oct(path.stat().st_mode)[-3:] for path in folder.rglob("*") if path.suffix != ".sqlite"}


async def test_journal_and_archive_are_their_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with writing(tmp_path / "of" / "me" / "j") as journal:
            await journal.durable([journal.append(entry) for entry in evening()][-1])
            found = modes(tmp_path)
            archived = await journal.archive()
            assert archived is not None
    finally:
        os.umask(before)
    assert found == {"of": "700", "me": "700", "j": "600", "j-wal": "600", "j-shm": "600", "j.lock": "600"}
    assert oct(archived.stat().st_mode)[-3:] == "600"
    assert modes(tmp_path)["j.archive"] == "700"


async def test_journal_that_others_could_read_is_closed_to_them_at_the_start(tmp_path: Path) -> None:
    async with writing(tmp_path / "j"):
        pass
    (tmp_path / "j").chmod(0o644)
    async with writing(tmp_path / "j"):
        assert set(modes(tmp_path).values()) == {"600"}


async def test_second_process_finds_the_lease_taken(tmp_path: Path) -> None:
    async with writing(tmp_path / "ra-1.journal"):
        with pytest.raises(LeaseTaken, match=r"ra-1\.journal is in use by process \d+: stop that one first"):
            Journal(tmp_path / "ra-1.journal")


@pytest.mark.parametrize("version", range(1, ROWS_OF_STEPS))
def test_journal_of_every_version_before_is_migrated_with_its_entries(tmp_path: Path, version: int) -> None:
    entries = evening()
    old = sqlite3.connect(tmp_path / "j", isolation_level=None)
    migrate(old, tmp_path / "j", to=version)
    marks = []
    for number, entry in enumerate(entries, 1):
        row = (number, entry.at.isoformat(), entry.actor, *bytes_of(entry))
        old.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", row)
        marks += [(number, place) for place, effect in enumerate(entry.effects) if leaves(effect)]
    for mark in marks:
        state = 0 if mark >= marks[-2] else 1 + mark[0] % 2
        old.execute("INSERT INTO outbox VALUES (?, ?, 'ra-1', '', '', ?)", (*mark, state))
    old.close()
    assert [(stored.input, stored.effects) for stored in JournalFile(tmp_path / "j").entries()] == list(
        map(bytes_of, entries)
    )
    journal = Journal(tmp_path / "j")
    assert [(stored.input, stored.effects) for stored in journal.entries("ra-1")] == list(map(bytes_of, entries))
    assert [mark for mark, _ in journal.undone("ra-1")] == marks[-2:]
    assert journal._file.number("PRAGMA user_version") == len(MIGRATIONS)
    asyncio.run(journal.close())


def test_migrated_journal_of_which_everything_has_left_does_nothing_again(tmp_path: Path) -> None:
    entry = next(entry for entry in evening() if any(map(leaves, entry.effects)))
    old = sqlite3.connect(tmp_path / "j", isolation_level=None)
    migrate(old, tmp_path / "j", to=4)
    old.execute("INSERT INTO entry VALUES (1, ?, 'ra-1', ?, ?)", (entry.at.isoformat(), *bytes_of(entry)))
    old.execute("INSERT INTO outbox VALUES (1, 0, 'ra-1', '', '', 2)")
    old.close()
    journal = Journal(tmp_path / "j")
    assert journal.undone("ra-1") == []
    asyncio.run(journal.close())


def test_journal_of_a_newer_gridpact_is_refused(tmp_path: Path) -> None:
    newer = sqlite3.connect(tmp_path / "j")
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(JournalError, match="newer gridpact"):
        Journal(tmp_path / "j")
    Path(tmp_path / "j").unlink()
    asyncio.run(Journal(tmp_path / "j").close())  # the lease was given back


def test_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "j").write_bytes(b"these are no pages" * 100)
    with pytest.raises(JournalError, match="cannot be opened"):
        Journal(tmp_path / "j")


async def test_failing_disk_holds_everything_back_until_it_is_mended(tmp_path: Path) -> None:
    told: list[str] = []
    loop, troubled, mended = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    def trouble(text: str) -> None:
        told.append(text)
        loop.call_soon_threadsafe((troubled if text else mended).set)

    journal = Journal(tmp_path / "j", trouble)
    journal._file.writes.execute("PRAGMA max_page_count = 1")  # a full disk, as SQLite sees it
    journal.start()
    number = [journal.append(entry) for entry in evening() * 20][-1]
    await troubled.wait()
    waiter = asyncio.ensure_future(journal.durable(number))
    await asyncio.sleep(0)
    assert not waiter.done()
    journal._file.writes.execute("PRAGMA max_page_count = 1000000")
    await waiter
    await mended.wait()
    assert told == ["database or disk is full", ""]
    assert journal.figures.failing_since is None
    await journal.close()
