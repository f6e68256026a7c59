"""The socket on which chargers call in: who they are, which version they speak, and what they are let in by."""

import asyncio
import base64
import binascii
import hmac
import re
import ssl
from collections.abc import Iterable, Mapping
from functools import partial
from http import HTTPStatus
from urllib.parse import unquote

import structlog
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from agents.drivers.listening import cannot_listen
from agents.drivers.ocpp.charger import Charger, Told
from agents.drivers.ocpp.options import IDENTITY, LONGEST_IDENTITY, Listening, OcppOptions
from agents.drivers.ocpp.session import QUIET, ChargerSession
from agents.drivers.ocpp.upstream import SharedConnection
from agents.drivers.ocpp.v16 import Session16
from agents.drivers.ocpp.v21 import Session21
from agents.drivers.ocpp.v201 import Session201

VERSIONS: Mapping[str, type[Session16] | type[Session201] | type[Session21]] = {
    "ocpp2.1": Session21,
    "ocpp2.0.1": Session201,
    "ocpp1.6": Session16,
}
"""The newest first: of those that a charger offers, the first one here is spoken."""
MOST_BYTES = 65_536
"""Of one message."""
MOST_STRANGERS = 3
LOOPBACK = ("127.0.0.1", "::1", "localhost")
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0

log = structlog.get_logger("gridpact.drivers")


class Central:
    """One socket and the chargers that are expected there."""

    def __init__(
        self, listening: Listening, chargers: Mapping[str, Charger], options: Mapping[str, OcppOptions]
    ) -> None:
        """`chargers`, `options`: by identity."""
        self._listening, self._chargers, self._options = listening, chargers, options
        self._connections: dict[str, ServerConnection] = {}
        self._closed = ""
        """Why nobody can call in."""
        self._strangers: dict[str, None] = {}
        """Identities of late with which nobody is expected."""
        self._refused: dict[str, str] = {}
        """Why, of who called in last and was not let in."""
        self._known: set[str] = set()
        """Who was let in."""
        for charger in chargers.values():
            charger.why_away = partial(self._why_away, charger.name)

    def _why_away(self, name: str) -> str:
        at = self._listening
        if self._closed or name in self._refused:
            return self._closed or self._refused[name]
        if name in self._known:
            return ""
        if self._strangers:
            return f"at {at.host}:{at.port} {', '.join(self._strangers)} called in, which no device here is"
        alone = ", which is reached from this machine only: say `host`" if at.host in LOOPBACK else ""
        return f"it has not called in at {at.host}:{at.port}{alone}"

    async def run(self, push: Told) -> None:
        """Until cancelled; where it cannot listen, again after a pause."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                await self._listen(push)
            except OSError as error:
                before, said = self._closed, cannot_listen(self._listening.host, self._listening.port, error)
                self._closed = f"none can call in: {said}"
                if self._closed != before:
                    log.warning("chargers_cannot_call_in", error=said)
            await asyncio.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)

    async def _listen(self, push: Told) -> None:
        """Raises OSError when the port is taken or a file is missing."""
        for options in self._options.values():
            if options.password_file is not None:
                options.password_file.read_bytes()

        async def served(connection: ServerConnection) -> None:
            await self._serve(connection, push)

        async with serve(
            served,
            self._listening.host,
            self._listening.port,
            subprotocols=[Subprotocol(version) for version in VERSIONS],
            process_request=self._let_in,
            ssl=self._tls(),
            max_size=MOST_BYTES,
            compression=None,
            logger=QUIET,
        ):
            self._closed = ""
            await asyncio.Event().wait()  # Python 3.13's serve_forever() waits for chargers that nobody has told to go

    def _tls(self) -> ssl.SSLContext | None:
        at = self._listening
        if at.certificate is None or at.key is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(at.certificate, at.key)
        if at.ca is not None:
            context.load_verify_locations(at.ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _let_in(self, connection: ServerConnection, request: Request) -> Response | None:
        """None: it may go on."""
        name = identity_of(request)
        if name not in self._chargers:
            self._note_stranger(name)
            return connection.respond(HTTPStatus.NOT_FOUND, f"no charger {name} is expected here\n")
        if not (self._has_password(name, request) and self._has_certificate(name, connection)):
            self._refused[name] = "it called in with a wrong password or certificate"
            refusal = connection.respond(HTTPStatus.UNAUTHORIZED, "wrong password or certificate\n")
            refusal.headers["WWW-Authenticate"] = "Basic"
            return refusal
        offers = [one.strip() for text in request.headers.get_all("Sec-WebSocket-Protocol") for one in text.split(",")]
        if not VERSIONS.keys() & set(offers):  # what serves us answers that
            self._refused[name] = f"it called in and offers none of {', '.join(VERSIONS)}"
            return None
        self._refused.pop(name, None)
        self._known.add(name)
        return None

    def _note_stranger(self, name: str) -> None:
        if len(name) <= LONGEST_IDENTITY and re.fullmatch(IDENTITY, name):
            self._strangers.pop(name, None)
            self._strangers[name] = None
            if len(self._strangers) > MOST_STRANGERS:
                del self._strangers[next(iter(self._strangers))]

    def _has_password(self, name: str, request: Request) -> bool:
        path = self._options[name].password_file
        if path is None:
            return True
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(given, validate=True).partition(b":")
        except binascii.Error:
            return False
        same = hmac.compare_digest(password, path.read_bytes().strip())
        return scheme.lower() == "basic" and user.decode(errors="replace") == name and same

    def _has_certificate(self, name: str, connection: ServerConnection) -> bool:
        if self._listening.ca is None:
            return True
        socket = connection.transport.get_extra_info("ssl_object")
        subject: Iterable[Iterable[tuple[str, str]]] = (socket.getpeercert() or {}).get("subject", ())
        return ("commonName", name) in [pair for part in subject for pair in part]

    async def _serve(self, connection: ServerConnection, push: Told) -> None:
        assert connection.request is not None
        name, version = identity_of(connection.request), connection.subprotocol
        if version is None:
            await connection.close(1002, f"one of {', '.join(VERSIONS)} is needed")
            return
        before, self._connections[name] = self._connections.get(name), connection
        if before is not None:
            before.transport.abort()  # it has connected anew: nobody is there any more that would say goodbye
        options, charger = self._options[name], self._chargers[name]
        shared = (
            None if options.upstream is None else SharedConnection(connection, options.upstream, charger.limits_lost)
        )
        sharing = None if shared is None else asyncio.create_task(shared.run())
        line = connection if shared is None else shared
        session: ChargerSession = VERSIONS[version](name, line, charger, options.sample_s, options.stack_level)
        try:
            await charger.serve(session, push)
        finally:
            if sharing is not None:
                sharing.cancel()
                await asyncio.gather(sharing, return_exceptions=True)
            if self._connections.get(name) is connection:
                del self._connections[name]


def identity_of(request: Request) -> str:
    """With which a charger calls in: the last part of its address."""
    return unquote(request.path.partition("?")[0].rpartition("/")[2])
