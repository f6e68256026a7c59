"""What only days show: departures one after the other, and what is still held or known of what is over."""

from collections.abc import Iterable, Iterator

from agents.drivers.travelling import Departed
from agents.parties.der.actor import Der
from agents.parties.der.ledger import KEPT
from agents.tools.run.life import vehicles
from broker.simulation import Simulation
from protocol.actor import Note

TOGETHER = 8
"""More events than stand open at one party at a time."""


def violations(simulation: Simulation) -> list[str]:
    """Each broken promise in one sentence."""
    return [*left_short(simulation), *held_for_ever(simulation)]


def departures(simulation: Simulation) -> Iterator[tuple[str, Departed]]:
    """All of the vehicles that live by a plan."""
    for resource_id, vehicle in vehicles(simulation):
        yield from ((resource_id, one) for one in vehicle.departures)


def left_short(simulation: Simulation) -> Iterator[str]:
    """Whether a vehicle left with less than its owner agreed to, though there was time for it."""
    for resource_id, one in departures(simulation):
        if not one.is_kept:
            needs_wh = min(one.agreed_wh, one.reachable_wh)
            yield f"Q1: {resource_id} leaves {one.at} with {one.energy_wh:.0f} Wh, its owner needs {needs_wh:.0f}"


def held_for_ever(simulation: Simulation) -> Iterator[str]:
    """What is reserved of a home's devices ends with the event that reserves it, and is forgotten a day later."""
    closed = {
        (entry.actor, effect.event_id): entry.at
        for entry in simulation.trace
        for effect in entry.effects
        if isinstance(effect, Note) and effect.name == "closed"
    }
    for name in simulation.nodes:
        actor = simulation.actor(name)
        if not isinstance(actor, Der):
            continue
        last_at = max((at for (who, _), at in closed.items() if who == name), default=None)
        for courses in (actor.ledger.all(), actor.ledger.followed()):
            for event_id, parts in courses.items():
                ends = [segment.end for course in parts.values() for segment in course]
                closed_at = closed.get((name, event_id))
                if ends and (closed_at is None or max(ends) > closed_at):
                    yield f"L1: {name} still holds until {max(ends)} for {event_id}, which ended at {closed_at}"
                elif last_at is not None and all(end < last_at - KEPT for end in ends):
                    yield f"L2: {name} still keeps what it held for {event_id} at {last_at}, a day after its end"


def never_forgotten(actors: Iterable[object], most: int) -> list[str]:
    """A party that remembers so many events that are over knows no more of them, but for those that were open."""
    known = [(getattr(actor, "name", ""), len(getattr(actor, "events", ()))) for actor in actors]
    return [f"L3: {name} knows {count} events in the end" for name, count in known if count > most + TOGETHER]
