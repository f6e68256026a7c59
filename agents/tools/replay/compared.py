"""What a party under test said in a recording, and what it says live: kinds and power, edge by edge.

Energy in reports is left out, since a live meter is read at slightly other instants.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.history.narrate import slot_of
from agents.tools.replay.wire import WireMessage
from broker.recording import summary
from protocol import messages as m
from protocol.edges import ROUTES, Edge
from protocol.kilowatts import exact_kilowatts, kilo

REJECT = "reject "
"""What was rejected then need not be there to be said again, such as bytes that were no message: a missing rejection
is no difference, a new one is."""


def in_short(message: m.Message) -> str:
    """Kind, event and power: what is compared."""
    about = f"{message.event_id} " if isinstance(message, m.EventMessage) else ""
    match message:
        case m.Report():
            figures = f"slots {', '.join(slot_of(reading.slot, 0) for reading in message.readings)}"
        case m.Alternative():
            figures = "; ".join(f"{option.shape} {exact_kilowatts(option.power_w)}" for option in message.options)
        case m.Award():
            figures = f"{message.outcome} {exact_kilowatts(message.power_w)}"
        case m.Confirm():
            figures = "accepted" if message.accepted else "refused"
        case m.Dispatch():
            figures = f"slot {slot_of(message.slot, 0)}: {kilo(message.power_w, exact=True, signed=True)} kW"
        case m.Reject():
            figures = f"{message.refused_kind}: {message.reason}"
        case _:
            figures = summary(message)
    return f"{message.kind} {about}{figures}"


def by_edge(wire: Iterable[WireMessage], sender: str) -> dict[Edge, Counter[str]]:
    """What one party said, in short."""
    found: dict[Edge, Counter[str]] = {}
    for sent in wire:
        if sent.sender == sender and not isinstance(sent.message, m.Presence | m.Capability):
            found.setdefault(sent.edge, Counter())[in_short(sent.message)] += 1
    return found


@dataclass(frozen=True, slots=True)
class PlayedResult:
    """What the party under test said then and now; repeats count once, presence not at all."""

    under_test: str
    then: Mapping[Edge, Counter[str]]
    now: Mapping[Edge, Counter[str]]
    unanswered: Counter[str] = field(default_factory=Counter)
    """What the played children could not answer, in words."""
    unsaid: int = 0
    """Recorded messages from above that could not be said: the offer that an award accepts did not come."""

    @property
    def same(self) -> bool:
        return not self.differences() and not self.unsaid

    def differences(self) -> list[tuple[str, Edge, str]]:
        """`-` for what was said only then, `+` for what was said only now."""
        found = []
        for edge in sorted({*self.then, *self.now}):
            then, now = self.then.get(edge, Counter()), self.now.get(edge, Counter())
            found += [("-", edge, text) for text in (then - now).elements() if not text.startswith(REJECT)]
            found += [("+", edge, text) for text in (now - then).elements()]
        return found

    def kinds(self) -> dict[str, tuple[int, int, int]]:
        """For each kind how many were said then, how many now, and how many are the same."""
        then, now, same = (
            Counter(text.split()[0] for sent in side for text in sent.elements())
            for side in (
                self.then.values(),
                self.now.values(),
                [sent & self.now.get(edge, Counter()) for edge, sent in self.then.items()],
            )
        )
        return {kind: (then[kind], now[kind], same[kind]) for kind in ROUTES if then[kind] or now[kind]}

    def as_json(self) -> dict[str, Any]:
        return {
            "under_test": self.under_test,
            "same": self.same,
            "kinds": {
                kind: {"recorded": then, "live": now, "same": same} for kind, (then, now, same) in self.kinds().items()
            },
            "differences": [
                {
                    "only": "recorded" if sign == "-" else "live",
                    "parent": edge.parent,
                    "child": edge.child,
                    "what": text,
                }
                for sign, edge, text in self.differences()
            ],
            "unanswered": dict(self.unanswered),
            "unsaid": self.unsaid,
        }
