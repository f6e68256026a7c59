"""The event loop of a process that hears a crowd."""

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")

COLLECT = (500_000, 20, 100)
"""How seldom Python looks for cycles: what a party knows of an event lives as long as the event, and there are few
cycles; at its own pace it searched the memory of a crowd again and again, a tenth of the processor time."""


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run a process to its end."""
    gc.set_threshold(*COLLECT)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
