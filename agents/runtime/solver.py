"""The plans that a party wants, computed on a thread of their own, one after the other."""

import asyncio
from collections.abc import Awaitable, Callable

from protocol.actor import Actor, Solve, Solved, Solves


class Solver:
    """`actor`: whose plans they are now; `give`: takes what comes of one."""

    def __init__(self, actor: Callable[[], Actor], give: Callable[[Solved], Awaitable[None]]) -> None:
        self._actor, self._give = actor, give
        self._wanted: asyncio.Queue[Solve] = asyncio.Queue()

    def want(self, asked: Solve) -> None:
        """A plan is wanted."""
        self._wanted.put_nowait(asked)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            asked, actor = await self._wanted.get(), self._actor()
            solving = actor.solving(asked) if isinstance(actor, Solves) else None
            if solving is not None:
                await self._give(await asyncio.to_thread(solving))
