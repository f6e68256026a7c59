"""A start that cannot be: one sentence and its exit code, and never ready before it."""

import asyncio
import os
import socket
import sys
from contextlib import closing
from pathlib import Path

import paths
import pytest

UTILITY = '[utility]\nchildren = ["ac"]\n[broker]\nport = 1\nconnect_within_s = 1\n'


async def started(folder: Path, tables: str) -> tuple[int, str, str]:
    """A utility of these tables, run until it ends; its exit code, log and complaint."""
    config = folder / "utility.toml"
    config.write_text(f'{UTILITY}[control]\ndir = "{folder / "control"}"\n{tables}')
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "agents.cli", "run", "utility", "--config", str(config)),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(paths.ROOT), "XDG_STATE_HOME": str(folder / "state")},
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_metrics_port_in_use_is_said_before_anything_runs(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        code, out, err = await started(tmp_path, f"[metrics]\nport = {port}\n")
    assert (code, out) == (2, "")
    text = (
        f"metrics.port: {port} at 127.0.0.1 cannot be had (Address already in use): give another one, or end what has"
    )
    assert err.startswith(f"gridpact: {text}")
    assert err.count("\n") == 1


async def test_metrics_port_that_is_free_does_not_keep_a_start(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    code, out, err = await started(tmp_path, f"[metrics]\nport = {port}\n")
    assert (code, err) == (3, "")  # there is no broker
    assert "the broker at 127.0.0.1:1 was not reached within 1 s" in out


@pytest.mark.parametrize(
    ("journal", "text"),
    [
        ("file/utility.journal", "file: the journal's folder cannot be made: Not a directory"),
        ("file/deep/utility.journal", "file/deep: the journal's folder cannot be made: Not a directory"),
    ],
)
async def test_journal_folder_that_cannot_be_made_is_said(tmp_path: Path, journal: str, text: str) -> None:
    (tmp_path / "file").touch()
    code, out, err = await started(tmp_path, f'[journal]\npath = "{tmp_path / journal}"\n')
    assert (code, err) == (5, "")
    assert f'"text":"{tmp_path / text}"' in out
    assert out.count("\n") == 1


async def test_file_in_which_the_year_is_wrong_is_said(tmp_path: Path) -> None:
    event = 'event_id = "e", issue_at = 2026-01-14T17:00:00Z, direction = "decrease_load", power_w = [5]'
    code, out, err = await started(
        tmp_path, f"[[utility.events]]\n{event.replace(', ', chr(10))}\nstart = 3026-01-14T18:00:00Z\n"
    )
    assert (code, out) == (2, "")
    assert err.endswith(
        "utility.toml: utility.events[0].start: lies in the year 3026; the years 2000 to 2199 are taken\n"
    )
