"""How long the certificates of parties are good, by the copies that an authority keeps of those that it has given."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.x509.oid import NameOID

SOON_DAYS = 30
LOOK_AGAIN = timedelta(minutes=1)
log = structlog.get_logger("gridpact.console")


class CertificateEnds:
    """A folder of certificates (PEM, `*.crt`); beside it the authority's list of those that are revoked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read_at: datetime | None = None
        self._ends_at: dict[str, datetime] = {}

    def days(self, name: str, now: datetime | None = None) -> int | None:
        """Whole days that a party's best certificate is good for, below 0 when it has ended; None: it has none here."""
        now = now or datetime.now(UTC)
        if self._read_at is None or now - self._read_at >= LOOK_AGAIN:
            self._read_at, self._ends_at = now, self._read()
        ends_at = self._ends_at.get(name)
        return None if ends_at is None else (ends_at - now) // timedelta(days=1)

    def _read(self) -> dict[str, datetime]:
        found: dict[str, datetime] = {}
        revoked = self._revoked()
        for path in sorted(self.folder.glob("*.crt")):
            try:
                one = x509.load_pem_x509_certificate(path.read_bytes())
            except (OSError, ValueError) as error:
                log.warning("certificate_not_read", file=str(path), text=str(error))
                continue
            for name in one.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
                if one.serial_number not in revoked:
                    key = str(name.value)
                    found[key] = max(found.get(key, one.not_valid_after_utc), one.not_valid_after_utc)
        return found

    def _revoked(self) -> set[int]:
        try:
            listed = x509.load_pem_x509_crl((self.folder.parent / "crl.pem").read_bytes())
        except (OSError, ValueError):
            return set()
        return {one.serial_number for one in listed}
