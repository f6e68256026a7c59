"""Files and folders that only their owner can open, whatever the process's umask says."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

FILE, FOLDER = 0o600, 0o700


def make_file(path: Path) -> None:
    """An empty one. Raises FileExistsError."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE))


def make_folder(path: Path) -> None:
    """With those above it that are missing; one that is there stays as it is. Raises OSError."""
    for missing in reversed([one for one in (path, *path.parents) if not one.exists()]):
        missing.mkdir(mode=FOLDER, exist_ok=True)
    if not path.is_dir():
        raise NotADirectoryError(20, "Not a directory", str(path))


def put_whole(path: Path, content: bytes, mode: int = FILE) -> None:
    """Write a file at once, whole or not at all, with its mode from its first byte on. What root writes belongs to the
    folder's owner: a broker that gave up its rights has to read its files again. Raises OSError."""
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


def close_to_others(path: Path) -> None:
    """One that is there; somebody else's stays as it is."""
    with suppress(FileNotFoundError, PermissionError):
        if path.stat().st_mode & 0o077:
            path.chmod(FILE)
