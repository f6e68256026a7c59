"""Whether a broker is what the books say: its files against the books, and the running one against its files."""

import socket
import ssl
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from agents.runtime.credentials import RENEW_WITHIN
from agents.runtime.daemon.findings import Finding, Verdict
from agents.runtime.files.private import content
from agents.settings.checked import ConfigError
from agents.tools.access.broker_files import ACCESS, CA, BrokerFiles
from agents.tools.access.bundle import write_bundle
from agents.tools.access.lifetimes import VALID
from agents.tools.access.rules import differing, mark_of
from broker.address import Address
from broker.credentials import Credentials, read_credentials
from broker.link import Door, LinkDenied, LinkLost
from broker.probe import Probe

WITHIN_S = 3.0
BRIEF = timedelta(minutes=10)
"""How long the certificate is good that the check makes for itself."""


def check_files(files: BrokerFiles, now: datetime) -> Iterator[Finding]:
    """The folder against the books and the authority."""
    for name, wanted in files.texts().items():
        path = files.folder / name
        if not path.exists():
            yield Finding(name, Verdict.FAULT, f"{path}: is missing: run 'gridpact broker update'")
        elif (found := content(path)) == wanted:
            yield Finding(name, Verdict.OK, "is what the books say")
        else:
            yield Finding(
                name, Verdict.FAULT, f"{path}: {_difference(name, found, wanted)}: run 'gridpact broker update'"
            )
    yield from _certificates(files, now)
    yield from (
        Finding("secrets", Verdict.FAULT, f"{path}: others may read it: chmod 600") for path in files.open_to_others()
    )
    strangers = [name for name in files.passwords.users if name not in files.users()]
    if strangers:
        text = f"{strangers[0]} has a password and stands in no book: run 'gridpact broker update'"
        yield Finding("passwords", Verdict.FAULT, text)
    else:
        yield Finding("passwords", Verdict.OK, f"{len(files.passwords.users)} users, all of them in the books")


def _difference(name: str, found: bytes, wanted: bytes) -> str:
    if name != ACCESS:
        return "is another one than the books and the authority give"
    lines = differing(found.decode(errors="replace"), wanted.decode())
    if lines["missing"]:
        return f"lacks the line {lines['missing']!r}"
    return f"has the line {lines['extra']!r}" if lines["extra"] else "has its lines in another order"


def _certificates(files: BrokerFiles, now: datetime) -> Iterator[Finding]:
    try:
        trouble, ends_at = files.certificate_trouble(now), files.server_certificate().not_valid_after_utc
    except ConfigError as error:
        yield Finding("certificate", Verdict.FAULT, str(error))
    else:
        soon = timedelta() < ends_at - now < RENEW_WITHIN
        verdict = Verdict.OK if not trouble else Verdict.WARNING if soon else Verdict.FAULT
        text = f"{trouble}: run 'gridpact broker update'" if trouble else f"the broker's own ends on {ends_at:%Y-%m-%d}"
        yield Finding("certificate", verdict, text)
    root_ends_at = files.authority.root.certificate.not_valid_after_utc
    if root_ends_at - now < VALID:
        text = f"that of the authority ends on {root_ends_at:%Y-%m-%d}, and all others with it: 'gridpact ca roll'"
        yield Finding("certificate", Verdict.WARNING, text)
    standing = files.authority.standing(now)
    for name in standing:
        if name not in files.users():
            text = f"{name} has a certificate and stands in no book: run 'gridpact ca revoke'"
            yield Finding("certificates", Verdict.WARNING, text)
    due_soon = [name for name, one in standing.items() if one.not_valid_after_utc - now < RENEW_WITHIN]
    if due_soon:
        text = f"{len(due_soon)} end within {RENEW_WITHIN.days} days, {due_soon[0]}'s first: run 'gridpact ca renew'"
        yield Finding("certificates", Verdict.WARNING, text)
    else:
        yield Finding("certificates", Verdict.OK, f"{len(standing)} parties have one, none ends within 30 days")


def check_running(files: BrokerFiles, host: str, now: datetime) -> Iterator[Finding]:
    """The running broker, as somebody without credentials, and as the doctor (whose certificate is made for this, and
    ends soon): no party's place is taken."""
    plan = files.plan
    ports = [plan.port] if plan.password_port is None else [plan.port, plan.password_port]
    for port in ports:
        if not _listens(host, port):
            yield Finding("running", Verdict.FAULT, f"nobody listens at {host}:{port}: start the broker")
            return
        yield _shut(Door(host, port, "5", 10, Credentials()), f"without TLS at {host}:{port}")
    anybody = ssl.create_default_context(cadata=files.authority.certificate_pem.decode())
    yield _shut(
        Door(host, plan.port, "5", 10, Credentials(tls=anybody)), f"without a certificate at {host}:{plan.port}"
    )
    if plan.password_port is not None:
        port = plan.password_port
        yield _shut(Door(host, port, "5", 10, Credentials(tls=anybody)), f"without a password at {host}:{port}")
        wrong = Credentials(files.users()[0], "no password of anybody", anybody)
        yield _shut(Door(host, port, "5", 10, wrong), f"with a wrong password at {host}:{port}")
    if not plan.doctors:
        yield Finding("access list", Verdict.WARNING, "there is no doctor in the plan as whom it could be asked about")
        return
    with tempfile.TemporaryDirectory(prefix="gridpact-check-") as folder:
        pair = files.authority.client(plan.doctors[0], now, BRIEF, kept=False)
        bundle = Path(folder)
        write_bundle(bundle, [host], plan.port, content(files.folder / CA), pair=pair)
        address = Address(host, plan.port, ca=bundle / CA, certificate=bundle / "party.crt", key=bundle / "party.key")
        yield from _loaded(files, Door(host, plan.port, "5", 10, read_credentials(address)))


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), WITHIN_S).close()
    except OSError:
        return False
    return True


def _shut(door: Door, how: str) -> Finding:
    """Whether nobody is let in that way."""
    try:
        Probe(door, "gridpact-check").close()
    except LinkLost:
        return Finding("door", Verdict.OK, f"nobody comes in {how}")
    return Finding("door", Verdict.FAULT, f"anybody comes in {how}: start the broker from these files")


def _loaded(files: BrokerFiles, door: Door) -> Iterator[Finding]:
    try:
        probe = Probe(door, files.plan.doctors[0])
    except LinkDenied as error:
        yield Finding("access list", Verdict.FAULT, f"{error}: start the broker from these files")
        return
    except LinkLost as error:
        yield Finding("access list", Verdict.FAULT, f"{door.where} does not answer ({error})")
        return
    mark = mark_of((files.folder / ACCESS).read_text(encoding="utf-8"))
    if probe.may_publish("dr/award/gridpact-check/gridpact-check"):
        yield Finding("access list", Verdict.FAULT, "the doctor may award: start the broker from these files")
    elif probe.may_publish(mark):
        yield Finding("access list", Verdict.OK, "the running broker has loaded the list in the folder")
    else:
        text = "the running broker has loaded another list than the folder's: reload it (SIGHUP)"
        yield Finding("access list", Verdict.FAULT, text)
    probe.close()
