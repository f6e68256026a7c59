"""The resident's page without a mouse, in both languages, in the light and in the dark; and while its agent comes and goes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from browser import both_schemes, needs_chromium
from page_system import PageSystem
from playwright.async_api import expect
from resident_page import PARTIES, at, issue, limits, resident, tab_to, until
from worlds import T0

from broker.mosquitto import Broker

pytestmark = [pytest.mark.live, needs_chromium]


@pytest.fixture
async def system(tmp_path: Path, broker: Broker) -> AsyncIterator[PageSystem]:
    async with PageSystem(tmp_path, broker, PARTIES, T0, speed=1).running() as running:
        yield running


async def test_limits_are_changed_and_taken_back_with_the_keyboard_alone(system: PageSystem, tmp_path: Path) -> None:
    async with resident(system, tmp_path) as page:
        await page.locator("body").focus()
        await tab_to(page, "details summary")
        await page.keyboard.press("Enter")
        await tab_to(page, "[name=departure_soc_wh]")
        await page.keyboard.press("Control+A")
        await page.keyboard.type("60")
        await tab_to(page, "[name=reserve_wh-loosen]")
        await page.keyboard.press("Space")  # it was agreed to; no more
        await tab_to(page, "[name=relay_ops_a_day]")
        await page.keyboard.type("2")
        await tab_to(page, ".change button.primary")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status").filter(has_text="Done")).to_contain_text("limits saved")
        await expect(page.get_by_text("with at least 60 % (24 kWh)")).to_be_visible()
        said = {"departure_soc_wh": 24_000, "relay_ops_a_day": 2, "relaxations": []}
        await until(lambda: limits(system, "hems-1") == {"ev-1": said})
        await page.locator("body").focus()
        await tab_to(page, "details summary")
        await page.keyboard.press("Space")
        await tab_to(page, ".change [formaction='/unlimit']")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status").filter(has_text="Done")).to_contain_text("Back to what my settings say")
        await until(lambda: limits(system, "hems-1") == {})
        await tab_to(page, "[name=rule]")
        await page.keyboard.press("ArrowDown")
        await tab_to(page, "[name=most_a_day]")
        await page.keyboard.press("Control+A")
        await page.keyboard.type("3")
        await tab_to(page, "form[action='/choose'] button")
        await page.keyboard.press("Enter")
        await expect(page.locator("[name=rule][value=always]")).to_be_checked()
        await expect(page.locator("[name=most_a_day]")).to_have_value("3")


@pytest.mark.parametrize(("locale", "scheme"), [("en-GB", "dark"), ("ja-JP", "light")])
async def test_every_state_of_the_page_has_nothing_serious(
    system: PageSystem, tmp_path: Path, locale: str, scheme: str
) -> None:
    async with resident(system, tmp_path, locale=locale, color_scheme=scheme) as page:
        found = await both_schemes(page)
        await page.locator("details summary").first.click()
        await issue(system, "e1")
        await expect(page.locator(".answers button")).to_have_count(2)
        found += await both_schemes(page)
        await page.locator(".answers button").first.click()
        await expect(page.locator(".good")).to_be_visible()
        await system.pass_at(400)
        await expect(page.locator(".stage-delivering")).to_be_visible()
        await system.pass_at(1)
        found += await both_schemes(page)
        await page.locator("form[action='/charge'] button").click()
        await expect(page.locator("form[action='/resume']")).to_be_visible()
        await expect(page.locator("td[data-label]").first).to_be_visible()
        found += await both_schemes(page)
        await page.goto(f"{page.url}nowhere")
        await expect(page.get_by_role("alert")).to_be_visible()
        if locale == "ja-JP":
            assert "There is no" not in await page.locator("main").inner_text()
        found += await both_schemes(page)
        await page.locator("form[action='/logout'] button").click()
        await page.locator("[name=name]").fill("eve")
        await page.locator("[name=password]").fill("wrong")
        await page.locator("button.primary").click()
        await expect(page.get_by_role("alert")).to_be_visible()
        assert found + await both_schemes(page) == []


async def test_page_that_is_open_asks_again_when_the_homes_agent_was_restarted(
    system: PageSystem, tmp_path: Path
) -> None:
    async with resident(system, tmp_path) as page:
        await issue(system, "e1")
        await expect(page.get_by_role("button", name="Take part", exact=True)).to_be_enabled()
        async with system.away("hems-1"):
            await expect(page.get_by_role("alert")).to_contain_text("does not answer")
            await expect(page.locator(".answers button")).to_have_count(0)
        await expect(page.get_by_role("alert")).to_have_count(0)
        await page.get_by_role("button", name="Take part", exact=True).click()
        await expect(page.get_by_text("offered, not decided yet").first).to_be_visible()
        await system.pass_at(100)
        await expect(page.get_by_text("agreed, begins soon")).to_be_visible()
        assert at(system, "utility", "e1")["deal_w"] == [4_000, 4_000]
