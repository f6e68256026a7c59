"""One event: its parties and the tree that they make."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from agents.history.wire import PartyOnWire


@dataclass(slots=True)
class Event:
    """All edges of one event."""

    event_id: str
    nodes: dict[str, PartyOnWire] = field(default_factory=dict)
    links: int = 0
    closed_at: datetime | None = None

    def roots(self) -> list[PartyOnWire]:
        """Who asks and is asked by nobody."""
        return [node for node in self.nodes.values() if node.parent not in self.nodes and node.negotiates]

    def in_order(self) -> Iterator[tuple[int, PartyOnWire]]:
        """The tree, each party behind its parent, with its depth. A circle, which no honest system has, ends."""
        seen: dict[str, None] = {}
        told: dict[str, list[PartyOnWire]] = {}
        for node in self.nodes.values():
            if node.told is not None and node.told.parent is not None:
                told.setdefault(node.told.parent, []).append(node)
        waiting = [(0, node) for node in reversed(self.roots())]
        while waiting:
            depth, node = waiting.pop()
            if node.name in seen:
                continue
            seen[node.name] = None
            yield depth, node
            below = [self.nodes[name] for name in node.children if name in self.nodes] + told.get(node.name, [])
            waiting += [(depth + 1, child) for child in reversed(below) if child.negotiates]
