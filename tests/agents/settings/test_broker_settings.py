"""The table [broker]."""

from pathlib import Path

import pytest

from agents.runtime.address import address_of, placed
from agents.settings.checked import ConfigError, checked
from agents.settings.daemon import BrokerSettings


@pytest.mark.parametrize(
    ("table", "mistake"),
    [
        ({"certificate": "c"}, "certificate and key are needed both"),
        ({"certificate": "c", "key": "k"}, "ca is needed as well"),
        ({"password_file": "p"}, "user is needed as well"),
        ({"addresses": ["a b"]}, "addresses"),
        ({"addresses": ["a:70000"]}, "a port lies between 1 and 65535"),
        ({"keepalive_s": 1}, "keepalive_s"),
    ],
)
def test_half_of_a_login_is_told(table: dict[str, object], mistake: str) -> None:
    with pytest.raises(ConfigError, match=mistake):
        checked(BrokerSettings, table, "x.toml: broker")


def test_port_follows_tls_unless_it_is_given() -> None:
    assert BrokerSettings().port == 1883
    assert BrokerSettings(ca=Path("ca")).port == 8883
    assert BrokerSettings(ca=Path("ca"), port=1).port == 1


def test_addresses_are_hosts_with_or_without_a_port() -> None:
    settings = BrokerSettings(host="a", port=7, addresses=("b", "c:9", "[::1]", "[::1]:5"))
    assert address_of(settings).places == (("a", 7), ("b", 7), ("c", 9), ("::1", 7), ("::1", 5))


def test_paths_begin_at_the_folder_of_their_file() -> None:
    settings = placed(
        BrokerSettings(ca=Path("ca.crt"), certificate=Path("/c"), key=Path("b/{name}.key")), Path("/etc/x")
    )
    assert (settings.ca, settings.certificate, settings.key) == (
        Path("/etc/x/ca.crt"),
        Path("/c"),
        Path("/etc/x/b/{name}.key"),
    )
