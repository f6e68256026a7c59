"""A peer's message that sets off our own fault: refused and acknowledged, and the party is what it was before."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asked import request
from hostile import BODIES
from memory_bus import MemoryBus
from worlds import START, T0, vehicle

from agents.drivers.simulated import build_driver
from agents.parties.der.actor import Der
from agents.parties.der.event import DerStage
from agents.runtime.daemon.alerts import Alerts
from agents.runtime.journal.journal import Journal, JournalError
from agents.runtime.net import MOST_REMEMBERED, Net
from agents.runtime.shell import Shell
from agents.settings.parties import Consent, DerSettings
from broker.bus import Arrival, Post
from broker.clock import Clock
from protocol import messages as m
from protocol.actor import Decided, Received
from protocol.codec import decode, encode
from protocol.edges import Edge, topic
from protocol.errors import RejectReason

EDGE = Edge("ra-1", "hems-1")
STUMBLE = "mind the step"


class Stumbling(Der):
    """A home with a fault: it falls over an award of a certain reason, half way."""

    def __init__(self, settings: DerSettings, error: type[Exception] = RuntimeError) -> None:
        super().__init__(settings)
        self.error, self.falls = error, 0

    def _on_award(self, edge: Edge, award: m.Award, now: datetime) -> None:
        if award.reason == STUMBLE:
            self.falls += 1
            event = self.events[award.event_id]
            self._release(event, now)
            event.go(DerStage.CLOSED)
            raise self.error("not in the table")
        super()._on_award(edge, award, now)

    def _decided(self, item: Decided, now: datetime) -> None:
        raise self.error("not in the table")


def settings(consent: Consent = Consent.ALWAYS) -> DerSettings:
    return DerSettings(name="hems-1", parent="ra-1", devices=(vehicle("ev-1"),), consent=consent)


def award(number: int, reason: str = "") -> m.Award:
    return m.Award(
        message_id=f"ra-1.award.{number}",
        sent_at=T0,
        event_id="e1",
        request_id="e1.1.1",
        round=1,
        revision=number,
        award_id="e1.1.1.ra-1.hems-1",
        accepts="hems-1.offer.own.e1.1.1",
        outcome=m.Outcome.CONCLUDED,
        power_w=(3_000, 1_000),
        reason=reason,
        confirm_by=START,
    )


class Home:
    """A running shell, and what is told to it and by it."""

    def __init__(self, build: Callable[[], Der], journal: Journal | None) -> None:
        self.bus = MemoryBus()
        drivers = {"ev-1": build_driver(vehicle("ev-1"))}
        clock = Clock(T0 + timedelta(minutes=1), datetime.now(UTC))
        self.shell = Shell(build(), self.bus, clock, drivers, journal=journal, build=build)

    async def tell(self, message: m.Message) -> None:
        """Return when it is acknowledged."""
        done = asyncio.Event()
        await self.shell.deliver([Arrival(topic(message.kind, EDGE), encode(message), acknowledge=done.set)])
        await done.wait()

    async def says(self) -> m.Message:
        post: Post = await self.bus.posts.get()
        return decode(post.topic, post.payload)[1]

    @property
    def actor(self) -> Der:
        assert isinstance(self.shell.actor, Der)
        return self.shell.actor


@asynccontextmanager
async def running(build: Callable[[], Der], path: Path) -> AsyncIterator[Home]:
    journal = Journal(path)
    journal.start()
    home = Home(build, journal)
    task = asyncio.create_task(home.shell.run())
    try:
        async with asyncio.timeout(20):
            yield home
    finally:
        task.cancel()
        await asyncio.wait((task,))
        await journal.close()


def stumbling() -> Der:
    return Stumbling(settings())


async def test_message_that_cannot_be_taken_is_refused_and_the_party_goes_on(tmp_path: Path) -> None:
    async with running(stumbling, tmp_path / "j") as home:
        await home.tell(request(3_000, 3_000, message_id="ra-1.request.1"))
        assert (await home.says()).kind == "offer"
        await home.tell(award(1, STUMBLE))
        refusal = await home.says()
        assert isinstance(refusal, m.Reject)
        assert (refusal.reason, refusal.refused_id, refusal.refused_kind) == (
            RejectReason.FAULT,
            "ra-1.award.1",
            "award",
        )
        assert "RuntimeError" in refusal.text
        event = home.actor.events["e1"]
        assert (event.stage, event.award, bool(home.actor.ledger.but("other"))) == (DerStage.OFFERED, None, True)
        await home.tell(award(2))
        confirm = await home.says()
        assert isinstance(confirm, m.Confirm)
        assert confirm.accepted
        assert home.actor.events["e1"].stage is DerStage.AWARDED


async def test_same_bytes_are_refused_at_once_and_after_a_restart_again(tmp_path: Path) -> None:
    async with running(stumbling, tmp_path / "j") as home:
        await home.tell(request(3_000, 3_000, message_id="ra-1.request.1"))
        await home.says()
        for _ in range(3):
            await home.tell(award(1, STUMBLE))
            assert (await home.says()).kind == "reject"
        assert home.shell.net.caught == 1
    async with running(stumbling, tmp_path / "j") as home:
        await home.says()
        assert home.actor.events["e1"].stage is DerStage.OFFERED
        await home.tell(award(1, STUMBLE))
        while (await home.says()).kind != "reject":
            pass
        assert home.shell.net.caught == 1


async def test_journal_of_a_fault_is_taken_again_by_who_has_not_got_it(tmp_path: Path) -> None:
    async with running(stumbling, tmp_path / "j") as home:
        await home.tell(request(3_000, 3_000, message_id="ra-1.request.1"))
        await home.tell(award(1, STUMBLE))
        await home.tell(award(2))
    async with running(lambda: Der(settings()), tmp_path / "j") as home:
        await home.says()
        assert home.actor.events["e1"].stage is DerStage.AWARDED


async def test_party_is_mended_from_its_snapshot(tmp_path: Path) -> None:
    async with running(stumbling, tmp_path / "j") as home:
        await home.tell(request(3_000, 3_000, message_id="ra-1.request.1"))
        await home.says()
        home.shell.keep_snapshot()
        await home.tell(award(1, STUMBLE))
        assert (await home.says()).kind == "reject"
        assert home.actor.events["e1"].stage is DerStage.OFFERED
        await home.tell(award(2))
        assert (await home.says()).kind == "confirm"


async def test_strangers_bytes_are_refused_and_acknowledged_and_no_restart_ends_on_them(tmp_path: Path) -> None:
    bodies = [(kind, body) for kind, bodies in BODIES.items() for body in bodies if body]
    for life in (1, 2):
        async with running(lambda: Der(settings()), tmp_path / "j") as home:
            for kind, body in bodies:
                done = asyncio.Event()
                await home.shell.deliver([Arrival(topic(kind, EDGE), body, acknowledge=done.set)])
                await done.wait()
            refused = sum(count for key, count in home.actor.counts.items() if key.startswith("refused."))
            assert (refused, home.shell.net.caught) == (life * len(bodies), 0)
            await home.tell(request(3_000, 3_000, message_id="ra-1.request.1"))
            assert home.actor.knows("e1")


async def test_fault_is_told_as_an_alert(tmp_path: Path) -> None:
    async with running(stumbling, tmp_path / "j") as home:
        alerts = Alerts({"hems-1": home.shell}, {}, None)
        await home.tell(request(3_000, 3_000, message_id="ra-1.request.1"))
        alerts.look()
        assert "own_fault" not in alerts.active
        await home.tell(award(1, STUMBLE))
        alerts.look()
        assert alerts.active["own_fault"] == "hems-1: 1 messages could not be taken: see the log lines step_failed"
        assert home.shell.status()["shell"]["own_faults"] == 1  # type: ignore[index]


async def test_without_a_journal_our_fault_ends_the_process() -> None:
    home = Home(stumbling, None)
    for message in (request(3_000, 3_000, message_id="ra-1.request.1"), award(1, STUMBLE)):
        await home.shell.deliver([Arrival(topic(message.kind, EDGE), encode(message))])
    with pytest.raises(RuntimeError, match="not in the table"):
        await home.shell.run()


@pytest.mark.parametrize("wrong", ["memory", "ours"])
async def test_what_no_peer_set_off_ends_the_process(tmp_path: Path, wrong: str) -> None:
    journal = Journal(tmp_path / "j")
    journal.start()
    error = MemoryError if wrong == "memory" else RuntimeError
    home = Home(lambda: Stumbling(settings(), error), journal)
    await home.shell.deliver(
        [Arrival(topic("request", EDGE), encode(request(3_000, 3_000, message_id="ra-1.request.1")))]
    )
    if wrong == "memory":
        await home.shell.deliver([Arrival(topic("award", EDGE), encode(award(1, STUMBLE)))])
    else:
        giving = asyncio.create_task(home.shell.give(Decided("e1", True)))
        await asyncio.sleep(0)
    with pytest.raises(error):
        await home.shell.run()
    if wrong == "ours":
        giving.cancel()
    await journal.close()


async def test_entry_that_this_version_refuses_is_told_in_a_sentence(tmp_path: Path) -> None:
    async with running(stumbling, tmp_path / "j") as home:
        await home.tell(request(3_000, 3_000, message_id="ra-1.request.1"))
    journal = Journal(tmp_path / "j")
    journal._file.writes.execute(
        'UPDATE steps SET body = CAST(replace(CAST(body AS TEXT), \'"sent_at":"2026\', \'"sent_at":"9999\') AS BLOB)'
    )
    with pytest.raises(
        JournalError, match=r"j: entry \d+ cannot be taken again: request: sent_at: .* run the gridpact"
    ):
        Home(stumbling, journal).shell.fold()
    await journal.close()


def test_what_is_remembered_is_bounded() -> None:
    net = Net()
    heard = [Received(EDGE, award(number)) for number in range(1, MOST_REMEMBERED + 10)]
    for item in heard:
        net.catch("hems-1", item, ValueError("x"))
    assert net.refusal(heard[0]) is None
    assert net.refusal(heard[-1]) is not None
    assert net.refusal(Received(Edge("ra-2", "hems-1"), award(5))) is None
