"""The table [broker] as the carriers take it."""

from pathlib import Path

from agents.settings.daemon import BrokerSettings
from broker.address import Address

PATHS = ("password_file", "ca", "certificate", "key")


def address_of(broker: BrokerSettings) -> Address:
    """Where to connect, and as whom."""
    return Address(
        broker.host,
        broker.port,
        broker.protocol,
        broker.user,
        password_file=broker.password_file,
        ca=broker.ca,
        certificate=broker.certificate,
        key=broker.key,
        others=broker.places(),
        keepalive_s=broker.keepalive_s,
        numbers=broker.numbers,
    )


def placed(broker: BrokerSettings, folder: Path) -> BrokerSettings:
    """The same with paths that begin at a folder."""
    given = {key: folder / path for key in PATHS if (path := getattr(broker, key)) is not None}
    return broker.model_copy(update=given)
