"""Limits of devices as a household says them: per cent of the battery, times a day, degrees; and back to what devices have."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agents.pages.home.view import HomeDevice
from agents.pages.web.site import Mistaken
from agents.settings.limits import LIMITS, UnfitLimits, with_limits

LOOSENS = {"departure_soc_wh": "departure_soc", "reserve_wh": "reserve_soc", "relay_ops_left": "relay_ops"}
"""What an owner may let be loosened of a vehicle, by the key of the limit."""
RELAXATIONS, STEPS = "relaxations", "comfort_steps_k"


class UnsayableForm(Mistaken):
    """A form that cannot be followed, as a phrase of the page: `key`, and what stands in it."""

    def __init__(self, text: str, key: str, **figures: str) -> None:
        super().__init__(text)
        self.key, self.figures = key, figures


@dataclass(frozen=True, slots=True)
class LimitField:
    """One field of the form of a device. `unit` is %, kWh, °C, or nothing for a number of times."""

    key: str
    unit: str
    value: str
    """Empty: no limit."""
    may_loosen: bool
    """Whether it is of those that can be loosened at all."""
    loosened: str
    """To what; empty: not at all."""


def fields_of(device: HomeDevice) -> Iterator[LimitField]:
    """What can be changed of a device, in the order in which it is told."""
    spec = device.spec
    known, agreed = type(spec).model_fields, _agreed(spec)
    for key in LIMITS:
        if key not in known or key in (RELAXATIONS, STEPS):
            continue
        value, unit = getattr(spec, key), _unit(key, device)
        loosened = agreed.get(LOOSENS.get(key, ""))
        can = key in LOOSENS and RELAXATIONS in known
        yield LimitField(
            key, unit, _told(value, unit, device), can, "" if loosened is None else _told(loosened, unit, device)
        )
    if STEPS in known:
        steps = getattr(spec, STEPS)
        yield LimitField(STEPS, "K", f"{steps[-1]:g}" if steps else "", False, "")


def limits_said(device: HomeDevice, fields: Mapping[str, str]) -> dict[str, object]:
    """What a form says otherwise than the device has it now. Raises Mistaken."""
    found = _values_said(device, fields)
    before = [one.model_dump(mode="json") for one in getattr(device.spec, RELAXATIONS, ())]
    relaxations = _relaxations_said(before, device, fields)
    for key in LOOSENS.keys() & found.keys() - _changed(device, fields):
        relaxations = [one for each in relaxations if (one := _looser(each, key, found[key]))["steps"]]
    if relaxations != before:
        found[RELAXATIONS] = relaxations
    try:
        with_limits(device.spec, found)
    except UnfitLimits as unfit:
        raise UnsayableForm(str(unfit), "unfit", device=device.resource_id) from None
    return found


def _values_said(device: HomeDevice, fields: Mapping[str, str]) -> dict[str, object]:
    """The limits themselves that are others."""
    found: dict[str, object] = {}
    for field in fields_of(device):
        text = fields.get(field.key, field.value).strip()
        if text == field.value:
            continue
        if field.key == STEPS:
            found[STEPS] = [_number(text, field)] if text else []
        else:
            found[field.key] = _value(text, field, device)
    return found


def _relaxations_said(
    before: list[dict[str, Any]], device: HomeDevice, fields: Mapping[str, str]
) -> list[dict[str, Any]]:
    """What may be loosened from now on, and to what."""
    found = before
    for field in fields_of(device):
        to = fields.get(f"{field.key}-to", "").strip() if fields.get(f"{field.key}-loosen") == "yes" else ""
        if not field.may_loosen or to == field.loosened:
            continue
        restriction = LOOSENS[field.key]
        found = [one for one in found if one["restriction"] != restriction]
        if to:
            found.append({"restriction": restriction, "steps": [_value(to, field, device)]})
    return found


def _changed(device: HomeDevice, fields: Mapping[str, str]) -> set[str]:
    """The limits of which it was said anew how far they may be loosened."""
    return {one.key for one in fields_of(device) if fields.get(f"{one.key}-to", "").strip() != one.loosened}


def _looser(relaxation: dict[str, Any], key: str, value: object) -> dict[str, Any]:
    """A relaxation, where it is of a limit that is another one now: with the steps that still loosen that."""
    if relaxation["restriction"] != LOOSENS[key]:
        return relaxation
    limit = float("inf") if value is None else float(str(value))
    less = key.endswith("_wh")
    return {**relaxation, "steps": [step for step in relaxation["steps"] if (step < limit if less else step > limit)]}


def _agreed(spec: Any) -> dict[str, int]:
    return {one.restriction: one.steps[-1] for one in getattr(spec, RELAXATIONS, ())}


def _unit(key: str, device: HomeDevice) -> str:
    if key.endswith("_wh"):
        return "%" if device.capacity_wh else "kWh"
    return "°C" if key.endswith("_c") else ""


def _told(value: Any, unit: str, device: HomeDevice) -> str:
    if value is None:
        return ""
    if unit == "%":
        return str(round(value * 100 / (device.capacity_wh or 1)))
    return f"{value / 1000:g}" if unit == "kWh" else f"{value:g}"


def _value(text: str, field: LimitField, device: HomeDevice) -> int | float | None:
    if not text:
        if field.unit:
            raise UnsayableForm(f"{device.resource_id}: a number is missing", "missing", device=device.resource_id)
        return None
    number = _number(text, field)
    match field.unit:
        case "%":
            if not 0 <= number <= 100:
                text = f"{device.resource_id}: {text} % is not between 0 and 100"
                raise UnsayableForm(text, "beyond", device=device.resource_id)
            return round(number * (device.capacity_wh or 0) / 100)
        case "kWh":
            return round(number * 1000)
        case "°C":
            return number
    if number != int(number) or number < 0:
        text = f"{device.resource_id}: {text} is no number of times"
        raise UnsayableForm(text, "no_times", device=device.resource_id)
    return int(number)


def _number(text: str, field: LimitField) -> float:
    try:
        found = float(text.replace(",", "."))
    except ValueError:
        found = float("nan")
    if not abs(found) < 10**6:
        said = f"{text!r} is no number{f' of {field.unit}' if field.unit else ''}"
        raise UnsayableForm(said, "no_number", value=text[:20])
    return found
