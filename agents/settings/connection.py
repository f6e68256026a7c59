"""A home's connection point to the grid, as it stands in TOML. Whole W; instants are aware."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from protocol.units import SLOT, Instant, PowerW


class ConnectionPoint(BaseModel):
    """What may flow between a home and the grid, and what it draws beside its devices. Without one nothing is limited
    but the devices themselves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    import_limit_w: PowerW
    """The most that the home may draw, W (its contract, or its main breaker)."""
    export_limit_w: PowerW = 0
    """The most that it may feed back, W; nothing unless allowed."""
    base_load_w: Annotated[tuple[PowerW, ...], Field(max_length=336)] = ()
    """What it draws beside its devices, W: one value for always, or one a half hour from `base_load_at` on. Outside of
    them any of them may hold."""
    base_load_at: Instant | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if len(self.base_load_w) > 1 and self.base_load_at is None:
            raise ValueError("base_load_at is missing: base_load_w has one value a half hour")
        if max(self.base_load_w, default=0) > self.import_limit_w:
            raise ValueError("base_load_w cannot be above import_limit_w")
        return self

    def base_range_w(self, start: datetime, end: datetime) -> tuple[int, int]:
        """The least and the most of the base load between two instants, W."""
        if not self.base_load_w:
            return 0, 0
        begin = self.base_load_at
        if begin is None or len(self.base_load_w) == 1:
            return self.base_load_w[0], self.base_load_w[0]
        first, last = (start - begin) // SLOT, -((begin - end) // SLOT)
        known = self.base_load_w if first < 0 or last > len(self.base_load_w) else self.base_load_w[first:last]
        return min(known), max(known)
