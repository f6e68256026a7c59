"""Names and addresses of hosts, as users write them."""

import pytest

from agents.settings.hosts import host_mistake


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "0.0.0.0", "::1", "fe80::1%eth0", "mosquitto_1", "a.example.", "127.1", "bücher.example", "b-1"],
)  # fmt: skip
def test_names_and_addresses_are_taken(host: str) -> None:
    assert host_mistake(host) == ""


@pytest.mark.parametrize(
    "host",
    ["", "a host", "a..b", ".", "192.168.1.2:9000", "ws://192.168.1.2", "192.168.1.2/ocpp", "192.168.1.300", "-a", "a" * 300,
     "a\nb", "host\n"],
)  # fmt: skip
def test_what_names_no_host_is_a_mistake(host: str) -> None:
    assert "is no name of a host" in host_mistake(host)
