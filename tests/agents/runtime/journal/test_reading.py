"""A journal that is only read: in places where nothing can be written, beside its daemon, after a kill; nothing changes."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import orjson
import paths
import pytest
from replay_recordings import evening_peak

from agents.cli.app import call
from agents.runtime.journal import reading as reading_module
from agents.runtime.journal.file import JournalFile
from agents.runtime.journal.journal import Journal, JournalError
from agents.runtime.journal.lease import Lease, is_held, lease_of
from agents.runtime.journal.reading import reading


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return evening_peak(tmp_path_factory.mktemp("evening"))


def ended(journal: Path) -> None:
    """Nothing stands beside it."""


def killed(journal: Path) -> None:
    """Its last row stands in the second file only, where the process left it."""
    died = journal.with_name("died")
    with closing(sqlite3.connect(journal, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        last = connection.execute("SELECT * FROM steps ORDER BY first DESC LIMIT 1").fetchone()
        connection.execute("DELETE FROM steps WHERE first = ?", (last[0],))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("INSERT INTO steps VALUES (?, ?, ?, ?, ?)", last)
        for ending in ("", "-wal", "-shm"):
            shutil.copyfile(f"{journal}{ending}", f"{died}{ending}")
    for ending in ("", "-wal", "-shm"):
        Path(f"{died}{ending}").rename(f"{journal}{ending}")


def copied(journal: Path) -> None:
    """The same, without the third file, which is made anew by whoever writes."""
    killed(journal)
    Path(f"{journal}-shm").unlink()


def left_empty(journal: Path) -> None:
    Path(f"{journal}-wal").touch()


STATES = pytest.mark.parametrize("leave", [ended, killed, copied, left_empty])
COMMANDS = (
    ["replay", "verify", "{folder}"],
    ["explain", "--journals", "{folder}", "--json"],
    ["journal", "export", "{folder}", "--out", "{out}/{number}.jsonl"],
    ["replay", "verify", "{folder}/ra-2.journal"],
)


def commands(folder: Path, out: Path) -> Iterator[list[str]]:
    for number, command in enumerate(COMMANDS):
        yield [part.format(folder=folder, out=out, number=number) for part in command]


def content(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}


def in_state(evening: Path, tmp_path: Path, leave: Callable[[Path], None]) -> Path:
    folder = tmp_path / "journals"
    shutil.copytree(evening, folder)
    for journal in folder.glob("*.journal"):
        leave(journal)
    return folder


@STATES
def test_reading_changes_no_file(evening: Path, tmp_path: Path, leave: Callable[[Path], None]) -> None:
    folder = in_state(evening, tmp_path, leave)
    before = content(folder)
    for command in commands(folder, tmp_path):
        assert call(command) == 0
    assert content(folder) == before


@STATES
def test_last_row_is_read_wherever_it_stands(evening: Path, tmp_path: Path, leave: Callable[[Path], None]) -> None:
    folder = in_state(evening, tmp_path, leave)
    for journal in folder.glob("*.journal"):
        assert list(JournalFile(journal).entries()) == list(JournalFile(evening / journal.name).entries())


@STATES
def test_read_only_place_is_read(evening: Path, tmp_path: Path, leave: Callable[[Path], None]) -> None:
    folder = in_state(evening, tmp_path, leave)
    within: list[str] = []
    if os.geteuid() == 0:  # whom a file's mode does not bind, but a mount does
        mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
        within = ["unshare", "-m", "sh", "-c", mount, str(folder)]
        if subprocess.run([*within, "true"], capture_output=True, check=False).returncode:
            pytest.skip("root may not mount here")
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)
    try:
        for command in commands(folder, tmp_path):
            done = subprocess.run(
                [*within, sys.executable, "-m", "agents.cli", *command], capture_output=True, text=True, check=False,
                env=os.environ | {"PYTHONPATH": str(paths.ROOT)},
            )  # fmt: skip
            assert (done.returncode, done.stderr) == (0, "")
    finally:
        folder.chmod(0o755)
    lines = (tmp_path / "2.jsonl").read_bytes().splitlines()
    assert orjson.loads(lines[0])["source"] == "journal"
    assert len(lines) - 1 == sum(len(list(JournalFile(path).entries())) for path in evening.glob("*.journal"))


def test_doctor_reads_a_journal_of_a_read_only_place(
    evening: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agents.runtime.daemon import doctor

    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    folder = in_state(evening, tmp_path, copied)
    before = content(folder)
    found = [one.text for one in doctor._journal(folder / "ac.journal") if one.check == "journal"]
    assert found[0] == f"{folder} cannot be written: give it to the daemon's user"
    assert found[1].startswith(f"{folder / 'ac.journal'}: ")
    assert found[1].endswith("no damage")
    assert content(folder) == before


def test_daemon_that_has_it_is_read_beside(evening: Path, tmp_path: Path) -> None:
    folder = in_state(evening, tmp_path, ended)
    path = folder / "ac.journal"
    entries = [stored.entry() for stored in JournalFile(path).entries()]

    async def written() -> None:
        journal = Journal(path)
        journal.start()
        await journal.durable(journal.append(entries[0]))
        assert is_held(lease_of(path))
        with reading(path) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert len(list(JournalFile(path).entries())) == len(entries) + 1
        await journal.close()

    asyncio.run(written())
    assert not is_held(lease_of(path))


def test_file_that_is_written_while_it_is_read_is_told(evening: Path, tmp_path: Path) -> None:
    path = in_state(evening, tmp_path, ended) / "ac.journal"
    with pytest.raises(JournalError, match="was written while it was read"), reading(path):
        path.write_bytes(path.read_bytes() + b"more")


def test_file_that_never_stands_still_is_told(evening: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = in_state(evening, tmp_path, killed) / "ac.journal"

    def growing(source: Path, target: Path) -> None:
        with Path(f"{path}-wal").open("ab") as file:
            file.write(b"more")

    monkeypatch.setattr(reading_module.shutil, "copyfile", growing)
    with pytest.raises(JournalError, match="is being written: read it again in a moment"), reading(path):
        pass


def test_reader_who_asks_whether_a_lease_is_held_does_not_take_it(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    assert not is_held(path)
    assert not path.exists()
    lease = Lease(path)
    assert is_held(path)
    lease.release()
    assert not is_held(path)
    Lease(path).release()
