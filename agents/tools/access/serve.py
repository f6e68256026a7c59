"""The authority on the broker: answers the requests by which parties renew their certificates."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from agents.runtime.files.members import MembersError
from agents.runtime.renewal import CERTIFICATE, REQUEST
from agents.settings.checked import ConfigError
from agents.tools.access.broker_files import BrokerFiles
from agents.tools.access.certificates import utc_now
from agents.tools.access.plan import load_plan
from broker.address import Address
from broker.bus import Arrival, Post
from broker.mqtt import MqttBus

AGAIN_AFTER_S = 60.0
"""A party is answered at most so often: each answer is a file."""


class AuthorityService:
    """Of one broker's folder, read again at each request: who left the books is not answered."""

    def __init__(self, folder: Path, address: Address, tell: Callable[[str], None]) -> None:
        """Raises ConfigError."""
        self._folder, self._tell = folder, tell
        self._answered: dict[str, float] = {}
        name = load_plan(folder).authority
        self.bus = MqttBus(address, name, (f"{REQUEST}/+",), on_connected=self._connected)

    async def run(self) -> None:
        """Until cancelled. Raises LinkDenied when the broker does not let it in at the start."""
        await self.bus.run(self._deliver)

    def _connected(self, connected: bool) -> None:
        self._tell(f"{'answers' if connected else 'has lost the broker'} at {self.bus.address.where}")

    async def _deliver(self, arrivals: Sequence[Arrival]) -> None:
        for arrival in arrivals:
            name = arrival.topic.rpartition("/")[2]
            try:
                answer = self._answer(name, arrival.payload)
            except (ConfigError, MembersError) as error:
                self._tell(f"refused: {error}")
            else:
                await self.bus.publish(Post(f"{CERTIFICATE}/{name}", answer))
                self._tell(f"{name}: renewed")
            arrival.acknowledge()

    def _answer(self, name: str, request: bytes) -> bytes:
        files = BrokerFiles(self._folder, load_plan(self._folder))
        if name not in files.users():
            raise ConfigError(f"{name}: stands in no book")
        if time.monotonic() - self._answered.get(name, -AGAIN_AFTER_S) < AGAIN_AFTER_S:
            raise ConfigError(f"{name}: was answered less than {AGAIN_AFTER_S:.0f} s ago")
        answer = files.authority.certify(name, request, utc_now())
        self._answered[name] = time.monotonic()
        return answer
