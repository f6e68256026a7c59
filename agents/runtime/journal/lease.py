"""A lease: a second process of the same agent on the same journal finds it taken and does not start."""

import fcntl
import os
from pathlib import Path


class LeaseTaken(RuntimeError):
    """Another process holds the lease; one sentence that says which."""


class Lease:
    """An exclusive lock on a file. The kernel frees it when its process ends, however that happens."""

    def __init__(self, path: Path) -> None:
        """Take it. Raises LeaseTaken."""
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            text = f"{path.with_suffix('')} is in use by process {holder}: stop that one first, or give another journal"
            raise LeaseTaken(text) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._descriptor)
