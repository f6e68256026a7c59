"""What a child may cost its parent: budgets of its own, quarantine beyond them, an operator's release."""

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from memory_bus import MemoryBus
from prometheus_client import generate_latest
from worlds import T0

from agents.cli.app import call
from agents.parties.coordinator.actor import Coordinator
from agents.parties.utility.actor import Utility
from agents.runtime.daemon.alerts import Alerts
from agents.runtime.daemon.control import ControlServer
from agents.runtime.daemon.metrics import Metrics
from agents.runtime.journal.journal import Journal
from agents.runtime.quarantines import Quarantines, forget_quarantines, quarantines_of
from agents.runtime.senders import (
    A_SECOND,
    BURST,
    BYTES_A_TOKEN,
    MOST_KEPT,
    REFUSED_BURST,
    STRANGERS,
    Senders,
    is_child,
)
from agents.runtime.shell import Shell
from agents.runtime.turn import Turn
from agents.settings.members import Member
from agents.settings.parties import CoordinatorSettings, UtilitySettings
from broker.bus import Arrival
from broker.clock import Clock
from protocol.edges import Edge, topic


class Watch:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.at_s = 100.0

    def __call__(self) -> float:
        return self.at_s


def senders(watch: Watch, speed: float = 1.0, known: tuple[str, ...] = ("a", "b")) -> Senders:
    return Senders("ra-1", known.__contains__, speed, watch)


def flood(found: Senders, child: str, messages: int) -> list[str | None]:
    return [found.heard(child, 100) for _ in range(messages)]


def test_burst_is_heard_and_more_is_quarantine_of_that_sender_alone() -> None:
    found = senders(Watch())
    heard = flood(found, "a", int(BURST) + 3)
    assert heard[: int(BURST)] == [None] * int(BURST)
    assert heard[int(BURST) :] == ["in quarantine: more than 5 messages a second", "", ""]
    assert found.accounts["a"].unheard == 2
    assert flood(found, "b", 5) == [None] * 5
    assert list(found.quarantined) == ["a"]


def test_who_keeps_below_its_rate_is_heard_for_ever() -> None:
    watch = Watch()
    found = senders(watch)
    for _ in range(3 * int(BURST)):
        assert found.heard("a", 100) is None
        watch.at_s += 1 / A_SECOND


def test_long_messages_cost_more() -> None:
    found = senders(Watch())
    size = 9 * BYTES_A_TOKEN
    assert [found.heard("a", size) for _ in range(int(BURST) // 10)] == [None] * (int(BURST) // 10)
    assert found.heard("a", size) is not None


def test_children_of_a_party_that_lives_faster_say_as_much_more() -> None:
    watch = Watch()
    found = senders(watch, speed=100)
    flood(found, "a", int(BURST))
    watch.at_s += BURST / A_SECOND / 100
    assert flood(found, "a", int(BURST)) == [None] * int(BURST)


def test_refusals_have_a_budget_of_their_own() -> None:
    found = senders(Watch())
    for _ in range(int(REFUSED_BURST)):
        found.refuse("a", "malformed")
    assert found.quarantined == {}
    found.refuse("a", "stale")
    assert found.quarantined["a"].why == "refused more than 200 times, last as stale"
    assert dict(found.accounts["a"].refused) == {"malformed": 200, "stale": 1}
    told = "in quarantine: refused more than 200 times, last as stale"
    assert [found.heard("a", 100) for _ in range(3)] == [told, "", ""]
    assert found.accounts["a"].unheard == 2


def test_strangers_share_one_budget() -> None:
    found = senders(Watch())
    for number in range(int(BURST) + 1):
        found.heard(f"stranger-{number}", 100)
    assert list(found.accounts) == [STRANGERS]
    assert list(found.quarantined) == [STRANGERS]
    assert found.heard("a", 100) is None


def test_released_sender_has_full_budgets_and_its_refusals_stay_counted() -> None:
    found = senders(Watch())
    found.refuse("a", "malformed")
    flood(found, "a", int(BURST) + 1)
    assert found.release("a")
    assert flood(found, "a", int(BURST)) == [None] * int(BURST)
    assert found.accounts["a"].refused.total() == 1
    assert not found.release("a")
    assert not found.release("nobody")


def test_crowd_that_says_little_leaves_no_accounts_behind() -> None:
    watch = Watch()
    found = senders(watch, known=tuple(f"h{number}" for number in range(4 * MOST_KEPT)))
    found.refuse("h0", "stale")
    for number in range(4 * MOST_KEPT):
        watch.at_s += 0.001
        found.heard(f"h{number}", 500)
    assert len(found.accounts) <= MOST_KEPT + 1
    assert found.accounts["h0"].refused.total() == 1


def test_book_and_meters_are_who_may_speak_from_below() -> None:
    coordinator = Coordinator(coordinator_settings())
    assert [name for name in ("ra-1", "ra-2", "ra-3", "utility") if is_child(coordinator, name)] == ["ra-1", "ra-2"]
    utility = Utility(UtilitySettings(children=("ac",), meters=("home-1",)))
    assert [name for name in ("ac", "home-1", "home-2") if is_child(utility, name)] == ["ac", "home-1"]


def test_quarantine_outlives_a_restart_and_its_release_as_well(tmp_path: Path) -> None:
    path, known = tmp_path / "j", ("a", "b", "c")
    first = kept_senders(path, known)
    for name in ("a", "b", "stranger"):
        flood(first, name, int(BURST) + 1)
    assert first.release("b")
    second = kept_senders(path, known)
    assert list(second.quarantined) == ["a", STRANGERS]
    assert second.quarantined["a"].since == first.accounts["a"].since
    assert second.quarantined["a"].why == "more than 5 messages a second"
    assert (second.heard("a", 100), second.heard("b", 100)) == ("", None)
    assert second.release("a")
    assert list(kept_senders(path, known).quarantined) == [STRANGERS]


def test_quarantines_of_two_parties_of_a_process_are_apart(tmp_path: Path) -> None:
    flood(kept_senders(tmp_path / "j", ("a",)), "a", int(BURST) + 1)
    other = Senders("ac", ("a",).__contains__, kept=Quarantines(tmp_path / "j", "ac"))
    assert other.quarantined == {}


def test_half_a_line_of_a_kill_loses_no_other_quarantine(tmp_path: Path) -> None:
    path, known = tmp_path / "j", ("a", "b")
    flood(kept_senders(path, known), "a", int(BURST) + 1)
    with quarantines_of(path).open("ab") as file:
        file.write(b'\n{"party":"ra","sen')
    flood(kept_senders(path, known), "b", int(BURST) + 1)
    assert list(kept_senders(path, known).quarantined) == ["a", "b"]
    assert stat.S_IMODE(quarantines_of(path).stat().st_mode) == 0o600


def test_who_is_forgotten_stands_in_no_quarantine(tmp_path: Path) -> None:
    path, known = tmp_path / "j", ("a", "b")
    for name in known:
        flood(kept_senders(path, known), name, int(BURST) + 1)
    forget_quarantines(path, "ra", "a")
    assert b'"a"' not in quarantines_of(path).read_bytes()
    assert list(kept_senders(path, known).quarantined) == ["b"]


def kept_senders(path: Path, known: tuple[str, ...]) -> Senders:
    """Of a process that begins now."""
    return Senders("ra", known.__contains__, elapsed=Watch(), kept=Quarantines(path, "ra"))


# -- at a party


def coordinator_settings() -> CoordinatorSettings:
    members = [Member(name=name, kind="aggregator", decrease_load_w=10_000) for name in ("ra-1", "ra-2")]
    return CoordinatorSettings(name="ac", members=tuple(members))


class Parent:
    """A coordinator with a journal, its control socket and its alerts."""

    def __init__(self, folder: Path) -> None:
        self.journal, self.bus = Journal(folder / "j"), MemoryBus()
        settings = coordinator_settings()
        self.watch = Watch()
        known = Senders("ac", {"ra-1", "ra-2"}.__contains__, elapsed=self.watch)
        self.shell = Shell(
            Coordinator(settings), self.bus, Clock(T0, datetime.now(UTC)), journal=self.journal,
            build=lambda: Coordinator(settings),
        )  # fmt: skip
        self.shell.intake.senders = known
        self.control = folder / "run"
        self.server = ControlServer(self.control / "ac.sock", {"ac": self.shell}, lambda at: None)
        self.alerts = Alerts({"ac": self.shell}, {}, self.journal)

    async def hears(self, kind: str, child: str, payload: bytes, times: int = 1) -> None:
        """Return when all of it is acknowledged."""
        left, done = times, asyncio.Event()

        def acknowledge() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                done.set()

        arrival = Arrival(topic(kind, Edge("ac", child)), payload, acknowledge=acknowledge)
        for _ in range(times):
            await self.shell.deliver([arrival])
        await done.wait()


@pytest.fixture
async def parent(tmp_path: Path) -> AsyncIterator[Parent]:
    async with running(tmp_path) as found:
        yield found


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Parent]:
    found = Parent(folder)
    found.journal.start()
    tasks = [asyncio.create_task(found.shell.run()), asyncio.create_task(found.server.run())]
    try:
        async with asyncio.timeout(30):
            while not found.server.path.is_socket():
                await asyncio.sleep(0)
            yield found
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await found.journal.close()


async def test_garbage_without_end_costs_a_bounded_journal(parent: Parent) -> None:
    await parent.hears("offer", "ra-1", b"{", times=2_000)
    await parent.journal.all_durable()
    assert parent.journal.length == REFUSED_BURST + 2  # the last one says that nothing more is heard
    assert parent.shell.intake.senders is not None
    account = parent.shell.intake.senders.accounts["ra-1"]
    assert account.since is not None
    assert account.unheard == 2_000 - parent.journal.length


async def test_others_are_heard_beside_one_in_quarantine(parent: Parent) -> None:
    await parent.hears("offer", "ra-1", b"{", times=2_000)
    said = parent.bus.posts.qsize()
    await parent.hears("offer", "ra-2", b"{")
    while parent.bus.posts.qsize() == said:
        await asyncio.sleep(0)
    posts = [parent.bus.posts.get_nowait() for _ in range(parent.bus.posts.qsize())]
    assert posts[-1].topic == "dr/reject/ac/ra-2"


async def test_last_refusal_says_that_nothing_more_is_heard(parent: Parent) -> None:
    assert parent.shell.intake.senders is not None
    parent.shell.intake.senders.accounts.clear()
    for _ in range(int(BURST)):
        parent.shell.intake.senders.heard("ra-1", 10)
    await parent.hears("offer", "ra-1", b"{}")
    reject = orjson.loads((await parent.bus.posts.get()).payload)
    assert (reject["reason"], reject["text"]) == ("overload", "in quarantine: more than 5 messages a second")


async def test_own_refusal_that_comes_back_is_no_input(parent: Parent) -> None:
    """MQTT 3.1.1 gives us what we say on a topic that we hear."""
    await parent.hears("offer", "ra-1", b"{")
    said = (await parent.bus.posts.get()).payload
    assert orjson.loads(said)["refused_by"] == "parent"
    await parent.hears("reject", "ra-1", said, times=20)
    await parent.hears("offer", "ra-2", b"{")
    assert (await parent.bus.posts.get()).topic == "dr/reject/ac/ra-2"
    await parent.journal.all_durable()
    assert parent.journal.length == 2


async def test_operator_sees_alert_metric_and_account_and_releases(
    parent: Parent, capsys: pytest.CaptureFixture[str]
) -> None:
    await parent.hears("offer", "ra-1", b"{", times=2_000)
    parent.alerts.look()
    assert parent.alerts.active["quarantine"].startswith("ac does not hear ra-1 (refused more than 200 times, last as")
    assert "messages of ra-1 (malformed " in parent.alerts.active["refusals"]
    metrics = Metrics({"ac": parent.shell}, {}, parent.journal, parent.alerts)
    metrics.look()
    assert 'gridpact_quarantined{party="ac"} 1.0' in generate_latest(metrics.registry).decode()
    where = ["--control", str(parent.control)]
    assert await asyncio.to_thread(call, ["quarantine", *where]) == 0
    header, row = capsys.readouterr().out.splitlines()[-2:]  # the log stands above
    assert header.split("  ")[0] == "party"
    assert row.startswith("ac     ra-1    2")
    assert await asyncio.to_thread(call, ["quarantine", "--release", "ra-2", *where]) == 4
    assert await asyncio.to_thread(call, ["quarantine", "--release", "ra-1", *where]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "ra-1 is heard again"
    parent.alerts.look()
    assert "quarantine" not in parent.alerts.active
    assert await asyncio.to_thread(call, ["quarantine", "--json", *where]) == 0
    told = orjson.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["sender"], told["quarantined_since"]) == ("ra-1", None)


async def test_turn_that_is_over_leaves_the_rest_to_the_next_one(
    parent: Parent, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_s, jobs = iter(range(1_000_000)), []
    put = parent.shell.outgoing.put
    monkeypatch.setattr(parent.shell, "turn", Turn(lambda: float(next(at_s))))
    monkeypatch.setattr(parent.shell.outgoing, "put", lambda job: (jobs.append(len(job.acknowledge)), put(job))[1])
    await parent.hears("offer", "ra-1", b"{", times=20)
    assert jobs.count(1) == 20
    assert parent.shell.inbox == 0
