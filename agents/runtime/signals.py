"""Ctrl-C and SIGTERM as a word, not as an exception, for commands that have something to finish."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def signals(told: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C and SIGTERM end it in good order for as long as the context lasts."""
    loop, numbers = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, told)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
