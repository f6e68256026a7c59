"""The resident's page that stays open: it is drawn anew while events come and go, as it would be after a reload."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from browser import needs_chromium
from page_system import PageSystem
from playwright.async_api import Page, expect
from resident_page import PARTIES, at, issue, resident, until
from worlds import T0

from broker.mosquitto import Broker
from protocol.actor import Cancel

pytestmark = [pytest.mark.live, needs_chromium]
SECTIONS = "[...document.querySelectorAll('main > section')].map((one) => one.innerText.trim())"


@pytest.fixture
async def system(tmp_path: Path, broker: Broker) -> AsyncIterator[PageSystem]:
    async with PageSystem(tmp_path, broker, PARTIES, T0, speed=1).running() as running:
        yield running


async def drawn(page: Page) -> list[str]:
    found: list[str] = await page.evaluate(SECTIONS)
    return found


async def test_page_that_is_open_shows_what_it_would_show_after_a_reload(system: PageSystem, tmp_path: Path) -> None:
    async with resident(system, tmp_path) as page:
        for name in ("first", "second", "third"):
            await issue(system, name)
            await expect(page.locator(f"#event-{name} .answers button")).to_have_count(2)
            await page.locator(f"#event-{name}").get_by_role("button", name="Take part", exact=True).click()
        await page.locator("details summary").first.click()
        await page.locator("[name=departure_soc_wh]").fill("61")
        for number, name in enumerate(("second", "first", "third"), 1):
            await system.shells["utility"].give(Cancel(name))
            await until(lambda name=name: at(system, "hems-1", name)["stage"] == "closed")  # type: ignore[misc]
            await expect(page.locator(f"#event-{name}")).to_have_count(0)
            await expect(page.locator("#past tbody tr")).to_have_count(number)
            assert await page.locator("main > section").count() == 5 + max(2 - number, 0)
            await expect(page.locator("[name=departure_soc_wh]")).to_have_value("61")  # what is being written stays
            await expect(page.locator("#past")).not_to_contain_text("metered")
            await expect(page.locator("#past")).not_to_contain_text("0 kWh")
        await page.locator("details summary").first.click()
        open_ = await drawn(page)
        await page.reload()
        assert open_ == await drawn(page)
