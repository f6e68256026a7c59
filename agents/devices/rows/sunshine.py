"""A vehicle that follows PV, over plain rows: what it charges by itself from its home's surplus, and at full power where
nothing else would be in time for its departure. Never compiled: a home with a plant is no lone vehicle of a fleet."""

from bisect import bisect_right
from typing import NamedTuple

from agents.devices.flexibility import Row
from agents.devices.rows.cars import Car


class Sunshine(NamedTuple):
    """A home's surplus, piece by piece: when each begins (microseconds since 1970), and its power (W)."""

    at_us: Row
    power_w: Row


def usable_w(surplus_w: int, most_w: int, least_w: int, gain_pct: int, standby_w: int) -> int:
    """What a charger draws of a surplus: up to its greatest power, nothing below its least one or where stand-by draw
    would take it all."""
    power_w = min(surplus_w, most_w)
    return power_w if power_w >= least_w and power_w * gain_pct > standby_w * 100 else 0


def charging_h(gain_w: float, sun_gain_w: float, need_wh: float, left_h: float, span_h: float) -> tuple[float, float]:
    """Of a span, `left_h` before the departure, the hours on the surplus, and those at full power behind them."""
    if need_wh <= 0.0 or gain_w <= 0.0:
        return 0.0, 0.0
    on_sun_h = span_h
    if sun_gain_w < gain_w:
        on_sun_h = min(span_h, max(0.0, (gain_w * left_h - need_wh) / (gain_w - sun_gain_w)))
    if sun_gain_w > 0.0:
        on_sun_h = min(on_sun_h, need_wh / sun_gain_w)
    missing_wh = max(0.0, need_wh - on_sun_h * sun_gain_w)
    return on_sun_h, min(span_h - on_sun_h, missing_wh / gain_w)


def charged(
    owner: Car, gain_w: float, sun: Sunshine, energy: float, start_us: int, end_us: int
) -> tuple[float, float, float]:
    """Between two instants: Wh that the battery gains, Wh from the grid, and hours with the relay closed."""
    gained_wh = drawn_wh = closed_h = 0.0
    pieces, place = len(sun.at_us), bisect_right(sun.at_us, start_us) - 1
    while start_us < end_us:
        until_us = min(end_us, sun.at_us[place + 1]) if place + 1 < pieces else end_us
        surplus_w = sun.power_w[place] if place >= 0 else 0
        sun_w = usable_w(surplus_w, owner.max_charge_w, owner.min_power_w, owner.charge_pct, owner.standby_w)
        sun_gain_w = sun_w * (owner.charge_pct / 100) - owner.standby_w if sun_w else 0.0
        need_wh, left_h = owner.departure_soc_wh - energy - gained_wh, (owner.departs_us - start_us) / 3.6e9
        on_sun_h, full_h = charging_h(gain_w, sun_gain_w, need_wh, left_h, (until_us - start_us) / 3.6e9)
        gained_wh += on_sun_h * sun_gain_w + full_h * gain_w
        drawn_wh += on_sun_h * sun_w + full_h * owner.max_charge_w
        closed_h += full_h + (on_sun_h if sun_w else 0.0)
        start_us, place = until_us, place + 1
    return gained_wh, drawn_wh, closed_h
