"""Edges and topics: one table says which kind travels which way, and how.

`dr/{kind}/{parent}/{child}`, for example `dr/request/ra-1/hems-0042`. A message belongs to one edge of the tree;
the kind says which end hears it. Beside them stands what is on no edge, for whoever wants to know:
`dr/progress/{party}/{event}`.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from sys import intern
from typing import NamedTuple

from protocol import messages as m
from protocol.errors import RefusedMessage, RejectReason

_TOPIC = re.compile(r"dr/([a-z]+)/([A-Za-z0-9_-]{1,64})/([A-Za-z0-9_-]{1,64})\Z")


class Way(StrEnum):
    DOWN = "down"
    UP = "up"
    EITHER = "either"
    ALL = "all"
    """On no edge: no party hears it."""


MAX_PAYLOAD_BYTES = 128 * 1024
"""Of any message. An offer may have as many: it tells a plan for each of a home's devices."""


@dataclass(frozen=True, slots=True)
class Route:
    """How a kind travels. QoS is 1 for all: 0 loses, 2 hides an ACL's refusal."""

    model: type[m.Message]
    way: Way
    retained: bool = False
    most_bytes: int = 32 * 1024
    """More is not looked at: what it costs to refuse a message grows with its length."""


class Edge(NamedTuple):
    """Parent and child, by name. `other(name)` is the far end. A tuple: every message looks several up."""

    parent: str
    child: str

    def other(self, name: str) -> str:
        return self.child if name == self.parent else self.parent


QOS = 1
ROOT = "dr"
ROUTES: dict[str, Route] = {
    "request": Route(m.Request, Way.DOWN, retained=True),
    "offer": Route(m.Offer, Way.UP, most_bytes=MAX_PAYLOAD_BYTES),
    "relax": Route(m.Relax, Way.DOWN),
    "alternative": Route(m.Alternative, Way.UP, most_bytes=64 * 1024),
    "award": Route(m.Award, Way.DOWN),
    "confirm": Route(m.Confirm, Way.UP),
    "dispatch": Route(m.Dispatch, Way.DOWN),
    "report": Route(m.Report, Way.UP, most_bytes=64 * 1024),
    "withdraw": Route(m.Withdraw, Way.UP),
    "reject": Route(m.Reject, Way.EITHER),
    "presence": Route(m.Presence, Way.UP, retained=True),
    "capability": Route(m.Capability, Way.UP, retained=True),
}

PROGRESS = "progress"
BESIDE: dict[str, Route] = {PROGRESS: Route(m.Progress, Way.ALL, retained=True)}
"""What is on no edge. It stands in no journal, and no party goes by it."""


def progress_topic(party: str, event_id: str) -> str:
    """Where a party tells how far an event is."""
    return f"{ROOT}/{PROGRESS}/{party}/{event_id}"


def progress_of(text: str) -> tuple[str, str] | None:
    """Party and event of a topic; None for one where nobody tells how far an event is."""
    found = _TOPIC.match(text)
    return (found[2], found[3]) if found is not None and found[1] == PROGRESS else None


def topic(kind: str, edge: Edge) -> str:
    """The topic of a kind on an edge."""
    return f"{ROOT}/{kind}/{edge.parent}/{edge.child}"


def place_of(text: str) -> tuple[str, Edge] | None:
    """Kind and edge of a topic; None for one that is none of ours."""
    found = _TOPIC.match(text)
    if found is None or found[1] not in ROUTES:
        return None
    return found[1], Edge(intern(found[2]), intern(found[3]))


def parse_topic(text: str) -> tuple[str, Edge]:
    """Kind and edge of a topic. Raises RefusedMessage(UNKNOWN_TOPIC)."""
    place = place_of(text)
    if place is not None:
        return place
    raise RefusedMessage(RejectReason.UNKNOWN_TOPIC, f"not a topic of ours: {text[:200]!r}")


def hearers(kind: str, edge: Edge) -> tuple[str, ...]:
    """Who hears a kind on an edge: the child, the parent, or both."""
    match ROUTES[kind].way:
        case Way.DOWN:
            return (edge.child,)
        case Way.UP:
            return (edge.parent,)
        case Way.EITHER:
            return (edge.parent, edge.child)
        case Way.ALL:
            return ()


def subscriptions(name: str, *, as_parent: bool, as_child: bool) -> list[str]:
    """The topic filters of a party: a parent hears what travels up to it, a child what travels down to it."""
    filters = []
    for kind, route in ROUTES.items():
        if as_parent and route.way is not Way.DOWN:
            filters.append(f"{ROOT}/{kind}/{name}/+")
        if as_child and route.way is not Way.UP:
            filters.append(f"{ROOT}/{kind}/+/{name}")
    return filters
