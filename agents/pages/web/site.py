"""What an application of pages is made of: templates, the stream of changes, who is asking, forms that are ours."""

import asyncio
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from agents.history.narrate import plain
from agents.pages.web import figures
from agents.pages.web.accounts import PageRole, PageSession, Sessions
from agents.pages.web.figures import Clockface, zone_of

HERE = Path(__file__).parent
STATIC = HERE / "static"
COOKIE = "gridpact_session"
ZONE = "gridpact_zone"
BEAT_S = 15.0
"""A stream that has nothing to tell says so in this time, so that neither end takes the other for gone."""

View: TypeAlias = Callable[[Request], Awaitable[Response]]


class NotAllowed(Exception):
    """Who is logged in may not do this; one sentence."""


class Mistaken(ValueError):
    """A form that cannot be followed; one sentence."""


class Changes:
    """Tells all open pages that something is other than before."""

    def __init__(self) -> None:
        self.number, self._over = 0, False
        self._event = asyncio.Event()

    def end(self) -> None:
        """Nothing more is told: open streams end by themselves."""
        self._over = True
        self.notify()

    def notify(self) -> None:
        self.number += 1
        self._event.set()
        self._event = asyncio.Event()

    async def stream(self) -> AsyncIterator[bytes]:
        """Server-sent events: the number of each change."""
        seen = -1
        while not self._over:
            event = self._event
            if seen != self.number:
                seen = self.number
                yield f"event: changed\ndata: {seen}\n\n".encode()
                await asyncio.sleep(0.4)  # many changes are one
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT_S):
                    await event.wait()
                continue
            yield b": still here\n\n"

    def response(self) -> Response:
        return StreamingResponse(self.stream(), media_type="text/event-stream")


def environment(*folders: Path) -> Environment:
    """Templates of a page and those that both share; everything that is put in is text."""
    made = Environment(
        loader=ChoiceLoader([FileSystemLoader(folder) for folder in (*folders, HERE / "templates")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "kw": figures.kw, "plan": figures.plan, "peak": figures.peak, "kwh": figures.kwh, "words": figures.words, "limit": figures.limit,
        "plain": plain, "named": lambda value, tongue: tongue.name(value), "quoted": lambda text: quote(str(text), safe=""),
    }  # fmt: skip
    made.globals |= {"left": figures.left, "pct": figures.pct}
    return made


def clockface(request: Request) -> Clockface:
    """Of the viewer's zone, as the page's script has found it; UTC without."""
    return Clockface(zone_of(request.cookies.get(ZONE)))


def signed_in(sessions: Sessions, request: Request, role: PageRole) -> PageSession | None:
    """The session that a request belongs to; None for a stranger. Raises NotAllowed."""
    session = sessions.find(request.cookies.get(COOKIE))
    if session is not None and not session.may(role):
        raise NotAllowed(f"this needs the role {role}; {session.user} has {', '.join(sorted(session.roles))}")
    return session


async def form_of(request: Request, session: PageSession | None) -> dict[str, str]:
    """The fields of a form that a page of ours has sent. Raises NotAllowed."""
    check_origin(request)
    fields = {key: str(value) for key, value in (await request.form()).items()}
    if session is not None and not hmac.compare_digest(fields.get("csrf", ""), session.csrf):
        raise NotAllowed("this form is too old or not ours: load the page again")
    return fields


def check_origin(request: Request) -> None:
    """A browser says where a form comes from. Raises NotAllowed."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise NotAllowed("this form comes from another page")


def login_of(request: Request) -> Response:
    """Where a stranger is sent; a part of a page is not replaced by a login."""
    if request.headers.get("x-part"):
        return Response(status_code=401)
    return RedirectResponse(f"/login?next={quote(request.url.path, safe='/')}", 303)


def page(templates: Environment, name: str, values: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    return HTMLResponse(templates.get_template(name).render(values), status)


def next_of(text: str) -> str:
    """A place on this page only."""
    return text if text.startswith("/") and not text.startswith("//") and "\\" not in text else "/"
