"""Asks an application of pages as a browser would, without one: a session's cookie, forms, other headers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from starlette.types import ASGIApp


@dataclass(frozen=True, slots=True)
class PageAnswer:
    status: int
    headers: dict[str, str]
    text: str


@dataclass(slots=True)
class PageClient:
    """Somebody; `cookie` once logged in."""

    app: ASGIApp
    cookie: str = ""
    csrf: str = field(default="")

    async def ask(self, method: str, where: str, fields: Mapping[str, str] | None = None, **headers: str) -> PageAnswer:
        path, _, query = where.partition("?")
        body = urlencode(fields or {}).encode()
        given = {"host": "localhost", "content-type": "application/x-www-form-urlencoded", "cookie": self.cookie}
        given |= {key.replace("_", "-"): value for key, value in headers.items()}
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode(),
            "root_path": "", "scheme": "http", "http_version": "1.1", "server": ("localhost", 80), "client": None,
            "headers": [(key.encode(), value.encode()) for key, value in given.items()],
        }  # fmt: skip
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        found = {key.decode(): value.decode() for key, value in sent[0]["headers"]}
        return PageAnswer(sent[0]["status"], found, b"".join(one.get("body", b"") for one in sent[1:]).decode())

    async def log_in(self, name: str, password: str) -> PageAnswer:
        """Keeps the cookie, and the token of the session's forms."""
        answer = await self.ask("POST", "/login", {"name": name, "password": password})
        self.cookie = answer.headers.get("set-cookie", "").partition(";")[0]
        found = re.search(r'name="csrf" value="([^"]+)"', (await self.ask("GET", "/")).text)
        self.csrf = found[1] if found else ""
        return answer
