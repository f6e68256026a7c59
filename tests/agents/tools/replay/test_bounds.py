"""The bounds of plans are computed again from what members told; one that is too tight is found."""

import tomllib
from pathlib import Path

import orjson
import pytest
from replay_recordings import simulated

from agents.cli.app import call
from agents.negotiation.plans.coalition.bound import LevelBound
from agents.parties.aggregator import planning
from agents.runtime.files.scenario import build_scenario
from agents.settings.scenario import Scenario
from agents.tools.replay.source import RecordingSource
from agents.tools.replay.verify import verify
from broker.chance import Faults

CROSSING = """
[scenario]
name = "crossing"
start_at = 2026-01-14T15:00:00Z
ends_at = 2026-01-14T21:30:00Z
[[utility.events]]
event_id = "e1"
issue_at = 2026-01-14T15:05:00Z
direction = "decrease_load"
start = 2026-01-14T18:00:00Z
power_w = [16500, 16500, 16500, 16500, 16500, 16500]
[coordinator]
[[aggregators]]
name = "ra-1"
ladder = ["plan", "alternative"]
[[homes]]
name = "leaver{n}"
parent = "ra-1"
count = 4
[[homes.devices]]
kind = "vehicle"
resource_id = "l{n}"
capacity_wh = 30000
soc_wh = 15000
departure_soc_wh = 9000
reserve_wh = 9000
max_charge_w = 4000
max_discharge_w = 4000
departs_at = 2026-01-14T19:30:00Z
[[homes]]
name = "stayer{n}"
parent = "ra-1"
count = 4
[[homes.devices]]
kind = "vehicle"
resource_id = "s{n}"
capacity_wh = 30000
soc_wh = 15000
departure_soc_wh = 9000
reserve_wh = 9000
max_charge_w = 4000
max_discharge_w = 4000
departs_at = 2026-01-15T07:00:00Z
[[homes]]
name = "plain"
parent = "ra-1"
profiles = false
devices = [{ kind = "vehicle", resource_id = "p", capacity_wh = 30000, soc_wh = 12000, departure_soc_wh = 9000, reserve_wh = 9000, max_charge_w = 2000, max_discharge_w = 2000, departs_at = 2026-01-15T07:00:00Z }]
"""
"""Eight cars of 6 kWh each, four of which leave after half of the slots; and one that knows nothing of profiles."""


def crossing() -> Scenario:
    return build_scenario(tomllib.loads(CROSSING), "crossing.toml")


@pytest.mark.parametrize("faults", [None, Faults(delay_ms=(1, 2_000), loss_pct=10, repeat_pct=20)])
def test_bounds_of_an_honest_run_hold(tmp_path: Path, faults: Faults | None) -> None:
    result = verify(RecordingSource(simulated(tmp_path / "run", crossing(), faults=faults)))
    assert result.divergence is None
    assert result.bounds >= 2
    assert result.wrong_bounds == []


def test_bound_that_is_too_tight_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    honest = planning.least_bound

    def planted(*given: object) -> LevelBound | None:
        bound = honest(*given)  # type: ignore[arg-type]
        return None if bound is None else bound._replace(level_pm=bound.level_pm * 9 // 10)

    monkeypatch.setattr(planning, "least_bound", planted)
    folder = simulated(tmp_path / "run", crossing())
    assert call(["replay", "verify", str(folder)]) == 1
    told = capsys.readouterr().out
    assert "ra-1 told in e1 that no plan meets more than" in told.replace("\n", " ")
    assert call(["replay", "verify", str(folder), "--json"]) == 1
    found = orjson.loads(capsys.readouterr().out)
    assert found["verified"] is False
    assert len(found["wrong_bounds"]) == found["bounds"] > 0


def test_command_says_how_many_bounds_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = simulated(tmp_path / "run", crossing())
    assert call(["replay", "verify", str(folder)]) == 0
    assert "bounds of plans are computed again from what members told: all hold" in capsys.readouterr().out


def test_explain_tells_the_plan_and_what_bounds_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = simulated(tmp_path / "run", crossing())
    assert call(["explain", "e1", "--journals", str(folder)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "what they could give evenly, early, late or most in slot" in told
    assert "A watt is worth most in slot" in told
    assert "the best mix adds" in told
    assert "The best mix of the profiles that" in told
    assert "No plan of theirs meets more than" in told
    assert call(["explain", "e1", "--journals", str(folder), "--json"]) == 0
    climbs = orjson.loads(capsys.readouterr().out)["climbs"]
    [rung] = [rung for rung in climbs[0]["rungs"] if rung["name"] == "plan"]
    assert any(rung["added_w"])
    assert {"question", "bound_pm", "slots", "weights"} <= climbs[0]["plans"][-1].keys()
    first = climbs[0]["plans"][0]
    assert (first["asked"], first["shapes"][:3]) == (8, ["evenly", "early", "late"])
