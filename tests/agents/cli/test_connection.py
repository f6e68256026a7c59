"""The options of a connection over a file's table [broker]."""

from pathlib import Path

import pytest

from agents.cli.app import call
from agents.cli.connection import Connection
from agents.settings.checked import ConfigError
from agents.settings.daemon import BrokerSettings

BUNDLE = """
[broker]
host = "broker.example"
port = 8884
addresses = ["b2"]
ca = "ca.crt"
user = "hems-1"
password_file = "password"
"""


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "broker.toml"
    path.write_text(BUNDLE)
    return path


def test_bundle_is_taken_whole_with_its_files_beside_it(bundle: Path) -> None:
    address = Connection(broker=bundle).address()
    assert address.where == "broker.example:8884, b2:8884"
    assert (address.username, address.password_file, address.ca) == (
        "hems-1", bundle.parent / "password", bundle.parent / "ca.crt",
    )  # fmt: skip


def test_other_host_is_another_broker_and_has_no_further_addresses(bundle: Path) -> None:
    assert Connection(broker=bundle, host="here").address().where == "here:8884"


def test_login_on_the_command_line_replaces_that_of_the_file_whole(bundle: Path) -> None:
    found = Connection(broker=bundle, certificate=Path("c"), key=Path("k")).settings()
    assert (found.user, found.password_file, found.certificate) == (None, None, Path("c"))


def test_options_go_over_a_daemons_table() -> None:
    base = BrokerSettings(host="a", protocol="3.1.1")
    found = Connection(port=7).settings(base)
    assert (found.host, found.port, found.protocol) == ("a", 7, "3.1.1")


def test_file_without_the_table_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("[journal]\n")
    with pytest.raises(ConfigError, match=r"x\.toml: the table \[broker\] is missing"):
        Connection(broker=tmp_path / "x.toml").settings()


@pytest.mark.parametrize("command", [["watch"], ["record", "--out", "x.jsonl"], ["doctor"]])
def test_every_command_takes_the_options_and_tells_half_a_login(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call([*command, "--certificate", "c"]) == 2
    said = capsys.readouterr().err
    assert "the options of the connection: certificate and key are needed both, or neither" in said
    assert said.count("\n") == 1
