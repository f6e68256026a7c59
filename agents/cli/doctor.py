"""`gridpact doctor`: what a daemon stands on."""

from pathlib import Path

from agents.cli.arguments import Json
from agents.cli.connection import DEFAULT, Connection
from agents.cli.findings import tell


def doctor(*, config: Path | None = None, connection: Connection = DEFAULT, json: Json = False) -> int:
    """Check what a daemon stands on, and say what to change: configuration, broker, clock, disk, journal.

    Exit code 1 when there is a fault.

    Parameters
    ----------
    config:
        A daemon's TOML file; its broker and its journal are looked at. Where it has a user or a certificate, give the
        doctor's own: a second connection under one name would take the daemon's place.
    """
    from agents.runtime.daemon.doctor import examine

    as_itself = connection.broker is not None or connection.has_login
    return tell(examine(config, connection.settings, as_itself), json)
