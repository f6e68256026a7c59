"""Quantities and instants, with their units in their names.

Power is whole watts, energy whole watt-hours, instants are aware UTC. A plan of a request, an offer or an
award is a magnitude >= 0 in the event's direction; a reading or a set-point at a device is signed, + = import
(charging, consuming), - = export (discharging, generating).
"""

import re
from datetime import UTC, datetime, timedelta
from operator import methodcaller
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field, PlainSerializer, StringConstraints

from protocol.bounds import *

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
    if span > MAX_SLOT:
        raise ValueError("a slot lasts at most a day")
    return span


def check_span(start: datetime, whole: timedelta) -> None:
    """Raises ValueError when all slots of a plan together are more than one may have."""
    if whole > MAX_PLAN:
        raise ValueError(f"all slots together last at most {MAX_PLAN.days} days")
    if start + whole >= LAST_AT:
        raise ValueError(f"the last slot has to end before {LAST_AT:%Y-%m-%d}")


Instant = Annotated[
    AwareDatetime,
    Field(
        ge=FIRST_AT,
        lt=LAST_AT,
        json_schema_extra={"formatMinimum": "2000-01-01T00:00:00Z", "formatExclusiveMaximum": "2200-01-01T00:00:00Z"},
    ),
    AfterValidator(_utc),
]
"""An instant, kept as aware UTC. Its field's name ends in ``_at`` or ``_by`` (or is ``start``). The bounds are looked at
before it is made UTC, which at the edge of the calendar cannot be done."""

Duration = Annotated[
    timedelta, AfterValidator(_whole_seconds), PlainSerializer(iso_duration, return_type=str, when_used="always")
]
PowerW = Annotated[int, Field(ge=0, le=MAX_POWER_W)]
"""A magnitude in W, in the event's direction."""

SignedPowerW = Annotated[int, Field(ge=-MAX_POWER_W, le=MAX_POWER_W)]
"""W at a device or meter, + = import."""

SignedEnergyWh = Annotated[int, Field(ge=-MAX_ENERGY_WH, le=MAX_ENERGY_WH)]
"""Wh through a device or meter, + = import."""

EnergyWh = Annotated[int, Field(ge=0, le=MAX_ENERGY_WH)]
TelemetrySeconds = Annotated[int, Field(ge=10, le=3600)]
"""Between two values of what has flowed so far in a slot, s."""
Percent = Annotated[int, Field(ge=0, le=100)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""A party, event, program, resource or option: one level of a topic."""

MAX_REF = 300
"""The longest id that is made of the longest names (a confirm's: event, child twice, parent) has 288 characters."""

MAX_STEM = 210
"""Ids that others are made of: so long that what is made of one of them with the longest names is no longer than MAX_REF
(a dispatch's: 64 + 10 + 210 + 12)."""

_REF = rf"[A-Za-z0-9_.:-]{{1,{MAX_REF}}}"
Ref = Annotated[str, StringConstraints(pattern=f"^{_REF}$")]
"""A derived id of a message."""

_STEM = rf"[A-Za-z0-9_.:-]{{1,{MAX_STEM}}}"
Stem = Annotated[str, StringConstraints(pattern=f"^{_STEM}$")]
"""The id of a request or an award, of which those of the messages about it are made."""

REF, STEM = re.compile(rf"{_REF}\Z"), re.compile(rf"{_STEM}\Z")
"""The same, to look at one alone."""

_UNPRINTED = r"\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069"
"""Control characters, and what turns or breaks a line: they would reach the terminal of whoever reads it."""
PRINTED = f"^[^{_UNPRINTED}]*$"
_UNPRINTED_ONE = re.compile(f"[{_UNPRINTED}]")

Text = Annotated[str, StringConstraints(max_length=500, pattern=PRINTED)]
"""For people: one line."""

Key = Annotated[str, StringConstraints(max_length=64, pattern=PRINTED)]
"""The name of an entry of anybody's own."""


def printed(text: str) -> str:
    """A stranger's text as one that may be told: what moves a cursor becomes a question mark."""
    return _UNPRINTED_ONE.sub("?", text)


def energy_wh(power_w: int, span: timedelta) -> int:
    """Energy in Wh (rounded towards zero) of a power in W held for a span; the sign is kept."""
    magnitude = abs(power_w) * int(span.total_seconds()) // 3600
    return magnitude if power_w >= 0 else -magnitude


def step_instant(start: datetime, end: datetime, pct: int) -> datetime:
    """The instant that lies so many percent of the way from start to end."""
    return start + (end - start) * pct / 100
