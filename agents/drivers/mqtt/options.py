"""What stands in the `options` of a device whose driver is `mqtt`: where its values are, and what is said to it."""

from pathlib import Path
from string import Template
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from agents.drivers.address import placed
from agents.drivers.contract import Abilities
from agents.settings.daemon import BrokerSettings
from protocol.units import PowerW

Unit: TypeAlias = Literal["W", "kW", "MW", "Wh", "kWh", "MWh", "%"]
POWER: dict[str, float] = {"W": 1, "kW": 1e3, "MW": 1e6}
ENERGY: dict[str, float] = {"Wh": 1, "kWh": 1e3, "MWh": 1e6}
VARIABLES = ("power_w", "power_kw", "charge_w", "discharge_w", "amps", "until", "for_s", "found")
"""Of the templates of topics and payloads."""


def _one_topic(topic: str) -> str:
    if any(mark in topic for mark in "+#\0"):
        raise ValueError("one topic is needed, without wildcards")
    return topic


Topic: TypeAlias = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_one_topic)]
Finite: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
Seconds: TypeAlias = Annotated[float, Field(ge=0, le=86_400)]


class Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Place(Options):
    """A value of the device: a topic, and where it stands in the JSON there."""

    topic: Topic
    path: str = ""
    """`power`, `meter.total`, `phases.0.power`; empty: the payload is the value."""


class Quantity(Place):
    """A number."""

    unit: Unit
    scale: Finite = 1.0
    """It is multiplied by this: -1 where the device counts the other way round."""
    offset: Finite = 0.0
    """Added behind that, in the unit: a room's temperature becomes heat in Wh (docs/device-kinds.md)."""


class Flag(Place):
    """Yes or no."""

    yes: tuple[str, ...] = ("true", "1", "on", "yes", "online", "connected")
    """Payloads that mean yes, in any case; all others mean no."""


class Fault(Place):
    """Whether it can work; what else stands there is told as its fault."""

    sound: tuple[str, ...] = ("", "0", "ok", "none", "false", "no", "off", "null")


class PostTemplate(Options):
    """What is published; `${...}` in it are variables."""

    topic: Topic
    payload: Annotated[str, Field(max_length=10_000)]
    retain: bool = False

    @model_validator(mode="after")
    def _known_variables(self) -> Self:
        for text in (self.topic, self.payload):
            template = Template(text)
            if not template.is_valid():
                raise ValueError("a $ begins a variable, as ${power_w}; $$ is the sign itself")
            for name in template.get_identifiers():
                if name not in VARIABLES:
                    raise ValueError(f"there is no variable {name}; there are {', '.join(VARIABLES)}")
        return self


class MqttOptions(Options):
    """One device. The connection is its own, to the broker where the device is."""

    broker: BrokerSettings = BrokerSettings()
    client_id: str | None = None
    """By default `gridpact-` and the device's name; behind that of a meter `.meter`."""
    power: Quantity | None = None
    imported: Quantity | None = None
    """A register that only grows; with `exported` the difference counts."""
    exported: Quantity | None = None
    register_step_wh: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """In which steps the register counts, where that is more than a Wh."""
    soc: Quantity | None = None
    plugged: Flag | None = None
    fault: Fault | None = None
    alive: Topic | None = None
    """A topic on which the device (or what stands for it) shows that it is there; `offline` there means that it is not. Without
    it whatever is said on the other topics counts."""
    command: tuple[PostTemplate, ...] = ()
    """Says a power; none for a meter."""
    stop: tuple[PostTemplate, ...] = ()
    """Says 0 W, where that is said otherwise."""
    release: tuple[PostTemplate, ...] = ()
    """Gives the device back to itself. The first one is the last will of our connection."""
    found: Place | None = None
    """What is remembered when we take the device over: `${found}` in `release`."""
    hold: Topic | None = None
    """Where it stands, retained, that we have taken it over; by default `gridpact/held/` and the device's name."""
    volts: Annotated[float, Field(gt=0, le=1000)] = 230.0
    phases: Annotated[int, Field(ge=1, le=3)] = 1
    """For `${amps}`, in each of them."""
    least_w: PowerW = 0
    step_w: Annotated[int, Field(ge=1)] = 1
    latency_s: Seconds = 0.0
    start_up_s: Seconds = 0.0
    least_on_s: Seconds = 0.0
    least_off_s: Seconds = 0.0
    falls_back_s: Annotated[float, Field(ge=3, le=86_400)] | None = None
    poll_s: Annotated[float, Field(ge=1, le=3600)] = 10.0
    """How often what it has said is looked at; it is never asked."""
    silent_after_s: Annotated[float, Field(ge=5, le=86_400)] = 60.0

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for name, units in (("power", POWER), ("imported", ENERGY), ("exported", ENERGY), ("soc", {**ENERGY, "%": 1})):
            given = getattr(self, name)
            if given is not None and given.unit not in units:
                raise ValueError(f"{name}.unit: {given.unit} is none of {', '.join(units)}")
            if given is not None and given.scale == 0:
                raise ValueError(f"{name}.scale: with 0 every value is the same")
        if bool(self.command) != bool(self.release):
            raise ValueError("command and release are needed both, or neither (for a meter)")
        if not any((self.power, self.imported, self.exported, self.soc, self.plugged, self.alive)):
            raise ValueError("something of its state is needed: power, imported, exported, soc, plugged or alive")
        if "${found}" in "".join(one.payload + one.topic for one in self.release) and self.found is None:
            raise ValueError("found is needed as well: release has ${found} in it")
        return self

    def placed(self, folder: Path) -> "MqttOptions":
        """The same with paths that begin at a folder."""
        return self.model_copy(update={"broker": placed(self.broker, folder)})

    def of_meter(self, device: str) -> "MqttOptions":
        """The same for the meter of a device: of two connections of one name at a broker each ends the other."""
        return self if self.client_id else self.model_copy(update={"client_id": f"gridpact-{device}.meter"})

    def abilities(self) -> Abilities:
        """As the adapter takes them."""
        return Abilities(
            self.least_w,
            self.step_w,
            self.latency_s,
            self.start_up_s,
            self.least_on_s,
            self.least_off_s,
            self.falls_back_s,
            self.poll_s,
            self.silent_after_s,
            gives_back=True,
        )

    def register_topics(self) -> tuple[str, ...]:
        """Those on which its registers are."""
        return tuple(place.topic for place in (self.imported, self.exported) if place is not None)

    def topics(self) -> tuple[str, ...]:
        """All on which the device is heard."""
        places = (self.power, self.imported, self.exported, self.soc, self.plugged, self.fault, self.found)
        found = [place.topic for place in places if place is not None]
        return tuple(dict.fromkeys([*found, *([self.alive] if self.alive is not None else [])]))
