"""A small process beside a daemon: where the daemon has died and does not come back, it gives real devices back.

It looks after devices that nobody else gives back: they drop no set-point by themselves, and no broker holds a last will
for them. That a daemon is there shows on its control socket: a connection to it ends with its process.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from agents.drivers.registry import Drivers
from agents.drivers.thread import ANSWER_WITHIN_S, in_words
from agents.runtime.daemon.daemon import process_name
from agents.runtime.daemon.sockets import runtime_dir
from agents.settings.checked import ConfigError
from agents.settings.daemon import DaemonConfig

LOOKS_S, AGAIN_S = 1.0, 10.0
"""How often it looks for the daemon, and tries a device that did not let itself be released, s."""


class Watchdog:
    """Of one daemon's file."""

    def __init__(self, config: DaemonConfig, where: str, tell: Callable[[str], None], after_s: float) -> None:
        """`after_s`: for so long a daemon may be away, s. Raises ConfigError, also when no device needs it."""
        self.path = (config.control.dir or runtime_dir()) / f"{process_name(config)}.sock"
        self._after_s, self._tell = after_s, tell
        self._threads = Drivers(config.parties().each(), config.folder or Path(), where).left_alone()
        if not self._threads:
            text = "no device needs a watchdog: each is simulated, drops a set-point by itself, or has a last will"
            raise ConfigError(f"{where}: {text}")

    @property
    def devices(self) -> tuple[str, ...]:
        """Those that it looks after."""
        return tuple(self._threads)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._until_gone()
            self._tell(f"{self.path}: the daemon is gone: giving back {', '.join(self.devices)}")
            coming, giving = asyncio.create_task(self._until_back()), asyncio.create_task(self._give_back())
            try:
                await coming
            finally:
                for task in (coming, giving):
                    task.cancel()
                await asyncio.wait((coming, giving))
            self._tell(f"{self.path}: the daemon is back")

    async def once(self) -> bool:
        """Give all back now, unless the daemon is there; whether that succeeded."""
        if (connection := await self._connected()) is not None:
            connection[1].close()
            self._tell(f"{self.path}: the daemon runs: nothing is given back")
            return False
        for name, thread in self._threads.items():
            thread.join(name, lambda state: None)
        try:
            return all(await asyncio.gather(*(self._release(name) for name in self._threads)))
        finally:
            for name, thread in self._threads.items():
                await thread.leave(name)

    # -- whether it is there

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        try:
            return await asyncio.open_unix_connection(self.path)
        except OSError:
            return None

    async def _until_gone(self) -> None:
        """Returns when it has been away for long enough."""
        away_since: float | None = None
        while away_since is None or time.monotonic() - away_since < self._after_s:
            connection = await self._connected()
            if connection is None:
                away_since = away_since or time.monotonic()
                await asyncio.sleep(min(LOOKS_S, self._after_s))
                continue
            reader, writer = connection
            try:
                with suppress(ConnectionError):
                    await reader.read()  # ends with its process
            finally:
                writer.close()
            away_since = None

    async def _until_back(self) -> None:
        while (connection := await self._connected()) is None:
            await asyncio.sleep(LOOKS_S)
        connection[1].close()

    # -- what it does then

    async def _give_back(self) -> None:
        """Until each device has let itself be released."""
        for name, thread in self._threads.items():
            thread.join(name, lambda state: None)
        try:
            await asyncio.gather(*map(self._release_at_last, self._threads))
        finally:
            for name, thread in self._threads.items():
                await thread.leave(name)

    async def _release_at_last(self, name: str) -> None:
        while not await self._release(name):
            await asyncio.sleep(AGAIN_S)

    async def _release(self, name: str) -> bool:
        thread = self._threads[name]
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await asyncio.wrap_future(thread.submit(partial(thread.driver.release, name)))
        except TimeoutError:
            self._tell(f"{name}: was not given back: its driver {thread.name} does not answer")
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, it is tried again
            self._tell(f"{name}: was not given back: {in_words(error)}")
        else:
            self._tell(f"{name}: given back")
            return True
        return False
