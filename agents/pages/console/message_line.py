"""What a message says, in a line."""

from datetime import datetime

from agents.history.narrate import figure, slot_of
from agents.pages.chronicle import MessageLine
from agents.pages.web.figures import Clockface, kwh

TELLING = (
    "opt", "opt_reason", "outcome", "accepted", "power_w", "available_w", "basis", "reason", "cause", "slot",
    "from_slot", "text", "reply_by", "decide_by", "confirm_by", "online", "software",
)  # fmt: skip
"""Fields of messages that say most of what there is to say, in this order."""


def summary(line: MessageLine, slots: int, clock: Clockface) -> str:
    """What a message says, in a line; instants on the clocks of the viewer."""
    message = line.message
    parts = []
    for key in TELLING:
        value = getattr(message, key, None)
        if value is None or value == () or value == "":
            continue
        value = clock.local(value) if isinstance(value, datetime) else value
        parts.append(f"{key.removesuffix('_w').replace('_', ' ')} {figure(key, value, slots)}")
    for reading in getattr(message, "readings", ()):
        slot, metered, planned = slot_of(reading.slot, slots), kwh(reading.energy_wh), kwh(reading.baseline_wh)
        parts.append(f"slot {slot}: {metered} metered, {planned} by its own plan")
    return "; ".join(parts)
