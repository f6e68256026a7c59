"""gmqtt's names that are not public: listed truly, there in the installed release, and missed in one sentence."""

import ast
import os
import subprocess
import sys
from asyncio import StreamReader
from pathlib import Path

import pytest
from gmqtt.mqtt.connection import MQTTConnection
from paths import ROOT, TINY

from agents.runtime.exits import Exit
from broker.address import Address
from broker.gmqtt_names import PRIVATE, LibraryUnfit, check_names
from broker.mqtt import MqttBus

LISTED = {name for names in PRIVATE.values() for name in names}


def private_names_of_others(source: str) -> set[str]:
    """Names with one underscore that are read or set on something else than `self`, as an attribute or by `getattr`."""
    nodes = list(ast.walk(ast.parse(source)))
    attributes = {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "self")
    }
    asked = {
        node.args[1].value
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr"
        if isinstance(node.args[1], ast.Constant)
    }
    return {name for name in attributes | asked if name.startswith("_") and not name.startswith("__")}


def test_installed_gmqtt_has_all_private_names() -> None:
    check_names()


def test_private_names_that_the_link_uses_are_the_ones_listed() -> None:
    used = private_names_of_others((ROOT / "broker" / "gmqtt_link.py").read_text())
    assert used == {name for name in LISTED if name.startswith("_")}


def test_private_names_stand_in_the_design() -> None:
    page = (ROOT / "docs" / "design.md").read_text()
    assert {name for name in LISTED if f"`{name}`" not in page} == set()


def test_missing_names_are_one_sentence_with_all_of_them() -> None:
    with pytest.raises(LibraryUnfit, match=r"^gmqtt \S+ has no MQTTConnection\._gone, StreamReader\.lost: install .*$"):
        check_names({MQTTConnection: ("_transport", "_gone"), StreamReader: ("_limit", "lost")})


OTHER_RELEASE = """
import sys
from asyncio import StreamReader
from broker.gmqtt_names import check_names
check_names.__defaults__ = ({StreamReader: ("_gone",)},)
from agents.cli.app import call
sys.exit(call(sys.argv[1:]))
"""
COORDINATOR = """
[coordinator]
name = "ac"
members = [{name = "ra-1", kind = "aggregator", decrease_load_w = 1000}]
"""


def under_another_release(*command: str, state: Path) -> subprocess.CompletedProcess[str]:
    """The command, as if the installed gmqtt lacked a name."""
    places = {"STATE_DIRECTORY": str(state), "RUNTIME_DIRECTORY": str(state), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", OTHER_RELEASE, *command],
        check=False,
        env={**os.environ, **places},
        capture_output=True,
        text=True,
    )


def test_daemon_ends_with_the_sentence_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "ac.toml").write_text(COORDINATOR)
    ended = under_another_release("run", "coordinator", "--config", str(tmp_path / "ac.toml"), state=tmp_path)
    assert ended.returncode == Exit.USAGE
    (line,) = [line for line in ended.stdout.splitlines() if "library_unfit" in line]
    assert "has no StreamReader._gone" in line
    assert "Traceback" not in ended.stdout + ended.stderr


def test_fleet_ends_with_the_sentence_and_exit_code_2(tmp_path: Path) -> None:
    ended = under_another_release("fleet", str(TINY), "--no-journal", "--seconds", "1", state=tmp_path)
    assert ended.returncode == Exit.USAGE
    assert ended.stderr.count("\n") == 1
    assert "has no StreamReader._gone" in ended.stderr


def test_connection_that_does_not_need_gmqtt_does_not_ask_for_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_names, "__defaults__", ({StreamReader: ("_gone",)},))
    MqttBus(Address(), "hems-1", ())
    MqttBus(Address(), "a tap", (), crowd=True, whole=True)
    for address in (Address(), Address(protocol="3.1.1")):
        with pytest.raises(LibraryUnfit):
            MqttBus(address, "ra-1", (), crowd=True)
