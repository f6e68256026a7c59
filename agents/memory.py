"""Memory that a crowd's messages took for a moment is given back to the system: the C library keeps it otherwise."""

import ctypes
from contextlib import suppress


def give_back() -> None:
    """Return what is free. Takes some milliseconds; does nothing where the C library is not GNU's."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
