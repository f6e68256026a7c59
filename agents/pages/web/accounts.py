"""Who may look and who may order: a file of users with scrypt hashes, and the sessions of those who are logged in."""

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from threading import Lock

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from agents.runtime.files.private import PRIVATE, content, put
from agents.settings.checked import ConfigError
from protocol.units import Name

SESSION_S = 12 * 3600.0
IDLE_S = 2 * 3600.0
TRIES, TRIES_WITHIN_S = 5, 60.0
"""More wrong passwords of one name in that time are not looked at."""
MOST_NAMES = 1_000
"""Of which tries are noted; beyond that those of before are let go."""
SHORTEST = 10
"""Of a password."""
COST, BLOCK, PARALLEL = 2**14, 8, 1


class PageRole(StrEnum):
    """What somebody may do on the console; `operator` has what `viewer` has."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    SUPPORT = "support"
    """Sees one home at a time, which is logged."""
    RESIDENT = "resident"
    """Of the page of a home, not of the console."""


class PageUser(BaseModel):
    """One user."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    roles: tuple[PageRole, ...]
    salt: str
    hash: str


class PageUsers(BaseModel):
    """The file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    users: tuple[PageUser, ...] = ()


class Accounts:
    """The users in a file, read anew at each login, so that who was taken out is out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._tries: dict[str, list[float]] = {}
        """By name, those that were wrong or are looked at."""
        self._counting = Lock()
        self._seen: tuple[object, dict[str, PageUser]] | None = None

    def users(self) -> dict[str, PageUser]:
        """Raises ConfigError."""
        try:
            found = PageUsers.model_validate_json(content(self.path))
        except ValidationError as error:
            raise ConfigError(
                f"{self.path}: is no file of users: {error.errors(include_url=False)[0]['msg']}"
            ) from None
        return {user.name: user for user in found.users}

    def knows(self, session: "PageSession") -> bool:
        """Whether a session's user is there yet, with the roles and the password of the login."""
        try:
            stat = self.path.stat()
            state = stat.st_ino, stat.st_size, stat.st_mtime_ns
            if self._seen is None or self._seen[0] != state:
                self._seen = state, self.users()
        except (OSError, ConfigError):
            return False
        user = self._seen[1].get(session.user)
        return user is not None and user.hash == session.proof and frozenset(user.roles) == session.roles

    def put(self, name: str, roles: tuple[PageRole, ...], password: str) -> None:
        """A new user, or another password. Raises ConfigError."""
        if len(password) < SHORTEST:
            raise ConfigError(f"the password has to have at least {SHORTEST} characters")
        known = self.users() if self.path.exists() else {}
        salt = secrets.token_bytes(16)
        hashed = base64.b64encode(_hash(password, salt)).decode()
        try:
            known[name] = PageUser(name=name, roles=roles, salt=base64.b64encode(salt).decode(), hash=hashed)
        except ValidationError:
            raise ConfigError(f"{name!r}: a name has letters, digits, - and _, at most 64") from None
        self._save(known)

    def remove(self, name: str) -> None:
        """Raises ConfigError."""
        known = self.users()
        if known.pop(name, None) is None:
            raise ConfigError(f"{self.path}: has no user {name}")
        self._save(known)

    def _save(self, known: dict[str, PageUser]) -> None:
        users = PageUsers(users=tuple(known.values()))
        put(self.path, orjson.dumps(users.model_dump(mode="json"), option=orjson.OPT_INDENT_2) + b"\n", PRIVATE)

    def login(self, name: str, password: str) -> PageUser | None:
        """The user with that password; None for a wrong one, and for everyone of that name after too many. May run in
        several threads."""
        if not self._counts(name):
            return None
        user = self.users().get(name)
        salt = base64.b64decode(user.salt) if user is not None else bytes(16)
        given = base64.b64encode(_hash(password, salt)).decode()  # of nobody, too: it takes as long
        if user is not None and hmac.compare_digest(given, user.hash):
            self._tries.pop(name, None)
            return user
        return None

    def _counts(self, name: str) -> bool:
        """Count a try before it is looked at, so that many at once are no way around; whether it may be looked at."""
        with self._counting:
            after = time.monotonic() - TRIES_WITHIN_S
            if len(self._tries) > MOST_NAMES:
                self._tries = {other: made for other, made in self._tries.items() if made[-1] > after}
            made = [at for at in self._tries.get(name, ()) if at > after]
            if len(made) < TRIES:
                self._tries[name] = [*made, time.monotonic()]
            return len(made) < TRIES


@dataclass(slots=True)
class PageSession:
    """Somebody who is logged in."""

    user: str
    roles: frozenset[PageRole]
    proof: str = ""
    """The hash of the password of its login."""
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    began_s: float = field(default_factory=lambda: time.monotonic())
    used_s: float = field(default_factory=lambda: time.monotonic())
    drafts: dict[str, dict[str, object]] = field(default_factory=dict)
    """What waits for its second step."""
    done: str = ""
    refused: str = ""
    """What came of the last order; told once."""

    def may(self, role: PageRole) -> bool:
        return role in self.roles or (role is PageRole.VIEWER and PageRole.OPERATOR in self.roles)

    def draft(self, what: dict[str, object]) -> str:
        """Keep an order for its second step; its one-time key."""
        key = secrets.token_urlsafe(16)
        self.drafts[key] = what
        while len(self.drafts) > 20:
            del self.drafts[next(iter(self.drafts))]
        return key


class Sessions:
    """All that are logged in, by the token in their cookie."""

    MOST = 1_000

    def __init__(self, longest_s: float = SESSION_S, idle_s: float = IDLE_S) -> None:
        self._longest_s, self._idle_s = longest_s, idle_s
        self._known: dict[str, PageSession] = {}

    def begin(self, user: str, roles: frozenset[PageRole], proof: str = "") -> str:
        """The token of a new session."""
        token = secrets.token_urlsafe(32)
        self._known[token] = PageSession(user, roles, proof)
        while len(self._known) > self.MOST:
            del self._known[next(iter(self._known))]
        return token

    def find(self, token: str | None) -> PageSession | None:
        """The session of a token that is not too old."""
        found = self._known.get(token or "")
        if found is None:
            return None
        now = time.monotonic()
        if now - found.began_s > self._longest_s or now - found.used_s > self._idle_s:
            del self._known[token or ""]
            return None
        found.used_s = now
        return found

    def end(self, token: str | None) -> None:
        self._known.pop(token or "", None)


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=COST, r=BLOCK, p=PARALLEL, dklen=32)
