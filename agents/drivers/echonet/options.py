"""What stands in the `options` of a device whose driver is `echonet`: which object of which node it is."""

from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from agents.drivers.contract import Abilities
from agents.drivers.echonet.codes import CLASSES

PORT = 3610
FOLLOW = ("battery", "vehicle", "water_heater")
"""Objects that are set; all others are read only."""


class OwnAddress(NamedTuple):
    """Where answers come in; all devices of a host share it."""

    bind: str
    port: int


class EchonetOptions(BaseModel):
    """One object of one node."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: IPv4Address
    """The node's address."""
    object: Literal["battery", "vehicle", "solar", "meter", "water_heater"]
    instance: Annotated[int, Field(ge=1, le=127)] = 1
    identity: Annotated[str, Field(pattern=r"^([0-9A-Fa-f]{2}){9,17}$")] | None = None
    """The node's identification number (0x83) as hex digits; without it the one that it says first."""
    memory: Path | None = None
    """A file of this device's own: what was found before it followed us, so that a next life gives it back."""
    mode_w: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """It knows modes only: about the power with which it charges and discharges, W."""
    within_load: bool = False
    """It may not feed in, and is to discharge nevertheless: as far as the house takes."""
    patience_s: Annotated[float, Field(ge=1, le=3)] = 1.5
    """For an answer, s; asked twice."""
    settles_s: Annotated[float, Field(ge=0, le=2)] = 1.0
    """Between two looks whether it has done what it was told, s."""
    confirm_s: Annotated[float, Field(ge=10, le=86_400)] = 300.0
    """A vehicle's: how often the node is told to look which one is connected (0xCD), s."""
    lead_s: Annotated[float, Field(ge=0, le=86_400)] = 600.0
    """A water heater's: so long ahead it has to be told when it heats, s; many plan it in the evening before."""
    zone: str = "Asia/Tokyo"
    """A meter's: whose clocks it shows. What it has kept of each half hour is told by them."""
    poll_s: Annotated[float, Field(ge=1, le=3_600)] = 10.0
    silent_after_s: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    port: Annotated[int, Field(ge=1, le=65_535)] = PORT
    """The node's."""
    bind: IPv4Address = IPv4Address("0.0.0.0")
    own_port: Annotated[int, Field(ge=1, le=65_535)] = PORT
    """Where answers come in."""

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{zone} is no time zone: write it as Asia/Tokyo") from None
        return zone

    @model_validator(mode="after")
    def _given_back(self) -> Self:
        if self.is_set and self.memory is None:
            raise ValueError("memory is needed: a file where the mode that was found is kept until it is given back")
        return self

    @property
    def is_set(self) -> bool:
        """Whether it follows a power at all."""
        return self.object in FOLLOW

    @property
    def eoj(self) -> int:
        """Its object: class group, class and instance."""
        return CLASSES[self.object] << 8 | self.instance

    def placed(self, folder: Path) -> Self:
        """The same with paths that begin at a folder."""
        return self if self.memory is None else self.model_copy(update={"memory": folder / self.memory})

    def own_address(self) -> OwnAddress:
        """Where answers come in."""
        return OwnAddress(str(self.bind), self.own_port)

    def abilities(self) -> Abilities:
        """Nothing drops a set-point by itself here."""
        least_w = self.mode_w or 0
        return Abilities(
            least_w=least_w,
            step_w=self.mode_w or 1,
            latency_s=self.lead_s if self.object == "water_heater" else 5.0,
            poll_s=self.poll_s,
            silent_after_s=self.silent_after_s,
        )
