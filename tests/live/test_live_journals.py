"""What real processes left in their journals is verified and explained, also of one that was killed in mid-delivery."""

import signal
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from chaos_path import system

from agents.cli.app import call
from agents.runtime.exits import Exit
from agents.runtime.files.scenario import load_scenario
from agents.tools.explain.read import read
from agents.tools.explain.sources import JournalSources
from agents.tools.replay.source import RecordingSource
from agents.tools.replay.verify import verify

CITY = Path("city")
SPEED = 800
"""At this speed a busy machine may miss a deadline, so nothing here depends on the deal."""


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("city") / "journals"
    code = call(["up", str(CITY), "--speed", str(SPEED), "--journals", str(folder), "--json"])
    assert code in (Exit.OK, Exit.NEGATIVE)
    return folder


def test_shipped_scenario_that_ran_live_is_made_again_byte_for_byte(city: Path) -> None:
    result = verify(RecordingSource(city))
    scenario = load_scenario(CITY)
    assert result.divergence is None
    parties = (scenario.utility, scenario.coordinator, *scenario.aggregators, *scenario.homes)
    assert set(result.parties) == {party.name for party in parties}


def test_shipped_scenario_that_ran_live_is_explained(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["explain", "--journals", str(city), "--json"]) == 0
    story = orjson.loads(capsys.readouterr().out)
    scenario = load_scenario(CITY)
    assert {climb["party"] for climb in story["climbs"]} == {settings.name for settings in scenario.aggregators}
    assert set(story["devices"]) == {home.name for home in scenario.homes}
    assert story["missing_journals"] == []
    assert not [trouble for trouble in story["troubles"] if trouble["kind"] in ("lost", "garbage", "restarted")]


async def test_aggregator_killed_in_mid_delivery_is_explained_with_its_restart(tmp_path: Path) -> None:
    evening = system.System(tmp_path, speed=500)
    await evening.start()
    aggregator = evening.daemons["ra-1"]
    await evening.until(62)
    aggregator.ready.clear()
    killed_at = system.T0 + timedelta(minutes=62)
    evening.signal("ra-1", signal.SIGKILL)
    await aggregator.ready.wait()
    await evening.until(92)
    await evening.stop()
    sources = JournalSources([tmp_path / name for name in evening.daemons])
    story = read(sources.evidence("e1"))
    restarts = [trouble for trouble in story.troubles if trouble.kind == "restarted"]
    assert [trouble.party for trouble in restarts] == ["ra-1"]
    assert restarts[0].at > killed_at
    assert ("ra-1", 0) in {(one.party, one.slot) for one in story.delivery}
    assert story.missing_journals == []
    for name in evening.daemons:
        assert verify(RecordingSource(tmp_path / name)).divergence is None
