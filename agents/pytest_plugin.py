"""A plugin for pytest: an own policy or an own device against a recorded evening.

    @pytest.mark.gridpact_recording("evening.jsonl.gz")
    def test_nobody_is_disturbed(what_if):
        compared = what_if("ladder=own_storage,alternative")
        assert compared.now.party("evening-peak", "ra-3").disturbed == 0

The path is looked for beside the test's file. Nothing of gridpact is imported before a test asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from agents.tools.replay.what_if import RecordedRun, WhatIfResult
    from protocol.actor import Actor

MARK = "gridpact_recording"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARK}(path): the recording, beside the test's file, that the test is about")


@pytest.fixture
def recording(request: pytest.FixtureRequest) -> RecordedRun:
    """The marked recording: `wire` (its messages), `cast.settings` (by party), `outcome()`, `what_if(...)`."""
    from agents.tools.replay.source import RecordingSource
    from agents.tools.replay.what_if import RecordedRun

    mark = request.node.get_closest_marker(MARK)
    if mark is None or not mark.args:
        raise pytest.UsageError(f"{request.node.nodeid}: needs @pytest.mark.{MARK}(path)")
    return RecordedRun(RecordingSource(request.path.parent / Path(mark.args[0])))


@pytest.fixture
def what_if(recording: RecordedRun) -> Callable[..., WhatIfResult]:
    """`what_if("ra-1.ladder=relax", ..., devices="recorded", actors={"hems-1-1": MyDevice()})`: the recorded outcome
    (`then`) beside the other one (`now`). An actor takes the place of the party of that name."""
    from agents.tools.replay.changes import SettingChange
    from agents.tools.replay.what_if import Devices

    def run(*changes: str, devices: str | None = None, actors: dict[str, Actor] | None = None) -> Any:
        chosen = None if devices is None else Devices(devices)
        return recording.what_if([SettingChange.read(text) for text in changes], devices=chosen, actors=actors)

    return run
