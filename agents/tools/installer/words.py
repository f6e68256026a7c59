"""What was found and what devices say, in words and in our units."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from agents.drivers.contract import DeviceReading
from agents.tools.installer.installed import AskedDevice

NOT_TOLD = "-"


def as_row(asked: AskedDevice) -> tuple[str, ...]:
    """Of a table with the heads `HEADS`."""
    state, name = asked.reading, f"{asked.name} (meter)" if asked.of_meter else asked.name
    if state is None:
        return (name, asked.driver, *[NOT_TOLD] * (len(HEADS) - 3), asked.trouble)
    return (
        name,
        asked.driver,
        _said(state.plugged, {True: "yes", False: "no"}),
        _number(state.power_w, "W"),
        _register(state),
        _stored(state),
        _limits(state),
        NOT_TOLD if state.departs_at is None else f"{state.departs_at:%Y-%m-%d %H:%M}Z",
        f"{state.age_s:.0f} s",
        state.fault or ("sound" if _tells(state) else "answers, and tells neither power nor register nor store"),
    )


HEADS = ("device", "driver", "plugged", "power, + import", "register", "stored", "can now", "departs", "age", "says")


def as_json(asked: AskedDevice) -> Mapping[str, Any]:
    """For machines: what it does not tell is null."""
    state = asked.reading
    found = {} if state is None else {key: getattr(state, key) for key in state.__dataclass_fields__}
    of = {"device": asked.name, "of_meter": asked.of_meter, "driver": asked.driver}
    return {**of, "trouble": asked.trouble or None, "held": asked.held or None, "reading": found or None}


def line(asked: AskedDevice) -> str:
    """While a power is tried."""
    state = asked.reading
    if state is None:
        return f"{asked.name}: {asked.trouble}"
    flows = "it does not say what flows" if state.power_w is None else f"{state.power_w:,} W flow"
    return f"{asked.name}: {flows}" + (f"; {state.fault}" if state.fault else "")


def options_lines(driver: str, options: Iterable[tuple[str, object]]) -> str:
    """What stands in a daemon's file for a device that was found."""
    said = ", ".join(f"{key} = {_toml(value)}" for key, value in options)
    return f'driver = "{driver}"   options = {{ {said} }}'


def _toml(value: object) -> str:
    return (
        f"{value}" if isinstance(value, int) else json.dumps(value, ensure_ascii=False)
    )  # as strangers call themselves


def _said(value: bool | None, words: Mapping[bool, str]) -> str:
    return NOT_TOLD if value is None else words[value]


def _number(value: int | None, unit: str) -> str:
    return NOT_TOLD if value is None else f"{value:,} {unit}"


def _register(state: DeviceReading) -> str:
    if state.register_wh is None:
        return NOT_TOLD
    step_wh = state.register_step_wh
    return f"{state.register_wh:,.0f} Wh" + ("" if step_wh is None or step_wh <= 1 else f" in steps of {step_wh:,.0f}")


def _stored(state: DeviceReading) -> str:
    if state.soc_wh is not None:
        return f"{state.soc_wh:,} Wh"
    return NOT_TOLD if state.soc_pct is None else f"{state.soc_pct:.0f} %"


def _limits(state: DeviceReading) -> str:
    known = (("charges", state.most_charge_w), ("discharges", state.most_discharge_w))
    return ", ".join(f"{verb} {watts:,} W" for verb, watts in known if watts is not None) or NOT_TOLD


def _tells(state: DeviceReading) -> bool:
    return any(value is not None for value in (state.power_w, state.register_wh, state.soc_wh, state.soc_pct))
