"""P2, P5, P6, P8, P12: what messages do between journals."""

from collections.abc import Iterator, Sequence

from protocol import messages as m
from protocol.actor import Effect, Entry, Note, Received, Refused, Send
from protocol.edges import ROUTES, Edge, Way, hearers

Key = tuple[Edge, str, str]
"""Edge, kind and id of a message."""


def key(edge: Edge, message: m.Message) -> Key:
    return edge, message.kind, message.message_id


def sends(trace: Sequence[Entry]) -> Iterator[tuple[Entry, Send]]:
    for entry in trace:
        for effect in entry.effects:
            if isinstance(effect, Send):
                yield entry, effect


def received(trace: Sequence[Entry]) -> Iterator[tuple[Entry, Received]]:
    for entry in trace:
        if isinstance(entry.input, Received):
            yield entry, entry.input


def refuses(entry: Entry) -> bool:
    """Whether a step refused its message."""
    return isinstance(entry.input, Refused) or any(
        isinstance(effect, Note) and effect.name == "message_refused" for effect in entry.effects
    )


def foreign_edges(trace: Sequence[Entry]) -> list[str]:
    """P8: nobody publishes on an edge that is not its own, or what the other side says there."""
    found = []
    for entry, send in sends(trace):
        way = ROUTES[send.message.kind].way
        allowed = {Way.DOWN: (send.edge.parent,), Way.UP: (send.edge.child,), Way.EITHER: hearers("reject", send.edge)}
        if entry.actor not in allowed[way]:
            found.append(f"P8: {entry.actor} published {send.message.kind} on {send.edge}")
    return found


def one_id_two_bodies(trace: Sequence[Entry]) -> list[str]:
    """P2, P6: an id stands for one body for ever, restarts or not. (Rejects are numbered and decide nothing.)"""
    bodies: dict[Key, m.Message] = {}
    found = []
    for entry, send in sends(trace):
        known = bodies.setdefault(key(send.edge, send.message), send.message)
        if known != send.message and not isinstance(send.message, m.Reject):
            found.append(f"P6: {entry.actor} said {send.message.message_id} with two bodies")
    return found


def repeats_that_change(trace: Sequence[Entry]) -> list[str]:
    """P2: a repeat is at most answered again, with what was said before."""
    taken: dict[tuple[str, Key], None] = {}
    said: dict[tuple[str, Key], m.Message] = {}
    found = []
    for entry in trace:
        heard = entry.input
        if isinstance(heard, Received) and not isinstance(heard.message, m.Reject) and not refuses(entry):
            seen = (entry.actor, key(heard.edge, heard.message))
            new = [effect for effect in entry.effects if not _was_said(entry.actor, effect, said)]
            if seen in taken and new:
                found.append(f"P2: a repeat of {heard.message.message_id} made {entry.actor} do {new[0]}"[:300])
            taken[seen] = None
        for effect in entry.effects:
            if isinstance(effect, Send):
                said[entry.actor, key(effect.edge, effect.message)] = effect.message
    return found


def _was_said(who: str, effect: Effect, said: dict[tuple[str, Key], m.Message]) -> bool:
    return isinstance(effect, Send) and said.get((who, key(effect.edge, effect.message))) == effect.message


def said_by_nobody(trace: Sequence[Entry]) -> list[str]:
    """P12: whatever is heard stands in its sender's journal, and stood there before."""
    said: dict[Key, list[m.Message]] = {}
    found = []
    for entry in trace:
        heard = entry.input
        if not isinstance(heard, Received) or isinstance(heard.message, m.Presence | m.Capability):
            pass
        elif heard.message not in said.get(key(heard.edge, heard.message), []):
            found.append(f"P12: {entry.actor} heard {heard.message.message_id}, which no journal has")
        for effect in entry.effects:
            if isinstance(effect, Send):
                said.setdefault(key(effect.edge, effect.message), []).append(effect.message)
    return found


def alternatives_of_obliged(trace: Sequence[Entry]) -> list[str]:
    """P1: who is asked for reserved capacity offers what there is, and proposes nothing else."""
    obliged = {
        (entry.actor, heard.message.request_id)
        for entry, heard in received(trace)
        if isinstance(heard.message, m.Request) and heard.message.terms.obliged
    }
    return [
        f"P1: {entry.actor} proposes an alternative to {send.message.request_id}, though it is obliged"
        for entry, send in sends(trace)
        if isinstance(send.message, m.Alternative) and (entry.actor, send.message.request_id) in obliged
    ]


def not_applied(trace: Sequence[Entry]) -> list[str]:
    """P5, nothing lost: on a wire that loses nothing, whatever was committed has been applied by those it is for; but what
    flowed until an instant inside a slot is kept only where it says something new."""
    applied = {(entry.actor, key(heard.edge, heard.message)) for entry, heard in received(trace)}
    return [
        f"P5: {name} has no record of {send.message.kind} {send.message.message_id} of {entry.actor}"
        for entry, send in sends(trace)
        for name in hearers(send.message.kind, send.edge)
        if name != entry.actor
        and not (isinstance(send.message, m.Report) and send.message.so_far)
        and (name, key(send.edge, send.message)) not in applied
    ]
