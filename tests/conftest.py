"""Nothing that a test starts touches the state of who runs it."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
"""The same examples in every run, however slow the machine; HYPOTHESIS_PROFILE=search looks for new ones."""


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(autouse=True, scope="module")
def _left_is_left() -> Iterator[None]:
    """What a module of tests leaves is not searched by the collector again: for a test that runs beside other
    processes that is a second in which it stands still."""
    yield
    gc.collect()
    gc.freeze()
