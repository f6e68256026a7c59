"""What may listen where."""

from pathlib import Path

import pytest

from agents.pages.web.serve import Served, check_served
from agents.settings.checked import ConfigError


@pytest.mark.parametrize("bind", ["127.0.0.1", "::1", "localhost", "127.0.0.2"])
def test_page_on_loopback_needs_nothing_more(bind: str) -> None:
    check_served(Served(bind))


@pytest.mark.parametrize("bind", ["0.0.0.0", "::", "192.0.2.7", "console.example"])
def test_page_beyond_this_machine_needs_tls_or_a_proxy(bind: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="would travel in the open"):
        check_served(Served(bind))
    check_served(Served(bind, names=("console.example",)))
    pem = tmp_path / "x.pem"
    pem.touch()
    check_served(Served(bind, certificate=pem, key=pem))


def test_certificate_without_key_or_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needed both"):
        check_served(Served(certificate=tmp_path / "x.pem"))
    with pytest.raises(ConfigError, match="no such file"):
        check_served(Served(certificate=tmp_path / "x.pem", key=tmp_path / "x.pem"))


def test_interface_and_names_are_what_a_request_may_name() -> None:
    assert "192.0.2.7" in Served("192.0.2.7").hosts
    assert "0.0.0.0" not in Served("0.0.0.0", names=("Console.example",)).hosts
    assert "console.example" in Served("0.0.0.0", names=("Console.example",)).hosts
