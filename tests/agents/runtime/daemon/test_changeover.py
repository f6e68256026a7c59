"""A start with other settings than the journal's."""

from datetime import timedelta
from pathlib import Path

import pytest
from worlds import World, battery

from agents.runtime.daemon.changeover import Start, settings_to_run
from agents.runtime.journal.file import JournalFile
from agents.runtime.journal.journal import Journal
from agents.settings.daemon import PartiesConfig
from agents.settings.members import Member
from agents.settings.parties import AggregatorSettings
from protocol.actor import Entry, Reconfigured


@pytest.fixture(scope="module")
def evening() -> tuple[AggregatorSettings, list[Entry]]:
    world = World()
    world.simple("ra-1", 3, storage=(battery("bat-1"),))
    world.event(12_000, 9_000)
    trace = world.run().simulation.trace
    return world.aggregators[0], [entry for entry in trace if entry.actor == "ra-1"]


async def stored(path: Path, settings: AggregatorSettings, entries: list[Entry], *, sent: bool = True) -> None:
    """A journal as a process leaves it; `sent`: all of it has left."""
    journal = Journal(path, configuration=PartiesConfig(aggregator=settings).as_bytes())
    journal.start()
    for entry in entries:
        number = journal.append(entry)
        for place, _ in enumerate(entry.effects if sent else ()):
            journal.sent("ra-1", (number, place))
    await journal.all_durable()
    await journal.close()


def changed(settings: AggregatorSettings) -> PartiesConfig:
    """Other times, and a home more in the book."""
    new = Member(name="new", resources=("ev-new",), increase_load_w=6_000, decrease_load_w=6_000)
    more = settings.model_copy(update={"collect_pct": 55, "members": (*settings.members, new)})
    return PartiesConfig(aggregator=more)


async def test_settings_that_changed_are_taken_when_all_is_over(
    tmp_path: Path, evening: tuple[AggregatorSettings, list[Entry]]
) -> None:
    settings, entries = evening
    path = tmp_path / "ra-1.journal"
    await stored(path, settings, entries)
    given = changed(settings)
    assert await settings_to_run(path, given, entries[-1].at + timedelta(hours=3)) == Start(given)
    assert list(JournalFile(path).entries()) == []
    (archive,) = (tmp_path / "ra-1.journal.archive").glob("*.sqlite")
    assert len(list(JournalFile(archive).entries())) == len(entries)
    assert JournalFile(archive).configuration() == PartiesConfig(aggregator=settings)


async def test_event_under_way_ends_by_the_settings_that_it_began_with_and_the_next_one_has_the_new_ones(
    tmp_path: Path, evening: tuple[AggregatorSettings, list[Entry]]
) -> None:
    settings, entries = evening
    path = tmp_path / "ra-1.journal"
    half = entries[: len(entries) // 2]
    await stored(path, settings, half)
    start = await settings_to_run(path, changed(settings), half[-1].at)
    new = {"name": "new", "resources": ["ev-new"], "increase_load_w": 6_000, "decrease_load_w": 6_000}
    item = Reconfigured({"new": new}, {"collect_pct": 55})
    assert start == Start(PartiesConfig(aggregator=settings), taken={"ra-1": item})
    assert len(list(JournalFile(path).entries())) == len(half)


async def test_settings_that_are_taken_at_rest_only_wait_for_the_event_under_way(
    tmp_path: Path, evening: tuple[AggregatorSettings, list[Entry]]
) -> None:
    settings, entries = evening
    path = tmp_path / "ra-1.journal"
    half = entries[: len(entries) // 2]
    await stored(path, settings, half)
    other = PartiesConfig(aggregator=settings.model_copy(update={"parent": "other", "collect_pct": 55}))
    assert await settings_to_run(path, other, half[-1].at) == Start(PartiesConfig(aggregator=settings), waits=True)


async def test_what_has_not_left_is_sent_by_the_settings_of_those_who_said_it(
    tmp_path: Path, evening: tuple[AggregatorSettings, list[Entry]]
) -> None:
    settings, entries = evening
    path = tmp_path / "ra-1.journal"
    await stored(path, settings, entries, sent=False)
    late = entries[-1].at + timedelta(hours=3)
    start = await settings_to_run(path, changed(settings), late)
    assert (start.under, start.waits) == (PartiesConfig(aggregator=settings), False)
    assert start.taken is not None


async def test_journal_of_the_same_settings_stays_as_it_is(
    tmp_path: Path, evening: tuple[AggregatorSettings, list[Entry]]
) -> None:
    settings, entries = evening
    path = tmp_path / "ra-1.journal"
    await stored(path, settings, entries)
    same = PartiesConfig(aggregator=settings)
    assert await settings_to_run(path, same, entries[-1].at + timedelta(hours=3)) == Start(same)
    assert len(list(JournalFile(path).entries())) == len(entries)


async def test_process_without_a_journal_takes_what_it_is_given(
    tmp_path: Path, evening: tuple[AggregatorSettings, list[Entry]]
) -> None:
    given = PartiesConfig(aggregator=evening[0])
    assert await settings_to_run(tmp_path / "none.journal", given, evening[1][0].at) == Start(given)
    assert list(tmp_path.iterdir()) == []
