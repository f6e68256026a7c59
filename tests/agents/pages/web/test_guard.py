"""What stands in front of every page."""

from typing import Any

import pytest
from starlette.responses import PlainTextResponse

from agents.pages.web.guard import PageGuard


async def _asked(hosts: frozenset[str], *, tls: bool = False, **headers: str) -> tuple[int, dict[str, str]]:
    """Status and headers of an answer to a GET with some headers."""
    answers: list[dict[str, Any]] = []
    scope = {
        "type": "http", "method": "GET", "path": "/", "query_string": b"",
        "headers": [(key.replace("_", "-").encode(), value.encode()) for key, value in headers.items()],
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        answers.append(message)

    await PageGuard(PlainTextResponse("here"), hosts, tls)(scope, receive, send)
    return answers[0]["status"], {key.decode(): value.decode() for key, value in answers[0]["headers"]}


@pytest.mark.parametrize("host", ["127.0.0.1:8321", "localhost", "LOCALHOST:80", "[::1]:8321"])
async def test_page_is_served_under_its_names(host: str) -> None:
    status, headers = await _asked(frozenset({"127.0.0.1", "localhost", "::1"}), host=host)
    assert status == 200
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8321", ""])
async def test_page_is_served_under_no_strangers_name(host: str) -> None:
    assert (await _asked(frozenset({"127.0.0.1"}), host=host))[0] == 421


async def test_long_body_is_not_read() -> None:
    assert (await _asked(frozenset({"localhost"}), host="localhost", content_length="70000"))[0] == 413
    assert (await _asked(frozenset({"localhost"}), host="localhost", transfer_encoding="chunked"))[0] == 413


async def test_browser_is_kept_to_tls_where_there_is_tls() -> None:
    _, headers = await _asked(frozenset({"localhost"}), tls=True, host="localhost")
    assert headers["strict-transport-security"]
