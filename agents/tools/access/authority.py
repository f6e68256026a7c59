"""Our own authority in a folder: `ca.crt`, `ca.key`, `crl.pem`, and a copy of every certificate in `issued/`.

While its root is exchanged (agents/tools/access/roots.py) a second one lies in `next/`, and then in `last/`: both are
trusted, `ca.crt` is the one that signs. The folder is the only state. Whoever can read `ca.key` can make anybody: it lies where no broker and no daemon runs.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agents.runtime.files.private import PRIVATE, content, put
from agents.settings.checked import ConfigError
from agents.tools.access import certificates as made
from agents.tools.access.certificates import Pair, common_name, is_for_clients, pem
from agents.tools.access.lifetimes import VALID

LONGEST_NAME = 64
"""Of a common name."""


NEXT, LAST = "next", "last"


def read_root(folder: Path) -> Pair:
    """A root's certificate and key. Raises ConfigError."""
    if (folder / NEXT).exists() and (folder / LAST).exists():
        raise ConfigError(
            f"{folder}: an exchange of its root was cut off: go on with 'gridpact ca roll {folder} switch'"
        )
    if not (folder / "ca.crt").exists():
        raise ConfigError(f"{folder}: holds no authority (ca.crt, ca.key): make one with 'gridpact ca init'")
    try:
        certificate = x509.load_pem_x509_certificate(content(folder / "ca.crt"))
    except ValueError:
        raise ConfigError(f"{folder}/ca.crt: is no certificate (PEM)") from None
    pair = Pair(certificate, read_key(folder / "ca.key"))
    if pair.key.public_key() != certificate.public_key():
        raise ConfigError(f"{folder}: ca.key is not the key of ca.crt")
    return pair


def read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """A key of ours. Raises ConfigError."""
    try:
        key = serialization.load_pem_private_key(content(path), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError(f"{path}: is no key (PEM)") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError(f"{path}: is no elliptic-curve key")
    return key


class Authority:
    """An authority that is there."""

    def __init__(self, folder: Path) -> None:
        """Read it. Raises ConfigError."""
        self.folder = folder
        self._pair = read_root(folder)
        self.others = [read_root(folder / name) for name in (NEXT, LAST) if (folder / name).exists()]
        """Roots that are trusted beside the one that signs."""

    @classmethod
    def create(cls, folder: Path, name: str, now: datetime) -> "Authority":
        """A new one, in a folder of its owner's only. Raises ConfigError."""
        if (folder / "ca.key").exists():
            raise ConfigError(f"{folder}: holds an authority already; every certificate hangs on it")
        if not 1 <= len(name) <= LONGEST_NAME:
            raise ConfigError(f"--name: an authority's name has 1 to {LONGEST_NAME} characters")
        pair = made.authority(name, now)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        put(folder / "ca.key", pair.key_pem, PRIVATE)
        put(folder / "ca.crt", pair.certificate_pem)
        put(folder / "crl.pem", pem(made.revocation_list(pair, {}, now)))
        return cls(folder)

    @property
    def root(self) -> Pair:
        """The one that signs."""
        return self._pair

    @property
    def certificate_pem(self) -> bytes:
        """Of all roots that are trusted, the one that signs first."""
        return b"".join(one.certificate_pem for one in (self._pair, *self.others))

    @property
    def certificate_der(self) -> bytes:
        return self._pair.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def crl_pem(self) -> bytes:
        """One list a root that is trusted. Raises ConfigError."""
        return b"".join(content(folder / "crl.pem") for folder in self._folders())

    def _folders(self) -> list[Path]:
        return [self.folder, *(self.folder / name for name in (NEXT, LAST) if (self.folder / name).exists())]

    def client(self, name: str, now: datetime, valid: timedelta = VALID, *, kept: bool = True) -> Pair:
        """A certificate for a party; `kept`: it is written down, so that it can be revoked."""
        pair = made.client(self._pair, name, now, valid)
        return self._keep(pair, name) if kept else pair

    def certify(self, name: str, request: bytes, now: datetime) -> bytes:
        """A certificate (PEM) for the key in a party's request. Raises ConfigError: the party is revoked, or the request
        is not its own."""
        try:
            found = x509.load_pem_x509_csr(request)
            key, names = found.public_key(), found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        except (ValueError, UnsupportedAlgorithm):
            raise ConfigError(f"{name}: sent no certificate request (PEM)") from None
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ConfigError(f"{name}: asks for a key that is not P-256")
        if not found.is_signature_valid or [one.value for one in names] != [name]:
            raise ConfigError(f"{name}: asks in another name, or without having the key")
        own, revoked = list(self.clients(name)), self.revoked()
        if own and all(one.serial_number in revoked for one in own):
            raise ConfigError(f"{name}: is revoked: enrol it anew")
        certificate = made.for_client(self._pair, name, key, now)
        self._write_down(certificate, name)
        return pem(certificate)

    def server(self, hosts: Sequence[str], now: datetime, valid: timedelta = VALID) -> Pair:
        """A certificate for a broker."""
        return self._keep(made.server(self._pair, hosts, now, valid), "server")

    def _keep(self, pair: Pair, name: str) -> Pair:
        self._write_down(pair.certificate, name)
        return pair

    def _write_down(self, certificate: x509.Certificate, name: str) -> None:
        put(self.folder / "issued" / f"{name}-{certificate.serial_number:x}.crt", pem(certificate))

    def issued(self, name: str = "") -> Iterator[x509.Certificate]:
        """Every certificate that was given out, or those whose file begins with a name. Raises ConfigError."""
        for path in sorted((self.folder / "issued").glob(f"{name}*.crt")):
            try:
                yield x509.load_pem_x509_certificate(content(path))
            except ValueError:
                raise ConfigError(f"{path}: is no certificate (PEM)") from None

    def clients(self, name: str | None = None) -> Iterator[x509.Certificate]:
        """Those of parties, or of one: not all are read then, as often as one of thousands asks for another root's."""
        if name is None:
            return (one for one in self.issued() if is_for_clients(one))
        return (one for one in self.issued(f"{name}-") if is_for_clients(one) and common_name(one) == name)

    def revoked(self) -> dict[int, datetime]:
        """Serial -> since when. Raises ConfigError."""
        found: dict[int, datetime] = {}
        for folder in self._folders():
            try:
                one = x509.load_pem_x509_crl(content(folder / "crl.pem"))
            except ValueError:
                raise ConfigError(f"{folder}/crl.pem: is no revocation list (PEM)") from None
            found |= {entry.serial_number: entry.revocation_date_utc for entry in one}
        return found

    def revoke(self, name: str, now: datetime, but: int | None = None) -> int:
        """All certificates of a party that are still good, but for one serial; how many there were. Raises
        ConfigError."""
        serials = self.revoked()
        live = [one.serial_number for one in self.clients() if common_name(one) == name]
        fresh = [serial for serial in live if serial not in serials and serial != but]
        if fresh:
            serials |= dict.fromkeys(fresh, now)
            for folder, root in zip(self._folders(), (self._pair, *self.others), strict=True):
                put(folder / "crl.pem", pem(made.revocation_list(root, serials, now)))
        return len(fresh)

    def standing(self, now: datetime) -> dict[str, x509.Certificate]:
        """By party: its certificate that is good for longest."""
        revoked = self.revoked()
        found: dict[str, x509.Certificate] = {}
        for one in self.clients():
            name = common_name(one)
            if one.serial_number in revoked or one.not_valid_after_utc <= now:
                continue
            if name not in found or found[name].not_valid_after_utc < one.not_valid_after_utc:
                found[name] = one
        return found
