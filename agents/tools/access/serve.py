"""The authority on the broker: answers the requests by which parties renew their certificates."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from cryptography import x509

from agents.runtime.files.members import MembersError
from agents.runtime.files.pair import put_pair
from agents.runtime.files.private import content, put
from agents.runtime.renewal import CERTIFICATE, LONGEST_REASON, REFUSED, REQUEST, ROOTS
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
AT_ONCE, AGAIN_AFTER_S = 3.0, 60.0
"""A party is answered so often at once (a device that joins may be cut off, and join again), then once in this time."""


class AuthorityService:
    """Of one broker's folder, read again at each request: who left the books is not answered."""

    def __init__(self, folder: Path, address: Address, tell: Callable[[str], None]) -> None:
        """Raises ConfigError."""
        self._folder, self._tell = folder, tell
        self._left: dict[str, tuple[float, float]] = {}
        """By party: how often it may ask now, and at which instant that was so."""
        self._unheard: set[str] = set()
        """Parties that have been told about since they asked too often."""
        self._told = b""
        """The roots that the broker has been told since we connected: one that starts anew may keep nothing."""
        self._reached, self._told_last = False, ""
        """Whether the broker ever was reached, and what was said last of that."""
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
            put_pair(certificate, key, pair.certificate_pem, pair.key_pem)

    def _connected(self, connected: bool) -> None:
        """Said once each time: the carrier tells of each attempt."""
        self._told = b""
        now = "answers" if connected else "has lost the broker" if self._reached else "does not reach the broker"
        if now != self._told_last:
            self._tell(f"{now} at {self.bus.address.where}" + ("" if connected else f": {self.bus.entrance.failure}"))
        self._reached, self._told_last = self._reached or connected, now

    async def _deliver(self, arrivals: Sequence[Arrival]) -> None:
        for arrival in arrivals:
            name = arrival.topic.rpartition("/")[2]
            if self._is_heard(name):
                await self.bus.publish(Post(f"{CERTIFICATE}/{name}", self._answer(name, arrival.payload)))
            arrival.acknowledge()

    def _is_heard(self, name: str) -> bool:
        """Whether a party may ask once more: what it asks reads the books, and an answer is a file."""
        now = time.monotonic()
        left, since = self._left.get(name, (AT_ONCE, now))
        left = min(AT_ONCE, left + (now - since) / AGAIN_AFTER_S)
        self._left[name] = max(0.0, left - 1), now
        if left >= 1:
            self._unheard.discard(name)
            return True
        if name not in self._unheard:
            self._unheard.add(name)
            self._tell(f"{name}: asks more than once in {AGAIN_AFTER_S:.0f} s, and is not answered until it asks less")
        return False

    def _answer(self, name: str, request: bytes) -> bytes:
        """A certificate, or why there is none."""
        try:
            files = BrokerFiles(self._folder, load_plan(self._folder))
        except (ConfigError, MembersError) as error:  # of ours: no party's to read
            self._tell(f"{name}: not answered: {error}")
            return REFUSED + b"the authority has trouble with its own files"
        try:
            if name not in files.users():
                raise ConfigError(f"{name}: stands in no book")
            answer = files.authority.certify(name, request, utc_now())
        except ConfigError as error:
            self._tell(f"refused: {error}")
            return REFUSED + f"{error}".encode()[:LONGEST_REASON]
        self._tell(f"{name}: renewed")
        return answer
