"""Who comes through which door of the console: every view and every order of it, by role, token and origin."""

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from page_client import PageClient

from agents.pages.console.app import Console
from agents.pages.console.state import ConsoleState
from agents.pages.web.accounts import Accounts, PageRole
from agents.pages.web.audit import Audit

PASSWORD = "a-long-password"
SEEN = ("/", "/fleet", "/tree", "/deals", "/deals.csv", "/alerts", "/replay")
ORDERED = ("/request", "/stop", "/audit")
POSTS = (
    "/alerts/acknowledge", "/request", "/request/issue", "/stop", "/event/e1/stop", "/party/ra-1/stop",
    "/party/ra-1/take-in",
)  # fmt: skip


@pytest.fixture
def console(tmp_path: Path) -> Console:
    accounts = Accounts(tmp_path / "users.json")
    for role in (PageRole.VIEWER, PageRole.OPERATOR, PageRole.SUPPORT, PageRole.RESIDENT):
        accounts.put(role, (role,), PASSWORD)
    (tmp_path / "journals").mkdir()
    return Console(ConsoleState([tmp_path / "journals"], tmp_path), accounts, Audit(tmp_path / "audit.jsonl"))


async def entered(console: Console, name: str) -> PageClient:
    client = PageClient(console.app(frozenset({"localhost"})))
    assert (await client.log_in(name, PASSWORD)).status == 303
    return client


def test_every_order_of_the_console_is_tried_here(console: Console) -> None:
    app = console.app(frozenset({"localhost"}))
    paths = [route.path for route in app.app.routes if "POST" in (getattr(route, "methods", None) or ())]  # type: ignore[attr-defined]
    tried = [re.sub(r"\{event_id\}", "e1", re.sub(r"\{party\}", "ra-1", path)) for path in paths]
    assert sorted(tried) == sorted([*POSTS, "/login", "/logout"])


@pytest.mark.parametrize("path", [*SEEN, *ORDERED, "/support", "/stream", *POSTS])
async def test_stranger_is_sent_to_the_login(console: Console, path: str) -> None:
    stranger = PageClient(console.app(frozenset({"localhost"})), "gridpact_session=guessed")
    answer = await stranger.ask("POST" if path in POSTS else "GET", path)
    assert answer.status == 303
    assert answer.headers["location"].startswith("/login")


@pytest.mark.parametrize("name", ["viewer", "support", "resident"])
@pytest.mark.parametrize("path", POSTS)
async def test_nobody_but_an_operator_orders_anything(console: Console, name: str, path: str) -> None:
    client = await entered(console, name)
    answer = await client.ask("POST", path, {"csrf": client.csrf, "sure": "yes"})
    assert (answer.status, "needs the role operator" in answer.text) == (403, True)
    assert [line["did"] for line in console.audit.last()] == ["login"]


@pytest.mark.parametrize("path", POSTS)
async def test_form_without_the_sessions_token_or_from_elsewhere_orders_nothing(console: Console, path: str) -> None:
    client = await entered(console, "operator")
    for fields, origin in (({}, "http://localhost"), ({"csrf": client.csrf}, "http://evil.example")):
        answer = await client.ask("POST", path, {**fields, "sure": "yes"}, origin=origin)
        assert answer.status in (403, 404)  # of what is not there, nothing is said but that
        assert console.audit.last()[0]["did"] == "login"


async def test_each_role_sees_what_is_its_own(console: Console) -> None:
    wanted = {
        "viewer": {*SEEN}, "operator": {*SEEN, *ORDERED}, "support": {"/support"}, "resident": set[str](),
    }  # fmt: skip
    for name, seen in wanted.items():
        client = await entered(console, name)
        found = {path for path in (*SEEN, *ORDERED, "/support") if (await client.ask("GET", path)).status == 200}
        assert found == seen, name


async def test_user_who_is_taken_out_or_changed_is_out_at_once(console: Console) -> None:
    accounts = Accounts(console.state.follower.folders[0].parent / "users.json")  # another process
    for change in (
        lambda: accounts.put("operator", (PageRole.VIEWER,), PASSWORD),
        lambda: accounts.put("operator", (PageRole.VIEWER,), PASSWORD + "2"),
        lambda: accounts.remove("operator"),
    ):
        client = PageClient(console.app(frozenset({"localhost"})))
        known = accounts.users()["operator"]
        await client.log_in("operator", PASSWORD)
        if known.roles == (PageRole.OPERATOR,):
            assert (await client.ask("GET", "/request")).status == 200
        change()
        assert (await client.ask("GET", "/deals")).status == 303


async def test_who_has_the_role_support_alone_comes_to_what_is_theirs(console: Console) -> None:
    client = PageClient(console.app(frozenset({"localhost"})))
    assert (await client.log_in("support", PASSWORD)).headers["location"] == "/support"
    page = (await client.ask("GET", "/support")).text
    assert ('href="/support"' in page, 'href="/fleet"' in page) == (True, False)


@pytest.mark.parametrize("path", ["/fleet?page=²", "/fleet?page=-1", "/deals?page=99999999999", "/fleet?page=٣"])
async def test_page_that_is_no_number_is_the_first(console: Console, path: str) -> None:
    client = await entered(console, "viewer")
    assert (await client.ask("GET", path)).status == 200


async def test_console_does_not_say_what_time_it_is_where_nobody_tells_it(console: Console) -> None:
    client = await entered(console, "viewer")
    assert "No daemon answers here" in (await client.ask("GET", "/")).text
    console.state.sockets.time.hear(datetime.now(UTC), time.monotonic())
    assert "It is " in (await client.ask("GET", "/")).text


async def test_stream_ends_with_the_page(console: Console) -> None:
    console.state.changes.notify()
    stream = console.state.changes.stream()
    assert await anext(stream) == b"event: changed\ndata: 1\n\n"
    console.state.changes.end()
    assert [one async for one in stream] == []
