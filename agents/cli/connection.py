"""The options by which every command that speaks MQTT is told where the broker is, and as whom to come."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from agents.cli.arguments import Port, option
from agents.runtime.files.toml import read_toml
from agents.settings.mistakes import ConfigError

if TYPE_CHECKING:
    from agents.settings.daemon import BrokerSettings
    from broker.address import Address

OPTIONS = ("host", "port", "protocol", "user", "password_file", "ca", "certificate", "key")
LOGIN = ("user", "password_file", "certificate", "key")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Connection:
    """Options that are not given are those of a file, or the defaults."""

    broker: Annotated[Path | None, option("A file with the table [broker], such as a bundle's broker.toml.")] = None
    host: Annotated[str | None, option("The broker; 127.0.0.1 by default.")] = None
    port: Annotated[Port | None, option("Its port; 1883 by default, 8883 with --ca.")] = None
    protocol: Annotated[
        Literal["5", "3.1.1"] | None, Parameter(("--protocol", "--mqtt"), help="Which MQTT is spoken; 5 by default.")
    ] = None
    user: Annotated[str | None, option("Where the broker has an access list.")] = None
    password_file: Annotated[Path | None, option("A file whose first line is the user's password.")] = None
    ca: Annotated[Path | None, option("The authority of the broker's certificate (PEM): the connection is TLS.")] = None
    certificate: Annotated[Path | None, option("Ours (PEM), for a broker that asks for one.")] = None
    key: Annotated[Path | None, option("The key of our certificate (PEM).")] = None

    @property
    def given(self) -> dict[str, Any]:
        """The options that stand on the command line, without `broker`."""
        return {name: value for name in OPTIONS if (value := getattr(self, name)) is not None}

    @property
    def has_login(self) -> bool:
        """Whether it says as whom to come."""
        return self.user is not None or self.certificate is not None

    def settings(self, base: "BrokerSettings | None" = None) -> "BrokerSettings":
        """The options over those of --broker, or of a daemon's file. Raises ConfigError."""
        from agents.runtime.address import placed
        from agents.settings.checked import checked
        from agents.settings.daemon import BrokerSettings

        if self.broker is not None:
            table = read_toml(self.broker).get("broker")
            if not isinstance(table, dict):
                raise ConfigError(f"{self.broker}: the table [broker] is missing")
            base = placed(checked(BrokerSettings, table, f"{self.broker}: broker"), self.broker.parent)
        before = {} if base is None else base.model_dump(exclude_unset=True)
        if self.has_login:  # never half of one user and half of another
            before = {name: value for name, value in before.items() if name not in LOGIN}
        if self.host is not None or self.port is not None:
            before.pop("addresses", None)  # of another broker
        return checked(BrokerSettings, before | self.given, "the options of the connection")

    def address(self, base: "BrokerSettings | None" = None) -> "Address":
        """The same for a carrier. Raises ConfigError."""
        from agents.runtime.address import address_of

        return address_of(self.settings(base))


DEFAULT = Connection()


def warn_of_secrets(address: "Address") -> None:
    """What a daemon tells as alerts, on stderr before a command begins: a certificate that ends soon, open secrets."""
    from datetime import UTC, datetime

    from agents.runtime.credentials import secret_alerts
    from broker.credentials import CredentialsError, read_credentials

    try:
        ends_at = read_credentials(address).expires_at
    except CredentialsError:  # told where it is needed
        return
    for text in secret_alerts(address, ends_at, datetime.now(UTC)).values():
        print(f"gridpact: {text}", file=sys.stderr)
