"""What is remembered of a home's devices and of what events reserve of them, as frozen models with a version."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from agents.devices.contract import Segment
from agents.parties.der.home import Home, HomeFlexibility
from agents.parties.der.ledger import Ledger
from agents.parties.der.reservation import Reservation
from protocol.actor import Measured
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
    return HomeState(read, ledger.all(), ledger.followed())


def remember_home(home: Home, ledger: Ledger, state: HomeState) -> None:
    """Let a fresh home remember a state."""
    for name, read in state.devices.items():
        home.observe(Measured(name, read.at, read.soc_wh))
    ledger.remember(state.ledger, state.followed or {})


def reserved_state(held: Reservation) -> ReservedState:
    """What an event reserves now."""
    return state_of(ReservedState, held, parts=dict(held.parts))


def reserved(state: ReservedState, home: Home, ledger: Ledger) -> Reservation:
    """The same again; the ledger has it already."""
    held = Reservation(state.event_id, state.direction, state.period, state.answer, home, ledger)
    held.parts = state.parts
    return held
