"""Every decision of a recording is made again byte for byte; a planted one is found and shown (P11)."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from replay_recordings import SHIPPED, evening_peak, on_the_bus, simulated

from agents.cli.app import call
from agents.parties.aggregator import sharing
from agents.runtime.files.scenario import load_scenario
from agents.tools.replay.source import RecordingSource
from agents.tools.replay.verify import verify


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_scenario_is_made_again_byte_for_byte(tmp_path: Path, path: Path) -> None:
    scenario = load_scenario(path)
    result = verify(RecordingSource(simulated(tmp_path / "run", scenario)))
    assert result.divergence is None
    parties = (scenario.utility, scenario.coordinator, *scenario.aggregators, *scenario.homes)
    assert set(result.parties) == {party.name for party in parties}
    assert result.entries > 250


def test_one_journal_is_verified_by_itself(tmp_path: Path) -> None:
    result = verify(RecordingSource(evening_peak(tmp_path) / "ra-2.journal"))
    assert result.divergence is None
    assert list(result.parties) == ["ra-2"]


def test_one_watt_less_in_sharing_out_is_found_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, honest = evening_peak(tmp_path), sharing.apportion

    def planted(*given: Any) -> Any:
        shared = honest(*given)
        name, share = next(iter(shared.shares.items()))
        shared.shares[name] = share._replace(power_w=(share.power_w[0] - 1, *share.power_w[1:]))
        return shared

    monkeypatch.setattr(sharing, "apportion", planted)
    assert call(["replay", "verify", str(folder / "ra-1.journal")]) == 1
    noted = capsys.readouterr().out
    assert "ra-1 decides otherwise" in noted
    assert "heard the award of ac in evening-peak" in noted
    assert "@@ award on the edge ra-1/hems-1-1\n-  power_w: [2706,2706,2706,2008]\n+  power_w: [2705," in noted
    assert call(["replay", "verify", str(folder / "ra-1.journal"), "--json"]) == 1
    assert orjson.loads(capsys.readouterr().out)["divergence"]["party"] == "ra-1"


def test_what_a_tap_heard_is_said_not_to_be_verifiable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = on_the_bus(tmp_path / "bus.jsonl", load_scenario(Path("evening_peak")))
    assert call(["replay", "verify", str(path)]) == 2
    assert "cannot be verified exactly" in capsys.readouterr().err


def test_what_is_no_recording_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.jsonl").write_text("no header\n")
    for path in (tmp_path / "x.jsonl", tmp_path / "missing.jsonl"):
        assert call(["replay", "verify", str(path)]) == 2
        assert str(path) in capsys.readouterr().err
