"""A fleet's memory as bytes: what a clean stop writes, so that a start need not take all steps of the journal again.

It is made of versioned forms as a single party's (agents/runtime/snapshot.py), and read for the very settings only that
it was made under. Homes on their usual course are columns of one model (agents/parties/fleet/state.py); those that are
their actors follow, each with the very form of a single home, and never more than one of them is unpacked.
"""

import zlib
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from gzip import GzipFile
from io import BytesIO
from typing import Literal

from agents.drivers.state import driver_memory, remember_driver
from agents.parties.fleet.state import CoursesState, courses_of, courses_state
from agents.parties.memory import memory_of, remember
from agents.runtime.fleet.homes import Homes
from protocol.actor import Driver
from protocol.errors import RefusedMessage
from protocol.remembered import StateForm, UnknownState

CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class FleetState:
    """Of `Homes` after an entry, but for those that are their actors."""

    at: datetime
    """The instant of that entry."""
    courses: CoursesState
    devices: dict[str, dict[str, str]]
    """Simulated devices, as JSON, of homes that were their actors and are not any more."""
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class AwakeHomeState:
    """Of one home that is its actor, whose memory is the line behind it. The name is first: it tells whose the lines
    are before they are read."""

    name: str
    devices: dict[str, str]
    """Its simulated devices, as JSON."""
    version: Literal[1] = 1


FLEET, AWAKE = StateForm(FleetState), StateForm(AwakeHomeState)


def fleet_memory(homes: Homes, at: datetime, only: Container[str] | None = None) -> bytes:
    """What all homes, or `only` some, remember after an entry of that instant."""
    known = homes.households
    devices = {name: _devices(drivers) for name, drivers in known.devices.items() if _meant(name, only)}
    courses = (course for name, course in known.courses.items() if _meant(name, only))
    head = FleetState(at, courses_state(courses), devices)
    packed = BytesIO()
    with GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0) as file:
        file.write(FLEET.dump(head) + b"\n")
        for name, stepper in [one for one in known.awake.items() if _meant(one[0], only)]:
            file.write(AWAKE.dump(AwakeHomeState(name, _devices(stepper.drivers))) + b"\n")
            file.write(memory_of(stepper.actor) + b"\n")
    return packed.getvalue()


def _meant(name: str, only: Container[str] | None) -> bool:
    return only is None or name in only


def is_whole(body: bytes) -> bool:
    """Whether it is a fleet's memory and nothing of it is broken."""
    try:
        with GzipFile(fileobj=BytesIO(body)) as file:
            while file.read(CHUNK):
                pass
    except (OSError, EOFError, zlib.error):
        return False
    return True


def remember_fleet(homes: Homes, body: bytes, only: str | None = None) -> datetime:
    """Let fresh homes, or `only` one of them, remember what `fleet_memory` gave; the instant of its last entry. Raises
    UnknownState."""
    with GzipFile(fileobj=BytesIO(body)) as file:
        state = FLEET.load(file.readline())
        try:
            for course in courses_of(state.courses, homes.settings, only):
                homes.remember_course(course)
            for name, devices in state.devices.items():
                if only is None or only == name:
                    _remember_devices(homes.households.fresh_drivers(name), devices)
            for one, memory in _awake(file, only):
                stepper = homes.households.stepper(one.name)
                _remember_devices(stepper.drivers, one.devices)
                remember(stepper.actor, memory)
                homes.remembered(one.name)
        except RefusedMessage as error:
            raise UnknownState(f"a message is none: {error}") from None
    return state.at


def _awake(file: GzipFile, only: str | None) -> Iterator[tuple[AwakeHomeState, bytes]]:
    """The homes that are their actors, and what each remembers."""
    begin = b"{" if only is None else f'{{"name":"{only}",'.encode()
    yield from ((AWAKE.load(line), memory) for line, memory in zip(file, file, strict=True) if line.startswith(begin))


def _devices(drivers: Mapping[str, Driver]) -> dict[str, str]:
    return {name: memory for name, driver in drivers.items() if (memory := driver_memory(driver)) is not None}


def _remember_devices(drivers: Mapping[str, Driver], memories: Mapping[str, str]) -> None:
    for name, memory in memories.items():
        if name in drivers:
            remember_driver(drivers[name], memory)
