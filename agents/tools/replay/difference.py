"""Two versions of one step's effects, and what a person is shown of the difference: only what differs."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher, unified_diff
from typing import Any

import orjson

from agents.history.narrate import slot_of
from broker.recording import summary
from protocol import actor as a
from protocol.messages import EventMessage

MOST_LINES = 60
"""Of a difference; one entry may set off thousands of messages."""


def difference(expected: bytes, found: bytes) -> list[str]:
    """Lines of a unified diff of the encoded effects, a heading for each effect that differs."""
    before, after = orjson.loads(expected), orjson.loads(found)
    old, new = ([orjson.dumps(effect) for effect in effects] for effects in (before, after))
    lines: list[str] = []
    for what, i, i_end, j, j_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what != "equal":
            lines += _block(before[i:i_end], after[j:j_end])
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], f"... and {len(lines) - MOST_LINES} lines more"]
    return lines


def _block(before: Sequence[Any], after: Sequence[Any]) -> Iterator[str]:
    for index in range(max(len(before), len(after))):
        old = before[index] if index < len(before) else None
        new = after[index] if index < len(after) else None
        yield f"@@ {_heading(old if old is not None else new)}"
        if old is None or new is None:
            yield from (f"{'-' if new is None else '+'}{line}" for line in _pretty(old if new is None else new))
            continue
        diff = unified_diff(list(_pretty(old)), list(_pretty(new)), lineterm="", n=0)
        yield from (line for line in diff if not line.startswith(("---", "+++", "@@")))


def _heading(effect: Any) -> str:
    """What kind of effect it is and whom it goes to."""
    match effect:
        case {"effect": "send", "kind": kind, "edge": {"parent": parent, "child": child}}:
            return f"{kind} on the edge {parent}/{child}"
        case {"effect": "note", "name": name}:
            return f"note {name}"
        case {"effect": kind, "resource_id": resource_id}:
            return f"{kind} of {resource_id}"
    return str(effect["effect"])


def _pretty(value: Any, key: str = "", depth: int = 0) -> Iterator[str]:
    """JSON with one line a key; a list of figures stays on its line, so that it can be read beside the other one."""
    label = f"{' ' * depth}{key}: " if key else " " * depth
    if isinstance(value, dict) and value:
        if key:
            yield label.rstrip()
        for name, item in value.items():
            yield from _pretty(item, str(name), depth + 2 if key else depth)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for index, item in enumerate(value):
            yield from _pretty(item, f"{key}[{index}]", depth)
    else:
        yield label + orjson.dumps(value).decode()


def in_words(item: a.Taken | None, actor: str) -> str:
    """An input as a clause: ``heard the offer of hems-1 in e1: own [3 3] kW``."""
    match item:
        case None:
            return "its deadline had come"
        case a.Received(edge, message):
            about = f" in {message.event_id}" if isinstance(message, EventMessage) else ""
            return f"heard the {message.kind} of {edge.other(actor)}{about}: {summary(message)}"
        case a.Refused():
            return f"heard bytes of {item.edge.other(actor)} that are no {item.kind} ({item.reason}: {item.text})"
        case a.Measured():
            figures = [f"{item.soc_wh} Wh in it"] if item.soc_wh is not None else []
            figures += [f"slot {slot_of(item.slot, 0)}: {item.energy_wh} Wh"] if item.slot is not None else []
            figures += [] if item.plugged is None else ["plugged in" if item.plugged else "away"]
            figures += [] if item.fault is None else [f"faulty: {item.fault}"]
            return f"read {item.resource_id}: {', '.join(figures) or 'its state'}"
        case a.Planned():
            first = item.stays[0].departs_at.isoformat() if item.stays else "none"
            return f"the plan of {item.resource_id} until {item.until.isoformat()}: next departure {first}"
        case a.Decided():
            return f"the resident decided in {item.event_id}: takes part: {'yes' if item.take_part else 'no'}"
        case a.Outage():
            return "the grid is gone" if item.is_out else "the grid is back"
        case a.Issue():
            return f"the operator issued {item.event_id}: {item.direction} from {item.start.isoformat()}"
        case a.Cancel():
            return f"the operator cancelled {item.event_id}: {item.reason}"
        case a.Foreseen(event_id=event_id, power_w=power_w):
            return f"foresees what {len(power_w)} children could give in {event_id}"
        case a.Solved(event_id=event_id, parts=parts):
            return f"has the best plan in {event_id}, of {len(parts)} members"
        case a.Resumed():
            return f"was started again, down since {item.down_since.isoformat()}"
        case a.Reconfigured(contracts=contracts):
            return f"the book changed: {', '.join(contracts)}"
        case a.Corrected(member=member):
            return f"the operator corrected what was learned of {member}"
        case a.Limited(resource_id=resource_id, limits=limits):
            return f"the owner's limits of {resource_id}: {', '.join(limits) or 'those of its settings'}"
        case a.Reanchored():
            return f"the clock was set back to {item.to_at.isoformat()}"
