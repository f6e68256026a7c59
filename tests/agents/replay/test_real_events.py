"""Fifty events out of real tables, with the vehicles that were plugged in, verified byte for byte."""

from itertools import islice
from pathlib import Path

import pytest
from replay_recordings import simulated

from agents.from_csv import GivesNothing, Plugged, read_sessions, read_wanted, scenario_data
from agents.replay.source import Source
from agents.replay.verify import verify
from agents.scenario import build_scenario

DATA = Path(__file__).parents[4] / "shared" / "data"
USERS = 12


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="the tables are not on this machine")
def test_fifty_real_events_are_made_again_byte_for_byte(tmp_path: Path) -> None:
    tables = {path.name: path for path in DATA.rglob("*.csv")}
    sessions, wanted = (
        next((p for name, p in tables.items() if word in name), None) for word in ("ev_session", "dr_request")
    )
    if sessions is None or wanted is None:
        pytest.skip("the tables are not on this machine")
    users = dict(islice(read_sessions(sessions).items(), USERS))
    verified = 0
    for event in islice(read_wanted(wanted).values(), 80):
        try:
            data = scenario_data(users, event, plugged=Plugged.EVERY_EVENING, storage_kw=5.0, aggregators=2)
        except GivesNothing:
            continue
        result = verify(Source(simulated(tmp_path / event.number, build_scenario(data, event.number))))
        assert result.divergence is None, event.number
        verified += 1
        if verified == 50:
            break
    assert verified == 50
