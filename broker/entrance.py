"""By which address and with which credentials we try to get in next.

With several addresses the next one is tried at once. Credentials that were exchanged on disk and are refused do not
shut us out: the last ones that were let in are used again, after a start those from before the last renewal, and
`trouble` says so.
"""

import time
from collections.abc import Iterable
from datetime import datetime

from broker.address import Address
from broker.credentials import Credentials, CredentialsError, read_credentials
from broker.link import Door, LinkDenied, LinkLost

STEADY_S = 5.0
"""A connection that lasted so long was good: the addresses are tried anew from the next one on."""


class CredentialsChanged(LinkLost):
    """Our files hold something else: the connection is made again."""


class Entrance:
    """The ways in of one connection."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.trouble = ""
        """What is wrong with our credentials, while we go on with others or without a connection; else empty."""
        self.failure = ""
        """Why we were not let in, or are out again, when we last were."""
        self._place, self._tried = 0, 0
        self._door: Door | None = None
        self._opened_at: float | None = None
        self._good: Credentials | None = None
        """The last ones that were let in."""
        self._refused: bytes | None = None
        """Digest of those that were refused after others had been let in."""
        self._seen: tuple[object, ...] = ()
        """How the files stood when they were last read."""
        self._falling_back = False
        """Whether we try the last good credentials instead of what the files hold."""

    @property
    def expires_at(self) -> datetime | None:
        """When the certificate that we use ends."""
        used = self._good or (self._door.credentials if self._door is not None else None)
        return None if used is None else used.expires_at

    @property
    def has_files(self) -> bool:
        return bool(self.address.files)

    def next(self) -> Door:
        """What to try now. Raises CredentialsError when our files cannot be used and nothing else ever was."""
        host, port = self.address.places[self._place]
        self._opened_at = None
        self._door = Door(host, port, self.address.protocol, self.address.keepalive_s, self._credentials())
        return self._door

    def _credentials(self) -> Credentials:
        if self._good is not None and not self.has_files:
            return self._good
        self._seen = self._state()
        self._falling_back = False
        try:
            found = read_credentials(self.address)
        except CredentialsError as error:
            self._good = self._good or self._before()
            if self._good is None:
                raise
            self.trouble = f"{error}; what was read before is used"
            self._falling_back = True
            return self._good
        self._falling_back = self._good is not None and found.digest == self._refused
        return self._good if self._good is not None and self._falling_back else found

    def opened(self) -> None:
        """The door is open."""
        assert self._door is not None
        self._opened_at = time.monotonic()
        if not self._falling_back:
            self._good, self._refused, self.trouble = self._door.credentials, None, ""

    def failed(self, error: LinkLost) -> bool:
        """Whether there is something else to try at once."""
        if isinstance(error, CredentialsChanged):
            return True
        self.failure = f"{error}"
        if isinstance(error, LinkDenied) and not isinstance(error, CredentialsError) and self._falls_back(error):
            return True
        lasted_s = 0.0 if self._opened_at is None else time.monotonic() - self._opened_at
        self._tried = 1 if lasted_s >= STEADY_S else self._tried + 1
        self._place = (self._place + 1) % len(self.address.places)
        if self._tried < len(self.address.places):
            return True
        self._tried = 0
        return False

    def _falls_back(self, error: LinkDenied) -> bool:
        """New credentials were refused: on with the old ones. Old ones, too: each is tried in turn from now on."""
        if self._door is None or self._opened_at is not None:
            return False
        self._good = self._good or self._before()
        if self._good is None:
            return False
        used = self._door.credentials
        if used.digest != self._good.digest:
            self._refused = used.digest
            self.trouble = f"new credentials are refused, the old ones are used: {error}"
            return True
        self._refused = None
        self.trouble = f"{error}"
        return False

    def _before(self) -> Credentials | None:
        """Those from before the last renewal, which a process that was started behind it never had."""
        address = self.address.before
        try:
            return None if address is None else read_credentials(address)
        except CredentialsError:
            return None

    def changed(self) -> bool:
        """Whether the files are others than those that were last read."""
        return self.has_files and self._state() != self._seen

    def _state(self) -> tuple[object, ...]:
        found: list[object] = []
        for path in self.address.files:
            try:
                stat = path.stat()
            except OSError as error:
                found.append(error.errno)
            else:
                found.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
        return tuple(found)


def unreached(address: Address, entrances: Iterable[Entrance], within: str) -> str:
    """That a broker was not reached, with the first reason that is known; `within`: in which time, in words, or empty."""
    last = next((f": {one.failure}" for one in entrances if one.failure), "")
    return f"the broker at {address.where} was not reached{within}{last}"
