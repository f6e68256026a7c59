"""What a resident is asked, in words: up to how much and when, what it earns, what it means for the devices."""

from datetime import datetime

from agents.parties.der.home import Home
from agents.parties.der.home_flexibility import HomeFlexibility
from agents.parties.der.ledger import Ledger
from protocol import messages as m
from protocol.kilowatts import kilowatt_hours, kilowatts
from protocol.plan import energy_wh

VERBS = {"decrease_load": "use less or give back", "increase_load": "use more"}


def most_of(home: Home, ledger: Ledger, request: m.Request) -> HomeFlexibility:
    """What a home could give at most in the slots of a request: no later round can get more of it unloosened."""
    most_w = sum(device.capacity_w(request.direction) for device in home.devices)
    asked_w = (most_w,) * len(request.power_w)
    held = ledger.but(request.event_id)
    return home.flexibility(request.direction, request.interval_period, asked_w, held)


def question_words(request: m.Request, most: HomeFlexibility) -> str:
    """The question; `most`: what the home could give at most."""
    period, power_w = request.interval_period, most.joint.power_w
    begin, end = period.start, period.slot_start(len(power_w))
    what = f"{VERBS[request.direction]} from {_clock(begin)} to {_clock(end, begin)} UTC"
    if not any(power_w):
        return f"{what}: your devices have nothing to give then; take part all the same?"
    energy = energy_wh(power_w, period.duration)
    parts = [f"{what}: up to {kilowatts(power_w)}, {kilowatt_hours(energy)} in all", *_earns(request.terms, energy)]
    return "; ".join([*parts, *_devices(period, most)]) + ": take part?"


def _earns(terms: m.Terms, energy: int) -> list[str]:
    if terms.price_milli_per_kwh is None or terms.currency is None:
        return []
    return [f"earns up to {energy * terms.price_milli_per_kwh / 1_000_000:.2f} {terms.currency}"]


def _devices(period: m.IntervalPeriod, most: HomeFlexibility) -> list[str]:
    """Each device's part; a vehicle is always as its owner set it when it departs."""
    words = []
    for name, part in most.parts.items():
        kind, relaxable = most.kinds[name]
        energy = energy_wh(part.power_w, period.duration)
        if not energy:
            continue
        text = f"{name} {kilowatt_hours(energy)}"
        if kind is m.ResourceKind.VEHICLE:
            text += ", charged by its departure as you set it"
        if relaxable:
            text += ", unless it is asked for what you agreed to loosen"
        words.append(text)
    return words


def _clock(at: datetime, after: datetime | None = None) -> str:
    """The day is told once."""
    same_day = after is not None and after.date() == at.date()
    return f"{at:%H:%M}" if same_day else f"{at:%Y-%m-%d %H:%M}"
