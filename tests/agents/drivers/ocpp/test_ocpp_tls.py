"""Chargers that call in by TLS: by their password (security profile 2), or by a certificate of their own (3)."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ocpp_central import running
from played_charger import PlayedCharger
from websockets.exceptions import InvalidStatus, WebSocketException

from agents.tools.access.authority import Authority

pytestmark = pytest.mark.live


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """With a certificate of the central system, and of two chargers."""
    now = datetime.now(UTC)
    made = Authority.create(tmp_path / "ca", "test", now)
    (tmp_path / "ca.pem").write_bytes(made.certificate_pem)
    for name, pair in (
        ("server", made.server(["127.0.0.1"], now)),
        *((one, made.client(one, now)) for one in ("CP-1", "CP-2")),
    ):
        (tmp_path / f"{name}.pem").write_bytes(pair.certificate_pem)
        (tmp_path / f"{name}.key").write_bytes(pair.key_pem)
    return made


def context(folder: Path, name: str | None = None) -> ssl.SSLContext:
    """Of a charger, with the certificate of a name."""
    made = ssl.create_default_context(cafile=folder / "ca.pem")
    if name is not None:
        made.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return made


async def test_profile_2_lets_in_by_tls_with_the_password(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("sesame\n")
    own = {"certificate": tmp_path / "server.pem", "key": tmp_path / "server.key"}
    async with running(password_file=tmp_path / "password", **own) as found:
        url = found.url.replace("ws://", "wss://")
        with pytest.raises(InvalidStatus):
            await PlayedCharger.open(url, ssl=context(tmp_path))
        with pytest.raises((WebSocketException, OSError)):
            await PlayedCharger.open(found.url.replace("ws://", "ws://CP-1:sesame@"))
        charger = await PlayedCharger.open(url.replace("wss://", "wss://CP-1:sesame@"), ssl=context(tmp_path))
        assert (await charger.boot())["status"] == "Accepted"
        await charger.close()


async def test_profile_3_lets_in_by_the_charger_s_own_certificate_only(authority: Authority, tmp_path: Path) -> None:
    own = {"certificate": tmp_path / "server.pem", "key": tmp_path / "server.key", "ca": tmp_path / "ca.pem"}
    async with running(**own) as found:
        url = found.url.replace("ws://", "wss://")
        with pytest.raises((WebSocketException, OSError)):
            await PlayedCharger.open(url, ssl=context(tmp_path))
        with pytest.raises(InvalidStatus):
            await PlayedCharger.open(url, ssl=context(tmp_path, "CP-2"))  # another charger's
        charger = await PlayedCharger.open(url, ssl=context(tmp_path, "CP-1"))
        assert (await charger.boot())["status"] == "Accepted"
        await charger.close()
