"""An in-memory recording of what was published, and the transcript that a person reads.

A transcript has one line a message; without times it is the same for a live run and a simulated one, as far as the
order on each edge goes.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from broker.bus import Post
from protocol import messages as m
from protocol.codec import decode_body
from protocol.edges import ROUTES, Edge, Way, parse_topic, progress_of
from protocol.errors import RefusedMessage
from protocol.kilowatts import exact_kilowatts, kilo


@dataclass(frozen=True, slots=True)
class Recorded:
    """One published message."""

    at: datetime
    topic: str
    payload: bytes


@dataclass(slots=True)
class Recording:
    """Everything that was published, in order."""

    entries: list[Recorded] = field(default_factory=list)

    @classmethod
    def of(cls, posts: Iterable[tuple[datetime, str, Post]]) -> "Recording":
        """From a simulation's posts."""
        return cls([Recorded(at, post.topic, post.payload) for at, _, post in posts])


def transcript(recording: Recording, *, times: bool = True, kinds: Iterable[str] = tuple(ROUTES)) -> str:
    """One line a message: time, who to whom, kind, and what decides. Bytes that are no message are told as such."""
    wanted = dict.fromkeys(kinds)
    lines = []
    for entry in recording.entries:
        if progress_of(entry.topic) is not None:
            continue  # it says again what the messages have said
        try:
            kind, edge = parse_topic(entry.topic)
        except RefusedMessage:
            lines.append(f"{entry.topic} is no topic of ours")
            continue
        if kind in wanted:
            clock = f"{entry.at:%H:%M:%S}  " if times else ""
            lines.append(f"{clock}{_line(kind, edge, entry.payload)}".rstrip())
    return "\n".join(lines) + "\n"


def _line(kind: str, edge: Edge, payload: bytes) -> str:
    up = ROUTES[kind].way is Way.UP
    who = f"{edge.child} -> {edge.parent}" if up else f"{edge.parent} -> {edge.child}"
    try:
        return f"{who:<26} {kind:<11} {summary(decode_body(kind, payload))}"
    except RefusedMessage as refusal:
        return f"{who:<26} {kind:<11} ({refusal.reason}: {len(payload)} bytes)"


def summary(message: m.Message) -> str:
    """What decides, in a few words."""
    match message:
        case m.Request():
            return f"round {message.round}: {message.direction} {exact_kilowatts(message.power_w)}"
        case m.Offer(opt=m.Opt.OUT):
            return f"opts out: {message.opt_reason}"
        case m.Offer():
            return f"{message.basis} {exact_kilowatts(message.power_w)}"
        case m.Relax():
            return f"short of {exact_kilowatts(message.shortfall_w)}: {', '.join(message.restrictions)}"
        case m.Alternative():
            return "; ".join(f"{option.option_id} {exact_kilowatts(option.power_w)}" for option in message.options)
        case m.Award(outcome=m.Outcome.CONCLUDED):
            return f"concluded {exact_kilowatts(message.power_w)}"
        case m.Award():
            return f"{message.outcome} {message.reason}".strip()
        case m.Confirm():
            return "accepted" if message.accepted else f"refused: {message.reason}"
        case m.Dispatch():
            return (
                f"slot {message.slot}: {kilo(message.power_w, exact=True, signed=True)} kW for {message.valid_for_s} s"
            )
        case m.Report():
            if message.so_far:
                return f"slot {message.slot} so far: {message.energy_wh:+d} Wh, baseline {message.baseline_wh:+d} Wh"
            if not message.readings:
                return f"has the dispatch of slot {message.slot}: {message.state}"
            return "; ".join(
                f"slot {r.slot}: {r.energy_wh:+d} Wh, baseline {r.baseline_wh:+d} Wh" for r in message.readings
            )
        case m.Withdraw():
            return f"from slot {message.from_slot} still {exact_kilowatts(message.power_w)}: {message.cause}"
        case m.Reject():
            return f"{message.refused_kind}: {message.reason}"
        case m.Presence():
            return "online" if message.online else "offline"
        case m.Capability(increase_load=more, decrease_load=less):
            return f"over a day {more.p50_wh} Wh more or {less.p50_wh} Wh less, told by {message.told_by} of {message.counted}"
    return message.message_id
