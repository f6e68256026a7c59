"""The files of a hardened Mosquitto, made from the books and the authority so that they cannot drift from them."""

from datetime import datetime
from pathlib import Path

from cryptography import x509

from agents.runtime.credentials import RENEW_WITHIN
from agents.runtime.files.private import PRIVATE, SHARED, content, put
from agents.settings.checked import ConfigError
from agents.tools.access.authority import Authority, read_key
from agents.tools.access.books import Books, read_books
from agents.tools.access.certificates import as_in_certificate
from agents.tools.access.passwords import Passwords
from agents.tools.access.plan import AccessPlan
from agents.tools.access.rules import HEAD, access_list
from broker.mosquitto import configuration

CONF, ACCESS, CA, CRL, CERTIFICATE, KEY = "mosquitto.conf", "access", "ca.crt", "crl.pem", "server.crt", "server.key"
PASSWORDS = "passwords"
OWN = ("listener ", "allow_anonymous ", "user ")
"""Lines of the loopback configuration that a hardened one has its own for."""


class BrokerFiles:
    """A folder with all that a broker is started from."""

    def __init__(self, folder: Path, plan: AccessPlan) -> None:
        """Raises ConfigError, MembersError."""
        self.folder, self.plan = folder.absolute(), plan
        self.books: Books = read_books(plan.books)
        self.authority = Authority(plan.ca)
        self.passwords = Passwords(self.folder / PASSWORDS)

    def users(self) -> tuple[str, ...]:
        """Everybody who may come in."""
        return (*self.books.parties, *self.plan.others())

    def texts(self) -> dict[str, bytes]:
        """What the files that others decide hold, as it should be now. Raises ConfigError."""
        return {
            CONF: self._conf().encode(),
            ACCESS: access_list(self.books, self.plan).encode(),
            CA: self.authority.certificate_pem,
            CRL: self.authority.crl_pem,
        }

    def write(self, now: datetime) -> tuple[str, ...]:
        """Write what is not as it should be; the names of those files. Raises ConfigError."""
        changed = []
        for name, wanted in self.texts().items():
            path = self.folder / name
            if not path.exists() or content(path) != wanted:
                put(path, wanted, PRIVATE if name == ACCESS else SHARED)
                changed.append(name)
        if self.certificate_trouble(now):
            pair = self.authority.server(self.plan.hosts, now)
            put(self.folder / KEY, pair.key_pem, PRIVATE)
            put(self.folder / CERTIFICATE, pair.certificate_pem)
            changed.append(CERTIFICATE)
        if self.passwords.keep_only(self.users()) or not self.passwords.path.exists():
            self.passwords.save()
            changed.append(PASSWORDS)
        return tuple(changed)

    def server_certificate(self) -> x509.Certificate:
        """The broker's. Raises ConfigError."""
        try:
            return x509.load_pem_x509_certificate(content(self.folder / CERTIFICATE))
        except ValueError:
            raise ConfigError(f"{self.folder / CERTIFICATE}: is no certificate (PEM)") from None

    def certificate_trouble(self, now: datetime) -> str:
        """Why the broker needs a new certificate; empty: it does not. Raises ConfigError."""
        if not (self.folder / CERTIFICATE).exists() or not (self.folder / KEY).exists():
            return f"{CERTIFICATE} or {KEY} is missing"
        found = self.server_certificate()
        if read_key(self.folder / KEY).public_key() != found.public_key():
            return f"{KEY} is not the key of {CERTIFICATE}"
        if found.issuer != self.authority.root.certificate.subject:
            return "the broker's own is not of the root that signs"
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        if {str(name.value) for name in names} != {as_in_certificate(host) for host in self.plan.hosts}:
            return f"the broker's own is not for {', '.join(self.plan.hosts)}"
        ends_at = found.not_valid_after_utc
        return f"the broker's own ends on {ends_at:%Y-%m-%d}" if ends_at - now < RENEW_WITHIN else ""

    def open_to_others(self) -> tuple[Path, ...]:
        """Secrets that others on this machine may read; a group may be the broker's."""
        own = [(self.folder / name, 0o007) for name in (KEY, PASSWORDS, ACCESS)]
        return tuple(
            path
            for path, others in (*own, (self.plan.ca / "ca.key", 0o077))
            if path.exists() and path.stat().st_mode & others
        )

    def _conf(self) -> str:
        tuned = [line for line in configuration().splitlines() if line and not line.startswith(("#", *OWN))]
        listeners = self._listener(self.plan.port)
        listeners += [
            f"cafile {self.folder / CA}",
            f"crlfile {self.folder / CRL}",
            "require_certificate true",
            "use_identity_as_username true",
        ]
        if self.plan.password_port is not None:
            listeners += self._listener(self.plan.password_port)
        return "\n".join(
            [
                HEAD,
                "# Who comes with a certificate is who stands in it; who comes with a password is that user. Either is",
                "# the name of the connection, too, so nobody takes another one's place.",
                "allow_anonymous false",
                f"password_file {self.folder / PASSWORDS}",
                f"acl_file {self.folder / ACCESS}",
                *([] if self.plan.run_as is None else [f"user {self.plan.run_as}"]),
                *listeners,
                "",
                *tuned,
                "",
            ]
        )

    def _listener(self, port: int) -> list[str]:
        return [
            "",
            f"listener {port} {self.plan.bind}".rstrip(),
            f"certfile {self.folder / CERTIFICATE}",
            f"keyfile {self.folder / KEY}",
            "tls_version tlsv1.2",
            "use_username_as_clientid true",
        ]
