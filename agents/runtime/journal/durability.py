"""How far a journal is durable, and who waits for more of it."""

import asyncio


class Durability:
    """Up to the entry of a number. Told and asked from one event loop only."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []

    async def wait(self, number: int) -> None:
        """Return when the entry of that number (and all before it) would survive a crash."""
        if number > self.number:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append((number, waiter))
            await waiter

    def reached(self, number: int) -> None:
        """So far it is now."""
        self.number = max(self.number, number)
        ready = [waiter for wanted, waiter in self._waiters if wanted <= self.number]
        self._waiters = [(wanted, waiter) for wanted, waiter in self._waiters if wanted > self.number]
        for waiter in ready:
            if not waiter.done():
                waiter.set_result(None)
