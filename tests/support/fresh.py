"""How test processes of our own begin: anew, not as copies. A copy has no threads, and HiGHS waits for its own for ever."""

from multiprocessing import get_context

FRESH = get_context("spawn")
