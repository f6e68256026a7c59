"""The authority on the broker: answers the requests by which parties renew their certificates."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from cryptography import x509

from agents.runtime.files.members import MembersError
from agents.runtime.files.private import PRIVATE, content, put
from agents.runtime.renewal import CERTIFICATE, REQUEST, ROOTS
from agents.settings.checked import ConfigError
from agents.tools.access.authority import Authority
from agents.tools.access.broker_files import BrokerFiles
from agents.tools.access.certificates import utc_now
from agents.tools.access.plan import load_plan
from agents.tools.access.roots import announcement
from broker.address import Address
from broker.bus import Arrival, Post
from broker.mqtt import MqttBus

LOOK_S = 5.0
AGAIN_AFTER_S = 60.0
"""A party is answered at most so often: each answer is a file."""


class AuthorityService:
    """Of one broker's folder, read again at each request: who left the books is not answered."""

    def __init__(self, folder: Path, address: Address, tell: Callable[[str], None]) -> None:
        """Raises ConfigError."""
        self._folder, self._tell = folder, tell
        self._answered: dict[str, float] = {}
        self._told = b""
        """The roots that the broker has been told since we connected: one that starts anew may keep nothing."""
        name = load_plan(folder).authority
        self.bus = MqttBus(address, name, (f"{REQUEST}/+",), on_connected=self._connected)

    async def run(self) -> None:
        """Until cancelled. Raises LinkDenied when the broker does not let it in at the start."""
        telling = asyncio.create_task(self.tell_roots())
        try:
            await self.bus.run(self._deliver)
        finally:
            telling.cancel()
            await asyncio.wait((telling,))

    async def tell_roots(self) -> None:
        """Say which roots are trusted, retained, and again when that has changed, or we have connected anew: until
        cancelled."""
        while True:
            with suppress(ConfigError):  # amid an exchange of its files
                roots = Authority(load_plan(self._folder).ca)
                if roots.certificate_pem != self._told:
                    self._told = roots.certificate_pem
                    self._keep_own(roots)
                    await self.bus.publish(Post(ROOTS, announcement(roots, utc_now()), retain=True))
            await asyncio.sleep(LOOK_S)

    def _keep_own(self, authority: Authority) -> None:
        """Our own bundle as well: we have the authority at hand. Raises ConfigError."""
        ca, certificate, key = (self.bus.address.ca, self.bus.address.certificate, self.bus.address.key)
        if ca is None or certificate is None or key is None:
            return
        if content(ca) != authority.certificate_pem:
            put(ca, authority.certificate_pem)
        own = x509.load_pem_x509_certificate(content(certificate))
        if own.issuer != authority.root.certificate.subject:
            pair = authority.client(self.bus.name, utc_now())
            put(key, pair.key_pem, PRIVATE)
            put(certificate, pair.certificate_pem)

    def _connected(self, connected: bool) -> None:
        self._told = b""
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
