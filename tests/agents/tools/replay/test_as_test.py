"""A recording kept as a test, and the plugin with which others test against it."""

import subprocess
import sys
from pathlib import Path

import paths
import pytest
from replay_recordings import evening_peak, on_the_bus

from agents.cli.app import call
from agents.runtime.files.scenario import load_scenario

ROOT = paths.ROOT


def test_kept_recording_is_one_file_and_its_story(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "kept" / "evening"
    assert call(["replay", "as-test", str(evening_peak(tmp_path)), "--out", str(out)]) == 0
    assert {path.name for path in out.parent.iterdir()} == {"evening.jsonl.gz", "evening.txt"}
    assert call(["replay", "verify", f"{out}.jsonl.gz"]) == 0
    assert "byte for byte" in capsys.readouterr().out


def test_what_has_no_steps_is_not_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = on_the_bus(tmp_path / "bus.jsonl", load_scenario(Path("evening_peak")))
    assert call(["replay", "as-test", str(path), "--out", str(tmp_path / "x")]) == 2
    assert "cannot be verified" in capsys.readouterr().err


def test_example_of_an_own_policy_holds() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "examples/test_policy.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
