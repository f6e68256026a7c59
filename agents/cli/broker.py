"""`gridpact broker`: a hardened Mosquitto made from the books."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from agents.cli.arguments import flag, option
from agents.cli.findings import tell
from agents.runtime.exits import Exit
from agents.runtime.files.private import content
from agents.settings.mistakes import ConfigError

broker_app = App(name="broker")
Flag = Parameter(negative=())
Repeated = Parameter(negative=())


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class DoorOptions:
    """Where a broker listens, and who comes in beside the parties of the books."""

    host: Annotated[
        tuple[str, ...], flag("A name or address under which the broker is reached. May stand more than once.")
    ] = ("localhost", "127.0.0.1")
    bind: Annotated[str, option("The interface that it listens on; all of them by default.")] = ""
    port: Annotated[int, option("For parties with a certificate.")] = 8883
    password_port: Annotated[int, option("For parties with a password.")] = 8884
    passwords: Annotated[bool, option("Whether there is a listener for passwords.")] = True
    gateway: Annotated[
        tuple[str, ...],
        flag(
            "NAME=AGGREGATOR[,AGGREGATOR]: a gateway or fleet that speaks for the homes of these. May stand more than once."
        ),
    ] = ()
    reader: Annotated[
        tuple[str, ...], flag("A user who may read everything and write nothing. May stand more than once.")
    ] = ("watch", "record")

    def as_table(self) -> dict[str, object]:
        """As a plan of access has it. Raises ConfigError."""
        return {
            "hosts": self.host,
            "bind": self.bind,
            "port": self.port,
            "password_port": self.password_port if self.passwords else None,
            "gateways": dict(_gateway(text) for text in self.gateway),
            "readers": self.reader,
        }


USUAL = DoorOptions()


@broker_app.command
def init(folder: Path, /, *, book: Annotated[tuple[Path, ...], Repeated], ca: Path, door: DoorOptions = USUAL) -> int:
    """Write a hardened Mosquitto's configuration, access list, revocation list and certificate into a new folder.

    Parameters
    ----------
    folder
        Where they are written.
    book
        A scenario, a daemon's file or a book of members; all together name every party. May stand more than once.
    ca
        The folder of the authority (`gridpact ca init`).
    """
    from agents.settings.checked import checked
    from agents.tools.access.broker_files import CONF, BrokerFiles
    from agents.tools.access.certificates import utc_now
    from agents.tools.access.plan import FILE, AccessPlan, save_plan

    if (folder / FILE).exists():
        raise ConfigError(f"{folder}: holds a broker's files already: change {FILE} and run 'gridpact broker update'")
    given = {"books": [path.absolute() for path in book], "ca": ca.absolute(), **door.as_table()}
    plan = checked(AccessPlan, given, "the options")
    files = BrokerFiles(folder, plan)
    written = files.write(utc_now())
    save_plan(folder, plan)
    print(f"{folder}: {', '.join((*written, FILE))}: {len(files.books.parties)} parties")
    print(f"give the folder to the broker's account (chown -R mosquitto {folder}) and start it: {folder / CONF}")
    return Exit.OK


@broker_app.command
def update(folder: Path, /, *, pid_file: Path | None = None) -> int:
    """Write the files of a broker anew after a change of the books, of the revocation list or of access.toml.

    Parameters
    ----------
    folder
        That of `gridpact broker init`.
    pid_file
        Of the running broker: it is told to read the files again.
    """
    from agents.tools.access.broker_files import BrokerFiles
    from agents.tools.access.certificates import utc_now
    from agents.tools.access.plan import load_plan

    written = BrokerFiles(folder, load_plan(folder)).write(utc_now())
    print(f"{folder}: {', '.join(written) or 'nothing has changed'}")
    if pid_file is not None:
        _reload(pid_file)
    elif written:
        print("tell the running broker: systemctl reload mosquitto (SIGHUP); restart it for another mosquitto.conf")
    return Exit.OK


@broker_app.command
def check(
    folder: Path, /, *, host: str | None = None, running: bool = True, json: Annotated[bool, Flag] = False
) -> int:
    """Tell whether a broker is what the books say: its files, and what the running one lets in.

    Exit code 1 when there is a fault.

    Parameters
    ----------
    folder
        That of `gridpact broker init`.
    host
        Where the broker runs; the first of its names by default.
    running
        Whether the running broker is asked.
    json
        For machines.
    """
    from agents.settings.checked import checked
    from agents.settings.daemon import BrokerSettings
    from agents.tools.access.broker_files import BrokerFiles
    from agents.tools.access.certificates import utc_now
    from agents.tools.access.check import check_files, check_running
    from agents.tools.access.plan import load_plan

    files, now = BrokerFiles(folder, load_plan(folder)), utc_now()
    found = list(check_files(files, now))
    if running:
        door = checked(BrokerSettings, {"host": host or files.plan.hosts[0]}, "the options")
        found += check_running(files, door.host, now)
    return tell(found, json)


def _gateway(text: str) -> tuple[str, tuple[str, ...]]:
    name, equals, parents = text.partition("=")
    if not equals or not parents:
        raise ConfigError(f"--gateway: {text!r} is not NAME=AGGREGATOR[,AGGREGATOR]")
    return name, tuple(parents.split(","))


def _reload(pid_file: Path) -> None:
    text = content(pid_file).strip()
    try:
        os.kill(int(text), signal.SIGHUP)
    except ValueError:
        raise ConfigError(f"{pid_file}: {text[:40].decode(errors='replace')!r} is no number of a process") from None
    except OSError as error:
        raise ConfigError(f"{pid_file}: the broker {int(text)} cannot be told: {error.strerror}") from None
