"""What the page says, as data: for others' planners and Home Assistant, with the reason of each device as data and in a sentence
of each language."""

from datetime import datetime
from typing import Any

from agents.pages.home.pay import earned, promised
from agents.pages.home.tongue import LANGUAGES, Tongue
from agents.pages.home.view import HomeDevice, HomeEvent
from agents.pages.web.figures import Clockface
from agents.settings.parties import Payment


def told_json(
    name: str,
    events: list[HomeEvent],
    devices: list[HomeDevice],
    now: datetime,
    clock: Clockface,
    payment: Payment | None = None,
) -> dict[str, Any]:
    """The home now."""
    found = _as_json(name, events, devices, now, payment)
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


def _as_json(
    name: str, events: list[HomeEvent], devices: list[HomeDevice], now: datetime, payment: Payment | None
) -> dict[str, Any]:
    """The same as data, for others' planners and Home Assistant."""
    current = next((one for one in events if one.is_open(now)), None)
    return {
        "home": name,
        "at": now,
        "event": None if current is None else event_json(current, payment),
        "devices": [
            {
                "resource_id": one.resource_id, "kind": one.kind, "power_w": one.power_w, "until": one.until,
                "because": one.because or "own_plan", "soc_wh": one.soc_wh, "plugged": one.plugged,
                "trouble": one.trouble or None,
            }
            for one in devices
        ],
    }  # fmt: skip


def event_json(one: HomeEvent, payment: Payment | None) -> dict[str, Any]:
    """One event as data: the card that others plan by."""
    return {
        "event_id": one.event_id, "direction": one.request.direction, "start": one.start, "end": one.end,
        "slot_s": one.slot_s, "asked_w": one.request.power_w, "offered_w": one.offered_w, "awarded_w": one.deal_w,
        "stage": one.stage, "outcome": one.outcome or None, "answer_by": one.answer_by,
        "delivered_wh": one.done_wh if one.delivered else None,
        "estimated_slots": one.estimated,
        "earns": None if one.final else promised(one, payment), "earned": earned(one, payment), "binding": one.binding, "reason": one.reason or None,
    }  # fmt: skip
