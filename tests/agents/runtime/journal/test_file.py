"""A journal read from outside: beside its writer, by itself, with the settings of its parties."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agents.cli.app import call
from agents.runtime.files.scenario import load_scenario
from agents.runtime.journal.file import JournalFile, journal_files
from agents.runtime.journal.journal import Journal, JournalError
from agents.runtime.journal.schema import migrate
from agents.settings.daemon import PartiesConfig


def test_simulated_run_leaves_the_journals_and_settings_of_all_parties(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert call(["simulate", "evening_peak", "--journals", str(folder), "--json"]) == 0
    scenario = load_scenario(Path("evening_peak"))
    files = {file.path.stem: file for file in journal_files([folder])}
    assert set(files) == {"utility", "ac", "homes", *(ra.name for ra in scenario.aggregators)}
    assert files["homes"].configuration() == PartiesConfig(ders=scenario.homes)
    told = {stored.actor for stored in files["homes"].entries()}
    assert told == {home.name for home in scenario.homes}
    assert {stored.actor for stored in files["ac"].entries("ac")} == {"ac"}


def test_second_run_does_not_mix_its_journals_with_those_of_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ac.journal").touch()
    assert call(["simulate", "evening_peak", "--journals", str(tmp_path)]) == 2
    assert "name a new folder" in capsys.readouterr().err


async def test_journal_is_read_while_its_daemon_has_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.journal", configuration=PartiesConfig().as_bytes())
    file = JournalFile(tmp_path / "j.journal")
    assert list(file.entries()) == []
    assert file.configuration() == PartiesConfig()
    await journal.close()


def test_journal_of_an_earlier_version_has_no_settings(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "old")
    migrate(connection, tmp_path / "old", to=2)
    connection.close()
    assert JournalFile(tmp_path / "old").configuration() is None


def test_what_is_no_journal_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"no database at all, but long enough to look at " * 20)
    with pytest.raises(JournalError, match="is no journal"):
        list(JournalFile(tmp_path / "x").entries())
    (tmp_path / "empty").touch()
    with closing(sqlite3.connect(tmp_path / "other")) as other:
        other.execute("CREATE TABLE something (n INTEGER)")
    for name in ("empty", "other"):
        with pytest.raises(JournalError, match="is no journal"):
            list(JournalFile(tmp_path / name).entries())
        with pytest.raises(JournalError, match="is no journal"):
            JournalFile(tmp_path / name).settings()
    with pytest.raises(JournalError, match="no such file"):
        list(JournalFile(tmp_path / "y").entries())
    with pytest.raises(JournalError, match="no journal here"):
        journal_files([tmp_path])
