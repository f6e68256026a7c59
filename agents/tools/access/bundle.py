"""What a device needs to come in, in one folder: `broker.toml` and the files that it names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agents.runtime.files.pair import put_pair
from agents.runtime.files.private import PRIVATE, put
from agents.runtime.files.toml_out import to_toml
from agents.tools.access.certificates import Pair


def write_bundle(
    folder: Path,
    hosts: Sequence[str],
    port: int,
    ca_pem: bytes,
    *,
    pair: Pair | None = None,
    login: tuple[str, str] | None = None,
) -> tuple[Path, ...]:
    """For a party with a certificate (`pair`), or with a user's name and password (`login`). Raises ConfigError."""
    table: dict[str, Any] = {"host": hosts[0], "port": port, "addresses": list(hosts[1:]) or None, "ca": "ca.crt"}
    files = [folder / "ca.crt"]
    put(folder / "ca.crt", ca_pem)
    if pair is not None:
        table |= {"certificate": "party.crt", "key": "party.key"}
        write_pair(folder, pair)
        files += [folder / "party.key", folder / "party.crt"]
    if login is not None:
        table |= {"user": login[0], "password_file": "password"}
        put(folder / "password", f"{login[1]}\n".encode(), PRIVATE)
        files.append(folder / "password")
    put(folder / "broker.toml", to_toml({"broker": table}).encode())
    return *files, folder / "broker.toml"


def write_pair(folder: Path, pair: Pair) -> None:
    """A certificate and its key. Raises ConfigError."""
    put_pair(folder / "party.crt", folder / "party.key", pair.certificate_pem, pair.key_pem)
