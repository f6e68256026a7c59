"""The key that ends the view: q, read by the event loop while the terminal gives keys one by one."""

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def key(wanted: str, pressed: Callable[[], None]) -> Iterator[None]:
    """Call `pressed` at that key for as long as the context lasts; does nothing where stdin is no terminal."""
    if not sys.stdin.isatty():
        yield
        return
    keyboard, loop = sys.stdin.fileno(), asyncio.get_running_loop()
    before = termios.tcgetattr(keyboard)

    def read() -> None:
        typed = os.read(keyboard, 64)
        if wanted.encode() in typed:
            pressed()
        elif not typed:
            loop.remove_reader(keyboard)

    tty.setcbreak(keyboard)
    loop.add_reader(keyboard, read)
    try:
        yield
    finally:
        loop.remove_reader(keyboard)
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
