"""Journals of an evening that were written before the first release, in the layout of then, are read and hold."""

import lzma
from pathlib import Path
from typing import Any

import orjson
import pytest
from released import BEFORE, journal_of, shells, unpacked

from agents.cli.app import call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    unpacked(BEFORE, tmp_path / "evening")
    return tmp_path / "evening"


def test_every_decision_is_made_again_byte_for_byte(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["replay", "verify", str(folder), "--json"]) == 0
    told = orjson.loads(capsys.readouterr().out)
    assert told["verified"]
    assert told["entries"] == 880
    assert len(told["parties"]) == 36


@pytest.mark.parametrize("what", ["awards", "shared", "endings", "settled", "delivery"])
def test_explanation_tells_what_it_told_then(folder: Path, capsys: pytest.CaptureFixture[str], what: str) -> None:
    told_then = orjson.loads(lzma.decompress((BEFORE / "explained.json.xz").read_bytes()))
    assert call(["explain", "--journals", str(folder), "--json"]) == 0
    assert told_then[what]
    assert in_it(told_then[what], orjson.loads(capsys.readouterr().out)[what])


def in_it(then: Any, now: Any) -> bool:
    """Whether all that was told then is told now; what has come since does not matter."""
    if isinstance(then, dict):
        return all(key in now and in_it(value, now[key]) for key, value in then.items())
    if isinstance(then, list):
        return len(then) == len(now) and all(map(in_it, then, now))
    return bool(then == now)


async def test_every_party_starts_with_its_journal(folder: Path) -> None:
    started = 0
    for path in sorted(folder.glob("*.journal")):
        journal = journal_of(path)
        for shell in shells(journal):
            assert shell.fold() is not None
            events: Any = shell.actor.status()["events"]
            assert {event["stage"] for event in events} <= {"closed", "opted_out"}
            started += 1
        await journal.close()
    assert started == 36
