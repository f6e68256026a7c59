"""A member is taken out of a journal's archive, and what is left is taken again byte for byte."""

from datetime import timedelta
from pathlib import Path

import pytest
from worlds import START, T0, Story, World

from agents.drivers.build import build_drivers
from agents.parties.aggregator.actor import Aggregator
from agents.runtime.journal.erase import CannotErase, Eraser, check_erasable, names_of, pseudonyms
from agents.runtime.journal.file import JournalFile
from agents.runtime.journal.journal import Journal
from agents.runtime.journal.reserved import RESERVED
from agents.runtime.snapshot import maker, pack, unpack
from agents.settings.daemon import PartiesConfig
from agents.tools.replay.source import RecordingSource
from agents.tools.replay.verify import verify
from broker.stepper import Stepper
from protocol.actor import Reconfigured
from protocol.entries import encode_effects

GONE = "mueller-17"


@pytest.fixture
async def journal(tmp_path: Path) -> Path:
    """An aggregator's evening in which a home leaves, with a snapshot of half of it."""
    world = World()
    world.simple("ra-1", 3, reliability_half_life_days=30)
    world.homes[1] = world.homes[1].model_copy(update={"name": GONE})
    one = world.aggregators[0]
    book = [Aggregator(one).book["ra-1-h1"]]
    members = tuple(m if m not in book else type(m)(**{**_fields(m), "name": GONE}) for m in one.members)
    world.aggregators[0] = one.model_copy(update={"members": members})
    world.event(15_000, 15_000)
    simulation = world.build()
    simulation.give(START + timedelta(minutes=10), "ra-1", Reconfigured({GONE: None}))
    simulation.run()
    assert Story(simulation, world).notes("member_left")
    settings = PartiesConfig(aggregator=world.aggregators[0])
    entries = [entry for entry in simulation.trace if entry.actor == "ra-1"]
    path = tmp_path / "ra-1.journal"
    written = Journal(path, configuration=settings.as_bytes())
    written.start()
    stepper = Stepper(Aggregator(world.aggregators[0]), build_drivers(world.aggregators[0]))
    for count, entry in enumerate(entries, 1):
        number = written.append(entry)
        stepper.fold_bytes(entry.at, entry.input, encode_effects(entry.effects), devices_too=True)
        if count == len(entries) // 2:
            body = pack(entry.at, stepper.actor, stepper.drivers, {})
            written.keep_snapshot("ra-1", number, maker(written.settings), body)
    await written.all_durable()
    await written.close()
    return path


def _fields(member: object) -> dict[str, object]:
    return {name: getattr(member, name) for name in member.__slots__}  # type: ignore[attr-defined]


def test_what_is_left_of_a_member_is_nothing_and_all_is_taken_again(journal: Path) -> None:
    before = verify(RecordingSource(journal))
    assert before.divergence is None
    names = names_of([journal], GONE)
    assert names == [GONE, "ev-ra-1-1"]
    assert GONE.encode() in journal.read_bytes()
    others = pseudonyms(names)
    changed = Eraser(others).erase(journal)
    assert changed > 10
    for name in names:
        assert name.encode() not in journal.read_bytes()
    assert others[GONE] in {one.name for one in JournalFile(journal).settings().aggregator.members}  # type: ignore[union-attr]
    after = verify(RecordingSource(journal))
    assert after.divergence is None
    assert after.entries == before.entries
    assert oct(journal.stat().st_mode & 0o777) == "0o600"
    assert [one.name for one in journal.parent.iterdir() if one.name.endswith(".part")] == []


async def test_snapshot_without_the_member_is_one_of_the_settings_without_it(journal: Path) -> None:
    Eraser(pseudonyms(names_of([journal], GONE))).erase(journal)
    settings = JournalFile(journal).settings()
    assert settings.aggregator is not None
    opened = Journal(journal, configuration=settings.as_bytes())
    opened.start()
    found = opened.snapshot("ra-1", maker(opened.settings))
    assert found is not None
    number, body = found
    stepper = Stepper(Aggregator(settings.aggregator), build_drivers(settings.aggregator))
    unpack(body, stepper.actor, stepper.drivers)
    for step in opened.entries("ra-1", number):
        entry = step.entry()
        stepper.fold_bytes(entry.at, entry.input, step.effects, devices_too=True)
    await opened.close()


def test_file_that_names_nobody_of_them_stays_as_it_is(journal: Path) -> None:
    before = journal.stat()
    assert Eraser({"nobody-here": "gone-1"}).erase(journal) == 0
    after = journal.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_part_of_another_name_is_another_name() -> None:
    eraser = Eraser({"h1": "gone-1"})
    body = b'{"child":"h1","text":"h1: h1-b h11 (h1)","at":"2026-01-14T17:00:00Z","of":{"h1":[1]}}'
    assert eraser.body(body) == (
        b'{"child":"gone-1","text":"gone-1: h1-b h11 (gone-1)","at":"2026-01-14T17:00:00Z","of":{"gone-1":[1]}}'
    )


@pytest.mark.parametrize("name", ["offer", "edge", "17", "member_left", "opt_in", "resource_id"])
def test_member_that_is_called_as_a_word_of_the_journal_cannot_be_taken_out(name: str) -> None:
    with pytest.raises(CannotErase, match=name):
        check_erasable(name)


def test_words_of_the_journal_are_found() -> None:
    assert len(RESERVED) > 400
    assert T0.isoformat() not in RESERVED
