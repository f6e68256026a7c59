"""A power as a charger's limit: how much on each phase, and for how long. Pure."""

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from agents.drivers.contract import DeviceTrouble
from agents.drivers.ocpp.options import OcppOptions

PROFILE_ID, LASTING_ID = 7740177, 7750177
"""With the connector, of every limit of ours: a new one replaces the last, one that is said twice is one."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so much until an instant; 0: it pauses. Never the end of a transaction: some chargers begin no other one
    before the cable was pulled."""

    unit: str
    most: float
    """W of all phases, or A of each, to a tenth."""
    begins: datetime
    until: datetime
    follows: bool = False
    """`most` is a set-point, below 0 to discharge: not only a limit (2.1)."""
    offline_s: int | None = None
    """From when on it counts no more while the charger has lost us; None: until its end."""

    lasting: bool = False
    """It has no end, and counts while nothing else of ours does."""

    @property
    def lasts_s(self) -> int:
        """Rounded up to whole seconds: at the end the next limit is there, or nothing."""
        return math.ceil((self.until - self.begins).total_seconds())

    def by_clock(self, behind_s: float) -> "Limit":
        """The same for a clock that is behind."""
        behind = timedelta(seconds=behind_s)
        return replace(self, begins=self.begins - behind, until=self.until - behind)


def limit_of(
    power_w: int, options: OcppOptions, phases: int, now: datetime, until: datetime, *, follows: bool = False
) -> Limit | None:
    """The limit for a power, or the set-point where the vehicle follows one; None when its end is past. Raises DeviceTrouble
    for less than 0 W where it does not."""
    if power_w < 0 and not follows:
        raise DeviceTrouble(
            "this charger cannot discharge now: OCPP 1.6 and 2.0.1 limit charging only, by 2.1 the vehicle has to ask for "
            "both ways, and the options to say discharges = true"
        )
    now = now.astimezone(UTC).replace(microsecond=0)
    if until - now <= timedelta(0):
        return None
    if follows:
        offline_s = options.offline_s if power_w < 0 else None
        return Limit("W", float(power_w), now, until, True, offline_s)
    if options.unit == "W":
        return Limit("W", float(power_w), now, until)
    amps = math.floor(power_w * 10 / (options.volts * phases) + 1e-9) / 10
    return Limit("A", amps if amps >= options.least_a else 0.0, now, until)
