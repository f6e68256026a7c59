"""The event loop of a process that hears a crowd."""

import asyncio
import errno
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")

COLLECT = (500_000, 20, 100)
"""How seldom Python looks for cycles: what a party knows of an event lives as long as the event, and there are few
cycles; at its own pace it searched the memory of a crowd again and again, a tenth of the processor time."""


CLOSED = "the handler is closed"
"""uvloop's words where a library wants to go on writing on a connection that is just closed. Where that one is gone
altogether it says so of the loop's `add_writer`, as the system does."""
WRITING = "Loop.add_writer"


def tell_faults(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What a callback raised, but for what is none."""
    if not _is_just_closed(context):
        loop.default_exception_handler(context)


def _is_just_closed(context: dict[str, Any]) -> bool:
    """Whether a library wanted to write on a connection that was closed in the same moment: nothing of ours waits for that,
    and what was not sent is sent again on the next one."""
    match context.get("exception"):
        case RuntimeError() as error:
            return CLOSED in str(error)
        case OSError(errno=errno.EBADF):
            return WRITING in context.get("message", "")
    return False


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run a process to its end."""
    gc.set_threshold(*COLLECT)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.get_loop().set_exception_handler(tell_faults)
        return runner.run(work)
