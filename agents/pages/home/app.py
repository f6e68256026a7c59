"""The resident's page as an application."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, time, timedelta
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
from agents.pages.home.choices import Choices
from agents.pages.home.home_assistant import HomeAssistant
from agents.pages.home.household import UnsayableForm, fields_of, limits_said
from agents.pages.home.state import ResidentState
from agents.pages.home.tongue import LANGUAGES, Tongue
from agents.pages.home.view import TAKES_PART, HomeDevice, home_limits
from agents.pages.web.accounts import Accounts, PageRole, PageSession, Sessions
from agents.pages.web.audit import Audit
from agents.pages.web.door import PageDoor
from agents.pages.web.guard import PageGuard
from agents.pages.web.site import (
    COOKIE,
    STATIC,
    ZONE,
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
from protocol.units import Direction

TEMPLATES = Path(__file__).parent / "templates"
LANGUAGE = "gridpact_language"
LONGEST_S, IDLE_S = 90 * 86_400.0, 30 * 86_400.0
"""Of a login: a phone that lies in the home is not asked every day."""
CHARGES_FOR = timedelta(hours=12)
"""Where nobody knows when the car leaves."""
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
                for name, order in (
                    ("decide", self._decide), ("override", self._override), ("charge", self._charge),
                    ("resume", self._resume), ("skip", self._skip), ("choose", self._choose),
                    ("limit", self._limit), ("unlimit", self._unlimit), ("keep", self._keep), ("unkeep", self._unkeep),
                )
            ),
            Route("/language", self._language, methods=["POST"]),
        ]  # fmt: skip
        handlers: dict[Any, Any] = {
            NotAllowed: self._not_allowed, 404: self._missing
        }  # fmt: skip
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

    def _ordered(
        self, order: Callable[[dict[str, str], Request], Awaitable[str]]
    ) -> Callable[[Request, PageSession], Awaitable[Response]]:
        """A form of the page: checked, logged, done; then the page again, which says what came of it."""

        async def done(request: Request, session: PageSession) -> Response:
            fields = await form_of(request, session)
            about = {key: value for key, value in fields.items() if key != "csrf"}
            self.audit.log(session.user, request.url.path.strip("/"), **about)
            session.done = session.refused = ""
            try:
                session.done = await order(fields, request)
            except UnsayableForm as mistake:
                session.refused = self._tongue(request).text(f"wrong_{mistake.key}", **mistake.figures)
            except CommandRefusal as refusal:  # in the agent's words, unless it is not there
                session.refused = str(refusal) if self.state.reached else self._tongue(request).text("agent_gone")
            return RedirectResponse("/", 303)

        return done

    # -- what is seen

    def _show(self, request: Request, session: PageSession | None, status: int = 200, **values: Any) -> Response:
        state, tongue = self.state, self._tongue(request)
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

    def _tongue(self, request: Request) -> Tongue:
        """Chosen, else what the browser prefers."""
        chosen = request.cookies.get(LANGUAGE)
        if chosen is None:
            chosen = request.headers.get("accept-language", "en")[:2]
        return Tongue(chosen)

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

    # -- what is ordered

    async def _decide(self, fields: dict[str, str], request: Request) -> str:
        yes = fields.get("take_part") == "yes"
        after = await self.state.decide(fields.get("event_id", ""), yes)
        return self._tongue(request).name(after)

    async def _override(self, fields: dict[str, str], request: Request) -> str:
        return await self._leave(request)

    async def _leave(self, request: Request, direction: Direction | None = None) -> str:
        """No to all that runs or is to come; in one direction only, where it is named."""
        tongue, now, found = self._tongue(request), self.state.now(), ""
        for one in self.state.events():
            if one.is_open(now) and one.stage in TAKES_PART and direction in (None, one.request.direction):
                found = await self.state.decide(one.event_id, False)
        return tongue.name(found) if found else tongue.text("nothing_asked")

    async def _limit(self, fields: dict[str, str], request: Request) -> str:
        """What always holds of a device, in a household's words; when it leaves the next time."""
        choices, device = self.state.choices, self._device(fields)
        said = limits_said(device, fields)
        limits = choices.limits.get(device.resource_id, {}) | said
        leaves, text = dict(choices.leaves), fields.get("leaves", "")
        if text and device.departs_at is not None and text != clockface(request).time(device.departs_at):
            leaves[device.resource_id] = self._next(text, request)
        now = self.state.now()
        leaves = {name: at for name, at in leaves.items() if at > now}
        all_limits = {**choices.limits, device.resource_id: limits}
        update = {
            "limits": {name: one for name, one in all_limits.items() if one}, "leaves": leaves,
            "zone": _zone(request, choices),
        }  # fmt: skip
        return await self._choose_limits(update, request, "limits_saved")

    def _next(self, text: str, request: Request) -> datetime:
        """The next time that the viewer's clocks show a time of the day. Raises UnsayableForm."""
        now, zone = self.state.now(), clockface(request).zone
        try:
            wanted = time.fromisoformat(text)
        except ValueError:
            raise UnsayableForm(f"{text!r} is no time of the day", "no_time", value=text[:20]) from None
        at = datetime.combine(now.astimezone(zone).date(), wanted, zone)
        return (at if at > now else at + timedelta(days=1)).astimezone(UTC)

    async def _unlimit(self, fields: dict[str, str], request: Request) -> str:
        name, choices = fields.get("resource_id", ""), self.state.choices
        limits = {key: one for key, one in choices.limits.items() if key != name}
        return await self._choose_limits({"limits": limits}, request, "unlimit")

    async def _keep(self, fields: dict[str, str], request: Request) -> str:
        """What is stored now stays stored, for an outage: what draws on it is left at once."""
        kept = {
            one.resource_id: min(one.soc_wh, one.capacity_wh or one.soc_wh)
            for one in self.state.devices([])
            if one.soc_wh is not None and hasattr(one.spec, "reserve_wh")
        }
        if not kept:
            raise UnsayableForm("nothing here tells how much it stores", "no_store")
        done = await self._choose_limits({"kept": kept}, request, "keep")
        await self._leave(request, Direction.DECREASE_LOAD)
        return done

    async def _unkeep(self, fields: dict[str, str], request: Request) -> str:
        return await self._choose_limits({"kept": {}}, request, "unkeep")

    async def _choose_limits(self, update: dict[str, object], request: Request, done: str) -> str:
        """Keep it, and have the agent know at once, or as soon as it is there; what came of it, by the phrase `done`. Raises
        CommandRefusal."""
        self.state.choose(self.state.choices.model_copy(update=update))
        await self.state.keep_limits()
        return self._tongue(request).text(done if self.state.reached else "told_later")

    def _device(self, fields: dict[str, str]) -> HomeDevice:
        """The one that a form is about. Raises UnsayableForm."""
        name = fields.get("resource_id", "")
        for one in self.state.devices([]):
            if one.resource_id == name:
                return one
        raise UnsayableForm(f"there is no device {name}", "no_device", device=name[:64])

    async def _charge(self, fields: dict[str, str], request: Request) -> str:
        now = self.state.now()
        leaving = [
            one.departs_at for one in self.state.devices([]) if one.departs_at is not None and one.departs_at > now
        ]
        until = min(leaving, default=now + CHARGES_FOR)
        self.state.choose(self.state.choices.model_copy(update={"paused_until": until}))
        await self._leave(request)
        return self._tongue(request).text("charge")

    async def _resume(self, fields: dict[str, str], request: Request) -> str:
        self.state.choose(self.state.choices.model_copy(update={"paused_until": None}))
        return self._tongue(request).text("resume")

    async def _skip(self, fields: dict[str, str], request: Request) -> str:
        await self.state.stay_at_home(fields.get("resource_id", ""))
        return self._tongue(request).text("skip")

    async def _choose(self, fields: dict[str, str], request: Request) -> str:
        try:
            chosen = Choices.model_validate(
                self.state.choices.model_dump()
                | {
                    "rule": fields.get("rule", "ask"), "most_a_day": fields.get("most_a_day") or 2,
                    "quiet_from": _time(fields.get("quiet_from")), "quiet_to": _time(fields.get("quiet_to")),
                    "loosen_from": _time(fields.get("loosen_from")), "loosen_to": _time(fields.get("loosen_to")),
                    "zone": _zone(request, self.state.choices), "language": self._tongue(request).language,
                }
            )  # fmt: skip
        except ValueError as error:
            raise UnsayableForm(str(error), "choice") from None
        self.state.choose(chosen)
        return self._tongue(request).text("save")

    async def _language(self, request: Request) -> Response:
        fields = await form_of(request, None)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(LANGUAGE, Tongue(fields.get("language", "")).language, max_age=31_536_000, samesite="strict")
        return answer

    # -- coming in, and what goes wrong

    def _login(self, request: Request, status: int, wanted: str, wrong: bool) -> Response:
        tongue = self._tongue(request)
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
        return self._show(request, session, status, wrong=self._tongue(request).text(phrase))


def _zone(request: Request, choices: Choices) -> str:
    """On whose clocks what is said is meant."""
    return request.cookies.get(ZONE) or choices.zone


def _time(text: str | None) -> time | None:
    return time.fromisoformat(text) if text else None
