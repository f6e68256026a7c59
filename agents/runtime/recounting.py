"""How far a party's events are, published for whoever comes late: retained, a state for each event, none for a home.

It is no effect of an actor: what is told is looked up when something has happened, at most once a second, and stands in no
journal. At a start all of it is told anew, so nothing is left of what a crash has made untrue.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime

from broker.bus import Bus, Post
from broker.clock import Clock
from protocol.actor import Actor, Recounts
from protocol.codec import encode
from protocol.edges import progress_topic
from protocol.messages import Progress

EVERY_S = 1.0
SHARE = 20
"""Of the time at most one in so many parts is spent on looking it up."""
LOOK_AGAIN_S = 60.0
"""What is over is taken away so late at most."""
SAID = frozenset({"message_id", "sent_at", "valid_until"})
"""Fields that change with the time alone."""


class Recounting:
    """Of one party."""

    def __init__(self, bus: Bus, clock: Clock, actor: Callable[[], Actor | None]) -> None:
        """`actor`: the party, None while it cannot be asked."""
        self._bus, self._clock, self._actor = bus, clock, actor
        self._told: dict[str, Progress] | None = None
        """By event, what stands at the broker; None: of an earlier life, nobody knows what."""
        self._moved = asyncio.Event()

    def moved(self) -> None:
        """Something has happened at the party."""
        self._moved.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._moved.clear()
            began, actor = time.monotonic(), self._actor()
            posts = [] if actor is None else list(self.posts(actor, self._clock.now()))
            pause_s = max(EVERY_S, SHARE * (time.monotonic() - began))
            for post in posts:
                await self._bus.publish(post)
            await asyncio.sleep(pause_s)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await self._moved.wait()

    def posts(self, actor: Actor, now: datetime) -> Iterator[Post]:
        """What there is to publish: what has changed, and nothing in the place of what is over or forgotten."""
        known = {one.event_id: one for one in actor.progress(now)} if isinstance(actor, Recounts) else {}
        over = {event_id for event_id, one in known.items() if one.valid_until <= now}
        before = dict.fromkeys(over) if self._told is None else self._told
        self._told = {event_id: one for event_id, one in known.items() if event_id not in over}
        for event_id in before.keys() - self._told.keys():
            yield Post(progress_topic(actor.name, event_id), b"", retain=True)
        for event_id, one in self._told.items():
            stands = before.get(event_id)
            if stands is None or _says(stands) != _says(one):
                expires_in_s = self._clock.expires_in_s(one.valid_until)
                yield Post(progress_topic(actor.name, event_id), encode(one), True, expires_in_s)


def _says(told: Progress) -> Mapping[str, object]:
    """All but when it was said."""
    return {name: value for name, value in told.__dict__.items() if name not in SAID}
