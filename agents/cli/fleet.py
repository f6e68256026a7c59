"""`gridpact fleet`: thousands of homes in one process, over one or a few connections."""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

from cyclopts import Parameter

from agents.cli.arguments import Seconds, Speed, flag, option
from agents.cli.connection import DEFAULT, Connection
from agents.cli.silence import silent
from agents.runtime.daemon.sockets import runtime_dir
from agents.runtime.exits import Exit
from agents.settings.mistakes import ConfigError
from protocol.to_json import to_json

if TYPE_CHECKING:
    from agents.runtime.fleet.process import Fleet, FleetProgress
    from agents.runtime.fleet.sources import HomesSource
    from broker.address import Address
    from protocol.actor import Note

Flag = Parameter(negative=())
Tell: TypeAlias = "Callable[[datetime, str, Note], None]"
TERMINAL_S, PLAIN_S = 0.25, 5.0
NAME = r"[A-Za-z0-9_-]{1,60}"
"""Of a connection; a few more make room for its number."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class FleetOptions:
    """Which homes, on which connections, with which journal, in which time."""

    under: Annotated[str | None, option("Only the homes below this aggregator.")] = None
    homes: Annotated[int | None, option("Only the first so many.")] = None
    connections: Annotated[
        int, option("How many; each hears all that some of the aggregators send to their homes.")
    ] = 1
    name: Annotated[str | None, option("Of the connection, and of the journal; made from the file's by default.")] = (
        None
    )
    journal: Annotated[
        Path | None, option("The journal's file; NAME.journal where a daemon's would lie by default.")
    ] = None
    no_journal: Annotated[bool, flag("For load tests: a crash forgets every award.")] = False
    control: Annotated[
        Path | None, option("The directory of its control socket, for `gridpact outage` and `gridpact status`.")
    ] = None
    anchor_at: Annotated[
        datetime | None,
        option("The instant at which the scenario's own clock was set going; without it the scenario happens now."),
    ] = None
    speed: Annotated[
        Speed | None, option("How much faster than real time that clock runs; the scenario's own by default.")
    ] = None

    def fleet(self, file: Path, connection: Connection, tell: Tell) -> "tuple[Fleet, HomesSource]":
        """The fleet of a file, and its homes. Raises ConfigError."""
        from agents.runtime.fleet.process import Fleet, today
        from agents.runtime.fleet.sources import as_stored, load_source
        from broker.mqtt import LibraryUnfit

        if self.no_journal and self.journal is not None:
            raise ConfigError("--no-journal: a file was named for a journal")
        if self.anchor_at is not None and self.anchor_at.tzinfo is None:
            raise ConfigError("--anchor-at: an instant needs its offset from UTC, as in 2026-01-14T17:00:00Z")
        source = load_source(file, today(), self.anchor_at, self.speed).of(self.under, self.homes)
        address, name = connection.address(source.broker), self.name or source.name
        if re.fullmatch(NAME, name) is None:
            raise ConfigError(f"--name: {name!r} is no name of a party: letters, digits, - and _, at most 60")
        path = None if self.no_journal else self.journal or _default_journal(source, address, name)
        source = source if path is None else as_stored(source, path)
        folder = self.control or source.control.dir or runtime_dir()
        try:
            running = Fleet(
                source, address, name=name, connections=self.connections, journal=path, control=folder, tell=tell
            )
        except LibraryUnfit as error:
            raise ConfigError(str(error)) from None
        return running, source


WHOLE = FleetOptions()


@silent()
def fleet(
    file: Path,
    *,
    options: FleetOptions = WHOLE,
    connection: Connection = DEFAULT,
    seconds: Seconds | None = None,
    verbose: Annotated[bool, Flag] = False,
    json: Annotated[bool, Flag] = False,
) -> int:
    """Speak for many homes until Ctrl-C (or SIGTERM): a gateway, or the homes of a load test.

    Parameters
    ----------
    file
        A daemon's TOML file with `[[ders]]`; a scenario (its devices begin now); or an aggregator's file: then a
        stand-in answers for each of its members.
    seconds
        End after so many seconds.
    verbose
        A line for each thing that a home does.
    json
        What is told as JSON lines.
    """
    from agents.runtime.journal.journal import JournalError
    from agents.runtime.journal.lease import LeaseTaken
    from agents.runtime.loop import run_loop
    from broker.credentials import CredentialsError
    from broker.link import LinkDenied
    from broker.mosquitto import BrokerFailed
    from broker.mqtt import SessionTaken

    if seconds is not None and seconds <= 0:
        raise ConfigError("--seconds: has to be above 0")
    running, source = options.fleet(file, connection, _tell if verbose else _nothing)
    _say(speaks_for(running, source), json)
    try:
        told = run_loop(_shown(running, seconds, json))
    except CredentialsError:
        raise
    except (SessionTaken, LinkDenied) as error:
        raise BrokerFailed(str(error)) from None
    except LeaseTaken as error:
        raise JournalError(str(error)) from None
    if json:
        _line(to_json(told.as_json()))
    else:
        print(in_words(told))
    return Exit.OK


def speaks_for(running: "Fleet", source: "HomesSource") -> dict[str, object]:
    """What is told at the start."""
    return {
        "homes": len(source.homes),
        "under": list(source.parents),
        "connections": [line.bus.name for line in running.lines],
        "broker": running.address.where,
        "journal": None if running.journal_path is None else str(running.journal_path),
    }


def _say(told: dict[str, object], json: bool) -> None:
    if json:
        _line(to_json(told))
        return
    parents = ", ".join(map(str, told["under"]))  # type: ignore[call-overload]
    lines = ", ".join(map(str, told["connections"]))  # type: ignore[call-overload]
    print(f"starts for {_homes(told['homes'])} below {parents} at {told['broker']}, as {lines}")
    if told["journal"] is None:
        print("WITHOUT A JOURNAL: what was awarded is forgotten when this process ends. For load tests only.")
    else:
        print(f"journal: {told['journal']}")


async def _shown(running: "Fleet", seconds: float | None, json: bool) -> "FleetProgress":
    from rich.live import Live
    from rich.text import Text

    if json or not sys.stdout.isatty():
        last: list[bytes] = []

        def changed(told: "FleetProgress") -> None:
            line = to_json(told.as_json()) if json else in_words(told).encode()
            if line not in last:
                last[:] = [line]
                _line(line)

        return await running.run(changed, PLAIN_S, seconds)
    with Live(transient=True) as live:
        return await running.run(lambda told: live.update(Text(f"● {in_words(told)}")), TERMINAL_S, seconds)


def in_words(told: "FleetProgress") -> str:
    """How it stands, for people."""
    heard = ", ".join(f"{count} {kind}" for kind, count in told.heard.items()) or "nothing"
    said = ", ".join(f"{count} {kind}" for kind, count in told.said.items()) or "nothing"
    words = f"{_homes(told.homes)} heard {heard}; said {said}"
    words += f"; {told.waiting} wait" if told.waiting else ""
    return words + (f"; TROUBLE: {told.trouble}" if told.trouble else "")


def _homes(count: object) -> str:
    return f"{count} home{'' if count == 1 else 's'}"


def _tell(at: datetime, who: str, note: "Note") -> None:
    from agents.runtime.daemon.logs import note_line

    _line(to_json(note_line(at.astimezone(UTC), who, note)))


def _default_journal(source: "HomesSource", address: "Address", name: str) -> Path:
    from agents.runtime.files.config import journal_path
    from agents.settings.daemon import DaemonConfig

    broker = source.broker.model_copy(update={"host": address.host, "port": address.port})
    return journal_path(DaemonConfig(system=source.system, broker=broker, journal=source.journal), name)


def _nothing(at: datetime, who: str, note: "Note") -> None:
    """Nobody wants to hear it."""


def _line(text: bytes) -> None:
    sys.stdout.buffer.write(text + b"\n")
    sys.stdout.buffer.flush()
