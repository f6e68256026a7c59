"""What was found by each driver, as lines of a table; the last column goes into a daemon's file."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import Any

from agents.drivers.echonet.discovery import found_nodes
from agents.drivers.echonet.options import FOLLOW, PORT, OwnAddress
from agents.drivers.listening import cannot_listen
from agents.drivers.mqtt.discovery import heard_topics
from agents.settings.checked import ConfigError
from agents.settings.hosts import host_mistake
from agents.tools.installer.words import options_lines
from broker.address import Address
from broker.link import LinkLost
from broker.mosquitto import BrokerFailed

OCPP_PORT, MQTT_PORT = 9000, 1883
HINTS = {
    "echonet": "is the node switched on, in this network, and ECHONET Lite switched on in its settings?",
    "ocpp": "is the charger's backend ws://THIS HOST:PORT/IDENTITY, and does no firewall stand between?",
    "mqtt": "does anybody publish there, and may this user read it?",
}
Found = Mapping[str, Any]


async def nodes(host: str | None, port: int | None, addresses: Sequence[str], seconds: float) -> list[Found]:
    """ECHONET Lite nodes. Raises ConfigError."""
    for one in addresses:
        if not _is_ipv4(one):
            raise ConfigError(f"{one}: an IPv4 address is needed, as 192.168.1.20")
    own = OwnAddress(host or "0.0.0.0", PORT)
    if not _is_ipv4(own.bind):
        raise ConfigError(f"--host: {own.bind!r:.80} is no IPv4 address: one of this machine is needed, as 192.168.1.2")
    try:
        seen = await found_nodes(own, addresses, port or PORT, seconds)
    except OSError as error:
        raise ConfigError(cannot_listen(*own, error)) from None
    lines: list[Found] = []
    for node in seen:
        for name, instance in node.readable() or ((None, 0),):
            options: list[tuple[str, object]] = [("host", node.host), ("object", name)]
            options += [("instance", instance)] if instance > 1 else []
            options += [("port", port)] if port not in (None, PORT) else []
            options += [("bind", host)] if host is not None else []
            options += [("memory", f"{name}.found")] if name in FOLLOW else []
            lines.append(
                {
                    "node": node.host,
                    "maker": node.maker,
                    "identity": node.identity,
                    "objects": [f"0x{eoj:06X}" for eoj in node.objects],
                    "in a daemon's file": "none that is read" if name is None else options_lines("echonet", options),
                }
            )
    return lines


def _is_ipv4(text: str) -> bool:
    try:
        IPv4Address(text)
    except AddressValueError:
        return False
    return True


async def chargers(host: str | None, port: int | None, seconds: float) -> list[Found]:
    """Chargers that call in. Raises ConfigError."""
    try:
        found_chargers = import_module("agents.drivers.ocpp.discovery").found_chargers
    except ModuleNotFoundError as error:
        raise ConfigError(f"{error.name} is not installed: pip install 'gridpact[ocpp]'") from None
    at = host or "127.0.0.1", port or OCPP_PORT
    _check_host(at[0])
    try:
        seen = await found_chargers(*at, seconds)
    except OSError as error:
        raise ConfigError(cannot_listen(*at, error)) from None
    listens = [*([("host", host)] if host is not None else []), ("port", at[1])]
    return [
        {
            "charger": one.identity,
            "version": one.version,
            "offers": one.offers,
            "password": "yes" if one.has_password else "no",
            "model": one.model,
            "connectors": [f"{number}: {status}" for number, status in sorted(one.connectors.items())],
            "in a daemon's file": options_lines("ocpp", [("charge_point", one.identity), *listens]),
        }
        for one in seen
    ]


def _check_host(host: str) -> None:
    if mistake := host_mistake(host):
        raise ConfigError(f"--host: {mistake}")


def broker(host: str | None, port: int | None, user: str | None, password_file: Path | None) -> Address:
    """Where devices publish. Raises ConfigError."""
    _check_host(host or "127.0.0.1")
    return Address(host or "127.0.0.1", port or MQTT_PORT, username=user, password_file=password_file)


async def topics(address: Address, wanted: str, seconds: float) -> list[Found]:
    """Topics at a broker. Raises ConfigError, BrokerFailed."""
    levels = wanted.split("/")
    if not wanted or any(one not in ("+", "#") and set(one) & set("+#\0") for one in levels) or "#" in levels[:-1]:
        text = "as meter/+/total or meter/#: + stands for one level, a # at the end for all below"
        raise ConfigError(f"--topics: {wanted!r:.80} is no filter of topics, {text}")
    try:
        heard = await heard_topics(address, wanted, seconds)
    except LinkLost as error:
        raise BrokerFailed(f"{address.where}: {error}") from None
    return [{"topic": topic, "payload": payload.decode(errors="replace")} for topic, payload in heard.items()]
