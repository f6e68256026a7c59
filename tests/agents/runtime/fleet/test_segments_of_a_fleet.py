"""Homes that never rest together: what is over moves out part by part, and a start goes on from there."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from asked import request
from memory_bus import MemoryBus
from worlds import START, T0, vehicle

from agents.parties.der.event import DerStage
from agents.runtime.daemon.findings import Verdict
from agents.runtime.daemon.takeover import takeover
from agents.runtime.fleet.gateway import Gateway
from agents.runtime.fleet.homes import Homes
from agents.runtime.fleet.keeping import FleetJournal
from agents.runtime.journal.file import JournalFile
from agents.runtime.journal.journal import JournalError
from agents.settings.daemon import PartiesConfig
from agents.settings.parties import DerSettings
from agents.tools.replay.source import RecordingSource
from agents.tools.replay.verify import verify
from broker.bus import Arrival, Post
from broker.clock import Clock
from protocol import messages as m
from protocol.codec import encode

SETTINGS = tuple(DerSettings(name=f"h-{n}", parent="ra-1", devices=(vehicle(f"ev-{n}"),)) for n in range(7))
NAMES = [one.name for one in SETTINGS]
MINUTE = timedelta(minutes=1)


class Leaving(MemoryBus):
    """A bus on which everything arrives at once."""

    async def publish(self, post: Post) -> None:
        await super().publish(post)
        if post.sent is not None:
            post.sent()


@pytest.fixture(autouse=True)
def parts_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.runtime.fleet.past.PART", 3)


@asynccontextmanager
async def running(
    path: Path, settings: tuple[DerSettings, ...] = SETTINGS, *, bus: MemoryBus | None = None
) -> AsyncIterator[tuple[Gateway, FleetJournal, MemoryBus]]:
    """A process that is killed at the end."""
    bus = bus or Leaving()
    journal = FleetJournal(path, configuration=PartiesConfig(ders=settings).as_bytes())
    journal.start()
    gateway = Gateway(Homes(settings), dict.fromkeys(NAMES, bus), Clock(T0, speed=0.001), journal)
    task = asyncio.create_task(gateway.run())
    try:
        async with asyncio.timeout(20):
            yield gateway, journal, bus
    finally:
        task.cancel()
        done, _ = await asyncio.wait((task,))
        await journal.close()
        for one in done:
            if not one.cancelled() and one.exception() is not None:
                raise one.exception()  # type: ignore[misc]


def asked(home: str, event: str = "e1", round_: int = 1) -> Arrival:
    ids = {"message_id": f"{event}.{home}.{round_}", "request_id": f"{event}.r{round_}", "round": round_}
    return Arrival(f"dr/request/ra-1/{home}", encode(request(2_000, 2_000, event_id=event, **ids)))


def award(home: str, event: str = "e1", round_: int = 1) -> Arrival:
    ref = f"{event}.r{round_}"
    given = m.Award(
        message_id=f"a.{event}.{home}", sent_at=T0, event_id=event, request_id=ref, round=round_, revision=1,
        award_id=f"{ref}.{home}", accepts=f"{home}.offer.own.{ref}", outcome=m.Outcome.CONCLUDED, power_w=(2_000, 1_000),
        confirm_by=START,
    )  # fmt: skip
    return Arrival(f"dr/award/ra-1/{home}", encode(given))


async def taken(gateway: Gateway, arrivals: Iterable[Arrival]) -> None:
    """All of these are taken, and what they set off has left."""
    await gateway.deliver(arrivals)
    while not gateway.idle:
        await asyncio.sleep(0)


async def test_fleet_in_mid_event_moves_out_what_is_over_and_goes_on_from_there(tmp_path: Path) -> None:
    path = tmp_path / "fleet.journal"
    async with running(path) as (gateway, journal, _):
        await taken(gateway, [*map(asked, NAMES), asked("h-1", round_=2)])
        assert gateway.homes.awake == 1
        moved = await gateway.rest(archive_after=5)
        assert moved is not None
        assert list(journal.everything()) == []
        assert await gateway.rest(archive_after=5) is None  # there is nothing new
        await taken(gateway, [award("h-1", round_=2), award("h-2")])
    async with running(path) as (gateway, journal, _):
        await taken(gateway, [award("h-3"), asked("h-1", round_=2)])
        stages = {name: gateway.homes.actor(name).events["e1"].stage for name in NAMES}
        assert stages == dict.fromkeys(NAMES, DerStage.OFFERED) | dict.fromkeys(NAMES[1:4], DerStage.AWARDED)
        assert gateway.counts["repeated_archived"] == 0  # its actor knows the event still
        assert await gateway.rest(archive_after=5) is not None
    async with running(path) as (gateway, _, _):
        await taken(gateway, ())
        assert {gateway.homes.actor(name).events["e1"].stage for name in NAMES[1:4]} == {DerStage.AWARDED}
    files = [path, *sorted(path.with_name("fleet.journal.archive").iterdir())]
    numbers = sorted(step.seq for file in files for step in JournalFile(file).entries())
    assert numbers == [*range(1, len(numbers) + 1)]
    assert [len(JournalFile(file).begins_with()) for file in files] == [3, 0, 3]
    verified = verify(RecordingSource(tmp_path))
    assert verified.divergence is None
    assert verified.entries == len(numbers)
    assert takeover(JournalFile(path)).verdict is Verdict.OK


async def test_what_has_not_left_a_home_stays_and_leaves_at_the_next_start(tmp_path: Path) -> None:
    path, heard = tmp_path / "fleet.journal", MemoryBus()
    async with running(path, bus=heard) as (gateway, journal, _):
        await gateway.deliver(map(asked, NAMES))
        while heard.posts.qsize() < len(NAMES):
            await asyncio.sleep(0)
        posts = [heard.posts.get_nowait() for _ in NAMES]
        for post in posts[1:]:
            assert post.sent is not None
            post.sent()
        assert await gateway.rest(archive_after=5) is not None
        left = [(step.actor, step.seq) for step in journal.everything()]
        first = posts[0].topic.rpartition("/")[2]
        assert {actor for actor, _ in left} == {first}
    async with running(path) as (gateway, journal, bus):
        again = await bus.posts.get()
        assert (again.topic, again.payload) == (posts[0].topic, posts[0].payload)


async def test_parts_of_other_settings_are_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "fleet.journal"
    async with running(path) as (gateway, _, _):
        await taken(gateway, map(asked, NAMES))
        assert await gateway.rest(archive_after=5) is not None
    others = tuple(one.model_copy(update={"stored_rule": False}) for one in SETTINGS)
    with pytest.raises(
        JournalError, match=r"begins with what its homes knew .* start it with the settings that it had"
    ):
        async with running(path, others) as (gateway, _, _):
            await asyncio.Event().wait()


async def test_archive_at_rest_behind_a_segment_begins_with_nothing(tmp_path: Path) -> None:
    path = tmp_path / "fleet.journal"
    async with running(path) as (gateway, journal, _):
        await taken(gateway, map(asked, NAMES))
        assert await gateway.rest(archive_after=5) is not None
        gateway.clock = Clock(START + 3 * timedelta(hours=1), speed=0.001)
        await taken(gateway, [asked("h-1", "e9")])
        while not gateway.homes.at_rest(gateway.clock.now()):
            await asyncio.sleep(0)
        await taken(gateway, [asked(name, f"e{number}") for number in range(20, 30) for name in NAMES])
        while await gateway.rest(archive_after=5) is None:
            await asyncio.sleep(0)
        assert journal.parts(NAMES) == []


async def test_fleet_that_has_lost_its_journal_says_that_it_knows_no_award(tmp_path: Path) -> None:
    path = tmp_path / "fleet.journal"
    async with running(path) as (gateway, _, _):
        await taken(gateway, map(asked, NAMES))
        await taken(gateway, map(award, NAMES))
        assert gateway.homes.actor("h-1").events["e1"].stage is DerStage.AWARDED
    for file in tmp_path.glob("fleet.journal*"):
        file.unlink()
    async with running(path) as (gateway, _, bus):
        await taken(gateway, [award("h-1"), asked("h-2"), award("h-2")])
        said = [bus.posts.get_nowait() for _ in range(bus.posts.qsize())]
        kinds = {(post.topic.rpartition("/")[2], post.topic.split("/")[1]) for post in said}
        assert kinds == {("h-1", "reject"), ("h-2", "offer"), ("h-2", "confirm")}
        (reject,) = [orjson.loads(post.payload) for post in said if "/reject/" in post.topic]
        assert reject["reason"] == "unknown_event"
