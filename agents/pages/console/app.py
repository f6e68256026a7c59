"""The console as an application: routes, who may see and order what, and the views."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from agents.pages.console import listed, ordering, replaying, seeing
from agents.pages.console.state import ConsoleState
from agents.pages.web.accounts import Accounts, PageRole, PageSession, Sessions
from agents.pages.web.audit import Audit
from agents.pages.web.door import PageDoor
from agents.pages.web.figures import CountdownWords
from agents.pages.web.guard import PageGuard
from agents.pages.web.site import (
    COOKIE,
    STATIC,
    Mistaken,
    NotAllowed,
    clockface,
    environment,
    form_of,
    login_of,
    page,
)
from agents.runtime.daemon.commands import CommandRefusal

TEMPLATES = Path(__file__).parent / "templates"


class Console:
    """The application around the state of one system."""

    def __init__(
        self, state: ConsoleState, accounts: Accounts, audit: Audit, recordings: tuple[Path, ...] = ()
    ) -> None:
        self.state, self.audit = state, audit
        self.recordings = replaying.Recordings(recordings)
        self.sessions, self.templates = Sessions(), environment(TEMPLATES)
        self._door = PageDoor(accounts, self.sessions, audit, self._login)

    def app(self, hosts: frozenset[str], tls: bool = False) -> ASGIApp:
        """For a server; `hosts`: the names under which it is reached."""
        self._door.tls = tls
        seen, ordered = PageRole.VIEWER, PageRole.OPERATOR
        routes = [
            Mount("/static", StaticFiles(directory=STATIC)),
            Route("/login", self._door.login, methods=["GET", "POST"]),
            Route("/logout", self._door.logout, methods=["POST"]),
            Route("/stream", self._needs(seen, self._stream)),
            self._route("/", seeing.now, seen),
            self._route("/event/{event_id}", seeing.event, seen),
            self._route("/event/{event_id}/why", seeing.why, seen),
            self._route("/event/{event_id}/messages", listed.messages, seen),
            self._route("/event/{event_id}/list/{step}", listed.funnel, seen),
            self._route("/event/{event_id}/stop", ordering.stop_event, ordered, "GET", "POST"),
            self._route("/fleet", listed.fleet, seen),
            self._route("/tree", seeing.tree, seen),
            self._route("/deals", listed.deals, seen),
            self._route("/deals.csv", listed.deals_csv, seen),
            self._route("/alerts", listed.alerts, seen),
            self._route("/alerts/acknowledge", ordering.acknowledge, ordered, "POST"),
            self._route("/request", ordering.request, ordered, "GET", "POST"),
            self._route("/request/issue", ordering.issue, ordered, "POST"),
            self._route("/stop", ordering.stop_everything, ordered, "GET", "POST"),
            self._route("/party/{party}/stop", ordering.stop_party, ordered, "GET", "POST"),
            self._route("/party/{party}/take-in", ordering.take_in, ordered, "GET", "POST"),
            self._route("/audit", listed.audit, ordered),
            self._route("/support", seeing.support, PageRole.SUPPORT),
            self._route("/replay", replaying.recordings, seen),
            self._route("/replay/{name}", replaying.replay, seen),
        ]
        handlers: dict[Any, Any] = {
            NotAllowed: self._not_allowed, Mistaken: self._mistaken, CommandRefusal: self._refused, 404: self._missing
        }  # fmt: skip
        inner = Starlette(routes=routes, exception_handlers=handlers, lifespan=self._lifespan)
        return PageGuard(inner, hosts, tls)

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        running = asyncio.create_task(self.state.run())
        try:
            yield
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    def _route(
        self,
        path: str,
        view: "Callable[[Console, Request, PageSession], Awaitable[Response]]",
        role: PageRole,
        *methods: str,
    ) -> Route:
        async def seen(request: Request, session: PageSession) -> Response:
            return await view(self, request, session)

        return Route(path, self._needs(role, seen), methods=list(methods or ("GET",)), name=view.__name__)

    def _needs(
        self, role: PageRole, view: Callable[[Request, PageSession], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def seen(request: Request) -> Response:
            session = self._door.session(request, role)
            if session is None:
                return login_of(request)
            return await view(request, session)

        return seen

    # -- what all views use

    def show(
        self, template: str, request: Request, session: PageSession | None, status: int = 200, /, **values: Any
    ) -> Response:
        """A view in its frame."""
        state = self.state
        now, real = values.pop("now", state.now()), values.pop("speed", state.sockets.time.speed)
        around = {
            "session": session, "clock": clockface(request), "now": now, "speed": real, "path": request.url.path,
            "open_alerts": state.open_alerts, "roles": PageRole, "one_slot": timedelta(minutes=30), "title": "gridpact", "countdown": CountdownWords(),
        }  # fmt: skip
        return page(self.templates, f"{template}.html.j2", around | values, status)

    async def form(self, request: Request, session: PageSession) -> dict[str, str]:
        return await form_of(request, session)

    async def _stream(self, request: Request, session: PageSession) -> Response:
        return self.state.changes.response()

    def _login(self, request: Request, status: int, wanted: str, wrong: bool) -> Response:
        return self.show("login", request, None, status, title="Log in", wanted=wanted, wrong=wrong, live=False)

    # -- what goes wrong

    async def _not_allowed(self, request: Request, error: NotAllowed) -> Response:
        return self._wrong(request, 403, "Not allowed", str(error))

    async def _mistaken(self, request: Request, error: Mistaken) -> Response:
        return self._wrong(request, 422, "That cannot be meant", str(error))

    async def _refused(self, request: Request, error: CommandRefusal) -> Response:
        return self._wrong(request, 409, "Refused", str(error))

    async def _missing(self, request: Request, error: HTTPException) -> Response:
        return self._wrong(request, 404, "Not here", str(error.detail or "There is no such page."))

    def _wrong(self, request: Request, status: int, title: str, text: str) -> Response:
        session = self.sessions.find(request.cookies.get(COOKIE))
        return self.show("wrong", request, session, status, title=title, text=text, live=False)
