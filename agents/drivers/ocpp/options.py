"""What stands in the `options` of a device whose driver is `ocpp`: where chargers call in, and which of them it is."""

from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from agents.drivers.contract import Abilities
from agents.settings.hosts import host_mistake

IDENTITY, LONGEST_IDENTITY = r"^[A-Za-z0-9_.:@-]+$", 48
LEAST_A = 6.0
"""Below this a charger pauses (IEC 61851-1)."""


class Listening(NamedTuple):
    """Where chargers call in; devices with the same one share a socket."""

    host: str
    port: int
    certificate: Path | None
    key: Path | None
    ca: Path | None


def _host(text: str) -> str:
    if text and host_mistake(text):  # empty: all addresses of this machine
        raise ValueError("an address of this machine is needed, as 192.168.1.2, or 0.0.0.0 for all of them")
    return text


def _backend(url: str) -> str:
    try:
        named = urlsplit(url)
        host, _port = named.hostname or "", named.port
    except ValueError:  # a port or an address that cannot be
        host = ""
    if host_mistake(host):
        raise ValueError("the address of a backend is needed, as wss://vendor.example/ocpp/CP-1")
    return url


class OcppOptions(BaseModel):
    """One connector of one charger."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    charge_point: Annotated[str, Field(min_length=1, max_length=LONGEST_IDENTITY, pattern=IDENTITY)]
    """The identity with which it calls in: the last part of its address, and the user of its password."""
    connector: Annotated[int, Field(ge=1, le=100)] = 1
    """The connector (1.6) or EVSE (2.0.1, 2.1)."""
    host: Annotated[str, AfterValidator(_host)] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 9000
    password_file: Path | None = None
    """With the password that the charger has to give (security profiles 1 and 2)."""
    certificate: Path | None = None
    key: Path | None = None
    """Of this side: chargers call in by TLS then."""
    ca: Path | None = None
    """Which client certificates are let in: the charger's common name has to be its identity (security profile 3)."""
    volts: Annotated[int, Field(ge=100, le=1_000)] = 230
    phases: Annotated[int, Field(ge=1, le=3)] = 1
    """On how many it charges at most."""
    least_a: Annotated[float, Field(ge=0, le=100)] = LEAST_A
    """Of a phase, A: it pauses below."""
    unit: Literal["A", "W"] = "A"
    """In which its limits are set; set-points are in W."""
    stack_level: Annotated[int, Field(ge=0, le=100)] = 1
    """Of our limits: above those of its vendor."""
    sample_s: Annotated[int, Field(ge=1, le=900)] = 15
    """How often it is told to send meter values, s."""
    silent_after_s: Annotated[float, Field(ge=1, le=86_400)] = 90.0
    follows_within_s: Annotated[float, Field(ge=1, le=3_600)] = 60.0
    """From when on what it meters has to be what it was told, s."""
    discharges: bool = False
    """Vehicles may feed back there (2.1): they are told set-points, where they have asked for both ways."""
    offline_s: Annotated[int, Field(ge=0, le=86_400)] = 300
    """So long it goes on discharging when it has lost us, s."""
    capacity_wh: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """Of the vehicle, where it does not tell its state of charge."""
    arrives_pct: Annotated[float, Field(ge=0, le=100)] | None = None
    """With which state of charge its owner says that it is plugged in; from there on the register counts."""
    register_step_wh: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """In which steps its register counts, where that is more than a Wh."""
    memory: Path | None = None
    """A file of this device's own: what its vehicle needs, so that a next life knows it."""

    upstream: Annotated[str, Field(pattern=r"^wss?://[^\s]+$", max_length=500), AfterValidator(_backend)] | None = None
    """The vendor's backend of this charger, its identity included: what the charger calls goes there as well."""
    site: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """The chargers of the same name stand behind one limit."""
    site_w: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """That limit, W."""

    @model_validator(mode="after")
    def _whole_site(self) -> Self:
        if (self.site is None) is not (self.site_w is None):
            raise ValueError("site and site_w are given together, or none of them")
        if self.site is not None and self.stack_level == 0:
            raise ValueError("stack_level has to be 1 or more at a site: its safe share stands one below")
        return self

    @model_validator(mode="after")
    def _capacity(self) -> Self:
        if self.arrives_pct is not None and self.capacity_wh is None:
            raise ValueError("arrives_pct needs capacity_wh: the register counts in Wh")
        return self

    @model_validator(mode="after")
    def _certificate_and_key(self) -> Self:
        if (self.certificate is None) is not (self.key is None):
            raise ValueError("certificate and key are given together, or none of them")
        if self.ca is not None and self.certificate is None:
            raise ValueError("ca needs certificate and key: without TLS there is no client certificate")
        return self

    def placed(self, folder: Path) -> Self:
        """The same with paths that begin at a folder."""
        names = ("password_file", "certificate", "key", "ca", "memory")
        given = {name: folder / path for name in names if (path := getattr(self, name)) is not None}
        return self.model_copy(update=given)

    def listening(self) -> Listening:
        """Where it calls in."""
        return Listening(self.host, self.port, self.certificate, self.key, self.ca)

    def abilities(self) -> Abilities:
        """What a charger can do: each limit ends by itself at the instant that it carries."""
        whole = self.unit == "W" or self.discharges
        step_w = 1 if whole else max(1, self.volts * self.phases // 10)
        return Abilities(
            least_w=self.least_w(self.phases),
            step_w=step_w,
            latency_s=5.0,
            poll_s=None,
            silent_after_s=self.silent_after_s,
            gives_back=True,
        )

    def least_w(self, phases: int) -> int:
        """The least power that it charges with on so many phases, W."""
        return round(self.least_a * self.volts * phases)
