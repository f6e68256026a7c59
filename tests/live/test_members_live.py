"""`gridpact contract` at an aggregator's daemon that negotiates, at the same one stopped, and what the next start makes of
both and of its file."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from agents.cli import book, persons
from agents.cli.contract import BookOptions
from agents.parties.aggregator.actor import Aggregator
from agents.runtime.daemon.changes import ContractChange
from agents.runtime.daemon.commands import CommandRefusal
from agents.runtime.daemon.daemon import Daemon
from agents.runtime.files.members import as_csv, load_members
from agents.runtime.files.toml_out import to_toml
from agents.runtime.journal.file import JournalFile
from agents.runtime.persons import ConsentPurpose
from agents.settings.daemon import BrokerSettings, ControlSettings, DaemonConfig, JournalSettings
from agents.settings.members import Member
from agents.settings.parties import AggregatorSettings
from broker.mosquitto import Broker
from protocol import messages as m
from protocol.actor import Received
from protocol.edges import Edge
from protocol.messages import Restriction
from protocol.units import Direction


def member(name: str, power_w: int = 6_000) -> Member:
    return Member(name=name, resources=(f"ev-{name}",), increase_load_w=power_w, decrease_load_w=power_w)


def config(folder: Path, broker: Broker, *members: Member) -> DaemonConfig:
    return DaemonConfig(
        broker=BrokerSettings(port=broker.port),
        control=ControlSettings(dir=folder / "run"),
        journal=JournalSettings(path=folder / "ra-1.journal"),
        aggregator=AggregatorSettings(name="ra-1", parent="ac", members=members),
    )


@asynccontextmanager
async def running(given: DaemonConfig) -> AsyncIterator[Daemon]:
    daemon = Daemon(given)
    task = asyncio.create_task(daemon.run())
    async with asyncio.timeout(60):
        waits = asyncio.create_task(daemon.taking.wait())
        await asyncio.wait((task, waits), return_when=asyncio.FIRST_COMPLETED)
        assert not task.done(), task.exception()
        yield daemon
        signal.raise_signal(signal.SIGTERM)
        assert await task == 0


def request(event_id: str, power_w: int, in_min: int = 120) -> m.Request:
    now = datetime.now(UTC)
    start = now + timedelta(minutes=in_min)
    return m.Request(
        message_id=f"ac.request.ra-1.{event_id}.1.1",
        sent_at=now,
        event_id=event_id,
        request_id=f"{event_id}.1.1",
        round=1,
        revision=1,
        program_id="dr",
        direction=Direction.DECREASE_LOAD,
        interval_period=m.IntervalPeriod(start=start, duration=timedelta(minutes=30)),
        power_w=(power_w,),
        reply_by=now + timedelta(minutes=in_min // 4),
        decide_by=now + timedelta(minutes=in_min // 2),
        terms=m.Terms(),
    )


def cancelled(event_id: str) -> m.Award:
    now = datetime.now(UTC)
    return m.Award(
        message_id=f"ac.award.{event_id}.1.1.ac.ra-1.1",
        sent_at=now,
        event_id=event_id,
        request_id=f"{event_id}.1.1",
        round=1,
        revision=1,
        award_id=f"{event_id}.1.1.ac.ra-1",
        outcome=m.Outcome.CANCELLED,
        power_w=(0,),
        confirm_by=now + timedelta(minutes=10),
    )


def actor(daemon: Daemon) -> Aggregator:
    found = daemon.shells["ra-1"].actor
    assert isinstance(found, Aggregator)
    return found


async def test_book_changes_while_its_daemon_negotiates_and_stays_changed(
    tmp_path: Path, broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    first = config(tmp_path, broker, member("h1"), member("h2"))
    live = BookOptions(control=tmp_path / "run")
    async with running(first) as daemon:
        await daemon.shells["ra-1"].give(Received(Edge("ac", "ra-1"), request("e1", 9_000)))
        await book.change(live, ContractChange.ADD, {"h3": {"decrease_load_w": 3_000, "resources": ["ev-h3"]}})
        await book.change(live, ContractChange.CHANGE, {"h1": {"decrease_load_w": 2_000}})
        await book.change(live, ContractChange.LEAVE, {"h2": {}})
        with pytest.raises(CommandRefusal, match="h2 is not under contract"):
            await book.change(live, ContractChange.LEAVE, {"h2": {}})
        with pytest.raises(CommandRefusal, match="resource ev-h1 is claimed by h1 and by h4"):
            await book.change(live, ContractChange.ADD, {"h4": {"resources": ["ev-h1"]}})
        events = actor(daemon).events
        assert list(events["e1"].children.by_name) == ["h1", "h2"]
        assert list(events["e1"].children.left) == ["h2"]
        await daemon.shells["ra-1"].give(Received(Edge("ac", "ra-1"), request("e2", 5_000)))
        assert [child.name for child in events["e2"].children.asked()] == ["h1", "h3"]
    capsys.readouterr()

    stopped = BookOptions(config=tmp_path / "ra-1.toml")
    (tmp_path / "ra-1.toml").write_text(
        to_toml(first.model_dump(mode="json", exclude_none=True, exclude_defaults=True))
    )
    assert await book.change(stopped, ContractChange.CHANGE, {"h3": {"merit": 7}}) == 0
    assert await book.write_table(stopped, tmp_path / "book.csv") == 0
    h1, h3 = (
        replace(member("h1"), decrease_load_w=2_000),
        Member(name="h3", resources=("ev-h3",), decrease_load_w=3_000),
    )
    h3 = replace(h3, merit=7)
    assert load_members(tmp_path / "book.csv").members == (h1, h3)

    more = config(tmp_path, broker, member("h1"), member("h2"), member("h5"))
    async with running(first) as daemon:
        assert actor(daemon).book.members == (h1, h3)
        assert set(actor(daemon).events) == {"e1", "e2"}
        with pytest.raises(Exception, match="its daemon runs: leave out --config"):
            await book.show(stopped, None, json=True)
    more = more.model_copy(update={"aggregator": more.parties().aggregator.model_copy(update={"collect_pct": 20})})  # type: ignore[union-attr]
    for _ in range(2):  # what the file says otherwise is taken once, for the next event
        async with running(more) as daemon:
            assert not daemon.in_force.waits
            assert actor(daemon).book.members == (h1, h3, member("h5"))
            assert [actor(daemon).settings.collect_pct, len(actor(daemon).changes)] == [20, 5]
            assert list(actor(daemon).events["e2"].children.by_name) == ["h1", "h3"]
            assert actor(daemon).editions == {"e1": 0, "e2": 3}


async def test_book_outlives_the_archive_and_goes_together_with_a_changed_file(tmp_path: Path, broker: Broker) -> None:
    first = config(tmp_path, broker, member("h1"), member("h2"))
    live = BookOptions(control=tmp_path / "run")
    async with running(first) as daemon:
        (tmp_path / "more.csv").write_text(as_csv([member("h1"), member("h4", 4_000)]))
        assert await book.take_table(live, tmp_path / "more.csv", leave_others=True, dry_run=True) == 0
        assert len(actor(daemon).book) == 2
        assert await book.take_table(live, tmp_path / "more.csv", leave_others=True, dry_run=False) == 0
        daemon.config.journal.__dict__["archive_after"] = 1
        await daemon.archiving.at_rest()
        assert actor(daemon).book.members == (member("h1"), member("h4", 4_000))
        assert not actor(daemon).changes
    (archive,) = (tmp_path / "ra-1.journal.archive").glob("*.sqlite")
    assert JournalFile(archive).settings() == first.parties()
    assert (
        JournalFile(tmp_path / "ra-1.journal").settings()
        == config(tmp_path, broker, member("h1"), member("h4", 4_000)).parties()
    )
    async with running(first) as daemon:
        assert [one.name for one in actor(daemon).book.members] == ["h1", "h4"]
    async with running(config(tmp_path, broker, member("h1", 1_000), member("h2"), member("h5"))) as daemon:
        assert not daemon.in_force.waits
        assert actor(daemon).book.members == (member("h1", 1_000), member("h5"), member("h4", 4_000))


async def test_member_that_has_left_is_forgotten_in_journal_and_archive(
    tmp_path: Path, broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    both, one = config(tmp_path, broker, member("h1"), member("mueller-17")), config(tmp_path, broker, member("h1"))
    live, journal = BookOptions(control=tmp_path / "run"), tmp_path / "ra-1.journal"
    async with running(both) as daemon:
        assert await persons.person(live, "mueller-17", "A. Resident", "1 Some Street") == 0
        assert await persons.consent(live, "mueller-17", ConsentPurpose.RESERVE_SOC, "2026-1", date(2026, 3, 1)) == 0
        assert actor(daemon).book["mueller-17"].relaxations == (Restriction.RESERVE_SOC,)
        await daemon.shells["ra-1"].give(Received(Edge("ac", "ra-1"), request("e1", 9_000)))
        assert await persons.revoke(live, "mueller-17", ConsentPurpose.RESERVE_SOC, date(2026, 4, 1)) == 0
        assert actor(daemon).book["mueller-17"].relaxations == ()
        with pytest.raises(CommandRefusal, match="mueller-17 is under contract: end it first"):
            await persons.forget(live, "mueller-17")
        assert await persons.revoke(live, "mueller-17", ConsentPurpose.CONTROL, date(2026, 4, 2)) == 0
        assert "mueller-17" not in actor(daemon).book
        with pytest.raises(CommandRefusal, match="mueller-17 was a part of e1, which is under way"):
            await persons.forget(live, "mueller-17")
        await daemon.shells["ra-1"].give(Received(Edge("ac", "ra-1"), cancelled("e1")))
        with pytest.raises(CommandRefusal, match="the daemon's file names mueller-17 still"):
            await persons.forget(live, "mueller-17")
        capsys.readouterr()
        assert await persons.export(live, "mueller-17", None) == 0
        told = orjson.loads(capsys.readouterr().out)
        assert told["person"] == {"name": "A. Resident", "contact": "1 Some Street"}
        assert [consent["revoked_on"] for consent in told["consents"]] == ["2026-04-01"]
        assert told["contract"] is None
        assert len(told["entries"]) >= 4

    async with running(one) as daemon:  # the event is over, its slots are not
        assert await persons.forget(live, "mueller-17") == 1
        assert "the journal itself names it still" in capsys.readouterr().out
    (tmp_path / "ra-1.toml").write_text(to_toml(one.model_dump(mode="json", exclude_none=True)))
    assert b"mueller-17" in journal.read_bytes()
    assert await persons.forget(BookOptions(config=tmp_path / "ra-1.toml"), "mueller-17") == 0
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"mueller" not in path.read_bytes(), path
    async with running(one) as daemon:
        assert set(actor(daemon).events) == {"e1"}
        assert actor(daemon).book.members == (member("h1"),)


async def test_member_is_forgotten_by_the_daemon_as_soon_as_its_journal_rests(tmp_path: Path, broker: Broker) -> None:
    one = config(tmp_path, broker, member("h1"))
    live, journal = BookOptions(control=tmp_path / "run"), tmp_path / "ra-1.journal"
    async with running(one) as daemon:
        for name in ("mueller-17", "meier-18"):
            terms = {"resources": [f"ev-{name}"], "decrease_load_w": 3_000}
            await book.change(live, ContractChange.ADD, {name: terms})
            assert await persons.person(live, name, "A. Resident", "1 Some Street") == 0
        await book.change(live, ContractChange.LEAVE, {"mueller-17": {}, "meier-18": {}})
        assert await persons.forget(live, "mueller-17") == 0
        assert actor(daemon).book.members == (member("h1"),)
    stopped = BookOptions(config=tmp_path / "ra-1.toml")
    (tmp_path / "ra-1.toml").write_text(to_toml(one.model_dump(mode="json", exclude_none=True)))
    assert await persons.forget(stopped, "meier-18") == 0
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".toml"]
    assert len([path for path in files if path.suffix == ".sqlite"]) == 1
    for path in files:
        for word in (b"mueller", b"meier", b"Some Street"):
            assert word not in path.read_bytes(), path
    async with running(one) as daemon:
        assert actor(daemon).book.members == (member("h1"),)
    assert journal.exists()
