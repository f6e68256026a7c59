"""First contact: a code, as text or QR, that brings a device from nothing to a certificate of its own.

The code holds where the broker is, the authority's certificate, and a password that was made for this one name. With it
the device comes in, makes a key that never leaves it, and asks for its certificate over that connection.
"""

import asyncio
import base64
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import segno
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import Field, StringConstraints

from agents.runtime.renewal import CERTIFICATE, REFUSED, REQUEST, refusal_of, signing_request
from agents.settings.checked import ConfigError, checked
from agents.settings.parties import Settings
from agents.tools.access.bundle import write_bundle
from agents.tools.access.certificates import Pair
from agents.tools.access.plan import Host
from broker.address import Address
from broker.bus import Post
from broker.entrance import Entrance
from broker.link import LinkDenied, LinkLost
from broker.mqtt import MqttBus
from broker.probe import Probe
from protocol.codec import to_json
from protocol.units import Name

PREFIX = "gridpact1:"
LONGEST = 4_000
PortNumber = Annotated[int, Field(ge=1, le=65_535)]


class JoinCode(Settings):
    """What a code holds; the keys are short because a QR is small."""

    n: Name
    """The party."""
    h: Host
    p: PortNumber
    """For its password."""
    c: PortNumber
    """For its certificate."""
    w: Annotated[str, StringConstraints(min_length=8, max_length=200)]
    """The password."""
    a: Annotated[str, StringConstraints(max_length=2_000)]
    """The authority's certificate (DER, base64)."""

    @property
    def ca_pem(self) -> bytes:
        """Raises ConfigError."""
        try:
            return x509.load_der_x509_certificate(base64.b64decode(self.a)).public_bytes(Encoding.PEM)
        except ValueError:
            raise ConfigError("the code: holds no certificate of an authority") from None


def code_of(code: JoinCode) -> str:
    """As one line of text."""
    return PREFIX + base64.urlsafe_b64encode(to_json(code.model_dump())).decode().rstrip("=")


def read_code(text: str) -> JoinCode:
    """Raises ConfigError."""
    body = text.strip()
    if not body.startswith(PREFIX) or len(body) > LONGEST:
        raise ConfigError(f"the code: begins with {PREFIX} and has at most {LONGEST} characters")
    body = body.removeprefix(PREFIX)
    try:
        data = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        found = JoinCode.model_validate_json(data)
    except ValueError:
        raise ConfigError("the code: is damaged; copy or scan all of it") from None
    return checked(JoinCode, found.model_dump(), "the code")


def show_qr(text: str) -> None:
    """On a terminal."""
    segno.make(text, error="l", micro=False).terminal(compact=True)


def save_qr(text: str, path: Path) -> None:
    """As PNG or SVG, by the name's end. Raises ConfigError."""
    if path.suffix.lower() not in (".png", ".svg"):
        raise ConfigError(f"{path}: a QR is written as .png or .svg")
    try:
        segno.make(text, error="l", micro=False).save(str(path), scale=4)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None


@dataclass(frozen=True, slots=True)
class Joined:
    """What came of it."""

    files: tuple[Path, ...]
    why_no_certificate: str = ""
    """Empty: the bundle has a certificate; else it goes on with the password."""


async def join(code: JoinCode, out: Path, within_s: float) -> Joined:
    """Write a bundle: with a certificate where the authority answers in time, else with the password. Raises
    LinkDenied, LinkLost, ConfigError."""
    with tempfile.TemporaryDirectory(prefix="gridpact-join-") as folder:
        ca = Path(folder) / "ca.crt"
        ca.write_bytes(code.ca_pem)
        await asyncio.to_thread(_come_in, code, ca)  # a wrong code is told at once, and spoils no bundle that is there
    files = write_bundle(out, [code.h], code.p, code.ca_pem, login=(code.n, code.w))
    address = Address(code.h, code.p, username=code.n, password=code.w, ca=out / "ca.crt")
    key = ec.generate_private_key(ec.SECP256R1())
    try:
        answer = await _asked(address, code.n, signing_request(code.n, key), within_s)
    except TimeoutError:
        return Joined(files, f"the authority did not answer within {within_s:g} s: does 'gridpact ca serve' run?")
    if answer.startswith(REFUSED):
        return Joined(files, f"the authority says: {refusal_of(answer)}")
    try:
        certificate = x509.load_pem_x509_certificate(answer)
    except ValueError:
        return Joined(files, "the authority answered with something else than a certificate")
    if certificate.public_key() != key.public_key():
        return Joined(files, "the authority answered with the certificate of another key")
    files = write_bundle(out, [code.h], code.c, code.ca_pem, pair=Pair(certificate, key))
    try:
        await asyncio.to_thread(_enter, _by_certificate(code, out), code.n)
    except LinkLost as error:
        return Joined(write_bundle(out, [code.h], code.p, code.ca_pem, login=(code.n, code.w)), f"{error}")
    (out / "password").unlink(missing_ok=True)
    return Joined(files)


def _by_certificate(code: JoinCode, out: Path) -> Address:
    return Address(code.h, code.c, ca=out / "ca.crt", certificate=out / "party.crt", key=out / "party.key")


def _come_in(code: JoinCode, ca: Path) -> None:
    """By the code's password. Raises LinkLost, LinkDenied."""
    try:
        _enter(Address(code.h, code.p, username=code.n, password=code.w, ca=ca), code.n)
    except LinkDenied as error:
        text = f"the code does not open the broker at {code.h}:{code.p} ({error}): ask for a new one"
        raise LinkDenied(text) from None
    except LinkLost as error:
        raise LinkLost(f"the broker of the code, {code.h}:{code.p}, is not reached: {error}") from None


def _enter(address: Address, name: str) -> None:
    """Raises LinkLost, LinkDenied."""
    Probe(Entrance(address).next(), name).close()


async def _asked(address: Address, name: str, request: bytes, within_s: float) -> bytes:
    """What the authority answers. Raises TimeoutError."""
    answers: asyncio.Queue[bytes] = asyncio.Queue()
    bus = MqttBus(address, name, (), session_expiry_s=0)
    bus.hear_beside(f"{CERTIFICATE}/{name}", answers.put_nowait)
    running = asyncio.create_task(bus.run(_nothing))
    try:
        await bus.publish(Post(f"{REQUEST}/{name}", request))
        async with asyncio.timeout(within_s):
            return await answers.get()
    finally:
        running.cancel()
        await asyncio.wait((running,))


async def _nothing(arrivals: object) -> None:
    """A device that joins hears nothing else."""
