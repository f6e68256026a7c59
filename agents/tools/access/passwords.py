"""Mosquitto's file of passwords: `NAME:$7$ITERATIONS$SALT$HASH` (PBKDF2, SHA-512), a line a user."""

import base64
import hashlib
import secrets
from collections.abc import Collection
from pathlib import Path

from agents.runtime.files.private import PRIVATE, content, put
from agents.settings.checked import ConfigError

ITERATIONS = 101
"""As Mosquitto's own tool: our passwords are 24 random bytes, and nobody guesses those however fast he may try."""
SALT_BYTES, HASH_BYTES, PASSWORD_BYTES = 12, 64, 24


class Passwords:
    """The users of a broker that come with a password."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError."""
        self.path = path
        text = content(path).decode(errors="replace") if path.exists() else ""
        self._hashes: dict[str, str] = {}
        for number, line in enumerate(text.splitlines(), 1):
            name, colon, hashed = line.partition(":")
            if not colon:
                raise ConfigError(f"{path}: line {number}: is no user with a hash")
            self._hashes[name] = hashed

    @property
    def users(self) -> tuple[str, ...]:
        return tuple(self._hashes)

    def give(self, name: str) -> str:
        """A new password for a user. It is nowhere but in the answer."""
        password, salt = secrets.token_urlsafe(PASSWORD_BYTES), secrets.token_bytes(SALT_BYTES)
        hashed = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS, HASH_BYTES)
        self._hashes[name] = f"$7${ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(hashed).decode()}"
        return password

    def keep_only(self, names: Collection[str]) -> tuple[str, ...]:
        """Take all others out; who they were."""
        gone = tuple(name for name in self._hashes if name not in names)
        for name in gone:
            del self._hashes[name]
        return gone

    def save(self) -> None:
        """Raises ConfigError."""
        put(self.path, "".join(f"{name}:{hashed}\n" for name, hashed in self._hashes.items()).encode(), PRIVATE)
