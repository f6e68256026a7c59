"""A driver on a thread and an event loop of its own. What blocks there blocks nobody here."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import structlog

from agents.drivers.contract import DeviceDriver, DeviceReading, DeviceTrouble

T = TypeVar("T")
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
END_WITHIN_S = 2.0
ANSWER_WITHIN_S = 10.0
"""A driver that has not answered after so long is left alone, s of real time."""

log = structlog.get_logger("gridpact.drivers")


class DriverThread:
    """Begins with the first user and ends with the last one. A thread that hangs is left behind."""

    def __init__(self, name: str, driver: DeviceDriver) -> None:
        self.name, self.driver = name, driver
        self._users = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._told: dict[str, DeviceReading] = {}
        """Newest state by device that has not been handed on yet."""
        self._hear: dict[str, Callable[[DeviceReading], None]] = {}
        self._ours: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    def join(self, device: str, hear: Callable[[DeviceReading], None]) -> None:
        """Begin with it; `hear` is called on the loop of the caller."""
        self._ours, self._hear[device] = asyncio.get_running_loop(), hear
        self._users += 1
        if self._users == 1:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._work, args=(self._loop,), name=self.name, daemon=True)
            self._thread.start()

    async def leave(self, device: str) -> None:
        """Be done with it."""
        self._hear.pop(device, None)
        self._users -= 1
        loop, thread = self._loop, self._thread
        if self._users or loop is None or thread is None:
            return
        self._loop = self._thread = None
        loop.call_soon_threadsafe(loop.stop)
        await asyncio.to_thread(thread.join, END_WITHIN_S)
        if thread.is_alive():
            log.warning("driver_hangs", driver=self.name)

    def submit(self, make: Callable[[], Coroutine[Any, Any, T]]) -> "Future[T]":
        """Begin something on the driver's loop; cancelling the future cancels it there."""
        future: Future[T] = Future()
        loop = self._loop
        if loop is None:
            future.cancel()
        else:
            loop.call_soon_threadsafe(_begin, loop, make, future)
        return future

    async def answer(self, make: Callable[[], Coroutine[Any, Any, T]], within_s: float) -> T:
        """What comes of something on the driver's loop. Raises DeviceTrouble, whatever went wrong there; TimeoutError where
        it has not answered by then."""
        try:
            async with asyncio.timeout(within_s):
                return await asyncio.wrap_future(self.submit(make))
        except TimeoutError:
            raise
        except Exception as error:  # noqa: BLE001 - a driver's fault is no fault of the party's
            raise DeviceTrouble(in_words(error)) from None

    async def usual_answer(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The same within the usual time. Raises DeviceTrouble, also where it has not answered by then."""
        try:
            return await self.answer(make, ANSWER_WITHIN_S)
        except TimeoutError:
            raise DeviceTrouble(f"the driver has not answered within {ANSWER_WITHIN_S:.0f} s") from None

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            running = loop.create_task(self._run_on())
            loop.run_forever()
            _end(loop, {running})  # it closes in order what it has opened; what is left behind it ends as it is
            _end(loop, asyncio.all_tasks(loop))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()

    async def _run_on(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                await self.driver.run(self._push)
            except Exception as error:  # noqa: BLE001 - a driver's fault is no fault of the party's
                log.warning("driver_failed", driver=self.name, error=in_words(error), again_in_s=pause_s)
            else:
                return
            await asyncio.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)

    def _push(self, device: str, state: DeviceReading) -> None:
        with self._lock:
            waits, before = device in self._told, self._told.get(device)
            if before is not None and before.kept and not state.kept:
                state = replace(state, kept=before.kept)
            self._told[device] = state
        if not waits and self._ours is not None and not self._ours.is_closed():
            self._ours.call_soon_threadsafe(self._hand_on, device)

    def _hand_on(self, device: str) -> None:
        with self._lock:
            state = self._told.pop(device)
        if (hear := self._hear.get(device)) is not None:
            hear(state)


def _end(loop: asyncio.AbstractEventLoop, tasks: "set[asyncio.Task[Any]]") -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=END_WITHIN_S / 2))


def _begin(loop: asyncio.AbstractEventLoop, make: Callable[[], Coroutine[Any, Any, T]], future: "Future[T]") -> None:
    if future.cancelled():
        return
    task = loop.create_task(make())

    def given_up(given: "Future[T]") -> None:
        if given.cancelled() and not loop.is_closed():
            loop.call_soon_threadsafe(task.cancel)

    future.add_done_callback(given_up)
    task.add_done_callback(partial(_pass_on, future))


def _pass_on(future: "Future[T]", task: "asyncio.Task[T]") -> None:
    error = DeviceTrouble("the driver gave up") if task.cancelled() else task.exception()
    if not future.set_running_or_notify_cancel():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(task.result())


def in_words(error: Exception) -> str:
    """What a driver's exception says; of several at once the first."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return str(error) if isinstance(error, DeviceTrouble) else f"{type(error).__name__}: {error}"
