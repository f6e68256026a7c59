"""A party's memory as bytes, so that a start need not take all steps of a long journal again.

A cache and nothing more: the entries stay, all of them, and what comes after the snapshot is taken again and compared
byte for byte. It is only read by the very code and settings that made it (`maker`); any other start folds from the
first entry. Pickle is safe here as far as the journal's file is: who can write that can do anything in our name.
"""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from sys import version_info

from broker.stepper import Driver
from protocol.actor import Actor, Question

EVERY = 50_000
"""Entries of a party between two snapshots."""


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
    try:
        return pickle.dumps(snapshot, protocol=5)
    except (TypeError, AttributeError, pickle.PicklingError):
        return None


def unpack(body: bytes) -> Snapshot:
    """What `pack` packed. Only for bytes of a `maker` that is the same as ours."""
    snapshot = pickle.loads(body)
    assert isinstance(snapshot, Snapshot)
    return snapshot


def maker(settings: bytes) -> str:
    """Who makes a snapshot: the code, and the settings of the process (their digest, `Journal.settings`)."""
    return sha256(_code() + settings).hexdigest()


@cache
def _code() -> bytes:
    root = Path(__file__).resolve().parent.parent
    digest = sha256(f"{version_info} {version('pydantic')}".encode())
    for floor in ("protocol", "broker", "agents"):
        for path in sorted((root / floor).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.digest()
