"""A daemon's configuration, as models."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from agents.settings.behaviour import Behaviour
from agents.settings.parties import (
    AggregatorSettings,
    CoordinatorSettings,
    DerSettings,
    PartySettings,
    Settings,
    UtilitySettings,
)
from agents.settings.roles import Role as Role  # noqa: PLC0414 - its home for all but the command line
from protocol.units import Instant, Name

ADDRESS = r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?$"


PLAIN_PORT, TLS_PORT = 1883, 8883


class BrokerSettings(Settings):
    """Where the broker is, which MQTT it is spoken to in, and as whom. In `user` and the paths `{name}` stands for the
    name of the connection, as homes have one each; paths begin at the folder of the file in which they stand."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = PLAIN_PORT
    """8883 when `ca` is given."""
    addresses: tuple[Annotated[str, Field(pattern=ADDRESS)], ...] = ()
    """Further addresses, `HOST` or `HOST:PORT`: the next one is tried at once when one fails."""
    protocol: Literal["5", "3.1.1"] = "5"
    user: str | None = None
    password_file: Path | None = None
    """Its first line is the password."""
    ca: Path | None = None
    """The authority of the broker's certificate (PEM): with it the connection is TLS."""
    certificate: Path | None = None
    key: Path | None = None
    numbers: bool = False
    """Of MQTT 3.1.1, which has no properties: whether messages bear a number, by which their receiver notices losses. For a
    receiver that cuts it out again, as gridpact does from 0.2 on."""
    progress: bool = True
    """Of a party that asks others: whether it tells whoever comes late how far its events are, in a retained state for each
    event (`dr/progress/PARTY/EVENT`)."""
    keepalive_s: Annotated[int, Field(ge=5, le=600)] = 20
    """A side that hears nothing for up to twice as long takes the other for gone."""
    connect_within_s: Annotated[int, Field(ge=1)] = 30
    """A daemon that cannot reach the broker in this time after its start gives up (exit code 3)."""

    @model_validator(mode="before")
    @classmethod
    def _port_of_tls(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("ca") is not None and given.get("port") is None:
            return given | {"port": TLS_PORT}
        return given

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key are needed both, or neither")
        if self.certificate is not None and self.ca is None:
            raise ValueError("ca is needed as well: a certificate is shown to a broker that can prove who it is")
        if any(not 1 <= port <= 65535 for _, port in self.places()):
            raise ValueError("addresses: a port lies between 1 and 65535")
        if self.password_file is not None and self.user is None:
            raise ValueError("user is needed as well as password_file")
        return self

    def places(self) -> tuple[tuple[str, int], ...]:
        """`addresses` as host and port."""
        found = []
        for text in self.addresses:
            host, _, port = text.rpartition(":") if re.search(r":[0-9]+\Z", text) else (text, "", "")
            found.append((host.strip("[]"), int(port) if port else self.port))
        return tuple(found)


class ClockSettings(Settings):
    """now = origin_at + (UTC - anchor_at) x speed; without them it is real time."""

    origin_at: Instant | None = None
    anchor_at: Instant | None = None
    speed: Annotated[float, Field(gt=0, le=100_000)] = 1.0
    wait: bool = False
    """Stand still until the command `start` on the control socket gives `anchor_at` (as `gridpact up` does)."""


class ControlSettings(Settings):
    """Where the daemon's control socket lies; a directory that only its owner can enter."""

    dir: Path | None = None
    name: Name | None = None
    """Of the socket, without `.sock`; the party's name by default."""


class JournalSettings(Settings):
    """Where the daemon keeps what it must not forget."""

    path: Path | None = None
    """By default `SYSTEM/NAME.journal` in $STATE_DIRECTORY (systemd), else in $XDG_STATE_HOME/gridpact."""
    archive_after: Annotated[int, Field(ge=100)] = 10_000
    """Entries after which all is moved to `PATH.archive/` once every event is closed and over."""
    archives_for_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    """How long the archive's files stay; None: for ever."""


class MetricsSettings(Settings):
    """Figures for Prometheus."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """None: not served."""


class SigningSettings(Settings):
    """Signatures of awards and dispatches, for a broker that is not trusted."""

    key: Path | None = None
    """Of a parent: with it (PEM, made by `gridpact ca signing-key`) its awards and dispatches are signed."""
    parents: dict[Name, Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")]] = Field(default_factory=dict)
    """Of a child: the public keys of its parents, by name. Their awards and dispatches count only when they are signed."""


class PartiesConfig(Settings):
    """The parties of one process, as their journal keeps them."""

    utility: UtilitySettings | None = None
    coordinator: CoordinatorSettings | None = None
    aggregator: AggregatorSettings | None = None
    ders: tuple[DerSettings, ...] = ()

    def each(self) -> tuple[PartySettings, ...]:
        """The settings of every party, those above first."""
        single = (self.utility, self.coordinator, self.aggregator)
        return tuple(one for one in (*single, *self.ders) if one is not None)

    def names(self) -> tuple[str, ...]:
        """Of the parties."""
        return tuple(one.name for one in self.each())

    def as_bytes(self) -> bytes:
        """JSON; the same settings always give the same bytes."""
        return self.model_dump_json(exclude_none=True).encode()


class DaemonConfig(Settings):
    """One file a daemon. Of the four last tables the one of the daemon's role is read and the others are absent."""

    system: Name | None = None
    """Keeps the journals of two systems of one user apart; by default the broker's address does."""
    broker: BrokerSettings = BrokerSettings()
    clock: ClockSettings = ClockSettings()
    control: ControlSettings = ControlSettings()
    journal: JournalSettings = JournalSettings()
    metrics: MetricsSettings = MetricsSettings()
    signing: SigningSettings = SigningSettings()
    behaviours: dict[Name, Behaviour] = Field(default_factory=dict)
    """Homes that misbehave on purpose, for demonstrations and tests."""
    utility: UtilitySettings | None = None
    coordinator: CoordinatorSettings | None = None
    aggregator: AggregatorSettings | None = None
    ders: tuple[DerSettings, ...] = ()
    _folder: Path = PrivateAttr(default=Path())

    @property
    def folder(self) -> Path:
        """Where the paths in its devices' options begin."""
        return self._folder

    def in_folder(self, folder: Path) -> "DaemonConfig":
        """The same for a file that lies in a folder."""
        found = self.model_copy()
        found._folder = folder
        return found

    def parties(self) -> "PartiesConfig":
        """Only what decides: the parties' settings."""
        return PartiesConfig(
            utility=self.utility, coordinator=self.coordinator, aggregator=self.aggregator, ders=self.ders
        )

    def role(self) -> Role | None:
        """The one role that is described; None when there is none or more than one."""
        given: list[Role] = [Role.UTILITY] if self.utility else []
        given += [Role.COORDINATOR] if self.coordinator else []
        given += [Role.AGGREGATOR] if self.aggregator else []
        given += [Role.DER] if self.ders else []
        return given[0] if len(given) == 1 else None
