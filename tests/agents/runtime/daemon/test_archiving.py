"""How long what was moved into the archive stays there."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.runtime.daemon.archiving import let_archives_go
from agents.runtime.journal.files import STAMP, archive_of
from agents.settings.daemon import JournalSettings


def archived(journal: Path, *days: int) -> list[Path]:
    """Files that were moved there so many days ago."""
    folder = archive_of(journal)
    folder.mkdir()
    moved = [datetime.now(UTC) - timedelta(days=one, minutes=1) for one in days]
    files = [folder / f"{at:{STAMP}}-{number}.sqlite" for number, at in enumerate(moved, start=1)]
    for file in files:
        file.touch()
    return files


def test_what_is_older_than_the_settings_say_goes(tmp_path: Path) -> None:
    journal = tmp_path / "ra.journal"
    _, _, two, one = archived(journal, 400, 3, 2, 1)
    let_archives_go(journal, JournalSettings(archives_for_days=3))
    assert sorted(archive_of(journal).iterdir()) == [two, one]


def test_everything_stays_where_the_settings_say_nothing(tmp_path: Path) -> None:
    journal = tmp_path / "ra.journal"
    files = archived(journal, 4_000, 1)
    let_archives_go(journal, JournalSettings())
    assert sorted(archive_of(journal).iterdir()) == files


def test_disk_that_refuses_is_told_and_ends_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = tmp_path / "ra.journal"
    (old,) = archived(journal, 4)
    old.unlink()
    old.mkdir()  # no file: it cannot be taken away as one
    let_archives_go(journal, JournalSettings(archives_for_days=3))
    assert old.is_dir()
    assert "archives_stay" in capsys.readouterr().out
