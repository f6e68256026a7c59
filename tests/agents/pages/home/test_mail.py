"""Questions that go out by e-mail, to a server on this machine."""

import asyncio
import smtplib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from agents.pages.home.mail import MailSettings, load_mail, send
from agents.pages.home.push import AGAIN_S, PushedQuestion, PushWay, push_ways
from agents.settings.checked import ConfigError
from agents.tools.access.authority import Authority

NOW = datetime(2026, 1, 14, 17, 0, tzinfo=UTC)
PASSWORD = "a mail password"


class Inbox:
    """What a server took."""

    def __init__(self) -> None:
        self.envelopes: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.envelopes.append(envelope)
        return "250 OK"

    @property
    def messages(self) -> list[EmailMessage]:
        return [message_from_bytes(one.content, policy=policy.default) for one in self.envelopes]


@asynccontextmanager
async def server(**options: Any) -> AsyncIterator[tuple[Inbox, int]]:
    """A mail server at a free port of this machine."""
    inbox = Inbox()
    listening = await asyncio.get_running_loop().create_server(lambda: SMTP(inbox, **options), "127.0.0.1", 0)
    try:
        yield inbox, listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


def settings(port: int, **more: Any) -> MailSettings:
    known: dict[str, Any] = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "home@example.org"}
    return MailSettings.model_validate(known | {"to": ("eve@example.org", "adam@example.org")} | more)


def question(text: str = "参加しますか") -> PushedQuestion:
    return PushedQuestion("ご家庭への要請", text, "e1", NOW, {"event_id": "e1"})


async def test_question_reaches_all_addresses_in_its_language() -> None:
    async with server() as (inbox, port):
        (way,) = push_ways(None, settings(port))
        assert await way.push(question())
        assert not await way.push(question())  # once
    (message,), (envelope,) = inbox.messages, inbox.envelopes
    assert (message["Subject"], message.get_content().strip()) == ("ご家庭への要請", "参加しますか")
    assert envelope.rcpt_tos == ["eve@example.org", "adam@example.org"]
    assert message["Auto-Submitted"] == "auto-generated"


async def test_words_of_a_peer_make_no_header_and_no_second_message() -> None:
    async with server() as (inbox, port):
        await asyncio.to_thread(
            send, settings(port), "asked", "e1\r\n.\r\nMAIL FROM:<x@example.org>\r\nBcc: y@example.org"
        )
    (message,), (envelope,) = inbox.messages, inbox.envelopes
    assert envelope.rcpt_tos == ["eve@example.org", "adam@example.org"]
    assert message["Bcc"] is None
    assert "MAIL FROM:<x@example.org>" in message.get_content()


async def test_server_that_is_away_is_tried_again_later() -> None:
    async with server() as (_, port):
        pass
    (away,) = push_ways(None, settings(port))
    assert not await away.push(question())
    assert away.told == {}
    async with server() as (inbox, port):
        (way,) = push_ways(None, settings(port))
        way.not_before_s = away.not_before_s
        assert not await way.push(question())  # not at once
        way.not_before_s -= AGAIN_S
        assert await way.push(question())
        assert len(inbox.envelopes) == 1


async def test_password_travels_over_tls_only_and_the_servers_certificate_is_checked(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path / "ca", "test", datetime.now(UTC))
    pair = authority.server(["localhost", "127.0.0.1"], datetime.now(UTC))
    (tmp_path / "server.crt").write_bytes(pair.certificate_pem)
    (tmp_path / "server.key").write_bytes(pair.key_pem)
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    seen: list[LoginPassword] = []

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        seen.append(data)
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)

    options = {"tls_context": context, "require_starttls": True, "authenticator": check, "auth_required": True}
    login = {"security": "starttls", "user": "home", "password_file": tmp_path / "password"}
    async with server(**options) as (inbox, port):
        await asyncio.to_thread(send, settings(port, **login, ca=tmp_path / "ca" / "ca.crt"), "asked", "text")
        assert len(inbox.envelopes) == 1
        with pytest.raises(OSError, match="certificate verify failed"):
            await asyncio.to_thread(send, settings(port, **login), "asked", "text")
        (tmp_path / "password").write_text("another\n")
        with pytest.raises(smtplib.SMTPAuthenticationError):
            await asyncio.to_thread(send, settings(port, **login, ca=tmp_path / "ca" / "ca.crt"), "asked", "text")
    assert {one.login for one in seen} == {b"home"}
    assert issubclass(smtplib.SMTPAuthenticationError, OSError)  # which is what a way catches


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ('host = "mail.example.org"\nsecurity = "none"', "on this machine only"),
        ('host = "localhost"\nuser = "home"', "needed both, or neither"),
        ('host = "localhost"\nfrom = "x"', "from"),
    ],
)
def test_mistake_in_the_file_is_one_sentence(tmp_path: Path, table: str, text: str) -> None:
    path = tmp_path / "mail.toml"
    path.write_text(f'[mail]\n{table}\nsender = "h@example.org"\nto = ["eve@example.org"]\n')
    with pytest.raises(ConfigError, match=text):
        load_mail(path)


def test_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mail.toml"
    path.write_text('[mail]\nhost = "mail.example.org"\nsender = "h@example.org"\nto = ["eve@example.org"]\n')
    assert load_mail(path).security == "starttls"


def test_way_tells_what_it_told() -> None:
    assert [way.name for way in push_ways("http://127.0.0.1:1/", None)] == ["webhook"]
    assert PushWay("mail", lambda question: None).told == {}
