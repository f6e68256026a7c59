"""The resident's page in a browser, against a live system: what a resident decides there changes what comes of the event."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from browser import needs_chromium, serious
from page_system import PageSystem
from playwright.async_api import expect
from resident_page import PARTIES, at, issue, limits, resident, until
from worlds import T0

from agents.pages.home.choices import Choices, load_told
from agents.pages.home.home_assistant import HomeAssistant, forget
from agents.pages.home.state import ResidentState
from agents.runtime.daemon.commands import CommandRefusal
from broker.bus import Arrival, Post
from broker.mosquitto import Broker
from broker.mqtt import MqttBus
from protocol.actor import Limited

pytestmark = pytest.mark.live


@pytest.fixture
async def system(tmp_path: Path, broker: Broker) -> AsyncIterator[PageSystem]:
    async with PageSystem(tmp_path, broker, PARTIES, T0, speed=1).running() as running:
        yield running


@needs_chromium
async def test_acceptance_change_of_mind_and_override_change_the_outcome(system: PageSystem, tmp_path: Path) -> None:
    async with resident(system, tmp_path) as page:
        await issue(system, "e1")
        await expect(page.locator(".sentence")).to_contain_text(
            re.compile(r"your home is asked to use up to \S+\skW less")
        )
        assert await serious(page) == []
        await page.get_by_role("button", name="Not this time").click()
        await expect(page.get_by_text("takes no part").first).to_be_visible()
        assert at(system, "hems-1", "e1")["stage"] == "opted_out"
        await page.get_by_role("button", name="Take part after all").click()
        await system.pass_at(100)
        await expect(page.get_by_text("agreed, begins soon")).to_be_visible()
        assert at(system, "utility", "e1")["deal_w"] == [4_000, 4_000]
        await system.pass_at(600)
        await expect(page.get_by_text("gives 4 kW back until")).to_be_visible()
        await system.pass_at(1)
        await page.get_by_role("button", name="Stop this now").click()
        await expect(page.get_by_text("you left it").first).to_be_visible()
        assert at(system, "hems-1", "e1")["outcome"] == "withdrawn"
        await expect(page.get_by_text("follows its own plan")).to_be_visible()
        await system.pass_at(2_000)
        await expect(page.locator("table")).to_contain_text("kWh")
        assert await serious(page) == []


@needs_chromium
async def test_limits_and_a_reserve_for_an_outage_hold_at_once_and_outlive_the_page(
    system: PageSystem, tmp_path: Path
) -> None:
    async with resident(system, tmp_path) as page:
        await page.locator("summary", has_text="Change").click()
        await page.locator("[name=departure_soc_wh]").fill("60")
        await page.locator("[name=relay_ops_a_day]").fill("2")
        assert await serious(page) == []
        await page.locator(".change").get_by_role("button", name="Save").click()
        await expect(page.get_by_text("with at least 60 % (24 kWh)")).to_be_visible()
        await expect(page.get_by_text("at most 2 switchings of its relay a day")).to_be_visible()
        assert limits(system, "hems-1") == {"ev-1": {"departure_soc_wh": 24_000, "relay_ops_a_day": 2}}
        await page.get_by_role("button", name="Keep what is stored for an outage").click()
        await expect(page.get_by_text("What was stored is kept for an outage: ev-1 30 kWh.")).to_be_visible()
        kept = limits(system, "hems-1")["ev-1"]
        assert (kept["reserve_wh"], kept["relaxations"]) == (30_000, [])
        await issue(system, "e1")
        await page.get_by_role("button", name="Take part", exact=True).click()
        await expect(
            page.get_by_text("takes no part").first
        ).to_be_visible()  # it has nothing to give above its reserve
    await system.shells["hems-1"].give(Limited("ev-1", {}))
    async with resident(system, tmp_path) as page:  # another process, the same choices
        await expect(page.get_by_text("What was stored is kept")).to_be_visible()
        await until(lambda: limits(system, "hems-1").get("ev-1") == kept)
        await page.get_by_role("button", name="Use the battery again").click()
        await until(lambda: "reserve_wh" not in limits(system, "hems-1")["ev-1"])
        await page.locator("summary", has_text="Change").click()
        await page.get_by_role("button", name="Back to what my settings say").click()
        await until(lambda: limits(system, "hems-1") == {})


@needs_chromium
async def test_resident_answers_with_the_keyboard_alone_in_japanese_after_the_agent_was_away(
    system: PageSystem, tmp_path: Path
) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "locale": "ja-JP", "color_scheme": "dark"}
    async with resident(system, tmp_path, **phone) as page:
        await expect(page.locator("html")).to_have_attribute("lang", "ja")
        await issue(system, "e1")
        await expect(page.get_by_role("button", name="参加する", exact=True)).to_be_visible()
        assert await serious(page) == []
        async with system.unreachable():
            await expect(page.get_by_text("エージェントが応答しません")).to_be_visible()
            await expect(page.get_by_role("button", name="今すぐ充電")).to_be_disabled()
        await expect(page.get_by_text("エージェントが応答しません")).to_have_count(0)
        await expect(page.get_by_role("button", name="参加する", exact=True)).to_be_enabled()
        await page.locator("body").focus()
        for _ in range(12):
            await page.keyboard.press("Tab")
            if await page.evaluate("document.activeElement.textContent") == "参加する":
                break
        await page.keyboard.press("Enter")
        await system.pass_at(100)
        await expect(page.get_by_text("約定しました")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


async def test_what_was_chosen_beforehand_is_said_without_the_resident(system: PageSystem, tmp_path: Path) -> None:
    async with pushed() as (where, told):
        home = ResidentState("hems-1", [system.journals], system.control, tmp_path / "choices.json", where)
        home.choose(Choices(rule="always", most_a_day=1))
        running = asyncio.create_task(home.run())
        try:
            await issue(system, "e1")
            await until(lambda: at(system, "hems-1", "e1").get("stage") in ("offered", "awarded"))
            home.choose(Choices(rule="ask", quiet_from=time(0), quiet_to=time(23, 59)))
            await issue(system, "e2")
            await until(lambda: home.sockets.questions() != [])
            await home.push_questions()
            assert told == []  # nobody is disturbed
            home.choose(Choices())
            await until(lambda: told != [])
            assert (told[0]["home"], told[0]["event_id"]) == ("hems-1", "e2")
            home.choose(Choices(rule="never"))
            await until(lambda: at(system, "hems-1", "e2").get("stage") == "opted_out")
            await until(lambda: at(system, "hems-1", "e1").get("stage") not in ("offered", "awarded", "active"))
        finally:
            running.cancel()
            await asyncio.wait((running,))


async def test_page_that_is_started_anew_pushes_and_answers_nothing_twice(system: PageSystem, tmp_path: Path) -> None:
    async with pushed() as (where, told):
        for turn in range(2):
            home = ResidentState("hems-1", [system.journals], system.control, tmp_path / "choices.json", where)
            running = asyncio.create_task(home.run())
            try:
                if not turn:
                    await issue(system, "e1")
                    await until(lambda: any(load_told(tmp_path / "choices.json").pushed.values()))
                else:
                    await until(lambda: home.sockets.questions() != [])  # noqa: B023
                    await home.push_questions()
            finally:
                running.cancel()
                await asyncio.wait((running,))
        assert [one["event_id"] for one in told] == ["e1"]


@asynccontextmanager
async def pushed() -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """An address that takes pushes, and what came there."""
    told: list[dict[str, Any]] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        told.append(orjson.loads(await reader.readexactly(length)))
        writer.write(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", told


async def test_home_appears_in_home_assistant_and_is_told_from_there(system: PageSystem, tmp_path: Path) -> None:
    home = ResidentState("hems-1", [system.journals], system.control, tmp_path / "choices.json")
    assistant = HomeAssistant(home, system.address)
    heard: dict[str, bytes] = {}

    async def hear(arrivals: Sequence[Arrival]) -> None:
        for arrival in arrivals:
            heard[arrival.topic] = arrival.payload
            arrival.acknowledge()

    theirs = MqttBus(system.address, "their-assistant", ("homeassistant/#", "gridpact/home/#"), whole=True)
    running = [asyncio.create_task(one) for one in (home.run(), assistant.run(), theirs.run(hear))]
    availability = "gridpact/home/hems-1/availability"
    try:
        await until(lambda: "homeassistant/sensor/gridpact_hems-1/power_ev-1/config" in heard)
        configs = [orjson.loads(body) for topic, body in heard.items() if topic.startswith("homeassistant/")]
        assert len({config["unique_id"] for config in configs}) == len(configs)
        assert {config["device"]["identifiers"][0] for config in configs} == {"gridpact_hems-1"}
        await until(lambda: heard[availability] == b"online")
        async with system.away("hems-1"), system.unreachable():
            await until(lambda: heard[availability] == b"offline")  # nobody there would follow a button
        await until(lambda: heard[availability] == b"online")
        await issue(system, "e1")
        await until(lambda: b'"e1"' in heard.get("gridpact/home/hems-1/event", b""))
        state = orjson.loads(heard["gridpact/home/hems-1/state"])
        assert state["event"]["answer_by"] is not None
        assert state["devices"][0]["why"]["kind"] == "own_plan"
        assert (state["devices"][0]["why"]["en"], state["devices"][0]["why"]["ja"]) == (
            "follows its own plan",
            "通常どおり動いています",
        )
        await theirs.publish(Post("gridpact/home/hems-1/command", b"accept"))
        await until(lambda: at(system, "hems-1", "e1")["stage"] == "offered")
        await theirs.publish(Post("gridpact/home/hems-1/command", b"stop"))
        await until(lambda: at(system, "hems-1", "e1")["stage"] == "opted_out")
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)


async def test_what_makes_a_home_appear_is_retained_and_goes_with_its_device_and_with_the_home(
    system: PageSystem, tmp_path: Path
) -> None:
    stands: dict[str, bytes] = {}

    async def hear(arrivals: Sequence[Arrival]) -> None:
        for arrival in arrivals:
            arrival.acknowledge()
            if not arrival.topic.endswith("/forgets"):
                stands[arrival.topic] = arrival.payload
            if not arrival.payload:
                stands.pop(arrival.topic, None)

    gone = "homeassistant/sensor/gridpact_hems-1/power_sold-car/config"
    theirs = MqttBus(system.address, "their-assistant", ("homeassistant/#", "gridpact/home/#"), whole=True)
    hearing = asyncio.create_task(theirs.run(hear))
    other = "homeassistant/sensor/gridpact_hems-2/event/config"
    for topic in (gone, other):
        await theirs.publish(Post(topic, b"{}", True))
    await until(lambda: {gone, other} <= stands.keys())
    home = ResidentState("hems-1", [system.journals], system.control, tmp_path / "choices.json")
    assistant = HomeAssistant(home, system.address)
    running = [asyncio.create_task(one) for one in (home.run(), assistant.run())]
    try:
        await until(lambda: gone not in stands and "homeassistant/sensor/gridpact_hems-1/power_ev-1/config" in stands)
        await until(lambda: stands["gridpact/home/hems-1/availability"] == b"online")
        with pytest.raises(CommandRefusal, match="the page of hems-1 runs"):
            await forget("hems-1", system.address)
        assert gone not in stands
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)
    await until(lambda: stands["gridpact/home/hems-1/availability"] == b"offline")
    retained = {topic for topic in stands if "hems-1" in topic}
    assert await forget("hems-1", system.address) == len(retained)
    await until(lambda: stands.keys() == {other})
    assert await forget("hems-1", system.address) == 0
    hearing.cancel()
    await asyncio.wait((hearing,))
