"""Who is online, by what retained presence and last wills on the broker say. The connection asks for its
own next certificate, where its ends soon, and publishes nothing else."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import uuid4

from agents.runtime.credentials import run_renewed
from agents.tools.watch.presence import Roll
from broker.address import Address
from broker.bus import Arrival
from broker.mqtt import MqttBus
from protocol.codec import decode_body
from protocol.edges import ROOT, place_of
from protocol.errors import RefusedMessage
from protocol.messages import Presence

MOST_PARTIES = 200_000


class PresenceTap:
    """Hears presence only; `told` is called when somebody comes or goes."""

    def __init__(self, address: Address, told: Callable[[], None]) -> None:
        self.roll, self._told = Roll(MOST_PARTIES), told
        name = f"gridpact-console-{uuid4().hex[:8]}"
        self._bus = MqttBus(address, name, (f"{ROOT}/presence/#",), session_expiry_s=0)

    async def run(self) -> None:
        """Until cancelled. Raises LinkDenied."""
        await run_renewed(self._bus, self._deliver)

    @property
    def online(self) -> dict[str, bool]:
        """By party."""
        return {name: party.online for name, party in self.roll.parties.items()}

    async def _deliver(self, arrivals: Sequence[Arrival]) -> None:
        changed = False
        for arrival in arrivals:
            arrival.acknowledge()
            place = place_of(arrival.topic)
            if place is None:
                continue
            kind, edge = place
            if not arrival.payload:
                self.roll.forget(edge)
                changed = True
                continue
            try:
                message = decode_body(kind, arrival.payload)
            except RefusedMessage:
                continue
            if isinstance(message, Presence):
                changed |= self.roll.take(edge, message, datetime.now(UTC), arrival.retained)
        if changed:
            self._told()
