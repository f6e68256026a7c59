"""The resident's page as an application."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from agents.pages.home import pay
from agents.pages.home.as_data import event_json, told_json
from agents.pages.home.home_assistant import HomeAssistant
from agents.pages.home.household import UnsayableForm, fields_of
from agents.pages.home.orders import HomeOrders, Order
from agents.pages.home.state import ResidentState
from agents.pages.home.tongue import LANGUAGES, Tongue
from agents.pages.home.view import TAKES_PART, home_limits
from agents.pages.home.viewer import LANGUAGE, Viewer
from agents.pages.web.accounts import Accounts, PageRole, PageSession, Sessions
from agents.pages.web.audit import Audit
from agents.pages.web.door import PageDoor
from agents.pages.web.guard import PageGuard
from agents.pages.web.site import (
    COOKIE,
    STATIC,
    NotAllowed,
    clockface,
    environment,
    form_of,
    login_of,
    page,
)
from agents.runtime.daemon.commands import CommandRefusal
from protocol.codec import to_json
from protocol.messages import ResourceKind

TEMPLATES = Path(__file__).parent / "templates"
LONGEST_S, IDLE_S = 90 * 86_400.0, 30 * 86_400.0
"""Of a login: a phone that lies in the home is not asked every day."""
MOST_HISTORY = 30


class HomePage:
    """The application around the state of one home."""

    def __init__(
        self, state: ResidentState, accounts: Accounts, audit: Audit, assistant: HomeAssistant | None = None
    ) -> None:
        self.state, self.audit, self._assistant = state, audit, assistant
        self.sessions, self.templates = Sessions(LONGEST_S, IDLE_S), environment(TEMPLATES)
        self._door = PageDoor(accounts, self.sessions, audit, self._login)

    def app(self, hosts: frozenset[str], tls: bool = False) -> ASGIApp:
        """For a server; `hosts`: the names under which it is reached."""
        self._door.tls = tls
        routes = [
            Mount("/static", StaticFiles(directory=STATIC)),
            Route("/login", self._door.login, methods=["GET", "POST"]),
            Route("/logout", self._door.logout, methods=["POST"]),
            Route("/", self._needs(self._home)),
            Route("/stream", self._needs(self._stream)),
            Route("/data.json", self._needs(self._data)),
            Route("/mine.json", self._needs(self._mine)),
            *(
                Route(f"/{name}", self._needs(self._ordered(order)), methods=["POST"])
                for name, order in HomeOrders(self.state).by_name.items()
            ),
            Route("/language", self._language, methods=["POST"]),
        ]
        handlers: dict[Any, Any] = {NotAllowed: self._not_allowed, 404: self._missing}
        return PageGuard(Starlette(routes=routes, exception_handlers=handlers, lifespan=self._lifespan), hosts, tls)

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        running = asyncio.create_task(self._run())
        try:
            yield
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.state.run())
            if self._assistant is not None:
                tasks.create_task(self._assistant.run())

    def _needs(
        self, view: Callable[[Request, PageSession], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def seen(request: Request) -> Response:
            session = self._door.session(request, PageRole.RESIDENT)
            return login_of(request) if session is None else await view(request, session)

        return seen

    def _ordered(self, order: Order) -> Callable[[Request, PageSession], Awaitable[Response]]:
        """A form of the page: checked, logged, done; then the page again, which says what came of it."""

        async def done(request: Request, session: PageSession) -> Response:
            fields, viewer = await form_of(request, session), Viewer.of(request)
            about = {key: value for key, value in fields.items() if key != "csrf"}
            self.audit.log(session.user, request.url.path.strip("/"), **about)
            session.done = session.refused = ""
            try:
                session.done = await order(fields, viewer)
            except UnsayableForm as mistake:
                session.refused = viewer.tongue.text(f"wrong_{mistake.key}", **mistake.figures)
            except CommandRefusal as refusal:  # in the agent's words, unless it is not there
                session.refused = str(refusal) if self.state.reached else viewer.tongue.text("agent_gone")
            return RedirectResponse("/", 303)

        return done

    # -- what is seen

    def _show(self, request: Request, session: PageSession | None, status: int = 200, **values: Any) -> Response:
        state, tongue = self.state, Viewer.of(request).tongue
        events = state.events()
        devices = state.devices(events)
        now = state.now()
        current = [one for one in reversed(events) if one.is_open(now)]
        cars = {one.resource_id for one in devices if one.kind == ResourceKind.VEHICLE}
        frame = {
            "session": session, "clock": clockface(request), "now": now, "speed": state.sockets.time.speed,
            "tongue": tongue, "t": tongue.text, "languages": LANGUAGES, "title": tongue.text("title"), "live": True,
            "events": current, "past": [one for one in events if one not in current][:MOST_HISTORY],
            "devices": devices, "limits": list(home_limits(devices)), "has_car": bool(cars), "choices": state.choices,
            "planned": [one.resource_id for one in devices if (state.name, one.resource_id) in state.chronicle.plans],
            "takes_part": TAKES_PART, "reached": state.reached, "home": state.name, "done": "", "wrong": "",
            "settings": state.chronicle.settings.get(state.name), "countdown": tongue.countdown, "payment": state.payment, "pay": pay,
            "charges_late": any(getattr(one.spec, "charging", "at_once") != "at_once" for one in devices),
            "fields_of": fields_of, "limits_of": lambda device: list(home_limits([device])),
            "may_loosen": state.choices.may_loosen(now), "said_limits": state.limits,
            "stores": any(one.soc_wh is not None and hasattr(one.spec, "reserve_wh") for one in devices),
            "month": pay.of_month(events, state.payment, now, clockface(request).zone),
        }  # fmt: skip
        return page(self.templates, "home.html.j2", frame | values, status)

    async def _home(self, request: Request, session: PageSession) -> Response:
        if request.headers.get("x-part"):  # the page that is open keeps what it says; the next one is told the rest
            return self._show(request, session)
        shown = self._show(request, session, done=session.done, wrong=session.refused)
        session.done = session.refused = ""
        return shown

    async def _stream(self, request: Request, session: PageSession) -> Response:
        return self.state.changes.response()

    async def _data(self, request: Request, session: PageSession) -> Response:
        events = self.state.events()
        state = self.state
        found = told_json(
            state.name, events, state.devices(events), state.now(), clockface(request), state.payment
        )  # fmt: skip
        return Response(to_json(found), media_type="application/json")

    async def _mine(self, request: Request, session: PageSession) -> Response:
        """All that the page knows of the home: settings, events, choices, who did what here."""
        settings = self.state.chronicle.settings.get(self.state.name)
        found = {
            "home": self.state.name,
            "settings": settings.model_dump(mode="json", exclude_none=True) if settings is not None else None,
            "choices": self.state.choices.model_dump(mode="json"),
            "events": [event_json(one, self.state.payment) for one in self.state.events()],
            "did_here": self.audit.last(),
        }
        name = {"Content-Disposition": "attachment; filename=my-data.json"}
        return Response(to_json(found), media_type="application/json", headers=name)

    # -- coming in, and what goes wrong

    async def _language(self, request: Request) -> Response:
        fields = await form_of(request, None)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(LANGUAGE, Tongue(fields.get("language", "")).language, max_age=31_536_000, samesite="strict")
        return answer

    def _login(self, request: Request, status: int, wanted: str, wrong: bool) -> Response:
        tongue = Viewer.of(request).tongue
        frame = {
            "session": None, "clock": clockface(request), "now": self.state.now(), "speed": 1.0, "tongue": tongue,
            "t": tongue.text, "languages": LANGUAGES, "title": tongue.text("login"), "live": False, "wanted": wanted,
            "wrong": tongue.text("wrong_login") if wrong else "", "home": self.state.name,
            "countdown": tongue.countdown,
        }  # fmt: skip
        return page(self.templates, "home_login.html.j2", frame, status)

    async def _not_allowed(self, request: Request, error: NotAllowed) -> Response:
        return self._told(request, 403, str(error), "wrong_form")

    async def _missing(self, request: Request, error: HTTPException) -> Response:
        return self._told(request, 404, str(error.detail), "wrong_page")

    def _told(self, request: Request, status: int, text: str, phrase: str) -> Response:
        """In the resident's language; a stranger is told why as plain text."""
        session = self.sessions.find(request.cookies.get(COOKIE))
        if session is None or not session.may(PageRole.RESIDENT):
            return Response(f"{text}\n", status, media_type="text/plain")
        return self._show(request, session, status, wrong=Viewer.of(request).tongue.text(phrase))
