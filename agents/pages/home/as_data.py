"""What the page says, as data: for others' planners and Home Assistant, with the reason of each device as data and in a sentence
of each language."""

from datetime import datetime
from typing import Any

from agents.pages.home.tongue import LANGUAGES, Tongue
from agents.pages.home.view import HomeDevice, HomeEvent, as_json
from agents.pages.web.figures import Clockface


def told_json(
    name: str, events: list[HomeEvent], devices: list[HomeDevice], now: datetime, clock: Clockface
) -> dict[str, Any]:
    """The home now."""
    found = as_json(name, events, devices, now)
    for one, device in zip(found["devices"], devices, strict=True):
        one["why"] = why(device, events, clock)
    return found


def why(device: HomeDevice, events: list[HomeEvent], clock: Clockface) -> dict[str, Any]:
    """Why a device does what it does."""
    event = next((one for one in events if device.because and one.event_id == device.because), None)
    kind = "trouble" if device.trouble else "event" if event is not None else "own_plan"
    return {
        "kind": kind,
        "event_id": event.event_id if event is not None else None,
        "direction": event.request.direction if event is not None else None,
        "limits_loosened": event.loosened if event is not None else None,
        "binding": event.binding if event is not None else (),
        "until": device.until,
        "trouble": device.trouble or None,
        **{language: Tongue(language).does(device, clock) for language in LANGUAGES},
    }
