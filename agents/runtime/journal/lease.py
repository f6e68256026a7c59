"""A lease: a second process of the same agent on the same journal finds it taken and does not start."""

import fcntl
import os
import time
from pathlib import Path

TRIES, PAUSE_S = 4, 0.05
"""Somebody who only asks whether it is held (`is_held`) is in the way for a moment."""


class LeaseTaken(RuntimeError):
    """Another process holds the lease; one sentence that says which."""


class Lease:
    """An exclusive lock on a file. The kernel frees it when its process ends, however that happens."""

    def __init__(self, path: Path) -> None:
        """Take it. Raises LeaseTaken."""
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _locked(self._descriptor):
            holder = os.pread(self._descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            text = f"{path.with_suffix('')} is in use by process {holder}: stop that one first, or give another journal"
            raise LeaseTaken(text) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._descriptor)


def lease_of(journal: Path) -> Path:
    """The file whose lock says that a process has a journal."""
    return journal.with_name(journal.name + ".lock")


def is_held(path: Path) -> bool:
    """Whether a process holds the lease of this file; nothing is made or changed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _locked(descriptor: int) -> bool:
    for _ in range(TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(PAUSE_S)
        else:
            return True
    return False
