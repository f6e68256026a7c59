"""What the owner and the maker say of each device, as it stands in TOML. Whole W and Wh; instants are aware."""

from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from agents.settings.plan import OwnersPlan
from protocol.units import EnergyWh, Instant, Name, PowerW

Efficiency = Annotated[int, Field(ge=50, le=100)]


DriverName: TypeAlias = Annotated[str, Field(min_length=1, max_length=64)]
"""Of a shipped driver, or of one that an installed package adds (docs/drivers.md)."""


class MeterSpec(BaseModel):
    """A meter of its own for one device: its register is read instead of the device's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    driver: DriverName
    options: dict[str, Any] = Field(default_factory=dict)


class Spec(BaseModel):
    """What every device has. How it is reached decides nothing and may be secret: it stands in no journal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resource_id: Name
    state_valid_s: Annotated[int, Field(ge=1)] | None = None
    """For how long a reading counts: with an older one the device offers nothing, and says so. None: always."""
    driver: DriverName | None = Field(default=None, exclude=True)
    """None: simulated, by the physics of its kind."""
    options: dict[str, Any] | None = Field(default=None, exclude=True)
    """Of the driver, which says what there are."""
    meter: MeterSpec | None = Field(default=None, exclude=True)
    """None: the device's own register counts."""


class Relaxation(BaseModel):
    """One restriction that the owner agreed in advance to loosen, in steps, the mildest first (S52).

    The values are, for `departure_soc` and `reserve_soc` the energy (Wh) that may be left instead, for `relay_ops`
    the operations allowed instead, for `power_limit` the charge and discharge power (W) allowed instead, for
    `plug_window` the seconds that the departure may be put off.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    restriction: Literal["departure_soc", "reserve_soc", "relay_ops", "power_limit", "plug_window"]
    steps: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1, max_length=8)]


class TableStay(BaseModel):
    """A time for which a vehicle was (or will be) plugged in, of a table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plugs_in_at: Instant
    departs_at: Instant
    arrives_wh: EnergyWh
    soc_wh: EnergyWh | None = None
    """Wanted at the departure; none: the vehicle's `departure_soc_wh`."""


class VehicleSpec(Spec):
    """A vehicle at its EVSE (50, 50A); `max_discharge_w` 0: it cannot feed back."""

    kind: Literal["vehicle"]
    capacity_wh: Annotated[int, Field(gt=0)]
    soc_wh: EnergyWh
    state_at: Instant
    """When it had `soc_wh` (at the earliest when it plugs in)."""
    plugs_in_at: Instant
    departs_at: Instant
    departure_soc_wh: EnergyWh
    reserve_wh: EnergyWh = 0
    max_charge_w: PowerW
    max_discharge_w: PowerW = 0
    min_power_w: PowerW = 0
    """Below this the charger cannot run, either way."""
    charge_efficiency_pct: Efficiency = 95
    discharge_efficiency_pct: Efficiency = 95
    standby_w: PowerW = 0
    """Drawn from the battery while the system main relay is closed."""
    relay_ops_left: Annotated[int, Field(ge=0)] | None = None
    """Operations (openings and closings) of the system main relay left for an event; none: no limit."""
    relaxations: tuple[Relaxation, ...] = ()
    relay_ops_a_day: Annotated[int, Field(ge=0)] | None = None
    """Operations of the relay in a day; what the device has counted today is taken off it. None: no limit."""
    plan: OwnersPlan | None = None
    """Its departures, week by week; `soc_wh`, `plugs_in_at` and `departs_at` are then those of the first stay only."""
    stays: tuple[TableStay, ...] = ()
    """Instead of a plan: one stay after the other, the first one that of `plugs_in_at` and `departs_at`."""
    charging: Literal["at_once", "late", "follow_pv"] = "at_once"
    """What it does by itself while it is plugged in: charge at once, or so late that it is just in time, or from what
    its home's solar plants have over, and what is then missing just in time."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if max(self.soc_wh, self.departure_soc_wh, self.reserve_wh) > self.capacity_wh:
            raise ValueError("soc_wh, departure_soc_wh and reserve_wh cannot be above capacity_wh")
        if self.departs_at <= self.plugs_in_at:
            raise ValueError("departs_at has to lie after plugs_in_at")
        return self

    @property
    def lives_on(self) -> bool:
        """Whether there is a stay after the first one."""
        return self.plan is not None or bool(self.stays)

    def agreed(self, restriction: str) -> tuple[int, ...]:
        """All steps that the owner agreed to in advance for one restriction."""
        return tuple(value for r in self.relaxations if r.restriction == restriction for value in r.steps)


class StorageSpec(Spec):
    """A stationary battery: in a home, beside solar, or the aggregator's own (80). Own schedule: idle."""

    kind: Literal["storage"]
    capacity_wh: Annotated[int, Field(gt=0)]
    soc_wh: EnergyWh
    state_at: Instant
    reserve_wh: EnergyWh = 0
    max_charge_w: PowerW
    max_discharge_w: PowerW
    charge_efficiency_pct: Efficiency = 95
    discharge_efficiency_pct: Efficiency = 95


class SolarSpec(Spec):
    """A solar plant (90), with or without a battery. Own schedule: generate up to `export_limit_w`.

    In a down-DR it gives the generation that the limit holds back; in an up-DR it curtails (our addition).
    """

    kind: Literal["solar"]
    forecast_w: Annotated[tuple[PowerW, ...], Field(min_length=1, max_length=336)]
    """Possible generation per half hour from `forecast_at` on."""
    forecast_at: Instant
    export_limit_w: PowerW
    battery: StorageSpec | None = None
    forecast_repeats: bool = False
    """Whether the forecast begins anew where it ends: a day of 48 half hours is then every day."""


class LoadSpec(Spec):
    """A flexible load with a store of heat (water heater, heat pump): it can shift its consumption both ways.

    `store_wh` is the electrical energy that the tank can save up; the own schedule draws `schedule_w` all day, which
    keeps the tank at `level_wh`.
    """

    kind: Literal["load"]
    rated_w: PowerW
    schedule_w: PowerW
    store_wh: Annotated[int, Field(gt=0)]
    level_wh: EnergyWh
    state_at: Instant
    least_wh: EnergyWh = 0
    """Below this level comfort suffers."""


FIRST_KINDS = ("vehicle", "storage", "solar", "load")
FirstSpec: TypeAlias = Annotated[VehicleSpec | StorageSpec | SolarSpec | LoadSpec, Field(discriminator="kind")]


def _of_any_kind(given: Any, first: ValidatorFunctionWrapHandler) -> Any:
    """A device of a kind that came later, shipped or installed, by the model of its kind."""
    kind = given.get("kind") if isinstance(given, dict) else getattr(given, "kind", None)
    if not isinstance(kind, str) or kind in FIRST_KINDS:
        return first(given)
    from agents.settings.kinds import kind_of, other_kinds  # kinds are made of what stands here

    if kind not in other_kinds():
        return first(given)
    model: type[Spec] = kind_of(kind).Settings
    return model.model_validate(given)


DeviceSpec: TypeAlias = Annotated[SerializeAsAny[FirstSpec], WrapValidator(_of_any_kind)]
"""Of the first four kinds, or of one that came later (agents/settings/kinds.py)."""
