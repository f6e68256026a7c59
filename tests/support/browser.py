"""Debian's Chromium for tests of pages, and a page served in the test's own loop."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright, expect
from starlette.types import ASGIApp

from agents.pages.web.serve import Served, serve

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
WITHIN_MS = 30_000
"""Of what is waited for: a busy machine draws slowly."""
SERIOUS = ("serious", "critical")
expect.set_options(timeout=WITHIN_MS)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt install chromium")


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser; each of its contexts is somebody else's."""
    async with async_playwright() as playwright:
        env = {**os.environ, "LANGUAGE": "en_GB"}  # times of the day with 24 hours
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET), env=env)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """Its address, without the last slash."""
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(serve(app, Served(port=0), found.set_result))
    await asyncio.wait((running, found), return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()
    try:
        yield found.result().rstrip("/")
    finally:
        running.cancel()
        await asyncio.wait((running,))


async def tab(browser: Browser, **context: Any) -> Page:
    """A page of somebody of its own; what its script complains of fails the test."""
    page = await (await browser.new_context(timezone_id="Asia/Tokyo", **context)).new_page()
    page.set_default_timeout(WITHIN_MS)
    page.on("pageerror", lambda error: pytest.fail(f"the page's script: {error}"))
    return page


async def serious(page: Page) -> list[str]:
    """What axe finds that keeps somebody from using the page."""
    return _told((await Axe().run(page)).response["violations"])


async def both_schemes(page: Page) -> list[str]:
    """The same in the light and in the dark; a page is drawn anew for the other one, not loaded."""
    found = await serious(page)
    dark = await page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    await page.emulate_media(color_scheme="light" if dark else "dark", reduced_motion="reduce")  # no colour on its way
    contrast = await Axe().run(page, options={"runOnly": ["color-contrast"]})
    await page.emulate_media(color_scheme="dark" if dark else "light")
    return found + _told(contrast.response["violations"])


def _told(violations: list[dict[str, Any]]) -> list[str]:
    return [
        f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}" for one in violations if one["impact"] in SERIOUS
    ]
