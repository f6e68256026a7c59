"""`make pictures`: every view of both pages over the shipped evening, light and dark, desktop and phone, into docs/pictures/;
`ONLY="event fleet"` takes those alone."""

import asyncio
import io
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from browser import chromium, served
from page_system import PageSystem
from PIL import Image
from playwright.async_api import Browser, Page

from agents.pages.console.app import Console
from agents.pages.console.state import ConsoleState
from agents.pages.home.app import HomePage
from agents.pages.home.state import ResidentState
from agents.pages.sockets import Sockets, SystemTime
from agents.pages.web.accounts import Accounts, PageRole
from agents.pages.web.audit import Audit
from agents.pages.web.serve import LOOPBACK
from agents.runtime.files.scenario import load_scenario
from agents.settings.parties import Payment
from agents.tools.access.authority import Authority
from broker.mosquitto import private_broker

PASSWORD = "a-long-password"
SIZES = {"desktop": (1280, 860), "phone": (390, 844)}
SCHEMES = ("light", "dark")
EVENT, HOME, SILENT = "evening-peak", "hems-3-1", "hems-4-silent"
NEGOTIATING = {"now": "/", "tree": "/tree"}
DELIVERING = {
    "event": f"/event/{EVENT}", "list": f"/event/{EVENT}/list/awarded", "messages": f"/event/{EVENT}/messages",
    "why": f"/event/{EVENT}/why", "fleet": "/fleet", "deals": "/deals", "alerts": "/alerts", "stop": f"/event/{EVENT}/stop",
    "stop-party": "/party/ra-3/stop", "request": "/request", "support": f"/support?home={HOME}", "audit": "/audit", "replay": "/replay/journals?at=1300",
    "replay-both": "/replay/journals?at=1300&beside=the-same",
}  # fmt: skip
PAYMENT = Payment(per="kwh", amount_milli=200, currency="EUR")
"""By the contract of the home whose page is seen."""
LONGEST = 1_600
"""Of a picture, pixels."""
ENDS = ("home-past",)
"""Views of which the end is worth seeing, where they are longer."""


class Evening:
    """The system, its pages, and where pictures go."""

    def __init__(
        self, system: PageSystem, browser: Browser, folder: Path, console: str, home: str, only: Sequence[str] = ()
    ) -> None:
        """`only`: the views that are wanted; none: all."""
        self.system, self.browser, self.folder, self.console, self.home = system, browser, folder, console, home
        self.only = only
        self.clocks: list[Sockets] = []
        """Of the pages."""
        self._pages: dict[tuple[str, str, str, str], Page] = {}

    async def until(self, at: str, speed: float) -> None:
        """Let time pass quickly until then."""
        wanted = datetime.fromisoformat(f"2026-01-14T{at}+00:00")
        await self.system.pass_at(speed)
        while self.system.clock.now() < wanted:
            await asyncio.sleep(0.05)
        await self.system.pass_at(1)
        for one in self.clocks:
            one.time = SystemTime()  # it goes as fast as it does now

    async def take(self, name: str, where: str, user: str, language: str = "en") -> None:
        """A view in all sizes and schemes."""
        if self.only and name not in self.only:
            return
        base = self.home if user == "resident" else self.console
        for size in SIZES:
            for scheme in SCHEMES:
                page = await self._page(size, scheme, "" if name == "login" else user, language)
                await page.goto(base + where)
                await page.wait_for_timeout(300)
                if name in BEFORE:
                    await BEFORE[name](page)
                await _save(page, self.folder / f"{name}-{size}-{scheme}.png", ends=name in ENDS)

    async def _page(self, size: str, scheme: str, user: str, language: str) -> Page:
        """Somebody's, who is logged in once."""
        key = size, scheme, user, language
        if key not in self._pages:
            width, height = SIZES[size]
            context = await self.browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme, timezone_id="UTC",  # type: ignore[arg-type]
                locale="ja-JP" if language == "ja" else "en-GB",
            )  # fmt: skip
            page = self._pages[key] = await context.new_page()
            if user:
                await page.goto(f"{self.home if user == 'resident' else self.console}/login")
                await page.wait_for_timeout(300)
                await _log_in(page, user)
        return self._pages[key]


async def _log_in(page: Page, user: str) -> None:
    await page.locator("[name=name]").fill(user)
    await page.locator("[name=password]").fill(PASSWORD)
    await page.locator("button.primary").click()
    await page.locator("main").wait_for()


async def _fill(page: Page) -> None:
    """A request, up to its second step."""
    await page.get_by_label("Start").fill("+90m")
    await page.get_by_label("Power, kW").fill("60 60 50 40")
    await page.get_by_role("button", name="Show what the fleet").click()
    await page.get_by_role("button", name="Ask now").wait_for()


async def _open_limits(page: Page) -> None:
    """The form of the first device."""
    await page.locator("details[data-own] summary").first.click()


BEFORE = {"preview": _fill, "home-limits": _open_limits, "home-limits-ja": _open_limits}
"""What is done before a picture is taken."""


async def _save(page: Page, path: Path, ends: bool) -> None:
    """In few colours: a picture of a page needs no more, and is a fifth as long."""
    shot = Image.open(io.BytesIO(await page.screenshot(full_page=True)))
    top = max(0, shot.height - LONGEST) if ends else 0
    shot = shot.crop((0, top, shot.width, min(shot.height, top + LONGEST)))
    shot.convert("RGB").quantize(96, dither=Image.Dither.NONE).save(path, optimize=True)


async def main(folder: Path, only: Sequence[str] = ()) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    scenario = load_scenario(Path("examples/evening_peak.toml"))
    homes = [
        home.model_copy(update={"payment": PAYMENT}) if home.name == HOME else home
        for home in scenario.homes
        if home.name != SILENT
    ]
    parties: list[Any] = [scenario.utility, scenario.coordinator, *scenario.aggregators, *homes]
    with tempfile.TemporaryDirectory(prefix="gridpact-pictures-") as place:
        rooms = Path(place)
        accounts = Accounts(rooms / "users.json")
        accounts.put("operator", (PageRole.OPERATOR, PageRole.SUPPORT), PASSWORD)
        accounts.put("resident", (PageRole.RESIDENT,), PASSWORD)
        async with private_broker() as broker, chromium() as browser:
            system = PageSystem(rooms, broker, parties, scenario.start_at, speed=1)
            async with system.running():
                certificates = _certificates(rooms / "authority", [one.name for one in parties])
                state = ConsoleState([system.journals], system.control, system.address, certificates)
                same = rooms / "the-same"
                same.symlink_to(system.journals)
                console = Console(state, accounts, Audit(rooms / "audit.jsonl"), (system.journals, same))
                resident = ResidentState(HOME, [system.journals], system.control, rooms / "choices.json")
                home = HomePage(resident, accounts, Audit(rooms / "log.jsonl"))
                async with served(console.app(LOOPBACK)) as where, served(home.app(LOOPBACK)) as their_home:
                    evening = Evening(system, browser, folder, where, their_home, only)
                    evening.clocks += [state.sockets, resident.sockets]
                    await _evening(evening)


def _certificates(folder: Path, parties: Sequence[str]) -> Path:
    """Where an authority keeps those that it has given: one is to be renewed soon, one party has none."""
    now = datetime.now(UTC)
    authority = Authority.create(folder, "pictures", now)
    for name in parties[:-1]:
        authority.client(name, now, timedelta(days=12 if name == "hems-1-3" else 300, hours=12))
    return folder / "issued"


async def _evening(evening: Evening) -> None:
    await evening.take("login", "/login", "operator")
    await evening.until("17:05:05", 200)
    for name, where in NEGOTIATING.items():
        await evening.take(name, where, "operator")
    await evening.take("home-asks", "/", "resident")
    await evening.take("home-asks-ja", "/", "resident", "ja")
    evening.system.alerts["sequence_gap"] = "ra-2: 3 messages were lost on dr/offer/ra-2/hems-2-4"
    await evening.until("19:10:00", 400)
    await evening.take("home-delivers", "/", "resident")
    await evening.take("home-limits", "/", "resident")
    await evening.take("home-limits-ja", "/", "resident", "ja")
    for name, where in DELIVERING.items():
        await evening.take(name, where, "operator")
    await evening.take("preview", "/request", "operator")
    await evening.until("20:20:00", 400)
    await evening.take("home-past", "/", "resident")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/pictures"), sys.argv[2:]))
