"""Quantities and instants, with their units in their names.

Power is whole watts, energy whole watt-hours, instants are aware UTC. A plan of a request, an offer or an
award is a magnitude >= 0 in the event's direction; a reading or a set-point at a device is signed, + = import
(charging, consuming), - = export (discharging, generating).
"""

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from operator import methodcaller
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field, PlainSerializer, StringConstraints

MAX_POWER_W = 10**12
"""A bound on every power (1 TW), so that no sum over a fleet can surprise a consumer with 64-bit integers."""

MAX_SLOTS = 336
"""A week of half hours in one plan."""

SLOT = timedelta(minutes=30)
"""The usual slot (コマ)."""


class Direction(StrEnum):
    """Which way the load is asked to change, seen from the grid."""

    INCREASE_LOAD = "increase_load"
    """Charge, consume, curtail generation (up-DR, 上げDR)."""
    DECREASE_LOAD = "decrease_load"
    """Discharge, generate, reverse flow, consume less (down-DR, 下げDR)."""

    @property
    def sign(self) -> int:
        """+1 or -1: times a plan's magnitude it is the signed change of load in W."""
        return 1 if self is Direction.INCREASE_LOAD else -1


_utc = methodcaller("astimezone", UTC)
"""Written so that a hundred thousand instants do not enter a Python function."""


def iso_duration(span: timedelta) -> str:
    """ISO 8601 text of a span of whole seconds, e.g. ``PT30M``."""
    seconds = int(span.total_seconds())
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [f"{value}{unit}" for value, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if value]
    return "PT" + ("".join(parts) or "0S")


def _whole_seconds(span: timedelta) -> timedelta:
    if span <= timedelta(0) or span % timedelta(seconds=1):
        raise ValueError("a duration is a positive number of whole seconds")
    return span


Instant = Annotated[AwareDatetime, AfterValidator(_utc)]
"""An instant, kept as aware UTC. Its field's name ends in ``_at`` or ``_by`` (or is ``start``)."""

Duration = Annotated[
    timedelta, AfterValidator(_whole_seconds), PlainSerializer(iso_duration, return_type=str, when_used="always")
]
PowerW = Annotated[int, Field(ge=0, le=MAX_POWER_W)]
"""A magnitude in W, in the event's direction."""

SignedPowerW = Annotated[int, Field(ge=-MAX_POWER_W, le=MAX_POWER_W)]
"""W at a device or meter, + = import."""

SignedEnergyWh = Annotated[int, Field(ge=-(10**15), le=10**15)]
"""Wh through a device or meter, + = import."""

EnergyWh = Annotated[int, Field(ge=0, le=10**15)]
Percent = Annotated[int, Field(ge=0, le=100)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""A party, event, program, resource or option: one level of a topic."""

MAX_REF = 300
"""The longest id that is made of the longest names (a confirm's: event, child twice, parent) has 288 characters."""

_REF = rf"[A-Za-z0-9_.:-]{{1,{MAX_REF}}}"
Ref = Annotated[str, StringConstraints(pattern=f"^{_REF}$")]
"""A derived id (of a message, a request, an award)."""

REF = re.compile(rf"{_REF}\Z")
"""The same, to look at one alone."""

Text = Annotated[str, StringConstraints(max_length=500)]


def energy_wh(power_w: int, span: timedelta) -> int:
    """Energy in Wh (rounded towards zero) of a power in W held for a span; the sign is kept."""
    magnitude = abs(power_w) * int(span.total_seconds()) // 3600
    return magnitude if power_w >= 0 else -magnitude


def step_instant(start: datetime, end: datetime, pct: int) -> datetime:
    """The instant that lies so many percent of the way from start to end."""
    return start + (end - start) * pct / 100
