"""Why a TLS connection was not made, in one sentence: the libraries say that it is gone, and no more.

Asked by a handshake of its own in which nothing is sent: the broker's alert on our certificate then always arrives
(after a CONNECT the reset of the connection may overtake it).
"""

import asyncio
import re
import socket
import ssl

from broker.link import Door, LinkDenied, LinkLost

WITHIN_S = 2.0
ALERT_WITHIN_S = 1.0
"""TLS 1.3: the broker looks at our certificate after our side of the handshake is over."""
OURS = {
    "CERTIFICATE_EXPIRED": "our certificate has expired: renew it",
    "CERTIFICATE_REVOKED": "our certificate is revoked: enrol anew",
    "UNKNOWN_CA": "our certificate is not from an authority that the broker knows",
    "CERTIFICATE_REQUIRED": "it wants a certificate of ours: name certificate and key",
    "UNSUPPORTED_CERTIFICATE": "our certificate is not one for clients",
    "BAD_CERTIFICATE": "it does not accept our certificate: it may not be valid yet, by the broker's clock",
    "CERTIFICATE_UNKNOWN": "it does not accept our certificate",
    "DECRYPT_ERROR": "it does not accept our certificate",
    "HANDSHAKE_FAILURE": "it wants a certificate of ours, or has no cipher in common with us",
    "PROTOCOL_VERSION": "it speaks a TLS older than 1.2",
}
"""By the end of the alert's name (SSLV3_ALERT_..., TLSV1_ALERT_..., TLSV13_ALERT_...)."""
ERRNO = re.compile(r"^\[Errno -?\d+\] ")
OLD = ("UNSUPPORTED_PROTOCOL", "NO_PROTOCOLS_AVAILABLE", "TLSV1_ALERT_PROTOCOL_VERSION", "DH_KEY_TOO_SMALL")


async def explained(error: LinkLost, door: Door) -> LinkLost:
    """The same failure with its reason, where one can be found; LinkDenied where coming again does not help."""
    if isinstance(error, LinkDenied):
        who = door.credentials.username or "us"
        return LinkDenied(f"the broker at {door.where} does not let {who} in: check user and password ({error})")
    reason = await asyncio.to_thread(shut, door)
    return LinkLost(f"{door.where}: {ERRNO.sub('', str(error))}") if reason is None else reason


def shut(door: Door) -> LinkLost | None:
    """Why TLS is not spoken at a door, or why it has to be; None when it is as it should be, or when nobody is there."""
    if door.credentials.tls is None:
        wants = LinkDenied(f"the broker at {door.where} speaks TLS on this port: name its authority (ca)")
        return wants if speaks_tls(door) else None
    try:
        reason = refusal(door, door.credentials.tls)
    except HandshakeBroken:
        return LinkLost(f"the broker at {door.where} ends the handshake: does it speak TLS 1.2 or later on this port?")
    return None if reason is None else LinkDenied(f"the broker at {door.where}: {reason}")


def speaks_tls(door: Door) -> bool:
    """Whether somebody there answers a greeting of TLS with one."""
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((door.host, door.port), WITHIN_S) as plain,
            anybody.wrap_socket(plain, server_hostname=door.host),
        ):
            return True
    except ssl.SSLError as error:
        return "_ALERT_" in str(error.reason)
    except OSError:
        return False


class HandshakeBroken(RuntimeError):
    """The connection ended in the handshake without a word."""


def refusal(door: Door, tls: ssl.SSLContext) -> str | None:
    """What a handshake ends with; None when it ends well, or when nobody is there. Raises HandshakeBroken."""
    try:
        plain = socket.create_connection((door.host, door.port), WITHIN_S)
    except OSError:
        return None
    with plain, tls.wrap_socket(plain, server_hostname=door.host, do_handshake_on_connect=False) as wrapped:
        try:
            wrapped.do_handshake()
        except ssl.SSLCertVerificationError as error:
            return _of_theirs(error, door)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError):
            raise HandshakeBroken from None
        except ssl.SSLError as error:
            return _of_alert(error)
        except OSError:
            return None
        try:
            wrapped.settimeout(ALERT_WITHIN_S)
            wrapped.recv(1)
        except ssl.SSLError as error:
            return _of_alert(error)
        except OSError:
            return None
    return None


def _of_theirs(error: ssl.SSLCertVerificationError, door: Door) -> str:
    match error.verify_code:  # OpenSSL's numbers (X509_V_ERR_...)
        case 10:
            return "its certificate has expired"
        case 9:
            return "its certificate is not valid yet (or our clock is wrong)"
        case 62 | 64:
            return f"its certificate is not for {door.host}: use a name that stands in it"
        case _:
            return f"its certificate is not from the authority in ca ({error.verify_message})"


def _of_alert(error: ssl.SSLError) -> str | None:
    name = str(error.reason or "")
    if name in OLD:
        return "it speaks a TLS older than 1.2"
    if name in ("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"):
        return "it does not speak TLS on this port"
    if "_ALERT_" in name:
        alert = name.partition("_ALERT_")[2]
        return OURS.get(alert, f"TLS: {alert.lower().replace('_', ' ')}")
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return None  # it was let in, and said nothing
    return f"TLS: {name.lower().replace('_', ' ')}" if name else None
