"""What the central system asks of the connection of a charger, whatever version it speaks."""

import logging
from collections.abc import Mapping
from typing import Any, Protocol

from agents.drivers.contract import DeviceTrouble
from agents.drivers.ocpp.connector import Sample
from agents.drivers.ocpp.limit import Limit

ANSWERS_WITHIN_S = 8
"""Whoever has called the driver waits for 10 s."""
QUIET = logging.getLogger("gridpact.ocpp")
QUIET.setLevel(logging.CRITICAL + 1)
"""Bytes of strangers are no news: what is wrong with a charger is told by its device."""


class RefusedCall(DeviceTrouble):
    """The charger has answered with an error: it does not know what it is called."""


class ChargerSession(Protocol):
    """One connection of a charger."""

    async def start(self) -> None:
        """Serve what the charger calls until the connection is gone."""
        ...

    async def settle(self) -> None:
        """Tell it which values we want and how often, and let it say how its connectors are."""
        ...

    async def limit(self, connector: int, limit: Limit) -> None:
        """Set a limit or a set-point. Raises DeviceTrouble."""
        ...

    async def clear(self, connector: int, *, lasting: bool = False) -> None:
        """Take our limit away, or the one without an end; without one nothing changes. Raises DeviceTrouble."""
        ...


class ChargerWords(Protocol):
    """What a session tells of its charger."""

    def alive(self) -> None:
        """It has called, whatever it said."""
        ...

    def booted(self) -> None:
        """It has started anew: what was set may be gone."""
        ...

    def status(self, connector: int, status: str, error: str) -> None:
        """How a connector is; its error code or nothing."""
        ...

    def begun(self, connector: int, transaction: int | str, said: str | None) -> None:
        """A vehicle is served, since an instant of the charger's clock."""
        ...

    def ended(self, connector: int, transaction: int | str) -> None:
        """A vehicle is not served any more."""
        ...

    def metered(self, connector: int, samples: list[Sample], said: str | None) -> None:
        """Meter values of one instant of the charger's clock."""
        ...

    def needs(self, connector: int, said: Mapping[str, Any]) -> None:
        """What the vehicle there needs, as the wire has it, keys in snake case."""
        ...

    def holds(self, connector: int) -> bool:
        """Whether it follows us there."""
        ...

    def may_discharge(self) -> bool:
        """Whether vehicles may feed back at any connector."""
        ...

    def connector_of(self, transaction: int | str) -> int:
        """Where a vehicle is or was served; 0: not known."""
        ...

    def transaction_of(self, connector: int) -> int | str | None:
        """Of the vehicle that is served."""
        ...

    def next_transaction(self) -> int:
        """A number that no other one of this charger has."""
        ...
