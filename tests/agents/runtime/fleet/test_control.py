"""The control socket of a fleet: how it stands, and outages at its homes' connection points."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asked import request
from memory_bus import MemoryBus
from worlds import START, T0, vehicle

from agents.cli import resident, status
from agents.runtime.daemon.client import ask
from agents.runtime.daemon.commands import CommandRefusal
from agents.runtime.fleet.control import FLEET, FleetControl
from agents.runtime.fleet.gateway import Gateway
from agents.runtime.fleet.homes import Homes
from agents.runtime.fleet.keeping import FleetJournal
from agents.settings.parties import DerSettings
from broker.bus import Arrival
from broker.clock import Clock
from protocol import messages as m
from protocol.codec import decode, encode

HOMES = {"h-0": "ra-1", "h-1": "ra-1", "h-2": "ra-2"}


def homes() -> Homes:
    return Homes(
        [DerSettings(name=name, parent=parent, devices=(vehicle(f"ev-{name}"),)) for name, parent in HOMES.items()]
    )


@asynccontextmanager
async def serving(folder: Path, journal: FleetJournal | None = None) -> AsyncIterator[tuple[Gateway, MemoryBus]]:
    """A fleet with its control socket, as `gridpact fleet` has it."""
    bus, path = MemoryBus(), folder / "fleet.sock"
    if journal is not None:
        journal.start()
    gateway = Gateway(homes(), dict.fromkeys(HOMES, bus), Clock(T0, datetime.now(UTC)), journal)
    control = FleetControl(path, gateway.homes.settings, gateway.give, lambda: {"name": "fleet", "role": FLEET})
    tasks = [asyncio.create_task(gateway.run()), asyncio.create_task(control.run())]
    while not path.is_socket():
        await asyncio.sleep(0)
    try:
        async with asyncio.timeout(20):
            yield gateway, bus
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        if journal is not None:
            await journal.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


def asked(home: str) -> Arrival:
    return Arrival(f"dr/request/{HOMES[home]}/{home}", encode(request(2_000, message_id=f"r.{home}")))


async def answers(gateway: Gateway, bus: MemoryBus) -> dict[str, str]:
    """How each home answers a request: the reason of its opt."""
    await gateway.deliver([asked(home) for home in HOMES])
    offers = [decode(post.topic, post.payload) for post in [await bus.posts.get() for _ in HOMES]]
    return {edge.child: offer.opt_reason for edge, offer in offers if isinstance(offer, m.Offer)}


async def test_home_of_a_fleet_hears_of_an_outage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(folder) as (gateway, bus):
        assert await resident.outage(folder, True, "h-1") == 0
        assert await answers(gateway, bus) == {
            "h-0": "participating", "h-1": "outageRunStatus", "h-2": "participating"
        }  # fmt: skip
        assert await resident.outage(folder, False, "h-1") == 0
        assert not gateway.homes.actor("h-1").outage
    assert capsys.readouterr().out == "h-1: gives nothing until the grid is back\nh-1: takes part again\n"


async def test_all_homes_below_an_aggregator_hear_of_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(folder) as (gateway, bus):
        assert await resident.outage(folder, True, None, "ra-1") == 0
        reasons = await answers(gateway, bus)
    assert [name for name, reason in reasons.items() if reason == "outageRunStatus"] == ["h-0", "h-1"]
    assert capsys.readouterr().out == "2 homes below ra-1: each gives nothing until the grid is back\n"


async def test_outage_stands_in_the_journal_and_nothing_is_archived_in_it(folder: Path, tmp_path: Path) -> None:
    journal = tmp_path / "fleet.journal"
    async with serving(folder, FleetJournal(journal)) as (gateway, _):
        await resident.outage(folder, True, "h-2")
        assert not gateway.homes.at_rest(START + timedelta(days=1))
    async with serving(folder, FleetJournal(journal)) as (gateway, bus):
        assert (await answers(gateway, bus))["h-2"] == "outageRunStatus"


@pytest.mark.parametrize(
    ("party", "under", "words"),
    [
        (None, None, "a fleet runs here: say which home with --party, or whose homes with --under"),
        ("h-9", None, "no home h-9 runs here"),
        (None, "ra-9", "no home below ra-9 runs here"),
    ],
)
async def test_home_that_is_not_there_is_said(folder: Path, party: str | None, under: str | None, words: str) -> None:
    async with serving(folder):
        with pytest.raises(CommandRefusal, match=words):
            await resident.outage(folder, True, party, under)


async def test_fleet_refuses_what_it_cannot_do(folder: Path) -> None:
    async with serving(folder):
        with pytest.raises(CommandRefusal, match="a fleet answers status and outage, not cancel"):
            await ask(folder / "fleet.sock", {"do": "cancel", "event_id": "e1"})
        with pytest.raises(CommandRefusal, match="a fleet of 3 homes: name one of them"):
            await ask(folder / "fleet.sock", {"do": "outage", "is_out": True})
        assert await status.show(folder, json=True) == 0
