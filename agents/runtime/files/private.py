"""Files that others must not read, or must never see half written."""

import os
import tempfile
from pathlib import Path

from agents.settings.checked import ConfigError

PRIVATE, SHARED = 0o600, 0o644


def put(path: Path, content: bytes, mode: int = SHARED) -> None:
    """Write a file at once, whole or not at all, with its mode from its first byte on. What root writes belongs to the
    folder's owner: a broker that gave up its rights has to read its files again. Raises ConfigError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                os.fchmod(file.fileno(), mode)
                if os.geteuid() == 0:
                    owner = path.parent.stat()
                    os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None


def content(path: Path) -> bytes:
    """What a file holds. Raises ConfigError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
