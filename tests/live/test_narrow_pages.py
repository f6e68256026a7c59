"""Both pages on the narrowest phones, and at twice the size of their letters: nothing is cut, nothing lies on something else."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from browser import needs_chromium
from page_room import opened
from page_system import PageSystem
from playwright.async_api import Page, expect
from resident_page import PARTIES, issue, resident
from worlds import T0

from broker.mosquitto import Broker

pytestmark = [pytest.mark.live, needs_chromium]
WIDTHS = (320, 640)
"""The narrowest phone; a desktop of 1280 at 200 %. In CSS pixels."""
VIEWS = ("/", "/event/narrow", "/event/narrow/list/awarded", "/event/narrow/messages", "/fleet", "/tree", "/deals",
         "/alerts", "/request", "/event/narrow/stop", "/audit", "/support?home=hems-1", "/replay/journals")  # fmt: skip
LAYOUT = """() => {
  for (const one of document.querySelectorAll('details')) one.open = true;
  const wide = document.documentElement.clientWidth, found = [], texts = [];
  if (document.documentElement.scrollWidth > wide + 1) found.push(`the page is ${document.documentElement.scrollWidth} wide`);
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode, part = node.parentElement;
    if (!node.textContent.trim() || part.closest('.hidden, .skip, .lost, thead, svg title, option')) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) if (box.width > 1) texts.push({ part, box, text: node.textContent.trim() });
  }
  for (const field of document.querySelectorAll('button, .button, input'))
    if (field.type !== 'range' && field.scrollWidth > field.clientWidth + 2) found.push(`cut: ${field.value || field.textContent}`);
  texts.forEach((one, place) => texts.slice(place + 1).forEach((other) => {
    if (one.part === other.part || one.part.closest('.scroll, nav, .long') !== other.part.closest('.scroll, nav, .long')) return;
    const x = Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left);
    const y = Math.min(one.box.bottom, other.box.bottom) - Math.max(one.box.top, other.box.top);
    if (x > 2 && y > 0.35 * Math.min(one.box.height, other.box.height)) found.push(`${one.text} lies on ${other.text}`);
  }));
  return found; }"""


async def laid_out(page: Page) -> list[str]:
    """What is cut or lies on something else, in each width."""
    found: list[str] = []
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 800})
        found += [f"{width}: {page.url}: {one}" for one in await page.evaluate(LAYOUT)]
    return found


async def test_console_is_whole_on_a_narrow_screen(tmp_path: Path, broker: Broker) -> None:
    async with opened(tmp_path, broker) as room:
        page = await room.enter("op")
        await room.ask(page, "narrow", kw="11.25")
        await expect(page.get_by_role("heading", name="narrow standby")).to_be_visible()
        found = []
        for path in VIEWS:
            await page.goto(room.where + path)
            found += await laid_out(page)
        assert found == []


@pytest.fixture
async def system(tmp_path: Path, broker: Broker) -> AsyncIterator[PageSystem]:
    async with PageSystem(tmp_path, broker, PARTIES, T0, speed=1).running() as running:
        yield running


@pytest.mark.parametrize("locale", ["en-GB", "ja-JP"])
async def test_residents_page_is_whole_on_a_narrow_screen(system: PageSystem, tmp_path: Path, locale: str) -> None:
    async with resident(system, tmp_path, locale=locale) as page:
        await issue(system, "a-name-that-is-rather-long-but-may-be-given")
        await expect(page.locator(".answers button")).to_have_count(2)
        found = await laid_out(page)
        await page.locator(".answers button").first.click()
        await expect(page.locator("form[action='/override']")).to_have_count(1)
        assert found + await laid_out(page) == []
