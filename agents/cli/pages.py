"""`gridpact console`: the operators' pages, and who may see them."""

import asyncio
import getpass
import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from agents.cli.arguments import Control, Port
from agents.cli.connection import Connection
from agents.runtime.daemon.control import runtime_dir
from agents.runtime.exits import Exit
from agents.runtime.files.config import journal_folders
from agents.settings.checked import ConfigError

console_app = App(name="console")
Repeated = Parameter(consume_multiple=True, negative=())
MISSING = "the pages need more packages: pip install 'gridpact[pages]'"


@console_app.default
def console(
    *,
    journals: Annotated[list[Path] | None, Repeated] = None,
    control: Control = None,
    recordings: Annotated[list[Path] | None, Repeated] = None,
    users: Path | None = None,
    audit: Path | None = None,
    broker: Path | None = None,
    bind: str = "127.0.0.1",
    port: Port = 8321,
    name: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    certificate: Path | None = None,
    key: Path | None = None,
) -> int:
    """Serve the operators' console until Ctrl-C (or SIGTERM): what is under way, why, the fleet, requests, stop.

    Parameters
    ----------
    journals
        Folders with the journals of utility, coordinator and aggregators; by default where daemons keep them.
    recordings
        Recordings of steps, or folders of journals, to be seen again.
    users
        The file of users (`gridpact console user`).
    audit
        The log of who ordered what; by default beside the users.
    broker
        A file with the table [broker] (a bundle's broker.toml): who is online is heard there.
    bind
        The interface that it listens on; this machine only by default.
    port
        Where it listens.
    name
        A further name under which it is reached, as behind a proxy. May stand more than once.
    certificate
        For TLS: the certificate (PEM); with --key.
    key
        Its key.
    """
    try:
        from agents.pages.console.app import Console
        from agents.pages.console.state import ConsoleState
        from agents.pages.web.accounts import Accounts
        from agents.pages.web.audit import Audit
        from agents.pages.web.serve import Served, check_served, serve
    except ModuleNotFoundError as error:
        raise ConfigError(f"{MISSING} ({error.name})") from None

    served = Served(bind, port, name, certificate, key)
    check_served(served)
    path = users or _users()
    accounts = Accounts(path)
    if not path.exists() or not accounts.users():
        raise ConfigError(
            f"{path}: nobody may log in yet: add somebody with 'gridpact console user NAME --role operator'"
        )
    where = Connection(broker=broker).address() if broker is not None else None
    state = ConsoleState(journals or journal_folders(), control or runtime_dir(), where)
    found = Console(state, accounts, Audit(audit or path.with_name("audit.jsonl")), tuple(recordings or ()))
    told = lambda where: print(f"the console is at {where}", flush=True)
    asyncio.run(serve(found.app(served.hosts, served.tls), served, told))
    return Exit.OK


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
    try:
        from agents.pages.web.accounts import Accounts, PageRole
    except ModuleNotFoundError as error:
        raise ConfigError(f"{MISSING} ({error.name})") from None

    accounts = Accounts(users or _users())
    if remove:
        accounts.remove(name)
        print(f"{name}: may not log in any more; who is logged in stays so until the console is started again")
        return Exit.OK
    try:
        roles = tuple(PageRole(one) for one in role)
    except ValueError:
        raise ConfigError(f"--role: is one of {', '.join(PageRole)}") from None
    password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    accounts.put(name, roles, password)
    print(f"{name}: may log in as {', '.join(roles)}")
    return Exit.OK


def _users() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "gridpact" / "console-users.json"
