"""A recording's file: JSON lines, the first of them the header, plain (`.jsonl`) or compressed (`.jsonl.gz`).

A line is a message as a tap on the bus heard it, or a step of a party as its journal has it. A long recording is
several parts, each a file with a header of its own (`evening.jsonl`, `evening.2.jsonl`, ...), read as one. A file that
was cut off in the middle of a line (a crash, a full disk) is read up to its last whole line, and says so.
"""

import gzip
import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias, cast

import orjson

from broker.private import make_file

VERSION = 1
SOURCES = ("bus", "journal", "simulation")
PACKED = ".gz"
MOST_LINE_BYTES = 64 * 2**20
"""A step of a party with a crowd has some MB; a line without an end is not taken into the memory."""


class RecordingError(ValueError):
    """A file that is no recording, or not one of this version; `str(error)` is one sentence for people."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a recording is of."""

    source: Literal["bus", "journal", "simulation"]
    software: str
    started_at: datetime
    configurations: tuple[dict[str, Any], ...] = ()
    """The parties' settings, one JSON object a process (agents/settings/daemon.py `PartiesConfig`); empty when unknown."""
    part: int = 1
    anonymised: bool = False
    about: Mapping[str, Any] = field(default_factory=dict)
    """For people: the broker's address, its version."""

    @property
    def digest(self) -> str:
        """SHA-256 of the configurations: two recordings of the same settings have the same one."""
        return sha256(orjson.dumps(self.configurations, option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass(frozen=True, slots=True)
class RecordedMessage:
    """One message as a tap on the bus heard it."""

    mono_ns: int
    """Monotonic time at which it came in: differences are real time, whatever the wall clock did."""
    at: datetime
    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a party's journal; `input` and `effects` are JSON as protocol/entries.py encodes them."""

    seq: int
    at: datetime
    actor: str
    input: bytes
    effects: bytes


Line: TypeAlias = RecordedMessage | Step


class RecordingWriter:
    """Writes a recording; a new part when one is full."""

    def __init__(
        self, path: Path, header: Header, *, rotate_bytes: int | None = None, compress: bool | None = None
    ) -> None:
        """`rotate_bytes`: of JSON in one part. `compress`: by default when the name ends in `.gz`. Raises
        RecordingError when the file cannot be made or is there already."""
        packed = path.suffix == PACKED if compress is None else compress
        self._first = path.with_name(path.name + PACKED) if packed and path.suffix != PACKED else path
        self._header, self._rotate_bytes, self._packed = header, rotate_bytes, packed
        self.paths: list[Path] = []
        self.lines = 0
        """Lines that were written, headers not counted."""
        self._written = 0
        self._file = self._begin()

    def write(self, line: Line) -> None:
        """Add a line; it is on its way to the disk after `flush`. Raises RecordingError, as the others do, when the
        disk takes no more."""
        if self._rotate_bytes is not None and self._written >= self._rotate_bytes:
            self.close()
            self._file = self._begin()
        self._put(_encode(line))
        self.lines += 1

    def flush(self) -> None:
        """Hand all lines to the operating system: a crash of this process loses none of them."""
        with self._told():
            self._file.flush()

    def close(self) -> None:
        with self._told():
            self._file.close()

    def take_back(self) -> None:
        """Delete what holds no line but its header."""
        if not self.lines:
            for path in self.paths:
                path.unlink(missing_ok=True)

    def _begin(self) -> BinaryIO:
        part = len(self.paths) + 1
        path = part_path(self._first, part)
        try:
            if not self._header.anonymised:
                make_file(path)  # of somebody's evening: only the owner's
            how = "xb" if self._header.anonymised else "wb"
            self._file = cast(BinaryIO, gzip.open(path, how) if self._packed else path.open(how))  # noqa: SIM115
        except FileExistsError:
            raise RecordingError(f"{path}: is there already: name another file") from None
        except OSError as error:
            raise RecordingError(f"{path}: cannot be written: {error.strerror}") from None
        self.paths.append(path)
        self._written = 0
        self._put(_encode_header(self._header, part))
        return self._file

    def _put(self, line: bytes) -> None:
        with self._told():
            self._written += self._file.write(line + b"\n")

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RecordingError(f"{self.paths[-1]}: cannot be written: {error.strerror}") from None


class RecordingFile:
    """A recording for reading: the file of its first part, and all parts after it."""

    def __init__(self, path: Path) -> None:
        """Raises RecordingError."""
        self.path = path
        self.cut: str | None = None
        """After reading: where a part was cut off; None when all were whole."""
        self.header = self._header_of(path)

    def lines(self) -> Iterator[Line]:
        """All lines of all parts. Raises RecordingError for a line that is whole but is none of ours."""
        self.cut = None
        part, path = self.header.part, self.path
        while path.exists():
            whole = self._whole_lines(path)
            if next(whole, None) is not None:
                self._check_part(path, part)
                for number, text in enumerate(whole, 2):
                    yield _decode(text, f"{path}: line {number}")
            part, path = part + 1, part_path(self.path, part + 1)

    def _check_part(self, path: Path, part: int) -> None:
        """Another recording may have a name that looks like a part of this one."""
        found, ours = self._header_of(path), self.header
        if (found.part, found.started_at, found.digest) != (part, ours.started_at, ours.digest):
            raise RecordingError(f"{path}: is no part of {self.path}: rename one of them")

    def _header_of(self, path: Path) -> Header:
        first = next(self._whole_lines(path), None)
        if first is None:
            raise RecordingError(f"{path}: is no recording: it has no whole line")
        return _decode_header(first, path)

    def _whole_lines(self, path: Path) -> Iterator[bytes]:
        """Lines that end; what was cut off is told in `cut`."""
        number = 0
        try:
            with gzip.open(path, "rb") if path.suffix == PACKED else path.open("rb") as file:
                while text := file.readline(MOST_LINE_BYTES):
                    if len(text) == MOST_LINE_BYTES:
                        raise RecordingError(f"{path}: line {number + 1} is longer than {MOST_LINE_BYTES // 2**20} MB")
                    if not text.endswith(b"\n"):
                        self.cut = f"{path}: cut off after line {number}"
                        return
                    number += 1
                    yield text
        except (EOFError, zlib.error):
            self.cut = f"{path}: cut off after line {number}"
        except gzip.BadGzipFile:
            raise RecordingError(f"{path}: is no recording: it is not compressed, as its name says") from None
        except OSError as error:
            raise RecordingError(f"{path}: cannot be read: {error.strerror}") from None


def part_path(first: Path, part: int) -> Path:
    """The file of a part: `evening.jsonl`, `evening.2.jsonl`."""
    if part == 1:
        return first
    stem, dot, endings = first.name.partition(".")
    numbered = re.sub(r"^\d+\.", "", endings)
    return first.with_name(f"{stem}.{part}{dot}{numbered}")


def _encode_header(header: Header, part: int) -> bytes:
    return orjson.dumps(
        {
            "gridpact_recording": VERSION, "source": header.source, "software": header.software,
            "started_at": header.started_at, "part": part, "anonymised": header.anonymised, "about": header.about,
            "configuration_digest": header.digest, "configurations": header.configurations,
        },
        option=orjson.OPT_UTC_Z,
    )  # fmt: skip


def _decode_header(text: bytes, path: Path) -> Header:
    try:
        given = orjson.loads(text)
        version = given["gridpact_recording"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise RecordingError(f"{path}: is no recording: its first line is no header") from None
    if version != VERSION:
        raise RecordingError(f"{path}: is a recording of version {version}, known is {VERSION}: update gridpact")
    try:
        header = Header(
            given["source"], given["software"], datetime.fromisoformat(given["started_at"]),
            tuple(given["configurations"]), given["part"], given["anonymised"], given["about"],
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise RecordingError(f"{path}: its header is damaged: {error}") from None
    if header.source not in SOURCES:
        raise RecordingError(f"{path}: its header is damaged: source {header.source!r}")
    if header.digest != given.get("configuration_digest"):
        raise RecordingError(f"{path}: its settings are not those that were recorded: the digest differs")
    return header


def _encode(line: Line) -> bytes:
    if isinstance(line, Step):
        fields: dict[str, Any] = {
            "seq": line.seq, "at": line.at, "actor": line.actor,
            "input": orjson.Fragment(line.input), "effects": orjson.Fragment(line.effects),
        }  # fmt: skip
        return orjson.dumps(fields, option=orjson.OPT_UTC_Z)
    fields = {"mono_ns": line.mono_ns, "at": line.at, "topic": line.topic, "qos": line.qos, "retain": line.retain}
    if line.properties:
        fields["properties"] = line.properties
    try:
        fields["payload"] = line.payload.decode()
    except UnicodeDecodeError:
        fields["payload_base64"] = b64encode(line.payload).decode()
    return orjson.dumps(fields, option=orjson.OPT_UTC_Z)


def _decode(text: bytes, where: str) -> Line:
    try:
        given = orjson.loads(text)
        at = datetime.fromisoformat(given["at"])
        if "actor" in given:
            # bytes as they were: the encodings have one form, which loading and dumping keeps
            return Step(given["seq"], at, given["actor"], orjson.dumps(given["input"]), orjson.dumps(given["effects"]))
        payload = given["payload"].encode() if "payload" in given else b64decode(given["payload_base64"])
        return RecordedMessage(
            given["mono_ns"], at, given["topic"], payload, given["qos"], given["retain"], given.get("properties", {})
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise RecordingError(f"{where}: is no line of a recording: {error}") from None
