"""The console in a browser, against a live system: what operators order there, and what they see of it."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from copy import copy
from pathlib import Path
from typing import Any

import pytest
from browser import both_schemes, needs_chromium, serious
from page_room import Room, opened
from playwright.async_api import Locator, Page, expect

from agents.history.line import NoteLine
from agents.pages.console.replaying import Recordings
from agents.settings.parties import AggregatorSettings
from broker.mosquitto import Broker

pytestmark = [pytest.mark.live, needs_chromium]
SCRIPT = "<script>document.title='taken'</script>"
_WITHDRAWN = {"child": SCRIPT, "cause": SCRIPT, "power_w": (0, 0), "awarded_w": (1_000, 1_000)}
VIEWS = ("/", "/event/{}", "/event/{}/why", "/event/{}/messages", "/event/{}/list/awarded", "/fleet", "/tree", "/deals",
         "/alerts", "/request", "/stop", "/audit", "/support?home=hems-1", "/replay", "/replay/journals")  # fmt: skip


@pytest.fixture
async def room(tmp_path: Path, broker: Broker) -> AsyncIterator[Room]:
    async with opened(tmp_path, broker) as running:
        yield running


async def test_request_issued_in_the_page_becomes_a_deal_in_the_page_and_in_its_replay(room: Room) -> None:
    operator, guest = await room.enter("op"), await room.enter("guest")
    await room.ask(operator, "asked-here")
    await expect(operator.get_by_role("heading", name="asked-here standby")).to_be_visible()
    await expect(guest.get_by_role("link", name="asked-here").first).to_be_visible()  # without a reload
    await expect(operator.locator(".funnel")).to_contain_text("2 confirmed")
    await expect(operator.locator(".figures")).to_contain_text("not metered yet")
    await room.system.pass_at(1_000)
    await expect(operator.get_by_role("heading", name="asked-here concluded")).to_be_visible()
    await expect(operator.locator(".figures")).to_contain_text("8 kWh")
    assert await _violations(room, operator, "asked-here") == {}
    seen = await _picture(operator, f"{room.where}/event/asked-here")
    assert "2 of 2 slots metered" in seen
    assert await _picture(operator, f"{room.where}/replay/journals") == seen
    begun = await _picture(operator, f"{room.where}/replay/journals?at=1")
    assert begun != seen
    assert "not metered yet" in begun


async def test_two_operators_see_each_others_orders_and_a_viewer_may_give_none(room: Room) -> None:
    first, second, guest = await room.enter("op"), await room.enter("op"), await room.enter("guest")
    await room.ask(first, "to-be-stopped")
    await second.get_by_role("link", name="to-be-stopped").first.click()
    await second.get_by_role("link", name="Stop this event").click()
    await second.get_by_label("Reason").fill("<script>document.title = 'taken over'</script>")
    await second.get_by_label("Yes, stop").check()
    await second.get_by_role("button", name="Stop", exact=True).click()
    await expect(first.get_by_role("heading", name="to-be-stopped cancelled")).to_be_visible()
    await expect(first.locator(".reasons")).to_contain_text("<script>document.title = 'taken over'</script>")
    assert await first.title() == "to-be-stopped · gridpact"
    await expect(guest.get_by_role("link", name="New request")).to_have_count(0)
    answer = await guest.goto(f"{room.where}/stop")
    assert answer is not None
    assert answer.status == 403
    assert room.did() == ["login", "login", "login", "issue", "stop"]


async def test_two_runs_are_replayed_side_by_side_up_to_a_thousand_times_as_fast(room: Room, tmp_path: Path) -> None:
    page = await room.enter("op")
    await room.ask(page, "asked-here")
    await expect(page.get_by_role("heading", name="asked-here standby")).to_be_visible()
    await room.system.pass_at(1_000)
    await expect(page.get_by_role("heading", name="asked-here concluded")).to_be_visible()
    seen = await _picture(page, f"{room.where}/event/asked-here")
    other = tmp_path / "another-run"
    shutil.copytree(room.system.journals, other)
    room.console.recordings = Recordings((room.system.journals, other))
    await page.goto(f"{room.where}/replay/journals?at=1&beside=another-run")
    assert await page.locator(".side").count() == 2
    await page.locator("[data-speed-of-replay]").select_option("1000")
    await page.get_by_role("button", name="Play").click()
    await expect(page.locator(".side").first.get_by_text("2 of 2 slots metered")).to_be_visible()
    await expect(page.locator(".side").last.get_by_text("2 of 2 slots metered")).to_be_visible()
    await expect(page.get_by_role("button", name="Play")).to_be_visible()  # it has stopped at the end
    assert await serious(page) == []
    for side in (0, 1):
        assert await _drawn(page.locator(".side").nth(side)) == seen
    for width in (1_280, 1_440):
        await page.set_viewport_size({"width": width, "height": 900})
        assert await page.evaluate(_SIDES) == {"beside": True, "cut": []}
    await page.set_viewport_size({"width": 390, "height": 844})
    assert await page.evaluate(_SIDES) == {"beside": False, "cut": []}


_SIDES = """() => { const [one, other] = [...document.querySelectorAll('.side')].map((side) => side.getBoundingClientRect());
  const cut = [...document.querySelectorAll('.side .scroll')].filter((part) => part.scrollWidth > part.clientWidth);
  return { beside: one.right <= other.left && one.top === other.top, cut: cut.map((part) => part.ariaLabel) }; }"""
"""How two runs stand, and what of them has to be moved sideways to be seen."""


async def test_what_is_called_like_a_script_stays_text_on_every_view(room: Room) -> None:
    page = await room.enter("op", color_scheme="dark")
    await room.ask(page, "strange")
    await expect(page.get_by_role("heading", name="strange standby")).to_be_visible()
    chronicle = room.console.state.chronicle
    aggregator = chronicle.settings["ra-1"]
    assert isinstance(aggregator, AggregatorSettings)
    named = copy(aggregator.members[0])
    object.__setattr__(named, "resources", (SCRIPT,))  # no settings and no message would have that
    chronicle.know([aggregator.model_copy(update={"members": (named, *aggregator.members[1:])})])
    chronicle.records["strange"].lines.append(
        NoteLine(room.system.clock.now(), "ra-1", "withdrawn", "strange", "", _WITHDRAWN)
    )
    found = ""
    for path in VIEWS:
        await page.goto(room.where + path.format("strange"))
        assert await page.locator("script:not([src])").count() == 0, path
        assert not (await page.title()).startswith("taken"), path
        assert await serious(page) == [], path
        found += await page.locator("main").inner_text()
    assert SCRIPT in found


async def test_page_that_is_open_goes_on_when_the_agents_were_away(room: Room) -> None:
    page = await room.enter("op")
    async with room.system.unreachable():
        await expect(page.locator(".badge")).to_have_text("1")
        await page.get_by_role("link", name="Alerts").click()
        await expect(page.get_by_role("rowheader", name="daemon gone")).to_be_visible()
    await expect(page.locator(".badge")).to_have_text("")
    await expect(page.get_by_text("over since")).to_be_visible()
    await room.ask(page, "asked-later")
    await expect(page.get_by_role("heading", name="asked-later standby")).to_be_visible()


async def test_aggregator_is_stopped_and_taken_in_again_in_two_steps_each(room: Room) -> None:
    page = await room.enter("op")
    await room.ask(page, "with-ra-1")
    await expect(page.get_by_role("heading", name="with-ra-1 standby")).to_be_visible()
    await page.get_by_role("link", name="Tree").click()
    await page.get_by_role("link", name="Stop ra-1").click()
    await expect(page.get_by_text("8 kW x 2 awarded to it")).to_be_visible()
    assert await both_schemes(page) == []
    await page.get_by_label("Yes, stop ra-1").check()
    await page.get_by_role("button", name="Stop ra-1").click()
    await expect(page.get_by_text("takes no part under ac until it is taken in again")).to_be_visible()
    home = room.system.shells["hems-1"].actor
    await _until(lambda: _stages(home) == ["closed"])
    assert await both_schemes(page) == []
    await page.get_by_role("link", name="Take it in again").click()
    assert await both_schemes(page) == []
    await page.get_by_label("Yes, take ra-1 in again").check()
    await page.get_by_role("button", name="Take it in").click()
    await expect(page.get_by_role("link", name="Stop ra-1")).to_be_visible()
    await room.ask(page, "again")
    await expect(page.get_by_role("heading", name="again standby")).to_be_visible()
    assert room.did() == ["login", "issue", "stop aggregator", "take in aggregator", "issue"]


def _stages(actor: Any) -> list[str]:
    return [one["stage"] for one in actor.status()["events"]]


async def _until(holds: Callable[[], bool]) -> None:
    """Wait for what other tasks bring about."""
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.02)


async def test_console_shows_alerts_until_somebody_has_seen_them(room: Room) -> None:
    page = await room.enter("op", color_scheme="dark")
    room.system.alerts["queue_full"] = "ra-1: <b>9</b> of at most 10 in its queue inbox"
    await expect(page.locator(".badge")).to_have_text("1")
    await page.get_by_role("link", name="Alerts").click()
    await expect(page.locator("td.wide")).to_have_text("ra-1: <b>9</b> of at most 10 in its queue inbox")
    assert await serious(page) == []
    await page.get_by_role("button", name="Acknowledge").click()
    await expect(page.get_by_text("seen by op")).to_be_visible()
    await expect(page.locator(".badge")).to_have_text("")


async def _violations(room: Room, page: Page, event_id: str) -> dict[str, list[str]]:
    """What axe finds on every view."""
    found = {}
    for path in VIEWS:
        await page.goto(room.where + path.format(event_id))
        if wrong := await serious(page):
            found[path] = wrong
    return found


async def _picture(page: Page, where: str) -> str:
    """What an event's chart, figures, funnel and parties say there."""
    await page.goto(where)
    return await _drawn(page.locator("main"))


async def _drawn(place: Locator) -> str:
    parts = [place.locator(one).first for one in (".figures", ".chart > svg", ".slots", ".funnel", ".ladder")]
    drawn = [await one.evaluate("one => one.tagName === 'svg' ? one.innerHTML : one.textContent") for one in parts]
    return " ".join("".join(drawn).split())
