"""`gridpact console` and `gridpact home`: the operators' pages, the resident's page, and who may see them."""

import asyncio
import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from agents.cli.arguments import Control, Port, flag, option
from agents.cli.connection import Connection
from agents.runtime.daemon.sockets import runtime_dir
from agents.runtime.exits import Exit
from agents.settings.mistakes import ConfigError

if TYPE_CHECKING:
    from agents.pages.web.accounts import Accounts
    from agents.pages.web.serve import Served
    from broker.address import Address


console_app = App(name="console")
home_app = App(name="home")
Repeated = Parameter(consume_multiple=True, negative=())
CONSOLE, HOME = "console-users.json", "home-users.json"
GIVES_WAY = 10
"""Added to the niceness of the console: where all want to compute, the parties beside it go first."""
MISSING = "the pages need more packages: pip install 'gridpact[pages]'"


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class DeskOptions:
    """Who may see a page, and where it is served, but for its port."""

    users: Annotated[Path | None, option("The file of users (`gridpact console user`, `gridpact home user`).")] = None
    audit: Annotated[Path | None, option("The log of who did what; by default beside the users.")] = None
    bind: Annotated[str, option("The interface that it listens on; this machine only by default.")] = "127.0.0.1"
    name: Annotated[
        tuple[str, ...],
        flag("A further name under which it is reached, as behind a proxy. May stand more than once."),
    ] = ()
    certificate: Annotated[Path | None, option("For TLS: the certificate (PEM); with --key.")] = None
    key: Annotated[Path | None, option("Its key.")] = None

    def served(self, port: int) -> "Served":
        """Raises ConfigError."""
        from agents.pages.web.serve import Served, check_served

        served = Served(self.bind, port, self.name, self.certificate, self.key)
        check_served(served)
        return served


USUAL = DeskOptions()


@console_app.default
def console(
    *,
    journals: Annotated[list[Path] | None, Repeated] = None,
    control: Control = None,
    recordings: Annotated[list[Path] | None, Repeated] = None,
    broker: Path | None = None,
    certificates: Path | None = None,
    port: Port = 8321,
    desk: DeskOptions = USUAL,
) -> int:
    """Serve the operators' console until Ctrl-C (or SIGTERM): what is under way, why, the fleet, requests, stop.

    Parameters
    ----------
    journals
        Folders with the journals of utility, coordinator and aggregators; by default where daemons keep them.
    recordings
        Recordings of steps, or folders of journals, to be seen again.
    broker
        A file with the table [broker] (a bundle's broker.toml): who is online is heard there.
    certificates
        A folder with the parties' certificates, as an authority's issued/: the fleet shows how many days they are good.
    port
        Where it listens.
    """
    from agents.runtime.files.config import journal_folders

    with _needs_pages():
        from agents.pages.console.app import Console
        from agents.pages.console.state import ConsoleState
        from agents.pages.web.audit import Audit
        from agents.pages.web.serve import serve

        served = desk.served(port)
    path = desk.users or _users()
    accounts = _accounts(path, "gridpact console user NAME --role operator")
    where = Connection(broker=broker).address() if broker is not None else None
    if certificates is not None and not certificates.is_dir():
        raise ConfigError(f"--certificates: {certificates}: there is no such folder")
    state = ConsoleState(journals or journal_folders(), control or runtime_dir(), where, certificates)
    found = Console(state, accounts, Audit(desk.audit or path.with_name("audit.jsonl")), tuple(recordings or ()))
    told = lambda where: print(f"the console is at {where}", flush=True)
    os.nice(GIVES_WAY)
    asyncio.run(serve(found.app(served.hosts, served.tls), served, told, state.changes.end))
    return Exit.OK


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class PushOptions:
    """How questions reach a resident who does not look at the page."""

    webhook: Annotated[str | None, option("An address to which questions are pushed, outside of the quiet hours.")] = (
        None
    )
    mail: Annotated[Path | None, option("A file with the table [mail]: questions are pushed by e-mail, too.")] = None

    def check(self) -> None:
        """Raises ConfigError."""
        if self.webhook is not None and not self.webhook.startswith(("http://", "https://")):
            raise ConfigError("--webhook: has to begin with http:// or https://")


NOWHERE = PushOptions()


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class AssistantOptions:
    """The household's own broker."""

    home_assistant: Annotated[
        Path | None,
        option(
            "A file with the table [broker] of the household's own broker: the home appears in Home Assistant by itself."
        ),
    ] = None
    forget: Annotated[
        bool,
        flag("Serve nothing: take back at that broker all by which the home appears there. For a home that leaves."),
    ] = False

    def address(self) -> "Address | None":
        """Raises ConfigError."""
        if self.home_assistant is not None:
            return Connection(broker=self.home_assistant).address()
        if self.forget:
            raise ConfigError("--forget: name the household's broker with --home-assistant FILE")
        return None


ALONE = AssistantOptions()


@home_app.default
def home(
    party: str,
    /,
    *,
    journals: Annotated[list[Path] | None, Repeated] = None,
    control: Control = None,
    choices: Path | None = None,
    push: PushOptions = NOWHERE,
    assistant: AssistantOptions = ALONE,
    port: Port = 8322,
    desk: DeskOptions = USUAL,
) -> int:
    """Serve a home's page until Ctrl-C (or SIGTERM): what is asked, accept, decline, stop, what its devices do and why.

    Parameters
    ----------
    party
        The home, whose agent runs on this machine.
    journals
        Where its journal lies; by default where daemons keep them.
    choices
        Where the resident's choices are kept; by default beside the users.
    port
        Where it listens.
    """
    from agents.runtime.files.config import journal_folders

    with _needs_pages():
        from agents.pages.home.app import HomePage
        from agents.pages.home.home_assistant import HomeAssistant, forget
        from agents.pages.home.mail import load_mail
        from agents.pages.home.state import ResidentState
        from agents.pages.web.audit import Audit
        from agents.pages.web.serve import serve

        served = desk.served(port)
    push.check()
    where = assistant.address()
    if where is not None and assistant.forget:
        print(
            f"{party}: {asyncio.run(forget(party, where))} topics are taken back; nothing of it is shown there any more"
        )
        return Exit.OK
    path = desk.users or _users(HOME)
    accounts = _accounts(path, "gridpact home user NAME")
    kept = choices or path.with_name(f"{party}-choices.json")
    mail = load_mail(push.mail) if push.mail else None
    state = ResidentState(party, journals or journal_folders(), control or runtime_dir(), kept, push.webhook, mail)
    told = HomeAssistant(state, where) if where is not None else None
    found = HomePage(state, accounts, Audit(desk.audit or path.with_name(f"{party}-log.jsonl")), told)
    ready = lambda where: print(f"the page of {party} is at {where}", flush=True)
    asyncio.run(serve(found.app(served.hosts, served.tls), served, ready, state.changes.end))
    return Exit.OK


@home_app.command(name="user")
def home_user(
    name: str, /, *, remove: Annotated[bool, Parameter(negative=())] = False, users: Path | None = None
) -> int:
    """Let a resident in, give a new password, or take somebody out. The password is asked for, or read from a pipe.

    Parameters
    ----------
    name
        Who.
    remove
        Take the user out.
    users
        The file of users.
    """
    return _change_user(users or _users(HOME), name, ("resident",), remove)


@console_app.command
def user(
    name: str,
    /,
    *,
    role: Annotated[tuple[str, ...], Parameter(negative=())] = ("viewer",),
    remove: Annotated[bool, Parameter(negative=())] = False,
    users: Path | None = None,
) -> int:
    """Let somebody in, give a new password, or take somebody out. The password is asked for, or read from a pipe.

    Parameters
    ----------
    name
        Who.
    role
        viewer, operator or support (sees one home at a time, which is logged). May stand more than once.
    remove
        Take the user out.
    users
        The file of users.
    """
    return _change_user(users or _users(), name, role, remove)


def _change_user(path: Path, name: str, role: tuple[str, ...], remove: bool) -> int:
    with _needs_pages():
        from agents.pages.web.accounts import Accounts, PageRole

    accounts = Accounts(path)
    if remove:
        accounts.remove(name)
        print(f"{name}: may not log in any more, and is logged out at the next click")
        return Exit.OK
    try:
        roles = tuple(PageRole(one) for one in role)
    except ValueError:
        raise ConfigError(f"--role: is one of {', '.join(PageRole)}") from None
    password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    accounts.put(name, roles, password)
    print(f"{name}: may log in as {', '.join(roles)}")
    return Exit.OK


@contextmanager
def _needs_pages() -> Iterator[None]:
    """Imports of the extra. Raises ConfigError where it is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(f"{MISSING} ({error.name})") from None


def _accounts(path: Path, adding: str) -> "Accounts":
    """Who may log in; `adding`: the command that lets somebody in. Raises ConfigError when nobody may."""
    from agents.pages.web.accounts import Accounts

    accounts = Accounts(path)
    if not path.exists() or not accounts.users():
        raise ConfigError(f"{path}: nobody may log in yet: add somebody with '{adding}'")
    return accounts


def _users(file: str = CONSOLE) -> Path:
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "gridpact" / file
