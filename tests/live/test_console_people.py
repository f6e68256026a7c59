"""What several people see and order in the console at the same time, and what stays open while parties come and go."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from browser import both_schemes, needs_chromium, tab
from page_room import HOMES, Room, opened
from playwright.async_api import expect

from agents.pages.console.certificates import CertificateEnds
from agents.tools.access.authority import Authority
from broker.mosquitto import Broker

pytestmark = [pytest.mark.live, needs_chromium]
LEFT, AT = re.compile(r"^(\d+ min \d\d|\d+) s$"), re.compile(r"\d\d:\d\d:\d\d")


@pytest.fixture
async def room(tmp_path: Path, broker: Broker) -> AsyncIterator[Room]:
    async with opened(tmp_path, broker) as running:
        yield running


async def test_open_decisions_say_who_until_when_and_what_if_nobody_does(tmp_path: Path, broker: Broker) -> None:
    async with opened(tmp_path, broker, asks=True) as room:
        page = await room.enter("op")
        await room.system.pass_at(1)
        await room.ask(page, "to-be-decided")
        await page.get_by_role("link", name="Now").click()
        rows = page.locator("table.decisions tbody tr")
        resident = rows.filter(has_text="the resident of hems-1")
        await expect(resident).to_contain_text("whether to take part")
        await expect(resident).to_contain_text("its stored rule says yes")
        await expect(resident.get_by_role("link", name="to-be-decided")).to_be_visible()
        await expect(resident.locator("[data-until]")).to_have_text(LEFT)
        members = rows.filter(has_text="the members of ra-1")
        await expect(members).to_contain_text("who is silent counts as no, and ra-1 goes on with what it has")
        await expect(members.locator("[data-label=Until]")).to_contain_text(AT)
        assert await both_schemes(page) == []
        await room.system.pass_at(200)
        await expect(page.get_by_text("Nobody has to decide anything.")).to_be_visible()


async def test_two_operators_who_stop_one_event_at_once_are_both_told_what_came_of_it(room: Room) -> None:
    first, second = await room.enter("op"), await room.enter("op")
    await room.ask(first, "stopped-twice")
    await expect(first.get_by_role("heading", name="stopped-twice standby")).to_be_visible()
    for page in (first, second):
        await page.goto(f"{room.where}/event/stopped-twice/stop")
        await page.get_by_label("Yes, stop").check()
    await first.get_by_role("button", name="Stop", exact=True).click()
    await expect(first.get_by_role("heading", name="stopped-twice cancelled")).to_be_visible()
    await second.get_by_role("button", name="Stop", exact=True).click()
    await expect(second.get_by_role("alert")).to_contain_text("stopped-twice is over already: cancelled")
    await expect(second.get_by_role("heading", name="Refused")).to_be_visible()
    assert await both_schemes(second) == []
    assert room.did() == ["login", "login", "issue", "stop"]


async def test_two_operators_who_ask_at_once_get_an_event_each(room: Room) -> None:
    first, second = await room.enter("op"), await room.enter("op")
    for page, name in ((first, "of-the-first"), (second, "of-the-second")):
        await page.get_by_role("link", name="New request").click()
        await page.get_by_label("Start").fill("+40m")
        await page.get_by_label("Slots").fill("2")
        await page.get_by_label("Power, kW").fill("4")
        await page.get_by_label("Event's name").fill(name)
        await page.get_by_role("button", name="Show what the fleet").click()
    await expect(first.get_by_role("button", name="Ask now")).to_be_visible()
    assert await both_schemes(first) == []
    await second.get_by_role("button", name="Ask now").click()
    await first.get_by_role("button", name="Ask now").click()
    await expect(first.get_by_role("heading", name="of-the-first standby")).to_be_visible()
    await expect(second.get_by_role("heading", name="of-the-second standby")).to_be_visible()


async def test_page_that_is_open_goes_on_with_an_aggregator_that_was_restarted(room: Room) -> None:
    page = await room.enter("op")
    await room.ask(page, "goes-on")
    await expect(page.get_by_role("heading", name="goes-on standby")).to_be_visible()
    await room.system.pass_at(1)
    async with room.system.away("ra-1"):
        await expect(page.get_by_role("heading", name="goes-on standby")).to_be_visible()
    await room.system.pass_at(200)
    await expect(page.get_by_role("heading", name="What the slots to come")).to_be_visible()
    await room.system.pass_at(1)
    assert await both_schemes(page) == []
    await room.system.pass_at(1_000)
    await expect(page.get_by_role("heading", name="goes-on concluded")).to_be_visible()
    await expect(page.locator(".figures")).to_contain_text("2 of 2 slots metered")
    await expect(page.locator(".figures")).to_contain_text("8 kWh")


async def test_replay_at_once_real_time_moves_a_second_in_a_second_until_it_pauses(room: Room) -> None:
    page = await room.enter("op")
    await room.ask(page, "seen-again")
    await expect(page.get_by_role("heading", name="seen-again standby")).to_be_visible()
    await room.system.pass_at(1_000)
    await expect(page.get_by_role("heading", name="seen-again concluded")).to_be_visible()
    await page.clock.install()
    await page.goto(f"{room.where}/replay/journals?at=0")
    slider, instant = page.locator("[data-slider]"), page.locator(".instant")
    begun = (await instant.inner_text()).split()[-1]
    await page.locator("[data-speed-of-replay]").select_option("1")
    await page.get_by_role("button", name="Play").click()
    await page.clock.run_for(10_000)
    await expect(slider).to_have_js_property("value", "10")
    at = datetime.strptime(begun, "%H:%M:%S") + timedelta(seconds=10)
    await expect(instant).to_contain_text(f"{at:%H:%M:%S}")
    await page.get_by_role("button", name="Pause").click()
    await page.clock.run_for(10_000)
    await expect(slider).to_have_js_property("value", "10")
    assert "at=10" in page.url


async def test_fleet_says_for_how_many_days_certificates_are_good(room: Room, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    authority = Authority.create(tmp_path / "authority", "test", now - timedelta(days=100))
    authority.client(HOMES[0], now, timedelta(days=400, hours=12))
    authority.client(HOMES[1], now, timedelta(days=10, hours=12))
    authority.client("ra-1", now - timedelta(days=20), timedelta(days=10))
    room.console.state.certificates = CertificateEnds(tmp_path / "authority" / "issued")
    page = await room.enter("op")
    await page.get_by_role("link", name="Fleet").click()
    cells = [
        page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name)).locator("[data-label=Certificate]")
        for name in (*HOMES, "ra-1", "ra-2")
    ]
    for cell, text in zip(cells, ("400 days", "10 days", "has ended", "none here"), strict=True):
        await expect(cell).to_have_text(text)
    assert await cells[1].locator(".warned").count() == 1
    assert await cells[0].locator(".warned").count() == 0
    assert await both_schemes(page) == []


async def test_each_look_at_a_home_is_logged_and_needs_the_role(room: Room) -> None:
    stranger = await tab(room.browser)
    await stranger.goto(f"{room.where}/support?home=hems-1")
    await stranger.get_by_label("Name").fill("op")
    await stranger.get_by_label("Password").fill("guessed")
    await stranger.get_by_role("button", name="Log in").click()
    await expect(stranger.get_by_role("alert")).to_contain_text("do not fit")
    assert await both_schemes(stranger) == []
    page, guest = await room.enter("op"), await room.enter("guest")
    await page.get_by_role("link", name="Support").click()
    await page.get_by_label("Home").fill("hems-1")
    await page.get_by_role("button", name="Show", exact=True).click()
    await expect(page.get_by_role("heading", name="Support: hems-1")).to_be_visible()
    await page.get_by_role("link", name="Audit").click()
    await expect(page.get_by_role("row").filter(has_text="looked at home")).to_contain_text("hems-1")
    answer = await guest.goto(f"{room.where}/support?home=hems-1")
    assert answer is not None
    assert answer.status == 403
    assert await both_schemes(guest) == []
