"""Where the broker is, and as whom we come: what stands in a file or on a command line, nothing read yet."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

KEEPALIVE_S = 20
NAME = "{name}"
"""In a user or a path: the name of the connection, for homes that have one each."""


def earlier(path: Path) -> Path:
    """Where what a file held before its renewal is kept."""
    return path.parent / f"{path.name}.before"


@dataclass(frozen=True, slots=True)
class Address:
    """One broker under one address or several, which MQTT it is spoken to, and where our credentials lie."""

    host: str = "127.0.0.1"
    port: int = 1883
    protocol: Literal["5", "3.1.1"] = "5"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: Path | None = None
    ca: Path | None = None
    """The authorities that the broker's certificate may be from; with it the connection is TLS."""
    certificate: Path | None = None
    key: Path | None = None
    others: tuple[tuple[str, int], ...] = ()
    """Further addresses of the same broker (or cluster): the next one is tried at once when one fails."""
    keepalive_s: int = KEEPALIVE_S
    numbers: bool = False
    """Of MQTT 3.1.1: whether numbers stand in the messages (broker/envelope.py)."""

    @property
    def where(self) -> str:
        """The address, or the addresses, in words."""
        return ", ".join(f"{host}:{port}" for host, port in self.places)

    @property
    def places(self) -> tuple[tuple[str, int], ...]:
        """Every address, the first one first."""
        return (self.host, self.port), *self.others

    @property
    def files(self) -> tuple[Path, ...]:
        """Those that are read at each connection."""
        given = (self.password_file, self.ca, self.certificate, self.key)
        return tuple(path for path in given if path is not None)

    @property
    def open_to_others(self) -> tuple[Path, ...]:
        """Our secrets that others on this machine may read."""
        secret = [path for path in (self.key, self.password_file) if path is not None]
        return tuple(path for path in secret if path.exists() and path.stat().st_mode & 0o077)

    @property
    def before(self) -> "Address | None":
        """The same with the certificate and key that were ours before the last renewal; None where there are none."""
        if self.certificate is None or self.key is None:
            return None
        found = replace(self, certificate=earlier(self.certificate), key=earlier(self.key))
        return found if all(path.exists() for path in found.files) else None

    def named(self, name: str) -> "Address":
        """The same for the connection of that name."""

        def path(given: Path | None) -> Path | None:
            return None if given is None else Path(str(given).replace(NAME, name))

        return replace(
            self,
            username=None if self.username is None else self.username.replace(NAME, name),
            password_file=path(self.password_file),
            ca=path(self.ca),
            certificate=path(self.certificate),
            key=path(self.key),
        )
