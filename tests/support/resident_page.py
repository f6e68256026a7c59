"""The page of a home over a live system, with somebody who is logged in: for tests of what a resident does there."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from browser import chromium, served, tab
from page_system import PageSystem
from playwright.async_api import Page
from worlds import vehicle

from agents.pages.home.app import HomePage
from agents.pages.home.state import ResidentState
from agents.pages.web.accounts import Accounts, PageRole
from agents.pages.web.audit import Audit
from agents.pages.web.serve import LOOPBACK
from agents.settings.members import Member
from agents.settings.parties import AggregatorSettings, Consent, CoordinatorSettings, DerSettings, UtilitySettings
from protocol.actor import Issue
from protocol.units import Direction

PASSWORD = "a-long-password"
PARTIES = (
    UtilitySettings(children=("ac",)),
    CoordinatorSettings(name="ac", members=(Member(name="ra-1", kind="aggregator", decrease_load_w=6_000),)),
    AggregatorSettings(
        name="ra-1", parent="ac",
        members=tuple(Member(name=f"hems-{n}", resources=(f"ev-{n}",), decrease_load_w=6_000) for n in (1, 2)),
    ),
    DerSettings(
        name="hems-1", parent="ra-1", consent=Consent.ASK, stored_rule=False,
        devices=(vehicle("ev-1", relaxations=[{"restriction": "reserve_soc", "steps": [4_000]}]),),
    ),
    DerSettings(name="hems-2", parent="ra-1", consent=Consent.ASK, stored_rule=False, devices=(vehicle("ev-2"),)),
)  # fmt: skip
"""Nobody is at home in hems-2: so there is time to change one's mind in hems-1."""


async def issue(system: PageSystem, event_id: str) -> None:
    """Two hours from now, for an hour."""
    start = (system.clock.now() + timedelta(hours=2)).replace(microsecond=0)
    await system.shells["utility"].give(Issue(event_id, "dr", Direction.DECREASE_LOAD, start, (4_000, 4_000)))


def at(system: PageSystem, party: str, event_id: str) -> dict[str, Any]:
    """How an event stands at a party, by its own word."""
    events: Any = system.shells[party].actor.status()["events"]
    return next((one for one in events if one["event_id"] == event_id), {})


@asynccontextmanager
async def resident(system: PageSystem, folder: Path, **context: Any) -> AsyncIterator[Page]:
    """Logged in on the page of the home."""
    accounts = Accounts(folder / "users.json")
    accounts.put("eve", (PageRole.RESIDENT,), PASSWORD)
    state = ResidentState("hems-1", [system.journals], system.control, folder / "choices.json")
    home = HomePage(state, accounts, Audit(folder / "log.jsonl"))
    async with served(home.app(LOOPBACK)) as where, chromium() as browser:
        page = await tab(browser, **context)
        await page.goto(f"{where}/")
        await page.locator("[name=name]").fill("eve")
        await page.locator("[name=password]").fill(PASSWORD)
        await page.locator("button.primary").click()
        yield page


def limits(system: PageSystem, party: str) -> dict[str, Any]:
    """What its owner says otherwise than the settings, by the home's own word."""
    found: Any = system.shells[party].actor.status()["limits"]
    return dict(found)


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something that other tasks bring about."""
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.02)


async def tab_to(page: Page, wanted: str) -> None:
    """Press Tab until what matches a selector has the focus; it has to be seen that it has."""
    for _ in range(80):
        await page.keyboard.press("Tab")
        if await page.evaluate("wanted => document.activeElement.matches(wanted)", wanted):
            outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline not in ("none", ""), wanted
            return
    pytest.fail(f"Tab does not come to {wanted}")
