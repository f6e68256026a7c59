"""What a device tells that ends its part in an event: it was unplugged, or it fails. Pure."""

from datetime import datetime

from agents.negotiation.cause import UNPLUGGED
from agents.parties.der.event import DerEvent, DerStage
from protocol.actor import Measured


def mishap(item: Measured) -> str:
    """Why a device can give nothing now, for people; empty: nothing says so."""
    if item.fault is not None:
        return f"{item.resource_id}: {item.fault}"
    return f"{item.resource_id} {UNPLUGGED}" if item.plugged is False else ""


def is_under_way(event: DerEvent, resource_id: str, now: datetime) -> bool:
    """Whether the device gives something in a slot that goes on now: before it may yet come, or be mended."""
    if event.accepted is None or event.stage not in (DerStage.AWARDED, DerStage.ACTIVE):
        return False
    plan = event.accepted.parts.get(resource_id, ())
    return any(part and event.slot_start(slot) <= now < event.slot_start(slot + 1) for slot, part in enumerate(plan))
