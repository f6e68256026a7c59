"""A console beside a negotiation: do the stages move, and does the page stay fluid while thousands answer?

Utility, coordinator and aggregator are daemons with journals, the homes the crowd of `bench/crowd.py`, as in `negotiation`. Once
without a console, once with one (a process of its own) and a Chromium that has the page of what is under way
open and asks its own frames how far they lie apart, while the event's page is asked for over and over. The browser is
an operator's, who sits at another machine: here it has to run beside the rest, so it gives way to all others.
"""

import asyncio
import http.client
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode, urlsplit

from agents.pages.web.accounts import Accounts, PageRole
from agents.runtime.daemon.client import ask
from bench.daemons import HERE, cpu_s
from bench.measure import Row, alone, row
from bench.negotiation import WITHIN_S, above, order

PASSWORD, USER = "a-long-password", "op"
GIVES_WAY = 15
FLUID_S = 0.1
"""Between two frames: more a person sees."""
FRAMES = """() => { window.longest = window.task = 0; let before = performance.now(); const frame = (now) => {
  window.longest = Math.max(window.longest, now - before); before = now; requestAnimationFrame(frame); }; requestAnimationFrame(frame);
  new PerformanceObserver((list) => list.getEntries().forEach((one) => { window.task = Math.max(window.task, one.duration); }))
    .observe({ type: "longtask" }); }"""
STAGES = {"asking": "offers_summed", "relaxing": "relaxed_offers_summed", "awarding": "all_confirmed"}
"""At the aggregator, and the note that ends each; the first one begins with the operator's order."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One negotiation, and the page beside it."""

    stages_s: dict[str, float]
    page_s: tuple[float, ...] = ()
    """What each request for the event's page took while homes answered."""
    longest_frame_s: float | None = None
    longest_task_s: float | None = None
    """Of the page's own work; 0 where none took 50 ms."""
    console_cpu_s: float = 0.0
    aggregator_cpu_s: float = 0.0
    """From the order to the last confirmation."""


async def negotiated(homes: int, with_console: bool) -> Seen:
    """One negotiation."""
    async with above(homes) as agents, AsyncExitStack() as stack:
        viewer = await stack.enter_async_context(watching(agents.folder)) if with_console else None
        if viewer is not None:
            await viewer.come_in()
        aggregator = agents.started["ra-1"]
        cpu_before, ended = aggregator.cpu_s(), [time.perf_counter()]
        await ask(agents.folder / "control" / "utility.sock", {"do": "issue", "event": order(homes)})
        looking = asyncio.create_task(viewer.look("e1")) if viewer is not None else None
        async with asyncio.timeout(WITHIN_S):
            for note in STAGES.values():
                await aggregator.told(note)
                ended.append(time.perf_counter())
        stages_s, cpu_took_s = _spans(ended), aggregator.cpu_s() - cpu_before
        if viewer is None or looking is None:
            return Seen(stages_s, aggregator_cpu_s=cpu_took_s)
        looking.cancel()
        await asyncio.wait((looking,))
        frame_s, task_s = await viewer.longest_s("longest"), await viewer.longest_s("task")
        return Seen(stages_s, tuple(viewer.took_s), frame_s, task_s, cpu_s(viewer.pid), cpu_took_s)


def _spans(ended: list[float]) -> dict[str, float]:
    """What each stage took, and all of them."""
    took_s = [end - began for began, end in pairwise(ended)]
    return dict(zip(STAGES, took_s, strict=True)) | {"stages": sum(took_s)}


class Viewer:
    """Somebody who has the page of an event open."""

    def __init__(self, where: str, pid: int, browser: Any) -> None:
        self.where, self.pid, self._browser = where, pid, browser
        self._page: Any = None
        self.took_s: list[float] = []
        self._cookie = ""

    async def come_in(self) -> None:
        """Logged in, with the page of what is under way open in a browser."""
        await asyncio.to_thread(self._log_in)
        if self._browser is not None:
            self._page = await (await self._browser.new_context()).new_page()
            await self._page.goto(f"{self.where}login")
            await self._page.locator("[name=name]").fill(USER)
            await self._page.locator("[name=password]").fill(PASSWORD)
            await self._page.locator("button.primary").click()
            await self._page.get_by_text("Nothing is under way").wait_for()
            await self._page.evaluate(FRAMES)

    async def look(self, event_id: str) -> None:
        """Until cancelled: ask for the event's page, again and again."""
        while True:
            began = time.perf_counter()
            if await asyncio.to_thread(self._get, f"/event/{event_id}") == 200:
                self.took_s.append(time.perf_counter() - began)
            await asyncio.sleep(0.2)

    async def longest_s(self, what: str) -> float | None:
        """The longest pause between two frames of the page since it was opened, or the longest task of its own."""
        return None if self._page is None else float(await self._page.evaluate(f"window.{what}")) / 1_000

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.where)
        return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)

    def _log_in(self) -> None:
        connection = self._connection()
        body = urlencode({"name": USER, "password": PASSWORD, "next": "/"})
        connection.request("POST", "/login", body, {"Content-Type": "application/x-www-form-urlencoded"})
        self._cookie = (connection.getresponse().getheader("set-cookie") or "").partition(";")[0]

    def _get(self, path: str) -> int:
        connection = self._connection()
        connection.request("GET", path, headers={"Cookie": self._cookie})
        answer = connection.getresponse()
        answer.read()
        return answer.status


@asynccontextmanager
async def watching(folder: Path) -> AsyncIterator[Viewer]:
    """`gridpact console` over the journals of a folder, and a browser where there is one."""
    accounts = Accounts(folder / "users.json")
    accounts.put(USER, (PageRole.OPERATOR,), PASSWORD)
    options = (
        "--journals",
        folder,
        "--control",
        folder / "control",
        "--users",
        accounts.path,
        "--port",
        str(_free_port()),
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "agents.cli", "console", *map(str, options)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(HERE), "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    where = (await process.stdout.readline()).decode().split()[-1]
    try:
        async with _chromium() as browser:
            yield Viewer(where, process.pid, browser)
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def _chromium() -> AsyncIterator[Any]:
    """A browser; None where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        yield None
        return
    from playwright.async_api import async_playwright  # only where there is a browser

    async with async_playwright() as playwright:
        with tempfile.TemporaryDirectory(prefix="gridpact-bench-") as folder:
            gives_way = Path(folder) / "chromium"
            gives_way.write_text(f'#!/bin/sh\nexec nice -n {GIVES_WAY} "{program}" "$@"\n')
            gives_way.chmod(0o700)
            browser = await playwright.chromium.launch(
                executable_path=gives_way, args=["--no-sandbox", "--disable-gpu"]
            )
            try:
                yield browser
            finally:
                await browser.close()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def rows(quick: bool) -> list[Row]:
    """Stages with and without a console; how long the page takes, and its longest frame."""
    homes, rounds = (3_000, 1) if quick else (10_000, 3)
    with_console, without = [], []
    for _ in range(rounds):
        without.append(await negotiated(homes, with_console=False))
        with_console.append(await negotiated(homes, with_console=True))
    found = []
    for stage in ("stages", *STAGES):
        pairs = [
            (ours.stages_s[stage], theirs.stages_s[stage]) for ours, theirs in zip(with_console, without, strict=True)
        ]
        found.append(row(f"pages, {stage}", homes, pairs, "s", "the same without a console and a browser"))
    pairs = [
        (ours.aggregator_cpu_s, theirs.aggregator_cpu_s) for ours, theirs in zip(with_console, without, strict=True)
    ]
    found.append(
        row("pages, aggregator's processor time", homes, pairs, "s", "the same without a console and a browser")
    )
    asked = [
        one.page_s for one in with_console if one.page_s
    ]  # none: the console knew nothing of the event before its end
    if asked:
        found.append(alone("pages, event's page", homes, [median(page_s) for page_s in asked], "s"))
        found.append(alone("pages, slowest page", homes, [max(page_s) for page_s in asked], "s"))
    frames = [one.longest_frame_s for one in with_console if one.longest_frame_s is not None]
    if frames:
        found.append(alone("pages, longest frame", homes, frames, "s", FLUID_S))
        tasks = [one.longest_task_s or 0.0 for one in with_console]
        found.append(alone("pages, longest task of the page", homes, tasks, "s", FLUID_S))
    found.append(alone("pages, console's processor time", homes, [one.console_cpu_s for one in with_console], "s"))
    return found
