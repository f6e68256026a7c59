"""A party's memory as bytes, so that a start need not take all steps of a journal again.

It is made of versioned forms (agents/parties/memory.py), so the next version of gridpact begins with it without taking
again what older rules decided; what comes behind it is taken again and compared byte for byte. It is read for the very
settings only that it was made under (`maker`). Reading it runs no code of whoever wrote it.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal

from agents.drivers.state import driver_memory, remember_driver
from agents.parties.memory import pieces_of, remember
from protocol.actor import Actor, Follower, Question
from protocol.remembered import StateForm, UnknownState

EVERY = 50_000
"""Entries of a party between two snapshots."""
MOST_BYTES = 2**31
"""Of a snapshot once it is unpacked; more is none of ours."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a process knows of one party after an entry, beside the actor's memory, which stands behind it."""

    at: datetime
    """The instant of that entry."""
    drivers: dict[str, str]
    """Of its devices, as JSON."""
    questions: tuple[Question, ...]
    version: Literal[1] = 1


FORM = StateForm(Snapshot)


def pack(at: datetime, actor: Actor, drivers: Mapping[str, Follower], questions: Mapping[str, Question]) -> bytes:
    """What a process knows of a party after an entry of that instant."""
    devices = {name: memory for name, driver in drivers.items() if (memory := driver_memory(driver)) is not None}
    compressor = zlib.compressobj(level=1)
    head = compressor.compress(FORM.dump(Snapshot(at, devices, tuple(questions.values()))) + b"\n")
    return b"".join([head, *map(compressor.compress, pieces_of(actor)), compressor.flush()])


def unpack(body: bytes, actor: Actor, drivers: Mapping[str, Follower]) -> Snapshot:
    """Let a fresh actor and its devices remember what `pack` packed. Raises UnknownState."""
    try:
        unpacked = zlib.decompressobj().decompress(body, MOST_BYTES)
    except zlib.error as error:
        raise UnknownState(f"is no snapshot: {error}") from None
    head, _, memory = unpacked.partition(b"\n")
    snapshot = FORM.load(head)
    remember(actor, memory)
    for name, state in snapshot.drivers.items():
        if name in drivers:
            remember_driver(drivers[name], state)
    return snapshot


def maker(settings: bytes) -> str:
    """For whom a snapshot is: the settings of the process (their digest, `Journal.settings`)."""
    return sha256(b"state 1 " + settings).hexdigest()
