"""Takes a member's name out of a journal's archive: its name and those of its resources become a pseudonym that nobody
keeps, everywhere and at once, so that what is left can still be taken again, byte for byte.

A file is written anew beside the old one and takes its place; what was erased stands in no free page of it.
"""

import re
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any

import orjson

from agents.runtime.journal.file import JournalFile
from agents.runtime.journal.files import archive_of, make_durable
from agents.runtime.journal.rows import INSERT, SELECT, StoredStep, rows, steps_in
from agents.runtime.journal.schema import migrate, transaction
from agents.runtime.snapshot import MOST_BYTES, maker
from broker.private import make_file

_WORD = re.compile(r"[A-Za-z0-9_-]+")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT")
KEPT_KEYS = frozenset({"marks"})
"""What stands under these keys is no text."""


class CannotErase(ValueError):
    """A name that cannot be told from a journal's own words; one sentence."""


def _reserved() -> frozenset[str]:
    from agents.runtime.journal.reserved import RESERVED  # it makes every note's model: a tenth of a daemon's start

    return RESERVED


def check_erasable(name: str) -> None:
    """Raises CannotErase."""
    if name in _reserved() or name.isdecimal():
        raise CannotErase(f"{name} cannot be told from a journal's own words: it cannot be taken out of one")


def archives_of(path: Path) -> list[Path]:
    """The files in a journal's archive, oldest first."""
    return sorted(archive_of(path).glob("*.sqlite"))


def names_of(files: list[Path], member: str) -> list[str]:
    """A member's name, and those of the resources that it answered for in some files: by the books, and as it told itself.
    Raises JournalError."""
    found: dict[str, None] = {member: None}
    for path in files:
        file = JournalFile(path)
        for body in (file.configuration_body(), file.file_body()):
            if body is not None and member.encode() in body:
                found |= dict.fromkeys(_resources(orjson.loads(body), member))
        for step in file.entries():
            if member.encode() in step.input:
                found |= dict.fromkeys(_resources(orjson.loads(step.input), member))
    return [name for name in found if name not in _reserved()]


def _resources(value: Any, member: str) -> Iterator[str]:
    match value:
        case {"name": name, "resources": [*resources]} if name == member:
            yield from resources
        case {"edge": {"child": child}, "body": {"resources": [*resources]}} if child == member:
            yield from (str(one["resource_id"]) for one in resources)
        case dict():
            for one in value.values():
                yield from _resources(one, member)
        case list():
            for one in value:
                yield from _resources(one, member)


def pseudonyms(names: list[str]) -> dict[str, str]:
    """New names, which mean nothing."""
    return {name: f"gone-{token_hex(6)}" for name in names}


class Eraser:
    """Names that become others."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._pattern = re.compile("|".join(rf"(?<![\w-]){re.escape(name)}(?![\w-])" for name in names).encode())

    def concerns(self, body: bytes) -> bool:
        """Whether one of the names may stand in it."""
        return self._pattern.search(body) is not None

    def body(self, body: bytes) -> bytes:
        """JSON with the other names."""
        return orjson.dumps(self._value(orjson.loads(body))) if self.concerns(body) else body

    def _value(self, value: Any) -> Any:
        match value:
            case str():
                return value if _INSTANT.match(value) else _WORD.sub(self._name, value)
            case dict():
                return {
                    self._names.get(key, key): one if key in KEPT_KEYS else self._value(one)
                    for key, one in value.items()
                }
            case list():
                return [self._value(one) for one in value]
        return value

    def _name(self, found: re.Match[str]) -> str:
        return self._names.get(found[0], found[0])

    def step(self, step: StoredStep) -> StoredStep:
        """A step with the other names."""
        return step._replace(input=self.body(step.input), effects=self.body(step.effects))

    def mentioned(self, path: Path) -> bool:
        """Whether a file names one of these: an entry, the settings, what a party knew. Raises JournalError."""
        file = JournalFile(path)
        told = (file.configuration_body(), file.file_body())
        if any(body is not None and self.concerns(body) for body in told):
            return True
        if any(self.concerns(_plain(state.body)) for states in file.states().values() for state in states):
            return True
        return any(self.concerns(step.input) or self.concerns(step.effects) for step in file.entries())

    def erase(self, path: Path) -> int:
        """Change a file that nobody writes; how many entries were others. Raises JournalError, sqlite3.Error, OSError."""
        if not self.mentioned(path):
            return 0
        part = path.with_name(path.name + ".part")
        part.unlink(missing_ok=True)
        make_file(part)
        try:
            part.write_bytes(path.read_bytes())
            with closing(sqlite3.connect(part, isolation_level=None)) as connection:
                connection.execute("PRAGMA journal_mode = DELETE")
                migrate(connection, part)
                with transaction(connection):
                    changed = self._erase(connection)
                if changed:
                    connection.execute("VACUUM")
            if changed:
                make_durable(part)
                part.rename(path)
                make_durable(path.parent)
        finally:
            part.unlink(missing_ok=True)
        return changed

    def _erase(self, connection: sqlite3.Connection) -> int:
        changed = 0
        for row in connection.execute(SELECT).fetchall():
            if self.concerns(row[4]):
                steps = list(steps_in(row))
                others = [self.step(step) for step in steps]
                changed += sum(a != b for a, b in zip(steps, others, strict=True))
                connection.execute("DELETE FROM steps WHERE first = ?", (row[0],))
                connection.executemany(INSERT, rows(others))
        for number, body in connection.execute("SELECT seq, body FROM configuration").fetchall():
            other = self.body(bytes(body))
            changed += other != body
            connection.execute("UPDATE configuration SET body = ? WHERE seq = ?", (other, number))
        self._erase_snapshots(connection)
        for actor, edge, message_id in connection.execute("SELECT actor, edge, message_id FROM inbox").fetchall():
            if self.concerns(edge.encode()):
                where = "WHERE actor = ? AND edge = ? AND message_id = ?"
                connection.execute(f"DELETE FROM inbox {where}", (actor, edge, message_id))
                changed += 1
        return changed

    def _erase_snapshots(self, connection: sqlite3.Connection) -> None:
        last = connection.execute("SELECT body FROM configuration ORDER BY seq DESC LIMIT 1").fetchone()
        by = maker(sha256(bytes(last[0]) if last else b"").digest())
        for table in ("snapshot", "segment"):
            for actor, body in connection.execute(f"SELECT actor, body FROM {table}").fetchall():
                lines = _plain(bytes(body)).split(b"\n")
                other = zlib.compress(b"\n".join(map(self.body, lines)), level=1)
                connection.execute(f"UPDATE {table} SET maker = ?, body = ? WHERE actor = ?", (by, other, actor))


def _plain(body: bytes) -> bytes:
    return zlib.decompressobj().decompress(body, MOST_BYTES)
