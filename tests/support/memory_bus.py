"""A bus without a broker."""

import asyncio

from broker.bus import Deliver, Post


class MemoryBus:
    """Keeps what is published; nobody says that it has left."""

    def __init__(self) -> None:
        self.posts: asyncio.Queue[Post] = asyncio.Queue()

    async def run(self, deliver: Deliver) -> None:
        await asyncio.Event().wait()

    async def publish(self, post: Post) -> None:
        await self.posts.put(post)
