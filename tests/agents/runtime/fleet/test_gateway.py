"""A fleet whose events are over begins anew: its journal in the archive, its homes asleep, repeats still known."""

import asyncio
import gzip
import sqlite3
import weakref
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from asked import request
from memory_bus import MemoryBus
from worlds import START, T0, vehicle

from agents.parties.der.actor import Der
from agents.parties.der.event import DerStage
from agents.parties.fleet.course import Course
from agents.runtime.fleet.gateway import Gateway
from agents.runtime.fleet.homes import Homes, Taken
from agents.runtime.fleet.keeping import FleetJournal
from agents.runtime.journal.file import JournalFile
from agents.runtime.journal.journal import JournalError
from agents.settings.parties import DerSettings
from broker.bus import Arrival, Post
from broker.clock import Clock, ClockSources
from protocol import messages as m
from protocol.actor import Effect, Note, Reanchored
from protocol.codec import decode, encode
from protocol.edges import Edge
from protocol.errors import RejectReason
from protocol.units import SLOT

NAMES = [f"h-{number}" for number in range(5)]
MINUTE = timedelta(minutes=1)


class Hand(Clock):
    """A clock that is set by hand; whoever waits for an instant looks at it often."""

    def __init__(self) -> None:
        super().__init__()
        self.at = T0

    def now(self) -> datetime:
        return self.at

    def real_seconds_until(self, at: datetime) -> float:
        return 0.0 if at <= self.at else 0.01


def homes() -> Homes:
    return Homes([DerSettings(name=name, parent="ra-1", devices=(vehicle(f"ev-{name}"),)) for name in NAMES])


@asynccontextmanager
async def running(
    path: Path | None,
    clock: Clock,
    tell: Callable[[datetime, str, Note], None] = lambda at, who, note: None,
    *,
    clean: bool = False,
) -> AsyncIterator[tuple[Gateway, MemoryBus]]:
    """`clean`: its end is a clean stop, at which the state is stored."""
    bus = MemoryBus()
    journal = None if path is None else FleetJournal(path)
    if journal is not None:
        journal.start()
    gateway = Gateway(homes(), dict.fromkeys(NAMES, bus), clock, journal, tell)
    task = asyncio.create_task(gateway.run())
    try:
        async with asyncio.timeout(20):
            yield gateway, bus
    finally:
        task.cancel()
        await asyncio.wait((task,))
        if journal is not None:
            if clean:
                gateway.past.keep()
            await journal.close()


def asked(home: str, round_: int = 1) -> Arrival:
    ids = {"message_id": f"r.{home}.{round_}", "request_id": f"r{round_}", "round": round_}
    return Arrival(f"dr/request/ra-1/{home}", encode(request(2_000, 2_000, **ids)))


async def rested(gateway: Gateway, archive_after: int = len(NAMES)) -> Path | None:
    """Once nothing is under way any more."""
    while not gateway.idle:
        await asyncio.sleep(0)
    return await gateway.rest(archive_after)


async def test_what_is_over_is_archived_and_a_late_repeat_is_still_a_repeat(tmp_path: Path) -> None:
    path, clock = tmp_path / "fleet.journal", Hand()
    async with running(path, clock) as (gateway, bus):
        await gateway.deliver([asked(name) for name in NAMES])
        offers = [await bus.posts.get() for _ in NAMES]
        assert {post.topic for post in offers} == {f"dr/offer/ra-1/{name}" for name in NAMES}
        assert await rested(gateway, archive_after=1_000) is None  # their offers stand, and it is not much yet
        clock.at = START + 3 * SLOT
        moved = await rested(gateway)
        assert moved is not None
        assert moved.parent == path.with_name("fleet.journal.archive")
        assert not gateway.homes.knows("h-1", "e1")
        assert await rested(gateway) is None  # there is nothing new to be moved
        repeat = asyncio.Event()
        await gateway.deliver([asked("h-1")._replace(acknowledge=repeat.set)])
        await repeat.wait()
        assert gateway.counts["repeated_archived"] == 1
        assert bus.posts.empty()
    async with running(path, clock) as (gateway, bus):  # what was archived is not taken again
        await gateway.deliver([asked("h-2")])
        while not gateway.idle:
            await asyncio.sleep(0)
        assert gateway.counts["repeated_archived"] == 1
        assert not gateway.homes.knows("h-2", "e1")


async def test_without_a_journal_homes_that_left_their_usual_course_go_back_to_sleep() -> None:
    clock = Hand()
    async with running(None, clock) as (gateway, _):
        await gateway.deliver([asked("h-1"), asked("h-1", 2)])
        while not gateway.homes.awake:
            await asyncio.sleep(0)
        await rested(gateway)
        assert gateway.homes.awake == 1  # its offer stands
        actor = weakref.ref(gateway.homes.actor("h-1"))
        clock.at = START + 3 * SLOT
        await rested(gateway)
        assert gateway.homes.awake == 0
        assert actor() is None


def not_needed(home: str) -> Arrival:
    given = m.Award(
        message_id=f"n.{home}", sent_at=T0, event_id="e1", request_id="r1", round=1, revision=1, award_id=f"r1.{home}",
        accepts=None, outcome=m.Outcome.NOT_NEEDED, power_w=(0, 0), confirm_by=START,
    )  # fmt: skip
    return Arrival(f"dr/award/ra-1/{home}", encode(given))


async def test_fleet_that_was_down_over_the_end_of_its_offers_hears_what_waited_first(tmp_path: Path) -> None:
    clock, path = Hand(), tmp_path / "fleet.journal"
    async with running(path, clock) as (gateway, bus):
        await gateway.deliver([asked(name) for name in NAMES])
        for _ in NAMES:
            await bus.posts.get()
    clock.at = START
    outcomes: dict[str, object] = {}
    all_closed = asyncio.Event()

    def tell(at: datetime, who: str, note: Note) -> None:
        if note.name == "closed":
            outcomes[who] = note.data["outcome"]
            if len(outcomes) == len(NAMES):
                all_closed.set()

    async with running(path, clock, tell) as (gateway, _):
        for name in NAMES[:3]:
            await gateway.deliver([not_needed(name)])  # one turn of the loop after the other
            await asyncio.sleep(0)
        await all_closed.wait()
    assert outcomes == dict.fromkeys(NAMES[:3], "not_needed") | dict.fromkeys(NAMES[3:], "expired")


async def test_fleet_behind_a_jump_of_the_clock_hears_what_waited_before_its_offers_end(tmp_path: Path) -> None:
    clock, outcomes, all_closed = Hand(), dict[str, object](), asyncio.Event()

    def tell(at: datetime, who: str, note: Note) -> None:
        if note.name == "closed":
            outcomes[who] = note.data["outcome"]
            if len(outcomes) == len(NAMES):
                all_closed.set()

    async with running(tmp_path / "fleet.journal", clock, tell) as (gateway, bus):
        await gateway.deliver([asked(name) for name in NAMES])
        for _ in NAMES:
            await bus.posts.get()
        before, clock.at = clock.at, START
        gateway.was_away(before)
        for name in NAMES[:3]:
            await gateway.deliver([not_needed(name)])
            await asyncio.sleep(0)
        await all_closed.wait()
    assert outcomes == dict.fromkeys(NAMES[:3], "not_needed") | dict.fromkeys(NAMES[3:], "expired")
    async with running(tmp_path / "fleet.journal", clock) as (again, _):  # its journal is taken again
        assert not again.homes.deadline


async def test_flood_keeps_what_is_due_waiting_only_so_long_after_a_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, path, closed = Hand(), tmp_path / "fleet.journal", asyncio.Event()
    monkeypatch.setattr("agents.runtime.hearing.HEARS_AT_MOST_S", 0.2)
    async with running(path, clock) as (gateway, bus):
        await gateway.deliver([asked("h-1")])
        await bus.posts.get()
    clock.at = START
    tell = lambda at, who, note: closed.set() if note.name == "closed" else None
    async with running(path, clock, tell) as (gateway, _):
        while not closed.is_set():
            await gateway.deliver([asked("h-2")])
            await asyncio.sleep(0)


STUMBLE = "mind the step"


def award(home: str, number: int, reason: str = "", request_id: str = "r1") -> Arrival:
    given = m.Award(
        message_id=f"a.{home}.{number}", sent_at=T0, event_id="e1", request_id=request_id, round=1, revision=number,
        award_id=f"{request_id}.{home}", accepts=f"{home}.offer.own.{request_id}", outcome=m.Outcome.CONCLUDED,
        power_w=(2_000, 1_000), reason=reason, confirm_by=START,
    )  # fmt: skip
    return Arrival(f"dr/award/ra-1/{home}", encode(given))


@pytest.fixture
def stumbling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every home falls over an award of a certain reason, half way, with an actor and without one."""
    of_actor, of_course = Der._on_award, Course._award

    def fall(self: Der, edge: Edge, award: m.Award, now: datetime) -> None:
        if award.reason == STUMBLE:
            self.events[award.event_id].go(DerStage.CLOSED)
            raise RuntimeError("not in the table")
        of_actor(self, edge, award, now)

    def fall_asleep(self: Course, award: m.Award, now: datetime) -> tuple[Effect, ...] | None:
        if award.reason == STUMBLE:
            self.stage = DerStage.CLOSED
            raise RuntimeError("not in the table")
        return of_course(self, award, now)

    monkeypatch.setattr(Der, "_on_award", fall)
    monkeypatch.setattr(Course, "_award", fall_asleep)


def sent(posts: list[Post]) -> dict[str, list[m.Message]]:
    """What each home sent."""
    found: dict[str, list[m.Message]] = {name: [] for name in NAMES}
    for post in posts:
        edge, message = decode(post.topic, post.payload)
        found[edge.child].append(message)
    return found


@pytest.mark.usefixtures("stumbling")
@pytest.mark.parametrize("awake", [False, True])
async def test_home_that_falls_over_a_message_refuses_it_and_all_go_on(tmp_path: Path, awake: bool) -> None:
    clock, round_ = Hand(), 2 if awake else 1
    given = [asked(name) for name in NAMES] + [asked(name, 2) for name in NAMES if awake]
    async with running(tmp_path / "fleet.journal", clock) as (gateway, bus):
        await gateway.deliver(given)
        for _ in given:
            await bus.posts.get()
        bad, repeated = award("h-2", 1, STUMBLE, f"r{round_}"), asyncio.Event()
        good = [award(name, 2, request_id=f"r{round_}") for name in NAMES]
        await gateway.deliver([bad, *good, bad._replace(acknowledge=repeated.set)])
        said = sent([await bus.posts.get() for _ in range(len(NAMES) + 2)])
        await repeated.wait()
        assert [message.kind for message in said["h-2"]] == ["reject", "confirm", "reject"]
        assert [message.reason for message in said["h-2"][::2]] == [RejectReason.FAULT] * 2  # type: ignore[attr-defined]
        assert {name: len(messages) for name, messages in said.items()} == dict.fromkeys(NAMES, 1) | {"h-2": 3}
        assert gateway.homes.actor("h-2").events["e1"].stage is DerStage.AWARDED
    async with running(tmp_path / "fleet.journal", clock) as (gateway, bus):
        while not gateway.idle:
            await asyncio.sleep(0)
        assert {gateway.homes.actor(name).events["e1"].stage for name in NAMES} == {DerStage.AWARDED}


@pytest.mark.usefixtures("stumbling")
async def test_without_a_journal_the_home_that_falls_begins_anew_and_no_other() -> None:
    async with running(None, Hand()) as (gateway, bus):
        await gateway.deliver([asked(name) for name in NAMES])
        for _ in NAMES:
            await bus.posts.get()
        await gateway.deliver([award("h-2", 1, STUMBLE), *(award(name, 2) for name in NAMES)])
        said = sent([await bus.posts.get() for _ in range(len(NAMES) + 1)])
        assert [getattr(message, "reason", "") for message in said["h-2"]] == [
            RejectReason.FAULT, RejectReason.UNKNOWN_EVENT
        ]  # fmt: skip
        assert {messages[0].kind for name, messages in said.items() if name != "h-2"} == {"confirm"}


@pytest.fixture
def folded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many entries each fold takes again."""
    counts, fold = [], Homes.fold

    def counted(self: Homes, kept: Iterable[Taken]) -> None:
        some = list(kept)
        counts.append(len(some))
        fold(self, some)

    monkeypatch.setattr(Homes, "fold", counted)
    return counts


async def offered_and_stopped(path: Path, clock: Clock) -> None:
    """All have offered, one of them as its actor, and are stopped as they should be."""
    given = [*map(asked, NAMES), asked("h-1", 2)]
    async with running(path, clock, clean=True) as (gateway, bus):
        await gateway.deliver(given)
        for _ in given:
            await bus.posts.get()
        assert gateway.homes.awake == 1


async def but_offers(bus: MemoryBus, count: int) -> dict[str, list[m.Message]]:
    """So many messages and who sent them; offers, which are sent again after a start, are left out."""
    posts: list[Post] = []
    while len(posts) < count:
        post = await bus.posts.get()
        if not post.topic.startswith("dr/offer/"):
            posts.append(post)
    return sent(posts)


async def answers_to_awards(path: Path, clock: Clock) -> dict[str, list[bytes]]:
    """What a fleet that is started again says to an award for each home."""
    async with running(path, clock) as (gateway, bus):
        for name in NAMES:
            await gateway.deliver([award(name, 1, request_id="r2" if name == "h-1" else "r1")])
        answers = await but_offers(bus, len(NAMES))
    assert {message.kind for messages in answers.values() for message in messages} == {"confirm"}
    return {name: list(map(encode, messages)) for name, messages in answers.items()}


async def test_start_from_the_state_of_a_clean_stop_answers_as_after_a_fold(tmp_path: Path, folded: list[int]) -> None:
    clock, path, other = Hand(), tmp_path / "fleet.journal", tmp_path / "other.journal"
    await offered_and_stopped(path, clock)
    other.write_bytes(path.read_bytes())
    with closing(sqlite3.connect(other, isolation_level=None)) as connection:
        assert connection.execute("DELETE FROM snapshot").rowcount == 1
    from_state = await answers_to_awards(path, clock)
    assert folded == []
    assert from_state == await answers_to_awards(other, clock)
    assert folded == [2 * len(NAMES) + 1]


async def test_start_takes_the_entries_behind_the_state(tmp_path: Path, folded: list[int]) -> None:
    clock, path = Hand(), tmp_path / "fleet.journal"
    await offered_and_stopped(path, clock)
    await answers_to_awards(path, clock)  # killed, not stopped
    async with running(path, clock) as (gateway, _):
        while not gateway.idle:
            await asyncio.sleep(0)
        assert {gateway.homes.actor(name).events["e1"].stage for name in NAMES} == {DerStage.AWARDED}
    assert folded == [3 * len(NAMES)]  # said again, read, awarded


def changed(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Another body of the stored state."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        ((body,),) = connection.execute("SELECT body FROM snapshot").fetchall()
        connection.execute("UPDATE snapshot SET body = ?", (change(body),))


async def test_state_of_an_unknown_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    clock, path = Hand(), tmp_path / "fleet.journal"
    await offered_and_stopped(path, clock)

    def later(body: bytes) -> bytes:
        head, end, rest = gzip.decompress(body).partition(b'"version":1}\n')
        return gzip.compress(head + end.replace(b"1", b"2") + rest)

    changed(path, later)
    journal = FleetJournal(path)
    gateway = Gateway(homes(), dict.fromkeys(NAMES, MemoryBus()), clock, journal)
    with pytest.raises(JournalError, match=r"fleet.journal: another version of gridpact .*: run that version, or move"):
        await gateway.run()
    await journal.close()


async def test_state_that_is_broken_costs_a_whole_fold_and_nothing_else(tmp_path: Path, folded: list[int]) -> None:
    clock, path = Hand(), tmp_path / "fleet.journal"
    await offered_and_stopped(path, clock)
    changed(path, lambda body: body[: len(body) // 2])
    await answers_to_awards(path, clock)
    assert folded == [2 * len(NAMES) + 1]


@pytest.mark.usefixtures("stumbling")
async def test_home_that_falls_is_mended_from_the_state(tmp_path: Path, folded: list[int]) -> None:
    clock, path = Hand(), tmp_path / "fleet.journal"
    await offered_and_stopped(path, clock)
    async with running(path, clock) as (gateway, bus):
        await gateway.deliver([award("h-1", 1, STUMBLE, "r2"), award("h-2", 1, STUMBLE)])
        await gateway.deliver([award("h-1", 2, request_id="r2"), award("h-2", 2)])
        answers = await but_offers(bus, 4)
        assert [message.kind for name in ("h-1", "h-2") for message in answers[name]] == ["reject", "confirm"] * 2
    assert sorted(folded) == [2, 2]  # said again and read, each of the two alone


async def test_fleet_that_is_stopped_half_way_through_its_start_stores_nothing(tmp_path: Path) -> None:
    path = tmp_path / "fleet.journal"
    journal = FleetJournal(path)
    journal.start()
    gateway = Gateway(homes(), dict.fromkeys(NAMES, MemoryBus()), Hand(), journal)
    list(gateway._first_jobs())
    gateway.past.keep()
    await journal.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM snapshot").fetchone() == (0,)


async def test_fleet_follows_a_clock_that_is_set_back_behind_a_step_that_stands_in_its_journal(tmp_path: Path) -> None:
    path, utc, passed = tmp_path / "fleet.journal", [T0 + 20 * MINUTE], [0.0]
    clock = Clock(sources=ClockSources(lambda: utc[0], lambda: passed[0], lambda: passed[0]))
    async with running(path, clock) as (gateway, bus):
        await gateway.deliver([asked("h-1")])
        await bus.posts.get()
        utc[0] = T0
        clock.look()
        assert clock.ahead_s == 1_200
        await gateway.deliver([asked("h-2")])
        await bus.posts.get()
        assert clock.ahead_s == 0
    stored = [step.entry() for step in JournalFile(path).entries()]
    back = [entry for entry in stored if isinstance(entry.input, Reanchored)]
    assert [(entry.at, entry.input) for entry in back] == [(T0 + 20 * MINUTE, Reanchored(T0))]
    assert [entry.at for entry in stored if entry.actor == "h-2"][-1] == T0
    utc[0] = T0 - timedelta(hours=1)  # and a start whose journal is ahead
    later = Clock(sources=ClockSources(lambda: utc[0], lambda: passed[0], lambda: passed[0]))
    async with running(path, later) as (again, bus):
        await bus.posts.get()
        assert again.homes.knows("h-1", "e1")
        assert again.homes.knows("h-2", "e1")
    instants = [step.at for step in JournalFile(path).entries()]
    assert min(instants) == T0 - timedelta(hours=1)
