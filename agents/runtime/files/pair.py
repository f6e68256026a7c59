"""A certificate and its key on disk. What they held before stays beside them: who is started behind a change that is
refused, or was cut off half way, comes in with that (broker/entrance.py)."""

import ssl
from pathlib import Path

from agents.runtime.files.private import PRIVATE, content, put
from broker.address import earlier


def put_pair(certificate: Path, key: Path, certificate_pem: bytes, key_pem: bytes) -> None:
    """Exchange both. A daemon that looks in between finds two that do not match, and goes on with what it has. Raises
    ConfigError."""
    if _belong_together(certificate, key):
        for path in (key, certificate):
            put(earlier(path), content(path), PRIVATE)
    put(key, key_pem, PRIVATE)
    put(certificate, certificate_pem)


def _belong_together(certificate: Path, key: Path) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        return False
    return True
