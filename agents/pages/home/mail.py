"""E-mail as a way to push questions: to the household's own mail server, over TLS unless it runs on this machine."""

import ipaddress
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agents.runtime.files.private import content
from agents.runtime.files.toml import read_toml
from agents.settings.checked import ConfigError, checked

WITHIN_S = 10.0
PORTS = {"tls": 465, "starttls": 587, "none": 25}
Address = Annotated[str, Field(min_length=3, max_length=254, pattern=r"^[^\s@<>,]+@[^\s@<>,]+$")]


class MailSettings(BaseModel):
    """The table [mail]."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """None: as the security has it: 465, 587 or 25."""
    security: Literal["tls", "starttls", "none"] = "starttls"
    """`none` on this machine only."""
    ca: Path | None = None
    """Of the server's certificate (PEM); None: those that the system trusts."""
    user: str | None = None
    password_file: Path | None = None
    sender: Address
    to: Annotated[tuple[Address, ...], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if (self.user is None) != (self.password_file is None):
            raise ValueError("user and password_file are needed both, or neither")
        if self.security == "none" and not _loops(self.host):
            raise ValueError("security: none is for a server on this machine only: what is asked of a home is its own")
        return self


class MailFile(BaseModel):
    """The file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mail: MailSettings


def load_mail(path: Path) -> MailSettings:
    """Raises ConfigError."""
    tables: dict[str, Any] = read_toml(path)
    found = checked(MailFile, tables, str(path)).mail
    if found.password_file is not None and not content(found.password_file).strip():
        raise ConfigError(f"{found.password_file}: is empty: its first line is the password")
    return found


def send(settings: MailSettings, subject: str, text: str) -> None:
    """One message, to all. Raises OSError (smtplib's errors are of it)."""
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, settings.sender, ", ".join(settings.to)
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=settings.sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    port = settings.port or PORTS[settings.security]
    trusted = ssl.create_default_context(cafile=settings.ca) if settings.security != "none" else None
    with (
        smtplib.SMTP_SSL(settings.host, port, timeout=WITHIN_S, context=trusted)
        if settings.security == "tls"
        else smtplib.SMTP(settings.host, port, timeout=WITHIN_S)
    ) as server:
        if settings.security == "starttls":
            server.starttls(context=trusted)
        if settings.user is not None and settings.password_file is not None:
            server.login(settings.user, content(settings.password_file).decode().splitlines()[0])
        server.send_message(message)


def _loops(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
