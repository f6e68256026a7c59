"""What messages are made of: values with their bounds, and models that stand in more than one of them."""

from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from math import isfinite
from operator import gt
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, FailFast, Field, model_validator

from protocol.units import (
    MAX_SLOTS,
    Duration,
    EnergyWh,
    Instant,
    Key,
    Name,
    Percent,
    PowerW,
    SignedEnergyWh,
)
from protocol.words import EventStatus, OptionBasis, ReadingType, ResourceKind, Shape

VERSION: Literal["1.0"] = "1.0"
PlanW = Annotated[tuple[PowerW, ...], Field(min_length=1, max_length=MAX_SLOTS), FailFast()]
"""Lists are left at their first fault: a long list of nothing but faults would take a second to refuse."""
MAX_ROUND, MAX_REVISION = 1_000, 10**6
MAX_OWN = 1_000
"""Values that may stand in a message's extensions, those inside of others counted."""
LEAST_WHOLE, MOST_WHOLE = -(2**63), 2**64 - 1


def _readable(value: Any, left: list[int] | None = None) -> Any:
    """Refuse what our parser takes and others do not: NaN, infinities, whole numbers beyond 64 bits; and too much."""
    left = [MAX_OWN] if left is None else left
    left[0] -= 1
    if left[0] < 0:
        raise ValueError(f"at most {MAX_OWN} values, those inside of others counted")
    match value:
        case dict():
            for part in value.values():
                _readable(part, left)
        case list() | tuple():
            for part in value:
                _readable(part, left)
        case float() if not isfinite(value):
            raise ValueError("is not a number")
        case int() if not LEAST_WHOLE <= value <= MOST_WHOLE:
            raise ValueError("a whole number has at most 64 bits")
    return value


def _own_words(value: dict[str, Any]) -> dict[str, Any]:
    """Most messages have none: they pay for no more than this."""
    return _readable(value) if value else value


MAX_EXTENSIONS, MAX_CAPABILITY = 16, 32
Whole = Annotated[int, Field(ge=LEAST_WHOLE, le=-LEAST_WHOLE - 1)]
"""A number of anybody's own."""
Extensions = Annotated[dict[Key, Any], Field(max_length=MAX_EXTENSIONS), AfterValidator(_own_words)]


class WireModel(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


M = TypeVar("M", bound=WireModel)


def made(model: type[M], fields: dict[str, Any], given: AbstractSet[str] | None = None) -> M:
    """A message (or a part of one) of fields that are known to be right, all of them and in their order; `given`: those
    that did not come of defaults, all when None. A tenth of what checking costs (`model_construct` costs more than
    that)."""
    message, put = object.__new__(model), object.__setattr__
    put(message, "__dict__", fields)
    put(message, "__pydantic_fields_set__", fields.keys() if given is None else given)
    put(message, "__pydantic_extra__", None)
    put(message, "__pydantic_private__", None)
    return message


class IntervalPeriod(WireModel):
    """Where a plan's slots lie: slot i runs from start + i x duration."""

    start: Instant
    """Of the first slot."""
    duration: Duration = timedelta(minutes=30)
    """Of each slot, ISO 8601."""

    def slot_start(self, slot: int) -> datetime:
        """When slot number `slot` begins; the number of slots gives the end of the last one."""
        return self.start + slot * self.duration


class Terms(WireModel):
    """What the asking party lays down."""

    least_share_pct: Percent = 0
    """The least share of the asked power, in every slot, that it would accept."""
    mandate: bool = False
    """What is secured up to the request's power is bought: the child may conclude downward at once (S2 -> S7)."""
    price_milli_per_kwh: Annotated[int, Field(ge=0, le=10**12)] | None = None
    """Price in thousandths of `currency` per kWh."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    """ISO 4217, of the price."""
    later: ClassVar[tuple[str, ...]] = ("obliged", "spares_owners")
    obliged: bool | None = None
    """Capacity that is reserved by contract: whoever cannot meet the request offers what there is, and no alternative;
    what is missing is stated, and all the rest is bought."""
    spares_owners: bool | None = None
    """Whether no owner is to be asked to loosen anything for this request: the parent may ask once more."""


class Resource(WireModel):
    """One battery, vehicle, inverter or load and its part of the offer."""

    resource_id: Name
    """As it stands in the parent's book."""
    kind: ResourceKind
    """What it is."""
    power_w: PlanW
    """Its part of the offer, W per slot."""
    relaxable: bool = False
    """Whether its owner has agreed in advance to loosen anything (S28 asks these, if they are vehicles)."""


class Option(WireModel):
    """One of the mutually exclusive plans of an alternative (S32)."""

    option_id: Name
    """By which an award names it."""
    power_w: PlanW
    """W per slot."""
    basis: Annotated[tuple[OptionBasis, ...], Field(min_length=1, max_length=3), FailFast()]
    """The sums that it stands on."""
    shape: Shape
    """How it differs from what was asked."""


class Reading(WireModel):
    """What a meter saw in one slot. Signed: + = import."""

    slot: Annotated[int, Field(ge=0, lt=MAX_SLOTS)]
    """Its number, from 0."""
    energy_wh: SignedEnergyWh
    """Metered energy of the slot."""
    baseline_wh: SignedEnergyWh
    """What the own schedule would have taken: delivered = direction's sign x (energy_wh - baseline_wh)."""
    soc_wh: EnergyWh | None = None
    """What is in the storage at the slot's end."""
    state: EventStatus
    """Of the event at the device."""
    reading_type: ReadingType = ReadingType.DIRECT_READ
    """How the energy is known."""


MAX_PROFILES, MAX_WEIGHT = 4, 1_000


class WantedProfile(WireModel):
    """A shape in which a child is asked what it could give at most, whatever its request's power."""

    even: bool = False
    """The most even profile in proportion to the weights; else the one with the greatest sum of weight x power."""
    weights: Annotated[
        tuple[Annotated[int, Field(ge=0, le=MAX_WEIGHT)], ...], Field(min_length=1, max_length=MAX_SLOTS), FailFast()
    ]
    """What a watt is worth in each slot; 0: nothing is wanted there."""


class WantedProfiles(WireModel):
    """What a child is asked what else it could give, each firm."""

    shapes: Annotated[tuple[WantedProfile, ...], Field(min_length=1, max_length=MAX_PROFILES), FailFast()]
    """The offer's profiles stand in the same order."""


class OfferedProfiles(WireModel):
    """What a child gives in the place of its offer's `power_w`, if that is wanted: any one of these, or less."""

    power_w: Annotated[tuple[PlanW, ...], Field(min_length=1, max_length=MAX_PROFILES), FailFast()]
    """In the order in which they were wanted, W."""
    mixable: bool
    """Whether it gives any mix of them and of `power_w` as well."""


DAY_S = 86_400
RunS = Annotated[int, Field(ge=0, le=7 * DAY_S)]


class PowerBand(WireModel):
    """What could be given in one direction, beside what other events hold: with 90 %, 50 % and 10 % certainty."""

    p10_w: PlanW
    """W per slot, each slot by itself; not firm."""
    p50_w: PlanW
    """With 50 %."""
    p90_w: PlanW
    """With 10 %."""
    p10_wh: EnergyWh
    """Wh in one use, however long."""
    p50_wh: EnergyWh
    """With 50 %."""
    p90_wh: EnergyWh
    """With 10 %."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not len(self.p10_w) == len(self.p50_w) == len(self.p90_w):
            raise ValueError("p10_w, p50_w and p90_w need the same number of slots")
        if any(map(gt, self.p10_w, self.p50_w)) or any(map(gt, self.p50_w, self.p90_w)):
            raise ValueError("p10_w is at most p50_w, p50_w at most p90_w")
        if not self.p10_wh <= self.p50_wh <= self.p90_wh:
            raise ValueError("p10_wh is at most p50_wh, p50_wh at most p90_wh")
        return self
