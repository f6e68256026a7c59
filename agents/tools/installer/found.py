"""What was found by each driver, as lines of a table; the last column goes into a daemon's file."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import Any

from agents.drivers.echonet.discovery import found_nodes
from agents.drivers.echonet.options import PORT, OwnAddress
from agents.drivers.mqtt.discovery import heard_topics
from agents.settings.checked import ConfigError
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
        try:
            IPv4Address(one)
        except AddressValueError:
            raise ConfigError(f"{one}: an IPv4 address is needed, as 192.168.1.20") from None
    own = OwnAddress(host or "0.0.0.0", PORT)
    try:
        seen = await found_nodes(own, addresses, port or PORT, seconds)
    except OSError as error:
        raise ConfigError(
            f"{own.bind}:{own.port}: {error.strerror}: does a daemon or another program use it?"
        ) from None
    lines: list[Found] = []
    for node in seen:
        for name, instance in node.readable() or ((None, 0),):
            options = [("host", node.host), ("object", name), *([("instance", instance)] if instance > 1 else [])]
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


async def chargers(host: str | None, port: int | None, seconds: float) -> list[Found]:
    """Chargers that call in. Raises ConfigError."""
    try:
        found_chargers = import_module("agents.drivers.ocpp.discovery").found_chargers
    except ModuleNotFoundError as error:
        raise ConfigError(f"{error.name} is not installed: pip install 'gridpact[ocpp]'") from None
    at = host or "127.0.0.1", port or OCPP_PORT
    try:
        seen = await found_chargers(*at, seconds)
    except UnicodeError:
        raise ConfigError(f"--host: {at[0]!r:.80} is no name of a host") from None
    except OSError as error:
        raise ConfigError(f"{at[0]}:{at[1]}: {error.strerror}: does a daemon or another program use it?") from None
    return [
        {
            "charger": one.identity,
            "version": one.version,
            "offers": one.offers,
            "password": "yes" if one.has_password else "no",
            "model": one.model,
            "connectors": [f"{number}: {status}" for number, status in sorted(one.connectors.items())],
            "in a daemon's file": options_lines("ocpp", (("charge_point", one.identity), ("port", at[1]))),
        }
        for one in seen
    ]


def broker(host: str | None, port: int | None, user: str | None, password_file: Path | None) -> Address:
    """Where devices publish."""
    return Address(host or "127.0.0.1", port or MQTT_PORT, username=user, password_file=password_file)


async def topics(address: Address, wanted: str, seconds: float) -> list[Found]:
    """Topics at a broker. Raises BrokerFailed."""
    try:
        heard = await heard_topics(address, wanted, seconds)
    except LinkLost as error:
        raise BrokerFailed(f"{address.where}: {error}") from None
    return [{"topic": topic, "payload": payload.decode(errors="replace")} for topic, payload in heard.items()]
