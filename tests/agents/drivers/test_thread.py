"""A driver's own thread: what it raises in words, and what it has opened is closed in order when it ends."""

import asyncio
from typing import Any

from played_driver import PlayedDriver

from agents.drivers.contract import DeviceTrouble, Push
from agents.drivers.thread import DriverThread, in_words


def test_of_what_fails_together_the_first_is_told() -> None:
    both = ExceptionGroup("g", [ExceptionGroup("h", [DeviceTrouble("the port is taken")]), OSError("x")])
    assert in_words(both) == "the port is taken"
    assert in_words(ExceptionGroup("g", [OSError("no adapter")])) == "OSError: no adapter"


class Opening(PlayedDriver):
    """Closes what it has opened with the help of a task that runs meanwhile."""

    closed = False

    async def run(self, push: Push) -> None:
        asked, answered = asyncio.Event(), asyncio.Event()

        async def answer() -> None:
            await asked.wait()
            answered.set()

        answering = asyncio.create_task(answer())
        self.push = push
        self.ran.set()
        try:
            await asyncio.Event().wait()
        finally:
            asked.set()
            await answered.wait()
            await answering
            self.closed = True


async def test_driver_closes_what_it_has_opened_before_its_tasks_end() -> None:
    driver: Any = Opening()
    thread = DriverThread("opening", driver)
    thread.join("ev", lambda state: None)
    await asyncio.to_thread(driver.ran.wait)
    await thread.leave("ev")
    assert driver.closed
