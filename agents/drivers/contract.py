"""What a driver of real devices does: read a state, set a power until an instant, release. docs/drivers.md.

One object serves all devices of a process that name the driver, so that many may share a connection, or a socket on
which they call in. It runs on an event loop and a thread of its own: whatever it waits for, no party waits for it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias, runtime_checkable

from pydantic import BaseModel


class DeviceTrouble(RuntimeError):
    """The device was not reached, or refuses; one sentence for people. Any other exception counts the same."""


@dataclass(frozen=True, slots=True)
class DeviceReading:
    """What a device says of itself. None: it does not know, or never does; nothing is made up for it."""

    age_s: float = 0.0
    """How long ago it was so, s of real time."""
    plugged: bool | None = None
    soc_wh: int | None = None
    soc_pct: float | None = None
    """Instead of `soc_wh`, where the device knows a share only."""
    power_w: int | None = None
    """At the grid side, signed, + = import."""
    register_wh: float | None = None
    """Of its energy meter since ever, at the grid side: imported less exported."""
    register_age_s: float | None = None
    """How long ago the oldest part of it was said, s of real time, where it is put together of what is said one by one. Behind a
    silence a part that was said before it is waited for. None: it is as old as all the rest."""
    register_step_wh: float | None = None
    """It counts in steps of so much, Wh: the energy of a slot may be wrong by as much at either end."""
    kept: tuple[tuple[datetime, float], ...] = ()
    """What the register showed at earlier instants (real UTC), as the meter has kept it: of a time in which nobody heard it."""
    most_charge_w: int | None = None
    most_discharge_w: int | None = None
    """Its limits at this moment, W; 0: it cannot now."""
    least_w: int | None = None
    """What it cannot follow a power below at this moment, W: it hangs on the phases in use. None: as its abilities say."""
    departs_at: datetime | None = None
    """The departure as the car knows it."""
    wanted_wh: int | None = None
    """What the car still wants until then, Wh at its battery, as it says."""
    relay_ops_today: int | None = None
    relay_ops_counted: bool = False
    """They are counted by us from what was seen, not told by the device: at least so many."""
    fault: str = ""
    """What is wrong with it; empty: nothing is."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a device can do, apart from the limits that its contract states."""

    least_w: int = 0
    """It cannot follow a power below this, but 0."""
    step_w: int = 1
    """Its granularity: a power is rounded towards 0."""
    latency_s: float = 0.0
    """From a command until it follows."""
    start_up_s: float = 0.0
    """From a command until it follows, when it was off."""
    least_on_s: float = 0.0
    """Once on, it stays on for so long."""
    least_off_s: float = 0.0
    falls_back_s: float | None = None
    """It drops a set-point by itself when it has heard nothing for so long; a set-point is repeated in time. None: it
    never does, and somebody has to watch over us."""
    poll_s: float | None = 10.0
    """How often its state is asked for; None: it tells by itself."""
    silent_after_s: float = 60.0
    """A state that is older is none: the device counts as silent."""
    gives_back: bool = False
    """Whatever becomes of us, the device is given back: by itself at the instant that each set-point carries, or by a
    broker that holds our last will. Where it does not fall back either, `gridpact watchdog` releases it."""


Push: TypeAlias = Callable[[str, DeviceReading], None]
"""A device's name, and what it has told by itself."""


class DeviceDriver(Protocol):
    """The driver of all devices of a process that name it. An entry point of `gridpact.drivers` names its class:
    it is made with the options of each device by its name, and does no I/O before `run`.

    Everything may raise, hang or come late: the party goes on without it.
    """

    Options: type[BaseModel]
    """What stands in a device's `options`."""

    def __init__(self, devices: Mapping[str, Any], /) -> None: ...

    def abilities(self, device: str) -> Abilities:
        """What a device can do; asked once."""
        ...

    async def run(self, push: Push) -> None:
        """Stay connected until cancelled, and hand on what devices tell by themselves. May return at once when there is
        nothing to do; what it raises is told, and it is run again after a pause."""
        ...

    async def read(self, device: str) -> DeviceReading:
        """Its state now. Raises DeviceTrouble."""
        ...

    async def set_power(self, device: str, power_w: int, until: datetime) -> None:
        """Let it follow a power at the grid side, signed W, + = import, until an instant (real UTC) at the latest. Returns
        when the device has taken it; comes again while it goes on. Raises DeviceTrouble."""
        ...

    async def release(self, device: str) -> None:
        """Let it do again what it did before the first `set_power`. Comes also after a start of ours, and repeatedly:
        without anything left over of us it changes nothing. Raises DeviceTrouble."""
        ...


@runtime_checkable
class HoldingDriver(Protocol):
    """A driver that knows, also of an earlier life, whether a device is still to be given back. None has to be one."""

    def is_held(self, device: str) -> bool:
        """Whether what it did before the first `set_power` is remembered, and was not given back yet."""
        ...
