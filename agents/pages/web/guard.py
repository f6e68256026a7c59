"""What stands in front of every page: headers that let nothing run but our own script, hosts that are ours, bodies that
are short."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY = 64 * 1024
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class PageGuard:
    """Around an application. `hosts`: the names under which it is reached; another one in a request is refused, so that a
    stranger's page cannot read ours through a name of its own."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str], tls: bool = False) -> None:
        self.app, self.hosts, self.tls = app, hosts, tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        name = headers.get("host", "").rsplit(":", 1)[0].strip("[]").lower()
        if name not in self.hosts and "*" not in self.hosts:
            await PlainTextResponse("this page is not served under that name\n", 421)(scope, receive, send)
            return
        if int(headers.get("content-length") or 0) > MOST_BODY or "chunked" in headers.get("transfer-encoding", ""):
            await PlainTextResponse("a form has at most 64 KiB\n", 413)(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = MutableHeaders(scope=message)
                for key, value in HEADERS.items():
                    found[key] = value
                if self.tls:
                    found["Strict-Transport-Security"] = "max-age=31536000"
                if not scope["path"].startswith("/static/"):
                    found["Cache-Control"] = "no-store"
            await send(message)

        await self.app(scope, receive, sent)
