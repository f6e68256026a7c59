"""Journals become a recording of steps, and a recording journals, entry for entry."""

import os
from pathlib import Path

import paths
import pytest

from agents.cli.app import call
from agents.runtime.journal.file import JournalFile, journal_files
from agents.runtime.journal.journal import StoredStep
from broker.recording_file import RecordingFile

SHIPPED = sorted(path.stem for path in paths.EVENINGS)


def by_party(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    found: dict[str, list[StoredStep]] = {}
    for file in journal_files([folder]):
        for stored in file.entries():
            found.setdefault(stored.actor, []).append(stored)
    return {name: [(k.at, k.input, k.effects) for k in stored] for name, stored in found.items()}


@pytest.mark.parametrize("scenario", SHIPPED)
def test_exported_journals_are_imported_as_they_were(tmp_path: Path, scenario: str) -> None:
    assert call(["simulate", scenario, "--journals", str(tmp_path / "first"), "--json"]) in (0, 1)
    recording = tmp_path / "evening.jsonl.gz"
    assert call(["journal", "export", str(tmp_path / "first"), "--out", str(recording)]) == 0
    assert call(["journal", "import", str(recording), "--out", str(tmp_path / "second")]) == 0
    assert by_party(tmp_path / "second") == by_party(tmp_path / "first")
    settings = [
        {f.path.name: f.configuration() for f in journal_files([tmp_path / name])} for name in ("first", "second")
    ]
    assert settings[0] == settings[1]


def test_two_lives_of_one_party_are_not_mixed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("a", "b"):
        call(["simulate", "evening_peak", "--journals", str(tmp_path / folder), "--json"])
    journals = [str(tmp_path / folder / "ac.journal") for folder in ("a", "b")]
    assert call(["journal", "export", *journals, "--out", str(tmp_path / "out.jsonl")]) == 2
    assert "are both of ac: export them one by one" in capsys.readouterr().err


def test_cut_off_recording_is_imported_as_far_as_it_goes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(["simulate", "evening_peak", "--journals", str(tmp_path / "first"), "--json"])
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    call(["journal", "export", str(tmp_path / "first"), "--out", str(whole)])
    cut.write_bytes(whole.read_bytes()[:-10_000])
    assert call(["journal", "import", str(cut), "--out", str(tmp_path / "second")]) == 0
    assert "cut off after line" in capsys.readouterr().out
    first, second = by_party(tmp_path / "first"), by_party(tmp_path / "second")
    assert all(first[name][: len(entries)] == entries for name, entries in second.items())


def test_what_is_there_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(["simulate", "evening_peak", "--journals", str(tmp_path), "--json"])
    (tmp_path / "r.jsonl").touch()
    assert call(["journal", "export", str(tmp_path), "--out", str(tmp_path / "r.jsonl")]) == 2
    assert "is there already" in capsys.readouterr().err
    assert JournalFile(tmp_path / "ac.journal").configuration() is not None


def test_export_has_all_steps_in_the_order_of_their_instants(tmp_path: Path) -> None:
    call(["simulate", "evening_peak", "--journals", str(tmp_path), "--json"])
    assert call(["journal", "export", str(tmp_path), "--out", str(tmp_path / "r.jsonl")]) == 0
    instants = [line.at for line in RecordingFile(tmp_path / "r.jsonl").lines()]
    assert instants == sorted(instants)


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz"])
def test_recording_is_its_owners_alone_where_it_has_names(tmp_path: Path, ending: str) -> None:
    before = os.umask(0o022)
    try:
        call(["simulate", "evening_peak", "--journals", str(tmp_path / "run"), "--json"])
        call(["journal", "export", str(tmp_path / "run"), "--out", str(tmp_path / f"named.{ending}")])
        export = [
            "journal",
            "export",
            str(tmp_path / "run"),
            "--anonymise",
            "--out",
            str(tmp_path / f"hidden.{ending}"),
        ]
        assert call(export) == 0
    finally:
        os.umask(before)
    modes = [oct((tmp_path / name).stat().st_mode)[-3:] for name in (f"named.{ending}", f"hidden.{ending}", "run")]
    assert modes == ["600", "644", "700"]
    assert {oct(path.stat().st_mode)[-3:] for path in (tmp_path / "run").iterdir()} == {"600"}


def test_journal_out_of_an_archive_is_exported_by_its_name(tmp_path: Path) -> None:
    call(["simulate", "evening_peak", "--journals", str(tmp_path), "--json"])
    archived = (tmp_path / "ac.journal").rename(tmp_path / "2026.sqlite")
    assert call(["journal", "export", str(archived), "--out", str(tmp_path / "r.jsonl")]) == 0
    assert len(list(RecordingFile(tmp_path / "r.jsonl").lines())) == len(list(JournalFile(archived).entries())) > 0


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["export", "--out", "{tmp}/x.jsonl"], 2, "name at least one journal"),
        (["export", "{tmp}", "--out", "{tmp}/x.jsonl"], 5, "no journal here"),
        (["import", "{tmp}/none.jsonl", "--out", "{tmp}/back"], 2, "cannot be read"),
        (["import", "{tmp}/text.jsonl", "--out", "{tmp}/back"], 2, "is no recording"),
    ],
)
def test_mistakes_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    (tmp_path / "text.jsonl").write_text("a text\n")
    assert call(["journal", *(word.format(tmp=tmp_path) for word in arguments)]) == code
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
