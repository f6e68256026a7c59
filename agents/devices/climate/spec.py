"""What is written of an air conditioner or a heat pump, and of its room."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from agents.settings.contradictions import contradictions
from agents.settings.devices import Spec
from agents.settings.mistakes import Mistake
from protocol.units import Instant

Celsius = Annotated[float, Field(ge=-60, le=80)]
LEAST_TAU_H, MOST_TAU_H = 0.25, 2_000
"""Of rooms: a tent is quicker, a mountain slower."""


class ClimateSpec(Spec):
    """`mode`: what the device does; the limits on the other side count as well, when it is asked for more."""

    kind: Literal["climate"]
    mode: Literal["heating", "cooling"]
    rated_w: Annotated[int, Field(gt=0)]
    cop_pct: Annotated[int, Field(ge=80, le=1000)] = 300
    """Heat moved for the electricity drawn, %."""
    capacity_wh_per_k: Annotated[float, Field(gt=0, le=10**6)]
    """Heat that the room and its walls store."""
    loss_w_per_k: Annotated[float, Field(gt=0, le=10**5)]
    """Heat lost for each K between inside and outside."""
    wished_c: Celsius
    least_c: Celsius
    most_c: Celsius
    """The limits of comfort."""
    room_c: Celsius
    state_at: Instant
    """When it was `room_c` in the room."""
    outdoor_c: Annotated[tuple[Celsius, ...], Field(min_length=1, max_length=336)]
    """Forecast by half hour from `outdoor_at` on; the last one goes on."""
    outdoor_at: Instant
    returns_h: Annotated[float, Field(ge=0.25, le=24)] = 1.0
    comfort_steps_k: Annotated[tuple[Annotated[float, Field(gt=0, le=5)], ...], Field(max_length=8)] = ()
    """By how much the limits may be passed when the owner is asked to loosen them, the mildest first; none: never."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not self.least_c < self.wished_c < self.most_c:
            raise ValueError("wished_c has to lie between least_c and most_c")
        if list(self.comfort_steps_k) != sorted(self.comfort_steps_k):
            raise ValueError("comfort_steps_k has to begin with the mildest step")
        return self


@contradictions.register
def _in_other_units(spec: ClimateSpec) -> Iterator[Mistake]:
    """What no room and no device have: one of the values is in another unit."""
    lasts_h = spec.capacity_wh_per_k / spec.loss_w_per_k
    if not LEAST_TAU_H <= lasts_h <= MOST_TAU_H:
        text = f"{spec.capacity_wh_per_k:g} over loss_w_per_k ({spec.loss_w_per_k:g}) is a time constant of {lasts_h:.2g} h"
        yield Mistake("capacity_wh_per_k", f"{text}: is it in kWh?" if lasts_h < 1 else f"{text}: is the loss in kW?")
    if spec.rated_w * spec.cop_pct / 100 < spec.loss_w_per_k:
        yield Mistake("rated_w", f"{spec.rated_w} W move less than the room loses for 1 K: is it in kW?")
