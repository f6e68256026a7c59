"""The names of gmqtt that are not public and that broker/gmqtt_link.py uses; a release without them is told at the start.

`_limit` is asyncio's: gmqtt reads through its StreamReader.
"""

from asyncio import StreamReader
from collections.abc import Mapping
from dis import get_instructions
from importlib.metadata import version
from types import FunctionType, MappingProxyType

from gmqtt import Client
from gmqtt.mqtt.connection import MQTTConnection
from gmqtt.mqtt.handler import MQTTConnectError, MqttPackageHandler
from gmqtt.mqtt.protocol import MQTTProtocol
from gmqtt.mqtt.utils import IdGenerator

PRIVATE: Mapping[type, tuple[str, ...]] = MappingProxyType(
    {
        Client: ("_package_handler", "_connection"),
        MqttPackageHandler: ("_handle_qos_1_publish_packet", "id_generator"),
        IdGenerator: ("_max", "next_id", "free_id"),
        MQTTConnection: ("_transport", "_protocol", "_last_data_in", "_last_data_out", "put_package"),
        MQTTProtocol: ("_read_packet", "write_data", "_hard_reader"),
        StreamReader: ("_limit",),
        MQTTConnectError: ("_code",),
    }
)


class LibraryUnfit(RuntimeError):
    """A library that is installed lacks a name that we use; one sentence."""


def check_names(private: Mapping[type, tuple[str, ...]] = PRIVATE) -> None:
    """Raise LibraryUnfit when a name is missing."""
    missing = [
        f"{owner.__name__}.{name}" for owner, names in private.items() for name in names if not _has(owner, name)
    ]
    if missing:
        raise LibraryUnfit(
            f"gmqtt {version('gmqtt')} has no {', '.join(missing)}: install the release that gridpact was made for "
            "(pip install 'gmqtt>=0.8,<0.9')"
        )


def _has(owner: type, name: str) -> bool:
    """Whether a class has a name, or sets it in a constructor of its own or of a base."""
    inits = [init for base in owner.__mro__ if isinstance(init := vars(base).get("__init__"), FunctionType)]
    steps = (step for init in inits for step in get_instructions(init))
    return hasattr(owner, name) or any(step.opname == "STORE_ATTR" and step.argval == name for step in steps)
