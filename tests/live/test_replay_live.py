"""What real processes over a real Mosquitto decided is made again byte for byte, and again by the same policy."""

from pathlib import Path

import paths

from agents.cli.app import call
from agents.tools.replay.source import RecordingSource
from agents.tools.replay.what_if import RecordedRun

TINY = str(paths.TINY)
SPEED = "300"
"""A stage of the asking is 0.8 s: an answer that came late would count when it is negotiated again."""


def test_live_evening_is_verified_and_negotiated_again(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert call(["up", TINY, "--speed", SPEED, "--journals", str(folder), "--json"]) == 0
    assert call(["replay", "verify", str(folder)]) == 0
    compared = RecordedRun(RecordingSource(folder)).what_if()
    deals = [
        [party.deal_w for party in events.values()]
        for events in (compared.then.events["e1"], compared.now.events["e1"])
    ]
    assert deals[0] == deals[1]
