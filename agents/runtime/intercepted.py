"""The bus of a party that misbehaves on purpose (agents/settings/behaviour.py): what it publishes leaves changed or later."""

import asyncio
from datetime import datetime, timedelta

from agents.runtime.behaviour import Intercept
from broker.bus import Bus, Deliver, Post
from broker.clock import Clock


class InterceptedBus:
    """A bus in front of another one."""

    def __init__(self, bus: Bus, sender: str, clock: Clock, intercept: Intercept) -> None:
        self._bus, self._sender, self._clock, self._intercept = bus, sender, clock, intercept
        self._held_up: set[asyncio.Task[None]] = set()

    async def run(self, deliver: Deliver) -> None:
        await self._bus.run(deliver)

    async def publish(self, post: Post) -> None:
        if post.sent is not None:
            post.sent()  # whatever becomes of it, the party believes that it left
        for changed, delay in self._intercept(self._sender, post):
            if delay <= timedelta():
                await self._bus.publish(changed)
            else:
                task = asyncio.create_task(self._later(changed, self._clock.now() + delay))
                self._held_up.add(task)
                task.add_done_callback(self._held_up.discard)

    async def _later(self, post: Post, at: datetime) -> None:
        await self._clock.wait_until(at)
        await self._bus.publish(post)
