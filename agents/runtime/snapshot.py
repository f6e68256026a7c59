"""A party's memory as bytes, so that a start need not take all steps of a long journal again.

A cache and nothing more: the entries stay, all of them, and what comes after the snapshot is taken again and compared
byte for byte. It is only read by the very code and settings that made it (`maker`); any other start folds from the
first entry. Readers of a journal never look at it. A start unpickles it by a list of what may stand in it: classes of
the rooms that touch nothing outside, and some of Python's own; a snapshot that wants more is passed over.
"""

import pickle
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from sys import version_info
from types import MethodType

from agents.settings.members import Members
from broker.stepper import Driver
from protocol.actor import Actor, Question

EVERY = 50_000
"""Entries of a party between two snapshots."""

ROOMS = (
    "protocol.actor.", "protocol.edges.", "protocol.errors.", "protocol.messages.", "protocol.plan.", "protocol.units.",
    "agents.settings.", "agents.devices.", "agents.negotiation.", "agents.parties.", "agents.history.",
    "agents.drivers.simulated.", "agents.runtime.snapshot.",
)  # fmt: skip
"""Where the classes of a snapshot stand: making one of theirs touches no file, connection or process."""
PLAIN = {
    ("builtins", "set"), ("builtins", "frozenset"), ("builtins", "bytearray"), ("collections", "Counter"),
    ("collections", "OrderedDict"), ("collections", "defaultdict"), ("collections", "deque"), ("datetime", "datetime"),
    ("datetime", "timedelta"), ("datetime", "timezone"), ("itertools", "repeat"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a process knows of one party after an entry."""

    at: datetime
    """The instant of that entry."""
    actor: Actor
    drivers: Mapping[str, Driver]
    questions: Mapping[str, Question]


def pack(snapshot: Snapshot) -> bytes | None:
    """None where a driver holds something that cannot be kept (a connection to a real device)."""
    packed = _Packed()
    pickler = _Pickler(packed, protocol=5)
    pickler.given = {id(thing): place for place, thing in enumerate(_given(snapshot.actor))}
    try:
        pickler.dump(snapshot)
    except (TypeError, AttributeError, pickle.PicklingError):
        return None
    return packed.body()


def unpack(body: bytes, fresh: Actor) -> Snapshot | None:
    """What `pack` packed; None for what it cannot have packed. Only for bytes of a `maker` that is the same as ours;
    `fresh`: an actor of these settings."""
    try:
        unpickler = _Unpickler(BytesIO(zlib.decompress(body)))
        unpickler.given = _given(fresh)
        snapshot = unpickler.load()
    except Exception:  # noqa: BLE001 - damaged bytes raise whatever they like, and the entries are there
        return None
    return snapshot if isinstance(snapshot, Snapshot) else None


def _given(actor: Actor) -> tuple[object, ...]:
    """What an actor has of its settings: whoever reads its snapshot has the same, and a crowd's book is most of it."""
    book = getattr(actor, "book", None)
    of_book = (book, book.by_name, book.claims) if isinstance(book, Members) else ()
    return getattr(actor, "settings", None), *of_book


class _Pickler(pickle.Pickler):
    given: Mapping[int, int]

    def persistent_id(self, thing: object) -> int | None:
        return self.given.get(id(thing))


class _Unpickler(pickle.Unpickler):
    given: tuple[object, ...]

    def persistent_load(self, place: int) -> object:
        return self.given[place]

    def find_class(self, module: str, name: str) -> object:
        """Raises UnpicklingError for what may not stand in a snapshot."""
        if (module, name) == ("builtins", "getattr"):
            return _method
        if (module, name) in PLAIN:
            return super().find_class(module, name)
        if f"{module}.".startswith(ROOMS) and "." not in name:
            found = super().find_class(module, name)
            if isinstance(found, type) and found.__module__ == module:
                return found
        raise pickle.UnpicklingError(f"{module}.{name} stands in no snapshot")


def _method(thing: object, name: str) -> object:
    """What a method of an actor was packed as: `getattr` itself would open everything. Raises UnpicklingError."""
    found = getattr(thing, name, None) if _ours(type(thing)) and not name.startswith("__") else None
    if not isinstance(found, MethodType) or found.__self__ is not thing:
        raise pickle.UnpicklingError(f"{name} is no method of {type(thing).__name__}")
    return found


def _ours(kind: type) -> bool:
    return f"{kind.__module__}.".startswith(ROOMS)


class _Packed:
    """A file that keeps what is written compressed: it is copied on its way into the journal."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._compressor = zlib.compressobj(level=1)

    def write(self, part: bytes) -> None:
        self._parts.append(self._compressor.compress(part))

    def body(self) -> bytes:
        return b"".join([*self._parts, self._compressor.flush()])


def maker(settings: bytes) -> str:
    """Who makes a snapshot: the code, and the settings of the process (their digest, `Journal.settings`)."""
    return sha256(_code() + settings).hexdigest()


@cache
def _code() -> bytes:
    root = Path(__file__).resolve().parents[2]
    digest = sha256(f"{version_info} {version('pydantic')}".encode())
    for floor in ("protocol", "broker", "agents"):
        for path in sorted((root / floor).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.digest()
