"""The options of a charger, as its owner writes them: what cannot be is one sentence where the file is checked."""

from pathlib import Path

import pytest

from agents.drivers.registry import options_of
from agents.settings.checked import ConfigError


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        (
            "host",
            "192.168.1.2:9000",
            "an address of this machine is needed, as 192.168.1.2, or 0.0.0.0 for all of them",
        ),
        ("host", "ws://192.168.1.2", "an address of this machine is needed"),
        ("host", "a..b", "an address of this machine is needed"),
        ("upstream", "wss://a..b/ocpp/CP-1", "the address of a backend is needed, as wss://vendor.example/ocpp/CP-1"),
        ("upstream", "wss:///CP-1", "the address of a backend is needed"),
        ("upstream", "wss://vendor.example:90000/CP-1", "the address of a backend is needed"),
        ("upstream", "wss://[::1/CP-1", "the address of a backend is needed"),
    ],
)
def test_what_is_no_address_is_one_sentence_at_the_check(key: str, value: str, text: str) -> None:
    with pytest.raises(ConfigError) as told:
        options_of("ocpp", {"charge_point": "CP-1", key: value}, "home.toml: home-1: ev", Path())
    assert str(told.value).startswith(f"home.toml: home-1: ev.options: {key}: {text}")
    assert str(told.value).endswith(f"(it is {value!r})")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::", "", "charger-gateway.local"])
def test_where_chargers_may_call_in_is_taken(host: str) -> None:
    options_of("ocpp", {"charge_point": "CP-1", "host": host}, "home.toml", Path())
