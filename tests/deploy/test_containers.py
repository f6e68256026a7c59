"""The container and compose files: by the published schema, and against what `gridpact init` writes and the command takes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft201909Validator
from paths import ROOT, TESTS

from agents.cli.app import call
from agents.cli.tree import app

COMPOSE = ROOT / "deploy" / "compose.yaml"
SCHEMA = TESTS / "support" / "data" / "compose-spec.json"
"""Of the Compose Specification (Apache-2.0)."""


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


def mistakes(data: object) -> list[str]:
    return [
        f"{error.json_path}: {error.message}"
        for error in Draft201909Validator(json.loads(SCHEMA.read_text())).iter_errors(data)
    ]


def test_compose_file_is_one_by_the_published_schema() -> None:
    assert mistakes(yaml.safe_load(COMPOSE.read_text())) == []


def test_schema_notices_a_key_that_there_is_not() -> None:
    data = yaml.safe_load(COMPOSE.read_text())
    data["services"]["broker"]["helthcheck"] = {}
    assert "helthcheck" in mistakes(data)[0]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the first container writes, in the folder that its volume is."""
    volume = tmp_path_factory.mktemp("volume")
    words = services()["init"]["entrypoint"][2].partition("|| gridpact ")[2].split()
    assert call([words[0], str(volume / words[1]), *words[2:]]) == 0
    return volume


def test_every_daemon_of_the_system_has_a_container(written: Path) -> None:
    named = {word for service in services().values() for word in service.get("command", ()) if word.endswith(".toml")}
    files = {f"system/{path.name}" for path in (written / "system").glob("*.toml")}
    assert files == {name for name in named if "/bundles/" not in name}


@pytest.mark.parametrize("name", [name for name, service in services().items() if "command" in service])
def test_command_of_a_container_is_one_that_there_is_with_files_that_are_there(name: str, written: Path) -> None:
    words = services()[name]["command"]
    app.parse_args(words, exit_on_error=False, print_error=False)
    paths = [word for word in words if word.startswith("system/")]
    assert paths
    assert [path for path in paths if not (written / path).exists()] == []


def test_broker_listens_where_its_ports_are_published_and_under_its_name(written: Path) -> None:
    conf = (written / "system" / "mosquitto" / "mosquitto.conf").read_text()
    listening = re.findall(r"^listener (\d+)$", conf, re.MULTILINE)
    assert [f"{port}:{port}" for port in listening] == services()["broker"]["ports"]
    assert 'host = "broker"' in (written / "system" / "utility-utility.toml").read_text()


def test_what_the_image_is_built_from_is_there_and_is_sent_to_the_builder() -> None:
    lines = (ROOT / "deploy" / "Containerfile").read_text().splitlines()
    copied = [
        word for line in lines if line.startswith("COPY ") and "--from" not in line for word in line.split()[1:-1]
    ]
    assert copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert sent == set(copied)
