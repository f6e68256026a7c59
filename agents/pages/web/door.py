"""Coming and going: the login of both pages."""

import asyncio
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from agents.pages.web.accounts import Accounts, PageRole, PageSession, Sessions
from agents.pages.web.audit import Audit
from agents.pages.web.site import COOKIE, form_of, next_of, signed_in


class PageDoor:
    """`show(request, status, wanted, wrong)` makes the page with the form."""

    def __init__(
        self, accounts: Accounts, sessions: Sessions, audit: Audit, show: Callable[[Request, int, str, bool], Response]
    ) -> None:
        self.accounts, self.sessions, self.audit, self._show = accounts, sessions, audit, show
        self.tls = False

    async def login(self, request: Request) -> Response:
        """The form, or what was put in it."""
        if request.method == "GET":
            return self._show(request, 200, next_of(request.query_params.get("next", "/")), False)
        fields = await form_of(request, None)
        name, wanted = fields.get("name", "")[:64], next_of(fields.get("next", "/"))
        user = await asyncio.to_thread(self.accounts.login, name, fields.get("password", "")[:1_000])
        if user is None:
            self.audit.log(name, "login refused", address=request.client.host if request.client else "")
            return self._show(request, 403, wanted, True)
        self.audit.log(user.name, "login")
        if wanted == "/" and user.roles == (PageRole.SUPPORT,):
            wanted = "/support"  # all that there is for them
        answer = RedirectResponse(wanted, 303)
        token = self.sessions.begin(user.name, frozenset(user.roles), user.hash)
        answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=self.tls, path="/")
        return answer

    async def logout(self, request: Request) -> Response:
        """The session is over."""
        session = self.sessions.find(request.cookies.get(COOKIE))
        if session is not None:
            await form_of(request, session)
            self.sessions.end(request.cookies.get(COOKIE))
            self.audit.log(session.user, "logout")
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE, path="/")
        return answer

    def session(self, request: Request, role: PageRole) -> PageSession | None:
        """Whose request it is; None: a stranger's, or of a user who was taken out or changed. Raises NotAllowed."""
        token = request.cookies.get(COOKIE)
        known = self.sessions.find(token)
        if known is not None and not self.accounts.knows(known):
            self.sessions.end(token)
        return signed_in(self.sessions, request, role)
