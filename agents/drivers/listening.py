"""Why nobody is heard at an address of ours, as a sentence for people."""

import errno
import os
import ssl

HINTS = {
    errno.EADDRINUSE: "another program has that port: a daemon of gridpact, or one of its commands?",
    errno.EADDRNOTAVAIL: "is that an address of this machine?",
    errno.EACCES: "ports below 1024 are for the administrator: take another one",
}


def cannot_listen(host: str, port: int, error: OSError) -> str:
    """What the system says of it, and what to look at."""
    if error.filename is not None:  # a certificate, a password
        return f"{error.filename} cannot be read: {error.strerror}"
    if isinstance(error, ssl.SSLError):
        return f"its certificate or key cannot be used: {error.reason or error}"
    known = error.errno in errno.errorcode
    said = os.strerror(error.errno) if known and error.errno is not None else error.strerror or str(error)
    hint = HINTS.get(error.errno or 0, "")
    return f"{host}:{port}: {said}" + (f": {hint}" if hint else "")
