"""What the doctor says of a journal that the next start is to take over, and what to do where it cannot."""

import re
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from released import BEFORE, FIXTURES, OPEN, journal_of, shells, unpacked, versions, without_snapshots

from agents.runtime.daemon import takeover as module
from agents.runtime.daemon.findings import Verdict
from agents.runtime.daemon.takeover import takeover
from agents.runtime.journal.file import JournalFile
from broker.stepper import Diverged, Stepper
from protocol import entries
from protocol.actor import Cancel, Issue
from protocol.units import Direction

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("stage", OPEN)
@pytest.mark.parametrize("version", versions())
def test_journal_of_a_release_is_taken_over_from_its_state(tmp_path: Path, version: str, stage: str) -> None:
    for path in unpacked(FIXTURES / version / stage, tmp_path):
        before = path.read_bytes()
        found = takeover(JournalFile(path))
        assert found.verdict is Verdict.OK, found.text
        assert "from a state, 0 entries taken again" in found.text
        assert path.read_bytes() == before


def test_journal_without_a_state_is_taken_over_entry_by_entry(tmp_path: Path) -> None:
    path = unpacked(BEFORE, tmp_path)[0]
    found = takeover(JournalFile(path))
    assert found.verdict is Verdict.OK, found.text
    assert "0 of 1 from a state" in found.text
    assert "0 entries" not in found.text


def test_entry_of_other_rules_is_named_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = unpacked(BEFORE, tmp_path)[0]

    def refuse(*given: object, **more: object) -> None:
        raise Diverged("ra-1 sets off other effects than it did")

    monkeypatch.setattr(Stepper, "fold_bytes", refuse)
    found = takeover(JournalFile(path))
    assert found.verdict is Verdict.FAULT
    assert (
        "entry 1 cannot be taken again: ra-1 sets off other effects than it did: run the gridpact that wrote it and stop it cleanly"
        in found.text
    )


def without_slots(fields: dict[str, object]) -> Cancel:
    """As a program reads an order that knows fewer of its keys."""
    return Cancel(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("known", [None, without_slots])
async def test_input_that_only_a_newer_gridpact_knows_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: object
) -> None:
    """A kind of input that this program does not know, or a key of one."""
    path = next(one for one in unpacked(FIXTURES / versions()[0] / "standby", tmp_path) if one.stem == "utility")
    journal = journal_of(path)
    journal.start()
    (shell,) = shells(journal)
    last_at = shell.fold()
    assert last_at is not None
    issue = Issue("e2", "dr", Direction.DECREASE_LOAD, last_at + HOUR, (1_000,))
    shell.past.store(shell.stepper.take(issue, last_at))
    await journal.close()
    if known is None:
        monkeypatch.delitem(entries._INPUTS, "issue")
    else:
        monkeypatch.setitem(entries._INPUTS, "issue", known)
    found = takeover(JournalFile(path))
    assert found.verdict is Verdict.FAULT
    assert re.fullmatch(rf"{path}: entry \d+ is no step: .*: run the gridpact that wrote it .*", found.text)


def test_state_of_a_later_version_is_passed_over_where_the_entries_are_there(tmp_path: Path) -> None:
    path = next(one for one in unpacked(FIXTURES / versions()[0] / "offered", tmp_path) if one.stem == "ra-1")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE snapshot SET body = x'00'")
    assert "0 of 1 from a state" in takeover(JournalFile(path)).text
    without_snapshots(path)
    assert "0 of 1 from a state" in takeover(JournalFile(path)).text


def test_fleets_state_is_left_to_the_fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = unpacked(FIXTURES / versions()[0] / "offered", tmp_path)[0]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE snapshot SET actor = ?", (module.FLEET,))
    assert "gridpact fleet" in takeover(JournalFile(path)).text
