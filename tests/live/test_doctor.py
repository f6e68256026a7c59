"""The doctor on brokers that are well and that are not, on a damaged journal, on a wrong file."""

import json
import sqlite3
from pathlib import Path

import pytest

from agents.cli.app import call
from agents.cli.connection import DEFAULT
from agents.runtime.daemon.doctor import examine
from agents.runtime.daemon.findings import Verdict
from broker.mosquitto import Broker, free_port

CONFIG = """
[broker]
port = {port}
[journal]
path = "{journal}"
[coordinator]
name = "ac"
members = [{{ name = "ra-1", kind = "aggregator", increase_load_w = 1, decrease_load_w = 1 }}]
"""


def written(folder: Path, port: int) -> Path:
    path = folder / "ac.toml"
    path.write_text(CONFIG.format(port=port, journal=folder / "ac.journal"))
    return path


def test_well_broker_has_no_fault(broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["doctor", "--config", str(written(tmp_path, broker.port)), "--json"]) == 0
    found = {one["check"]: one for one in json.loads(capsys.readouterr().out)["findings"]}
    assert {
        "configuration",
        "broker",
        "packet size",
        "inflight",
        "version",
        "queue",
        "persistence",
        "clock",
        "journal",
    } <= set(found)
    assert found["queue"]["text"] == "keeps at least 1500 posts for an agent that does not keep up"


def test_broker_that_does_not_answer_is_a_fault_with_advice(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["doctor", "--port", str(free_port())]) == 1
    assert "does not answer" in capsys.readouterr().out


def test_damaged_journal_is_a_fault(broker: Broker, tmp_path: Path) -> None:
    config = written(tmp_path, broker.port)
    (tmp_path / "ac.journal").write_bytes(b"no database at all" * 300)
    (found,) = [one for one in examine(config, DEFAULT.settings, False) if one.check == "journal"]
    assert found.verdict is Verdict.FAULT
    assert "move it away" in found.text


def test_journal_of_a_newer_gridpact_is_a_fault(broker: Broker, tmp_path: Path) -> None:
    config = written(tmp_path, broker.port)
    connection = sqlite3.connect(tmp_path / "ac.journal")
    connection.execute("CREATE TABLE entry (seq)")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    (found,) = [one for one in examine(config, DEFAULT.settings, False) if one.check == "journal"]
    assert "update gridpact" in found.text


def test_wrong_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("[coordinator]\nname = 'ac'\n")
    (found,) = examine(tmp_path / "x.toml", DEFAULT.settings, False)
    assert found.verdict is Verdict.FAULT
    assert "members: is missing" in found.text
