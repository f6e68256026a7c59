"""What the doctor says of a journal that the next start is to take over, and what to do where it cannot."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from released import BEFORE, FIXTURES, OPEN, unpacked, versions, without_snapshots

from agents.runtime.daemon import takeover as module
from agents.runtime.daemon.findings import Verdict
from agents.runtime.daemon.takeover import takeover
from agents.runtime.journal.file import JournalFile
from broker.stepper import Diverged, Stepper


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
