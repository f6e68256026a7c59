"""Whether a device can be counted on: its state is as fresh as the contract wants it, and it has no fault; and with how
much power."""

from datetime import datetime

from agents.settings.devices import Spec, StorageSpec, VehicleSpec
from protocol.actor import Measured


def trouble(spec: Spec, reading: Measured | None, now: datetime) -> str | None:
    """Why a device is not counted on, in words; None: it is. What a device never tells is not too old."""
    if reading is not None and reading.fault is not None:
        return f"faulty: {reading.fault or 'it does not say why'}"
    if spec.state_valid_s is None:
        return None
    if reading is None:
        return "it was never read"
    age_s = round((now - reading.at).total_seconds())
    return f"its state is {age_s} s old, {spec.state_valid_s} s count" if age_s > spec.state_valid_s else None


def tells_more(reading: Measured) -> bool:
    """Whether a reading tells more than an energy, or the energy of a slot."""
    told = (
        reading.plugged,
        reading.power_w,
        reading.most_charge_w,
        reading.most_discharge_w,
        reading.departs_at,
        reading.relay_ops_today,
        reading.fault,
    )
    return any(value is not None for value in told)


def is_state(reading: Measured) -> bool:
    """Whether a reading tells how a device is; else it tells no more than the energy of a slot, or that it was not metered."""
    return reading.event_id is None or reading.soc_wh is not None or tells_more(reading)


def limits(spec: VehicleSpec | StorageSpec, reading: Measured) -> dict[str, int]:
    """Its limits at the moment of a reading, W, where they are below what the settings say."""
    told = {"max_charge_w": reading.most_charge_w, "max_discharge_w": reading.most_discharge_w}
    return {key: most_w for key, most_w in told.items() if most_w is not None and most_w < getattr(spec, key)}
