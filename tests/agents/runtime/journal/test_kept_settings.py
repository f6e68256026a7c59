"""Settings that are refused in a file today and stand in a journal of earlier: the journal stays readable."""

from dataclasses import replace
from pathlib import Path

import paths
import pytest
from replay_recordings import simulated

from agents.cli.app import call
from agents.runtime.files.scenario import load_scenario
from agents.runtime.files.toml_out import to_toml
from agents.runtime.journal.file import JournalFile
from agents.settings.parties import Rung
from agents.settings.scenario import Scenario


def overfull() -> Scenario:
    """An aggregator whose own storage holds more than it can, and whose ladder has a rung twice."""
    scenario = load_scenario(paths.TINY)
    ra = scenario.aggregators[1]
    battery = ra.storage[0].model_copy(update={"soc_wh": ra.storage[0].capacity_wh * 2})
    ladder = (Rung.OWN_STORAGE, Rung.OWN_STORAGE, Rung.ALTERNATIVE)
    odd = ra.model_copy(update={"storage": (battery,), "ladder": ladder})
    return replace(scenario, aggregators=(scenario.aggregators[0], odd))


@pytest.fixture
def journals(tmp_path: Path) -> Path:
    return simulated(tmp_path / "run", overfull())


def test_the_same_settings_are_refused_in_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ra.toml"
    path.write_text(to_toml({"aggregator": overfull().aggregators[1].model_dump(mode="json", exclude_none=True)}))
    assert call(["run", "aggregator", "--config", str(path)]) == 2
    assert "aggregator.storage[0].soc_wh: " in capsys.readouterr().err


def test_settings_of_a_journal_are_what_they_were(journals: Path) -> None:
    found = JournalFile(journals / "ra-2.journal").settings()
    assert found.aggregator == overfull().aggregators[1]


def test_journal_is_verified_and_explained(journals: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["replay", "verify", str(journals)]) == 0
    assert call(["explain", "e1", "--journals", str(journals)]) == 0
    assert "e1" in capsys.readouterr().out


def test_journal_is_played_with_another_policy(journals: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["replay", "what-if", str(journals), "--set", "ra-2.collect_pct=40"]) == 0
    assert call(["replay", "what-if", str(journals), "--set", "ra-2.ladder=relax,relax"]) == 2
    assert "--set ra-2.ladder: ladder: relax stands twice" in capsys.readouterr().err


def test_journal_is_exported_and_imported(journals: Path, tmp_path: Path) -> None:
    recording, again = tmp_path / "run.jsonl", tmp_path / "again"
    assert call(["journal", "export", str(journals), "--out", str(recording)]) == 0
    assert call(["replay", "verify", str(recording)]) == 0
    assert call(["journal", "import", str(recording), "--out", str(again)]) == 0
    assert JournalFile(again / "ra-2.journal").settings().aggregator == overfull().aggregators[1]
