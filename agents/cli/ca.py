"""`gridpact ca` and `gridpact enrol`: our own authority, and what a party needs to come in."""

import asyncio
import base64
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from agents.cli.arguments import Seconds, within
from agents.cli.connection import DEFAULT, Connection
from agents.cli.silence import silent
from agents.runtime.exits import Exit
from agents.settings.mistakes import ConfigError
from agents.tools.access.lifetimes import VALID

if TYPE_CHECKING:
    from agents.tools.access.broker_files import BrokerFiles
    from agents.tools.access.serve import AuthorityService

ca_app = App(name="ca")
Flag = Parameter(negative=())
LOOPBACK = ("localhost", "127.0.0.1", "::1")
RELOAD = "tell the running broker: systemctl reload mosquitto (SIGHUP)"


@ca_app.command(name="init")
def init_authority(folder: Path, /, *, name: str = "gridpact authority") -> int:
    """Make an authority (P-256, ten years). Who reads its key can make anybody: keep it off the brokers.

    Parameters
    ----------
    folder
        Where it lies.
    name
        Stands in its certificate.
    """
    from agents.tools.access.authority import Authority
    from agents.tools.access.certificates import utc_now

    Authority.create(folder, name, utc_now())
    print(f"{folder}: ca.crt, ca.key (its owner's alone), crl.pem")
    return Exit.OK


@ca_app.command(name="list")
def list_certificates(folder: Path, /) -> int:
    """Every certificate that was given to a party: when it ends, whether it is revoked.

    Parameters
    ----------
    folder
        The authority's.
    """
    from agents.tools.access.authority import Authority
    from agents.tools.access.certificates import common_name, utc_now

    authority, now = Authority(folder), utc_now()
    revoked = authority.revoked()
    for one in sorted(authority.clients(), key=lambda one: (common_name(one), one.not_valid_after_utc)):
        state = "revoked" if one.serial_number in revoked else "ended" if one.not_valid_after_utc <= now else "good"
        print(f"{common_name(one)}  {state}  until {one.not_valid_after_utc:%Y-%m-%d}  {one.serial_number:x}")
    return Exit.OK


@ca_app.command
def revoke(folder: Path, name: str, /) -> int:
    """Revoke all certificates of a party. Living connections stay: take the party out of the book as well.

    Parameters
    ----------
    folder
        The authority's.
    name
        The party.
    """
    from agents.tools.access.authority import Authority
    from agents.tools.access.certificates import utc_now

    count = Authority(folder).revoke(name, utc_now())
    if not count:
        raise ConfigError(f"{folder}: {name} has no certificate that is not revoked")
    print(f"{name}: {count} revoked; take it out of the book, then: gridpact broker update")
    return Exit.OK


@ca_app.command
def renew(folder: Path, /, *, bundles: Path, within_days: int = 30) -> int:
    """Give new certificates to those whose ends soon. Daemons take them up by themselves; the old ones stay good.

    Parameters
    ----------
    folder
        The authority's.
    bundles
        The folder with the bundles, one by party; where a party has none there, that is told.
    within_days
        Which end within so many days.
    """
    from agents.tools.access.authority import Authority
    from agents.tools.access.bundle import write_pair
    from agents.tools.access.certificates import utc_now

    within("--within-days", within_days, 0, 36_500)
    authority, now = Authority(folder), utc_now()
    if not bundles.is_dir():
        raise ConfigError(f"--bundles: {bundles}: is no folder")
    for name, one in authority.standing(now).items():
        if one.not_valid_after_utc - now >= timedelta(days=within_days):
            continue
        bundle = bundles / name
        if not (bundle / "broker.toml").exists():
            print(f"{name}: ends on {one.not_valid_after_utc:%Y-%m-%d}; {bundle} is no bundle: enrol it again")
            continue
        write_pair(bundle, authority.client(name, now))
        print(f"{name}: renewed until {now + VALID:%Y-%m-%d} in {bundle}")
    return Exit.OK


@ca_app.command
def roll(folder: Path, step: Literal["begin", "switch", "finish"], /, *, anyway: Annotated[bool, Flag] = False) -> int:
    """Exchange the root: begin with a new one beside it, switch to it, finish with the old one. Each step needs time.

    After each step: gridpact broker update, and reload the broker (after switch: restart it).

    Parameters
    ----------
    folder
        The authority's.
    step
        What is to be done now.
    anyway
        Finish also where parties have no certificate of the new root.
    """
    from agents.tools.access.certificates import utc_now
    from agents.tools.access.roots import begin, finish, switch, waiting

    now = utc_now()
    if step == "begin":
        name = begin(folder, now)
        print(
            f"{folder}: {name!r} is trusted beside the one that signs; parties learn of it while 'gridpact ca serve' runs"
        )
    elif step == "switch":
        switch(folder)
        print(f"{folder}: the new root signs; {len(waiting(folder, now))} parties have no certificate of it yet")
    else:
        finish(folder, now, anyway=anyway)
        print(f"{folder}: the old root is trusted no longer")
    print("now: gridpact broker update, and let the broker read its files (after switch: restart it)")
    return Exit.OK


@ca_app.command
def signing_key(path: Path, /) -> int:
    """Make a key by which a parent signs awards and dispatches, and print the public one for its children's files.

    Parameters
    ----------
    path
        The new file; name it as `key` in the table [signing] of the parent's file.
    """
    from agents.runtime.signing import make_key

    print(make_key(path))
    return Exit.OK


@ca_app.command
@silent()
def serve(folder: Path, /, *, connection: Connection = DEFAULT) -> int:
    """Answer the requests by which daemons renew their certificates, until Ctrl-C (or SIGTERM).

    Parameters
    ----------
    folder
        The broker's (`gridpact broker init`); it names the books and the authority, which have to lie here.
    """
    from agents.tools.access.serve import AuthorityService

    service = AuthorityService(folder, connection.address(), lambda text: print(text, flush=True))
    asyncio.run(_until_stopped(service))
    return Exit.OK


async def _until_stopped(service: "AuthorityService") -> None:
    from agents.runtime.signals import signals

    stop = asyncio.Event()
    running, stopping = asyncio.create_task(service.run()), asyncio.create_task(stop.wait())
    with signals(stop.set):
        await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
    for task in (running, stopping):
        task.cancel()
    await asyncio.wait((running, stopping))
    if not running.cancelled():
        running.result()


def enrol(
    name: str,
    /,
    *,
    broker: Path,
    out: Path | None = None,
    password: Annotated[bool, Flag] = False,
    code: Annotated[bool, Flag] = False,
    qr: Path | None = None,
    days: int = VALID.days,
) -> int:
    """Make a bundle for a party, a reader, a doctor or a gateway: what it needs to come in, with its [broker].

    Parameters
    ----------
    name
        As it stands in the books.
    broker
        The folder of `gridpact broker init`.
    out
        The bundle's folder; give it to the party, and to nobody else.
    password
        A user's name and a new password instead of a certificate, for devices that can no more.
    code
        Print a code as text and QR, with which the device joins by itself (`gridpact join`); no bundle is written.
    qr
        The same as a picture, PNG or SVG.
    days
        How long the certificate is good.
    """
    from agents.tools.access.broker_files import BrokerFiles
    from agents.tools.access.plan import load_plan

    files = BrokerFiles(broker, load_plan(broker))
    if name not in files.users():
        raise ConfigError(f"{name}: stands in no book of {broker}, and is no reader, doctor or gateway there")
    if not 1 <= days <= 825:
        raise ConfigError("--days: has to lie between 1 and 825")
    if code or qr is not None:
        if out is not None or password:
            raise ConfigError("--code, --qr: stand without --out and --password: the device writes its own bundle")
        return _invite(files, name, qr)
    if out is None:
        raise ConfigError("--out: is needed, or --code")
    written = (
        _with_password(files, name, out) if password else _with_certificate(files, name, out, timedelta(days=days))
    )
    print(f"{name}: {', '.join(map(str, written))}")
    return Exit.OK


def _with_password(files: "BrokerFiles", name: str, out: Path) -> tuple[Path, ...]:
    """A bundle with a new password, which the running broker does not know yet."""
    from agents.tools.access.bundle import write_bundle

    login, ca_pem = (name, _new_password(files, name)), files.authority.certificate_pem
    written = write_bundle(out, files.plan.hosts[:1], _password_port(files), ca_pem, login=login)
    print(RELOAD)
    return written


def _with_certificate(files: "BrokerFiles", name: str, out: Path, valid: timedelta) -> tuple[Path, ...]:
    from agents.tools.access.bundle import write_bundle
    from agents.tools.access.certificates import utc_now

    pair, plan = files.authority.client(name, utc_now(), valid), files.plan
    return write_bundle(out, plan.hosts[:1], plan.port, files.authority.certificate_pem, pair=pair)


def _invite(files: "BrokerFiles", name: str, qr: Path | None) -> int:
    """Print the code of a party that is to join by itself."""
    from agents.tools.access.joining import JoinCode, code_of, save_qr, show_qr  # pictures take a while to import
    from agents.tools.access.plan import FILE

    port = _password_port(files)
    ca = base64.b64encode(files.authority.certificate_der).decode()
    text = code_of(
        JoinCode(n=name, h=files.plan.hosts[0], p=port, c=files.plan.port, w=_new_password(files, name), a=ca)
    )
    if files.plan.hosts[0] in LOOPBACK:
        print(
            f"only a device on this machine finds {files.plan.hosts[0]}: name the broker first in hosts of {FILE}, "
            "then 'gridpact broker update'",
            file=sys.stderr,
        )
    if qr is not None:
        save_qr(text, qr)
    elif sys.stdout.isatty():
        show_qr(text)
    print(text)
    print(RELOAD, file=sys.stderr)
    return Exit.OK


def _password_port(files: "BrokerFiles") -> int:
    if files.plan.password_port is None:
        raise ConfigError(f"{files.folder}: has no listener for passwords: set password_port in access.toml")
    return files.plan.password_port


def _new_password(files: "BrokerFiles", name: str) -> str:
    password = files.passwords.give(name)
    files.passwords.save()
    return password


def join(code: str, /, *, out: Path, within_s: Seconds = 20.0) -> int:
    """Come in for the first time: from a code to a bundle with a certificate of one's own.

    Parameters
    ----------
    code
        What `gridpact enrol NAME --code` printed; `-` reads it from the input.
    out
        The bundle's folder. Its key is made here and stays here.
    within_s
        How long the authority may take to answer; then the bundle goes on with its password.
    """
    from agents.tools.access.joining import join as come_in
    from agents.tools.access.joining import read_code
    from broker.link import LinkDenied, LinkLost
    from broker.mosquitto import BrokerFailed

    found = read_code(sys.stdin.readline() if code == "-" else code)
    try:
        joined = asyncio.run(come_in(found, out, within_s))
    except LinkDenied:
        raise
    except LinkLost as error:
        raise BrokerFailed(str(error)) from None
    print(f"{found.n}: {', '.join(map(str, joined.files))}")
    if joined.why_no_certificate:
        print(f"it comes with its password: {joined.why_no_certificate}", file=sys.stderr)
    return Exit.OK
