"""A console over a live system, with a browser: for tests of what operators do there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
from browser import chromium, served, tab
from page_system import PageSystem
from playwright.async_api import Browser, Page, expect
from worlds import T0, vehicle

from agents.pages.console.app import Console
from agents.pages.console.state import ConsoleState
from agents.pages.web.accounts import Accounts, PageRole
from agents.pages.web.audit import Audit
from agents.pages.web.serve import LOOPBACK
from agents.settings.members import Member
from agents.settings.parties import AggregatorSettings, Consent, CoordinatorSettings, DerSettings, UtilitySettings
from broker.mosquitto import Broker

PASSWORD = "a-long-password"
HOMES = ("hems-1", "hems-2")
PARTIES = (
    UtilitySettings(children=("ac",)),
    CoordinatorSettings(
        name="ac",
        members=(
            Member(name="ra-1", kind="aggregator", decrease_load_w=12_000),
            Member(name="ra-2", kind="aggregator"),
        ),
    ),
    AggregatorSettings(name="ra-2", parent="ac"),
    AggregatorSettings(
        name="ra-1", parent="ac",
        members=tuple(Member(name=name, resources=(f"ev-{name}",), decrease_load_w=6_000) for name in HOMES),
    ),
    *(DerSettings(name=name, parent="ra-1", devices=(vehicle(f"ev-{name}"),)) for name in HOMES),
)  # fmt: skip


class Room:
    """A system, its console, a browser."""

    def __init__(self, system: PageSystem, console: Console, where: str, browser: Browser) -> None:
        self.system, self.console, self.where, self.browser = system, console, where, browser

    async def enter(self, name: str, **context: object) -> Page:
        page = await tab(self.browser, **context)
        await page.goto(f"{self.where}/")
        await page.get_by_label("Name").fill(name)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Log in").click()
        await expect(page.get_by_role("heading", name="Now")).to_be_visible()
        return page

    async def ask(self, page: Page, event_id: str, kw: str = "8") -> None:
        """Issue a request on the page, in both steps."""
        await page.get_by_role("link", name="New request").click()
        await page.get_by_label("Start").fill("+40m")
        await page.get_by_label("Slots").fill("2")
        await page.get_by_label("Power, kW").fill(kw)
        await page.get_by_label("Event's name").fill(event_id)
        await page.get_by_role("button", name="Show what the fleet").click()
        await page.get_by_role("button", name="Ask now").click()

    def did(self) -> list[str]:
        """What the audit log says, the oldest first."""
        return [orjson.loads(line)["did"] for line in self.console.audit.path.read_bytes().splitlines()]


@asynccontextmanager
async def opened(
    folder: Path, broker: Broker, asks: bool = False, certificates: Path | None = None
) -> AsyncIterator[Room]:
    """`asks`: residents are asked before their homes take part."""
    accounts = Accounts(folder / "users.json")
    accounts.put("op", (PageRole.OPERATOR, PageRole.SUPPORT), PASSWORD)
    accounts.put("guest", (PageRole.VIEWER,), PASSWORD)
    parties = [
        one.model_copy(update={"consent": Consent.ASK, "stored_rule": True})
        if asks and isinstance(one, DerSettings)
        else one
        for one in PARTIES
    ]
    async with PageSystem(folder, broker, parties, T0, speed=60).running() as system:
        state = ConsoleState([system.journals], system.control, system.address, certificates)
        console = Console(state, accounts, Audit(folder / "audit.jsonl"), (system.journals,))
        async with served(console.app(LOOPBACK)) as where, chromium() as browser:
            yield Room(system, console, where, browser)
