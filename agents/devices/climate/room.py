"""A room of first order: towards what is outside, and moved by the device."""

from datetime import datetime, timedelta
from itertools import pairwise
from math import exp

from agents.devices.climate.spec import ClimateSpec
from agents.devices.contract import hours
from protocol.units import SLOT

BELOW_K = 10.0
"""The store is empty so far beyond the limit of comfort: a loosened limit and a cold night still have a level above 0."""
LOOKS = timedelta(minutes=5)
"""So often the device looks at its thermometer."""


class Room:
    """The physics, as the device computes with it and as it is simulated. Deviations are K in the way of the device: +
    is warmer while it heats, colder while it cools, so that + always needs electricity."""

    def __init__(self, spec: ClimateSpec) -> None:
        self.spec = spec
        self.sign = 1 if spec.mode == "heating" else -1
        self.cop = spec.cop_pct / 100
        self.tau_h = spec.capacity_wh_per_k / spec.loss_w_per_k
        self.k_per_w = self.cop / spec.loss_w_per_k
        """Deviation at which a watt more ends, after long."""
        self.gain_w = spec.capacity_wh_per_k / spec.returns_h / self.cop
        """By which the device comes back, for each K."""

    def deviation_k(self, room_c: float) -> float:
        """How far the room is from what is wished."""
        return self.sign * (room_c - self.spec.wished_c)

    @property
    def limits_k(self) -> tuple[float, float]:
        """Of comfort, as deviations."""
        low, high = self.deviation_k(self.spec.least_c), self.deviation_k(self.spec.most_c)
        return min(low, high), max(low, high)

    def steady_w(self, at: datetime) -> float:
        """What makes up for the loss at the wished temperature."""
        spec = self.spec
        index = min(len(spec.outdoor_c) - 1, max(0, (at - spec.outdoor_at) // SLOT))
        wanted_w = self.sign * (spec.wished_c - spec.outdoor_c[index]) * spec.loss_w_per_k / self.cop
        return min(float(spec.rated_w), max(0.0, wanted_w))

    def edges(self, start: datetime, end: datetime, step: timedelta = LOOKS) -> list[datetime]:
        """Where the forecast changes, and whenever the device looks at its thermometer."""
        found = []
        at = self.spec.outdoor_at + step * ((start - self.spec.outdoor_at) // step + 1)
        while at < end:
            found.append(at)
            at += step
        return found

    def own_w(self, deviation_k: float, at: datetime) -> float:
        """What the device draws by itself."""
        return min(float(self.spec.rated_w), max(0.0, self.steady_w(at) - self.gain_w * deviation_k))

    def after(self, deviation_k: float, power_w: float, start: datetime, span: timedelta) -> float:
        """The deviation after a span at one power. Where the device cannot make up for the loss, the room runs away."""
        wanted = self.spec.loss_w_per_k / self.cop
        index = min(len(self.spec.outdoor_c) - 1, max(0, (start - self.spec.outdoor_at) // SLOT))
        needed_w = self.sign * (self.spec.wished_c - self.spec.outdoor_c[index]) * wanted
        end_k = (power_w - needed_w) * self.k_per_w
        return end_k + (deviation_k - end_k) * exp(-hours(span) / self.tau_h)

    def run(
        self, deviation_k: float, start: datetime, end: datetime, power_w: float | None
    ) -> tuple[float, float]:  # fmt: skip
        """The deviation at the end of a span, and the energy drawn, Wh. None: by itself."""
        drawn_wh = 0.0
        step = LOOKS if power_w is None else SLOT
        for begins, ends in pairwise((start, *self.edges(start, end, step), end)):
            drawn_w = self.own_w(deviation_k, begins) if power_w is None else power_w
            deviation_k = self.after(deviation_k, drawn_w, begins, ends - begins)
            drawn_wh += drawn_w * hours(ends - begins)
        return deviation_k, drawn_wh


def stored_wh(room: Room, deviation_k: float) -> float:
    """The heat (or cold) above the empty store, as electricity, Wh."""
    return (deviation_k - room.limits_k[0] + BELOW_K) * room.spec.capacity_wh_per_k / room.cop


def temperature_c(room: Room, energy_wh: float) -> float:
    """The room's temperature of a store."""
    deviation = energy_wh * room.cop / room.spec.capacity_wh_per_k + room.limits_k[0] - BELOW_K
    return room.spec.wished_c + room.sign * deviation
