"""Fifty events out of real tables, with the vehicles that were plugged in, verified byte for byte."""

from itertools import islice
from pathlib import Path

import paths
import pytest
from replay_recordings import simulated

from agents.runtime.files.from_csv import GivesNothing, Plugged, read_sessions, read_wanted, scenario_data
from agents.runtime.files.scenario import build_scenario
from agents.tools.replay.source import RecordingSource
from agents.tools.replay.verify import verify

DATA = paths.REAL
USERS = 12


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="the tables are not on this machine")
def test_fifty_real_events_are_made_again_byte_for_byte(tmp_path: Path) -> None:
    sessions, wanted = DATA / "ev_sessions.csv", DATA / "dr_requests.csv"
    users = dict(islice(read_sessions(sessions).items(), USERS))
    verified = 0
    for event in islice(read_wanted(wanted).values(), 80):
        try:
            data = scenario_data(users, event, plugged=Plugged.EVERY_EVENING, storage_kw=5.0, aggregators=2)
        except GivesNothing:
            continue
        result = verify(RecordingSource(simulated(tmp_path / event.number, build_scenario(data, event.number))))
        assert result.divergence is None, event.number
        verified += 1
        if verified == 50:
            break
    assert verified == 50
