"""Journals followed while they are written, and while their entries move to the archive."""

from datetime import timedelta
from pathlib import Path

from worlds import T0, vehicle

from agents.pages.follow import JournalFollower
from agents.runtime.journal.journal import Journal
from agents.settings.daemon import PartiesConfig
from agents.settings.parties import DerSettings, UtilitySettings
from protocol.actor import Decided, Entry

UTILITY = PartiesConfig(utility=UtilitySettings(children=("ac",)))
HOME = PartiesConfig(ders=(DerSettings(name="hems-1", parent="ra-1", devices=(vehicle("ev-1"),)),))


def entry(number: int, actor: str = "utility") -> Entry:
    return Entry(T0 + timedelta(seconds=number), actor, Decided(f"e{number}", True), ())


async def write(journal: Journal, *numbers: int, actor: str = "utility") -> None:
    await journal.durable([journal.append(entry(number, actor)) for number in numbers][-1])


async def test_each_look_reads_what_has_come_since_also_over_an_archive(tmp_path: Path) -> None:
    follower = JournalFollower([tmp_path])
    assert follower.read() == ([], [])
    journal = Journal(tmp_path / "utility.journal", configuration=UTILITY.as_bytes())
    journal.start()
    try:
        await write(journal, 1, 2)
        settings, entries = follower.read()
        assert [one.name for one in settings] == ["utility"]
        assert entries == [entry(1), entry(2)]
        assert follower.read() == ([], [])
        await write(journal, 3)
        assert await journal.archive() is not None
        await write(journal, 4)
        found = follower.read()
        assert follower.problems == {}
        assert found == ([], [entry(3), entry(4)])
        assert JournalFollower([tmp_path]).read()[1] == [entry(number) for number in (1, 2, 3, 4)]
    finally:
        await journal.close()


async def test_homes_are_left_out_unless_they_are_named(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "homes.journal", configuration=HOME.as_bytes())
    journal.start()
    await write(journal, 1, actor="hems-1")
    await journal.close()
    settings, entries = JournalFollower([tmp_path]).read()
    assert [one.name for one in settings] == ["hems-1"]
    assert entries == []
    assert JournalFollower([tmp_path], only=("hems-1",)).read()[1] == [entry(1, "hems-1")]


def test_file_that_is_no_journal_is_told_and_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / "broken.journal").write_text("what is this" * 100)
    follower = JournalFollower([tmp_path])
    assert follower.read() == ([], [])
    assert "is no journal" in follower.problems[tmp_path / "broken.journal"]
