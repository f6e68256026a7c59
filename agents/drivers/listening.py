"""Why nobody is heard at an address of ours, as a sentence for people."""

import errno
import os
import ssl

HINTS = {
    errno.EADDRINUSE: "another program has that port: a daemon of gridpact, or one of its commands?",
    errno.EADDRNOTAVAIL: "is that an address of this machine?",
    errno.EACCES: "ports below 1024 are for the administrator: take another one",
}
OF_NO_ADDRESS = "could not bind on any address"
"""What Python says from 3.13 on, without a number."""


def cannot_listen(host: str, port: int, error: OSError) -> str:
    """What the system says of it, and what to look at."""
    if error.filename is not None:  # a certificate, a password
        return f"{error.filename} cannot be read: {error.strerror}"
    if isinstance(error, ssl.SSLError):
        return f"its certificate or key cannot be used: {error.reason or error}"
    number = errno.EADDRNOTAVAIL if OF_NO_ADDRESS in str(error) else error.errno or 0
    said = os.strerror(number) if number in errno.errorcode else error.strerror or str(error)
    hint = HINTS.get(number, "")
    return f"{host}:{port}: {said}" + (f": {hint}" if hint else "")
