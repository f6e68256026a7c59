"""Whether what flowed is what was dispatched: from the reports, and from the meter where there is one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agents.tools.conform.profile import DeviceProfile
from protocol import messages as m

ROUNDED_WH, ROUNDED_METERED_WH = 1.0, 0.5
"""Energy and baseline are whole Wh each; beside a meter only the baseline is."""
TOLERANCE_PCT = 10
BEFORE = timedelta(seconds=3)
"""So long before an event the meter tells what the device does by itself."""


@dataclass(slots=True)
class TrialMeter:
    """Power as somebody beside the device tells it; each value holds until the next one."""

    samples: list[tuple[datetime, float]] = field(default_factory=list)

    def tell(self, at: datetime, payload: bytes) -> None:
        """A value of the meter's topic; what is no number is nobody's."""
        try:
            power_w = float(payload)
        except ValueError:
            return
        if abs(power_w) < float("inf"):
            self.samples.append((at, power_w))

    def energy_wh(self, start: datetime, end: datetime) -> float | None:
        """What flowed between two instants, Wh; None where nothing was told before the first."""
        before = [power_w for at, power_w in self.samples if at <= start]
        if not before:
            return None
        steps = [(start, before[-1]), *((at, power_w) for at, power_w in self.samples if start < at < end)]
        ends = [at for at, _ in steps[1:]] + [end]
        joined = zip(steps, ends, strict=True)
        return sum(power_w * (until - at).total_seconds() for (at, power_w), until in joined) / 3600


@dataclass(frozen=True, slots=True)
class Expected:
    """What a slot should show."""

    request: m.Request
    slot: int
    power_w: int
    """Magnitude in the event's direction."""
    of_slot_pct: int
    most: bool

    @property
    def energy_wh(self) -> float:
        seconds = self.request.interval_period.duration.total_seconds()
        return self.power_w * seconds * self.of_slot_pct / 100 / 3600

    def allowed_wh(self, profile: DeviceProfile) -> float:
        """By how much it may differ: rounding, accuracy, and the time that the power takes to change."""
        ramp_wh = profile.most_w(self.request.direction) * profile.ramps_within_s / 3600
        rounded_wh = ROUNDED_WH if profile.meter_topic is None else ROUNDED_METERED_WH
        return rounded_wh + self.energy_wh * TOLERANCE_PCT / 100 + ramp_wh

    def shown_by(self, given_wh: float, profile: DeviceProfile) -> bool:
        """Whether so much delivered is right."""
        allowed = self.allowed_wh(profile)
        above = given_wh <= self.energy_wh + allowed
        return above and given_wh >= (-allowed if self.most else self.energy_wh - allowed)


@dataclass(frozen=True, slots=True)
class Flowed:
    """What is known of a slot, signed Wh, + = import."""

    reported_wh: int
    baseline_wh: float
    metered_wh: float | None
    is_whole: bool
    """Whether the report is about the whole slot."""

    def given_wh(self, request: m.Request) -> float:
        """What was delivered: the meter's word where there is one, never the device's alone."""
        energy_wh = self.reported_wh if self.metered_wh is None else self.metered_wh
        return request.direction.sign * (energy_wh - self.baseline_wh)


def flowed(readings: Mapping[str, m.Reading], meter: TrialMeter | None, request: m.Request, slot: int) -> Flowed | None:
    """What is known of a slot; None when nothing is. Where no report tells the baseline of all of it, the meter does: what
    flowed before the event."""
    period = request.interval_period
    energy_wh, baseline_wh = (
        sum(getattr(one, key) for one in readings.values()) for key in ("energy_wh", "baseline_wh")
    )
    is_whole = bool(readings) and all(one.state is not m.EventStatus.CANCELLED for one in readings.values())
    metered_wh = None if meter is None else meter.energy_wh(period.slot_start(slot), period.slot_start(slot + 1))
    if meter is None or metered_wh is None:
        return Flowed(energy_wh, baseline_wh, None, is_whole) if readings else None
    if is_whole:
        return Flowed(energy_wh, baseline_wh, metered_wh, True)
    before_wh = meter.energy_wh(period.start - BEFORE, period.start)
    if before_wh is None:
        return None
    return Flowed(energy_wh, before_wh * (period.duration / BEFORE), metered_wh, False)
