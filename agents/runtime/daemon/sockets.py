"""Where control sockets lie, and whose they are."""

import os
import socket
import stat
from pathlib import Path

from agents.settings.mistakes import ConfigError
from broker.private import make_folder

LONGEST_PATH = 104
"""Of a Unix-domain socket's address, on every system that we run on."""
LINE_LIMIT = 16 * 1024 * 1024
"""Of a line each way: a book that is imported is one."""


def runtime_dir() -> Path:
    """Where sockets lie unless the configuration says otherwise: /run for a service, else the user's own place."""
    for variable in ("GRIDPACT_RUNTIME_DIR", "RUNTIME_DIRECTORY"):
        if given := os.environ.get(variable):
            return Path(given)
    if own := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(own) / "gridpact"
    return Path("/run/gridpact") if os.geteuid() == 0 else Path(f"/tmp/gridpact-{os.geteuid()}")


def sockets(directory: Path) -> list[Path]:
    """The control sockets in a directory and below it."""
    return sorted(path for path in directory.rglob("*.sock") if path.is_socket()) if directory.is_dir() else []


def prepare(path: Path) -> None:
    """Make the socket's directory (owner only) and clear what a dead daemon left. Raises ConfigError."""
    if len(os.fsencode(path)) >= LONGEST_PATH:
        raise ConfigError(f"{path}: control.dir: a socket's path has at most {LONGEST_PATH} bytes")
    try:
        make_folder(path.parent)
        found = path.parent.stat()
    except OSError as error:
        raise ConfigError(f"{path.parent}: control.dir: {error.strerror}") from None
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o022:
        raise ConfigError(f"{path.parent}: control.dir: has to belong to this user, and nobody else may write there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        if probe.connect_ex(str(path)) == 0:
            raise ConfigError(f"{path}: another daemon listens on this control socket")
    path.unlink(missing_ok=True)
