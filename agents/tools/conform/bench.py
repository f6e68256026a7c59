"""What a trial stands on: a broker, a clock, and the device at the far end. Live, or in a test's own time."""

from datetime import datetime
from typing import NamedTuple, Protocol

from protocol import messages as m


class Overheard(NamedTuple):
    """Bytes that came on a topic."""

    at: datetime
    topic: str
    payload: bytes
    qos: int = 1
    retained: bool = False


class Heard(NamedTuple):
    """What the device said."""

    at: datetime
    topic: str
    payload: bytes
    kind: str
    message: m.Message | None
    """None where the bytes are no message of ours."""
    qos: int = 1


class TrialBench(Protocol):
    """Where a trial takes place."""

    has: frozenset[str]
    """`open`: no access list; `process`: the device can be killed and started."""

    def now(self) -> datetime: ...

    async def publish(self, topic: str, payload: bytes, retained: bool = False) -> None:
        """Return when the broker has it."""
        ...

    async def next(self, until: datetime) -> Overheard | None:
        """The next that is heard; None when the instant comes first."""
        ...

    async def standing(self) -> list[Overheard]:
        """What is retained at the broker."""
        ...

    async def restart_broker(self) -> None: ...

    async def kill_device(self) -> None: ...

    async def start_device(self) -> None: ...

    async def revive_device(self) -> None:
        """Start it again where it has ended by itself."""
        ...
