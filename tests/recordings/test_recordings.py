"""Every recording in this folder is verified, and tells the story beside it: `gridpact replay as-test` adds one."""

from pathlib import Path

import pytest

from agents.tools.replay.as_test import ENDING, golden_text
from agents.tools.replay.source import RecordingSource
from agents.tools.replay.verify import verify
from broker.recording_file import Step

HERE = Path(__file__).parent


@pytest.mark.parametrize("path", sorted(HERE.glob(f"*{ENDING}")), ids=lambda path: path.name)
def test_recording_is_made_again_and_tells_its_story(path: Path) -> None:
    source = RecordingSource(path)
    assert verify(source).divergence is None
    golden = path.with_name(path.name.removesuffix(ENDING) + ".txt")
    assert golden_text(line for line in source.lines() if isinstance(line, Step)) == golden.read_text(encoding="utf-8")
