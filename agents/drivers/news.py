"""Which of a device's states a party is told: what changed by more than a step, or is due again. Pure."""

from datetime import datetime, timedelta

from agents.drivers.contract import DeviceReading
from protocol.actor import Measured

AGAIN_AFTER = timedelta(minutes=5)
"""A state that does not change is told again after so long: the party sees that it is not old."""
STEP_W, STEP_WH, STEP_PCT = 100, 100, 1
"""Changes below are none: of power, of what is in a store in Wh and in percent of its capacity."""


class News:
    """What a party was told of one device."""

    def __init__(self, resource_id: str, capacity_wh: int | None = None) -> None:
        self.resource_id, self.capacity_wh = resource_id, capacity_wh
        self._last: Measured | None = None

    @property
    def fault(self) -> str | None:
        """The fault that was last told, if one was."""
        return None if self._last is None else self._last.fault

    def forget(self) -> None:
        """Whoever was told it is not there any more."""
        self._last = None

    def of(self, state: DeviceReading, at: datetime) -> Measured | None:
        """What is to be told of a state of an instant; None when it is no news."""
        return self._told(
            Measured(
                self.resource_id,
                at,
                self._soc_wh(state),
                plugged=state.plugged,
                power_w=state.power_w,
                most_charge_w=state.most_charge_w,
                most_discharge_w=state.most_discharge_w,
                departs_at=state.departs_at,
                relay_ops_today=state.relay_ops_today,
                fault=state.fault or None,
            )
        )

    def faulty(self, fault: str, because: str, at: datetime) -> Measured | None:
        """The same of a device of which nothing is known but that it fails; the first reason is told."""
        last = self._last
        if last is not None and (last.fault or "").partition(": ")[0] == fault and at - last.at < AGAIN_AFTER:
            return None
        return self._told(Measured(self.resource_id, at, fault=f"{fault}: {because}" if because else fault))

    def _told(self, reading: Measured) -> Measured | None:
        if not self._is_news(reading):
            return None
        self._last = reading
        return reading

    def _is_news(self, reading: Measured) -> bool:
        last = self._last
        if last is None or reading.at - last.at >= AGAIN_AFTER or _plain(reading) != _plain(last):
            return True
        step_wh = STEP_WH if self.capacity_wh is None else max(STEP_WH, self.capacity_wh * STEP_PCT // 100)
        return _differs(reading.soc_wh, last.soc_wh, step_wh) or _differs(reading.power_w, last.power_w, STEP_W)

    def _soc_wh(self, state: DeviceReading) -> int | None:
        if state.soc_wh is not None or state.soc_pct is None or self.capacity_wh is None:
            return state.soc_wh
        return round(self.capacity_wh * min(100.0, max(0.0, state.soc_pct)) / 100)


def _plain(reading: Measured) -> tuple[object, ...]:
    """What counts with every change."""
    limits = reading.most_charge_w, reading.most_discharge_w
    return reading.plugged, reading.fault, limits, reading.departs_at, reading.relay_ops_today


def _differs(value: int | None, before: int | None, step: int) -> bool:
    if value is None or before is None:
        return value is not before
    return abs(value - before) >= step
