"""What a party could probably give, told to its parents now and then: that is no step, and stands in no journal."""

import asyncio

from agents.runtime.past import Past
from broker.bus import Bus, Post
from broker.clock import Clock
from broker.stepper import Stepper
from protocol.actor import Foretells
from protocol.codec import encode
from protocol.edges import Edge, topic
from protocol.messages import Capability


async def foretell(stepper: Stepper, past: Past, bus: Bus, clock: Clock) -> None:
    """Tell it as often as the party wants, until cancelled, or it wants it no more."""
    actor = stepper.actor
    while isinstance(actor, Foretells) and actor.capability_every_s is not None:
        if not past.failed and (told := stepper.capability(clock.now())) is not None:
            for parent in actor.parents():
                await bus.publish(foretelling(told, Edge(parent, actor.name), clock))
        await asyncio.sleep(actor.capability_every_s / clock.speed)
        actor = stepper.actor


def foretelling(told: Capability, edge: Edge, clock: Clock) -> Post:
    """A capability as it is published: retained until it is not valid any more."""
    return Post(topic(told.kind, edge), encode(told), True, clock.expires_in_s(told.valid_until), edge=edge)
