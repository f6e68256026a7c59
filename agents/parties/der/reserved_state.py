"""What is remembered of a home's devices and of what events reserve of them, as frozen models with a version."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from agents.devices.condition import tells_more
from agents.devices.contract import Segment
from agents.devices.stays import Stays
from agents.devices.vehicle import Vehicle
from agents.parties.der.home import Home
from agents.parties.der.home_flexibility import HomeFlexibility
from agents.parties.der.ledger import Ledger
from agents.parties.der.reservation import Reservation
from protocol.actor import Measured, Planned
from protocol.messages import IntervalPeriod
from protocol.plan import Plan
from protocol.remembered import state_of
from protocol.units import Direction


@dataclass(frozen=True, slots=True)
class DeviceState:
    """The last state of a device that was read."""

    at: datetime
    soc_wh: int | None


@dataclass(frozen=True, slots=True)
class HomeState:
    """Of `Home` and its `Ledger`."""

    devices: dict[str, DeviceState]
    ledger: dict[str, dict[str, tuple[Segment, ...]]]
    """Per event and resource what the event reserves."""
    followed: dict[str, dict[str, tuple[Segment, ...]]] | None = None
    """Per event and resource what is led by the event; None: written before that was known."""
    version: Literal[1] = 1
    told: dict[str, Measured] = field(default_factory=dict)
    """The last reading of each device that told more than its energy."""
    plans: dict[str, Planned] = field(default_factory=dict)
    stays: dict[str, Measured] = field(default_factory=dict)
    """The reading with which the present stay of a vehicle with a plan began."""
    limits: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What owners say otherwise than the settings, by device."""


@dataclass(frozen=True, slots=True)
class ReservedState:
    """Of `Reservation`."""

    event_id: str
    direction: Direction
    period: IntervalPeriod
    answer: HomeFlexibility
    parts: dict[str, Plan]
    version: Literal[1] = 1


def home_state(home: Home, ledger: Ledger) -> HomeState:
    """What is known of a home's devices now."""
    read = {name: DeviceState(reading.at, reading.soc_wh) for name, reading in home.readings.items()}
    begun = {name: stays.begun for name, stays in _stays(home) if stays.begun is not None}
    return HomeState(
        read, ledger.all(), ledger.followed(), told=_told(home), plans=dict(home.plans), stays=begun,
        limits={name: dict(one) for name, one in home.limits.items()},
    )  # fmt: skip


def remember_home(home: Home, ledger: Ledger, state: HomeState) -> None:
    """Let a fresh home remember a state."""
    for name, limits in state.limits.items():
        home.limit(name, limits)
    for planned in state.plans.values():
        home.plan(planned)
    for begun in state.stays.values():
        home.observe(begun)
    for name, read in state.devices.items():
        told = state.told.get(name)
        home.observe(Measured(name, read.at, read.soc_wh) if told is None or told.at != read.at else told)
    for told in state.told.values():
        home.observe(told)
    ledger.remember(state.ledger, state.followed or {})


def _told(home: Home) -> dict[str, Measured]:
    """The last reading of each device that told more than its energy."""
    states = {name: replace(told, energy_wh=None, event_id=None, slot=None) for name, told in home.told.items()}
    return {name: told for name, told in states.items() if tells_more(told)}


def _stays(home: Home) -> Iterator[tuple[str, Stays]]:
    """Of the vehicles whose owners have a plan."""
    for device in home.devices:
        if isinstance(device, Vehicle) and device.stays is not None:
            yield device.resource_id, device.stays


def reserved_state(held: Reservation) -> ReservedState:
    """What an event reserves now."""
    return state_of(ReservedState, held, parts=dict(held.parts))


def reserved(state: ReservedState, home: Home, ledger: Ledger) -> Reservation:
    """The same again; the ledger has it already."""
    held = Reservation(state.event_id, state.direction, state.period, state.answer, home, ledger)
    held.parts = state.parts
    return held
