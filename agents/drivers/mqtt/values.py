"""A device's payloads as values, and a power as payloads. Pure."""

import json
import math
from collections.abc import Mapping
from datetime import datetime
from string import Template
from typing import Any

from agents.drivers.contract import DeviceReading
from agents.drivers.mqtt.options import ENERGY, POWER, Fault, Flag, MqttOptions, Place, PostTemplate, Quantity
from broker.bus import Post
from protocol.units import MAX_ENERGY_WH, MAX_POWER_W, printed

LONGEST_TEXT = 200
Payloads = Mapping[str, bytes]
"""The newest payload by topic."""


def state_of(options: MqttOptions, payloads: Payloads, age_s: float) -> DeviceReading:
    """What the payloads say; what they do not say, or say unreadably, is not known."""
    soc_wh = soc_pct = None
    if options.soc is not None:
        soc = _number(options.soc, payloads, {**ENERGY, "%": 1.0}, MAX_ENERGY_WH)
        soc_wh, soc_pct = (
            (None, soc) if options.soc.unit == "%" else (None if soc is None else max(0, round(soc)), None)
        )
    power = _number(options.power, payloads, POWER, MAX_POWER_W)
    return DeviceReading(
        age_s=age_s,
        plugged=_flag(options.plugged, payloads),
        soc_wh=soc_wh,
        soc_pct=soc_pct,
        power_w=None if power is None else round(power),
        register_wh=_register(options, payloads),
        register_step_wh=options.register_step_wh,
        fault=_fault(options.fault, payloads),
    )


def found_in(place: Place | None, payloads: Payloads) -> str | None:
    """What stands at a place, as text; None where nothing does."""
    value = None if place is None else value_at(place, payloads)
    return None if value is None else _text(value)


def posts(templates: tuple[PostTemplate, ...], variables: Mapping[str, str]) -> list[Post]:
    """What is published."""
    return [
        Post(
            Template(one.topic).substitute(variables), Template(one.payload).substitute(variables).encode(), one.retain
        )
        for one in templates
    ]


def variables_of(options: MqttOptions, power_w: int, until: datetime, left_s: float, found: str) -> dict[str, str]:
    """What stands for the variables of a template."""
    amps = math.floor(abs(power_w) / (options.volts * options.phases) * 10) / 10
    return {
        "power_w": str(power_w),
        "power_kw": f"{power_w / 1000:g}",
        "charge_w": str(max(0, power_w)),
        "discharge_w": str(max(0, -power_w)),
        "amps": f"{amps:g}",
        "until": f"{until:%Y-%m-%dT%H:%M:%SZ}",
        "for_s": str(max(0, math.ceil(left_s))),
        "found": found,
    }


def value_at(place: Place, payloads: Payloads) -> Any:
    """The value at a place; None where there is none."""
    payload = payloads.get(place.topic)
    if not payload:
        return None
    text = payload.decode(errors="replace").strip()
    if not place.path:
        return text
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    for part in place.path.split("."):
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def growing_wh(options: MqttOptions, payloads: Payloads) -> Mapping[str, float]:
    """What its registers show, by name, each so that it grows."""
    named = (("imported", options.imported), ("exported", options.exported))
    shown = {name: (one, _number(one, payloads, ENERGY, MAX_ENERGY_WH)) for name, one in named if one is not None}
    return {name: math.copysign(1, one.scale) * wh for name, (one, wh) in shown.items() if wh is not None}


def _register(options: MqttOptions, payloads: Payloads) -> float | None:
    if options.imported is None and options.exported is None:
        return None
    both = [
        _number(one, payloads, ENERGY, MAX_ENERGY_WH) if one is not None else 0.0
        for one in (options.imported, options.exported)
    ]
    imported, exported = both
    return None if imported is None or exported is None else imported - exported


def _number(quantity: Quantity | None, payloads: Payloads, units: Mapping[str, float], most: float) -> float | None:
    value = None if quantity is None else value_at(quantity, payloads)
    if quantity is None or isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = (float(value) * quantity.scale + quantity.offset) * units[quantity.unit]
    except (ValueError, OverflowError):
        return None
    return number if abs(number) <= most else None  # never true of what is no number


def _flag(flag: Flag | None, payloads: Payloads) -> bool | None:
    value = None if flag is None else value_at(flag, payloads)
    return None if flag is None or value is None else _text(value).lower() in [yes.lower() for yes in flag.yes]


def _fault(fault: Fault | None, payloads: Payloads) -> str:
    value = None if fault is None else value_at(fault, payloads)
    if fault is None or value is None or _text(value).lower() in [one.lower() for one in fault.sound]:
        return ""
    return printed(_text(value))[:LONGEST_TEXT]


def _text(value: Any) -> str:
    """As JSON has it, strings as they are."""
    return value if isinstance(value, str) else json.dumps(value)
