"""The recorded evening under another policy: unchanged it is the same, changed it differs where it should."""

import asyncio
import tomllib
from datetime import timedelta
from pathlib import Path

import orjson
import paths
import pytest
from replay_recordings import SHIPPED, evening_peak, negotiators, on_the_bus, simulated

from agents.cli.app import call
from agents.runtime.files.scenario import build_scenario, load_scenario
from agents.settings.checked import ConfigError
from agents.settings.parties import Rung
from agents.tools.replay.changes import SettingChange
from agents.tools.replay.source import RecordingSource
from agents.tools.replay.what_if import Devices, RecordedRun
from agents.tools.run.simulate import build_simulation, keep_journals


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
@pytest.mark.parametrize("devices", Devices)
def test_unchanged_policy_gives_the_recorded_outcome(tmp_path: Path, path: Path, devices: Devices) -> None:
    recorded = RecordedRun(RecordingSource(simulated(tmp_path / "run", load_scenario(path))))
    compared = recorded.what_if(devices=devices)
    assert compared.then.as_json() == compared.now.as_json()
    assert not compared.unanswered


def test_without_relaxing_nobody_is_disturbed_and_ra_3_proposes(tmp_path: Path) -> None:
    compared = RecordedRun(RecordingSource(evening_peak(tmp_path))).what_if(without=[Rung.RELAX])
    then, now = compared.then.party("evening-peak", "ra-3"), compared.now.party("evening-peak", "ra-3")
    assert (then.disturbed, now.disturbed) == (2, 0)
    assert [rung.name for rung in now.rounds[0].rungs] == ["offers", "alternative"]


def test_without_rerequests_the_evening_ends_without_a_deal(tmp_path: Path) -> None:
    compared = RecordedRun(RecordingSource(evening_peak(tmp_path))).what_if(
        [SettingChange.read("coordinator.max_rerequests=0")]
    )
    assert compared.now.party("evening-peak", "ac").rerequests == 0
    assert compared.now.party("evening-peak", "utility").outcome != "concluded"


def test_device_that_was_not_asked_to_relax_then_stays_silent_and_is_counted(tmp_path: Path) -> None:
    changes = [SettingChange.read("ra-2.ladder=relax,own_storage,alternative")]
    compared = RecordedRun(RecordingSource(evening_peak(tmp_path))).what_if(changes, devices=Devices.RECORDED)
    party = compared.now.party("evening-peak", "ra-2")
    assert party.outcome
    assert set(compared.unanswered) <= {"was not asked to relax then"}


def test_what_a_tap_heard_is_taken_again_with_devices_as_recorded(tmp_path: Path) -> None:
    scenario = load_scenario(Path("evening_peak"))
    path = on_the_bus(tmp_path / "bus.jsonl.gz", scenario, configurations=negotiators(scenario))
    compared = RecordedRun(RecordingSource(path)).what_if([SettingChange.read("ra-3.ladder=alternative")])
    assert compared.devices is Devices.RECORDED
    assert compared.stored_awards is not None
    assert compared.stored_awards[0] == compared.stored_awards[1] > 0
    assert compared.changed
    with pytest.raises(ConfigError, match="no settings of its devices"):
        RecordedRun(RecordingSource(path)).what_if(devices=Devices.ALIVE)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (["--set", "ra-9.ladder=relax"], "there is no party ra-9"),
        (["--set", "nothing=1"], "there is no setting nothing"),
        (["--set", "ladder"], "is written KEY=VALUE"),
        (["--set", "ladder=sideways"], "should be 'surplus', 'plan', 'own_storage', 'relax' or 'alternative'"),
        (["--set", "ra-2.storage=none"], "cannot be changed here"),
        (["--max-rerequests", "11"], "less than or equal to 10"),
    ],
)
def test_mistake_in_a_policy_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list[str], sent: str
) -> None:
    assert call(["replay", "what-if", str(evening_peak(tmp_path)), *given]) == 2
    assert sent in capsys.readouterr().err


def test_two_outcomes_are_shown_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(evening_peak(tmp_path))
    assert call(["replay", "what-if", folder, "--no-relax"]) == 0
    noted = capsys.readouterr().out
    assert "recorded" in noted
    assert "what if" in noted
    assert call(["replay", "what-if", folder, "--sharing", "merit_order", "--json"]) == 0
    assert set(orjson.loads(capsys.readouterr().out)) >= {"recorded", "what_if", "unanswered"}


def test_homes_that_live_by_a_plan_give_the_recorded_outcome_and_come_to_an_end(tmp_path: Path) -> None:
    tables = tomllib.loads((paths.EXAMPLES / "year.toml").read_text())
    start_at = tables["scenario"]["start_at"]
    tables["scenario"]["ends_at"] = start_at + timedelta(days=2)
    for home in tables["homes"]:
        home["count"] = 1
    for event in tables["daily_events"]:
        event["power_w"] = [power // 10 for power in event["power_w"]]
    scenario = build_scenario(tables, "days")
    simulation = build_simulation(scenario, 1, keep_trace=True)
    simulation.run(until=scenario.ends_at)
    asyncio.run(keep_journals(scenario, simulation.trace, tmp_path))
    compared = RecordedRun(RecordingSource(tmp_path)).what_if(devices=Devices.ALIVE)
    assert compared.then.as_json() == compared.now.as_json()
