"""A command that draws turns the logs off for itself, and not for what else runs in the process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from agents.cli.app import call
from agents.cli.silence import silent

log = structlog.get_logger("gridpact.test")


@pytest.fixture(autouse=True)
def _unconfigured() -> Iterator[None]:
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("configured", [False, True])
def test_logs_are_off_and_then_as_before(configured: bool) -> None:
    if configured:
        structlog.configure(processors=[structlog.processors.add_log_level], cache_logger_on_first_use=False)
    before = structlog.get_config()
    with silent(), capture_logs() as told:
        log.warning("alert")
    assert told == []
    assert structlog.get_config() == before
    assert structlog.is_configured() == configured
    with capture_logs() as told:
        log.warning("alert")
    assert [one["event"] for one in told] == ["alert"]


@pytest.mark.parametrize("command", [["watch"], ["record"], ["fleet", "evening_peak", "--no-journal"]])
def test_command_that_fails_leaves_the_logs_on(command: list[str], tmp_path: Path) -> None:
    nowhere = ["--broker", str(tmp_path / "no.toml")]
    out = ["--out", str(tmp_path / "out")] if command == ["record"] else []
    assert call([*command, *out, *nowhere]) == 2
    with capture_logs() as told:
        log.warning("alert")
    assert len(told) == 1
