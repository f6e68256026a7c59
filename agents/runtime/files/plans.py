"""An owner's plan in a file: its zone is one that there is, and the first departure is that of the plan."""

from datetime import datetime, timedelta
from typing import Any

from agents.drivers.calendar import journeys
from agents.runtime.files.wall_clock import zone_named
from agents.settings.checked import ConfigError, checked
from agents.settings.plan import OwnersPlan

FIRST_WITHIN = timedelta(days=400)


def with_departure(device: Any, where: str) -> Any:
    """A vehicle's table with the first departure that its plan says; every other device as it is. Raises
    ConfigError."""
    if not isinstance(device, dict) or device.get("kind") != "vehicle" or device.get("plan") is None:
        return device
    plan = checked(OwnersPlan, device["plan"], f"{where}.plan")
    zone_named(plan.zone, f"{where}.plan.zone")
    given = (device.get(key) for key in ("state_at", "plugs_in_at"))
    instants = [at for at in given if isinstance(at, datetime) and at.tzinfo is not None]
    if not instants:
        raise ConfigError(f"{where}.state_at: is missing")
    begins_at = max(instants)
    coming = journeys(plan, begins_at, begins_at + FIRST_WITHIN)
    first_at = next((one.departs_at for one in coming if one.departs_at > begins_at), None)
    if first_at is None:
        raise ConfigError(f"{where}.plan: there is no departure within a year of {begins_at:%Y-%m-%d}")
    if device.get("departs_at", first_at) != first_at:
        raise ConfigError(
            f"{where}.departs_at: leave it out: by the plan it departs first at {first_at:%Y-%m-%dT%H:%MZ}"
        )
    return {"plugs_in_at": device.get("state_at"), **device, "departs_at": first_at}


def homes_with_departures(homes: Any, where: str) -> Any:
    """The same for the devices of many homes' tables. Raises ConfigError."""
    if not isinstance(homes, list):
        return homes
    return [_home(home, f"{where}[{index}].devices") for index, home in enumerate(homes)]


def _home(home: Any, where: str) -> Any:
    if not isinstance(home, dict) or not isinstance(home.get("devices"), list):
        return home
    devices = [with_departure(device, f"{where}[{index}]") for index, device in enumerate(home["devices"])]
    return home | {"devices": devices}
