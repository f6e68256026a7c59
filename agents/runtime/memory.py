"""Memory that a crowd's messages took for a moment is given back to the system: the C library keeps it otherwise."""

import ctypes
import gc
from contextlib import suppress


def give_back() -> None:
    """Return what is free. Takes some milliseconds; does nothing where the C library is not GNU's."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def let_go() -> None:
    """The same when actors have been replaced, which are cycles: they would stay until Python looks through all that
    it has. It takes a second for a million objects."""
    gc.collect()
    give_back()
