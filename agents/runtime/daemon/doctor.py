"""`gridpact doctor`: looks at what a daemon stands on and says in words what to change."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from agents.runtime.daemon.doctor_broker import examine_broker
from agents.runtime.daemon.findings import Finding, Verdict
from agents.runtime.daemon.takeover import takeover
from agents.runtime.files.config import journal_path, load_config
from agents.runtime.journal.file import JournalFile
from agents.runtime.journal.reading import reading
from agents.runtime.journal.schema import MIGRATIONS, ROWS_OF_STEPS, JournalError
from agents.settings.checked import ConfigError
from agents.settings.daemon import BrokerSettings, DaemonConfig, Role
from broker.probe import WITHIN_S

LEAST_FREE_BYTES = 200_000_000


def examine(
    path: Path | None, ask: Callable[[BrokerSettings | None], BrokerSettings], as_itself: bool
) -> list[Finding]:
    """All checks. Without a configuration only the broker, the clock and the disk. `ask` gives the connection by which
    the broker is asked, from the configuration's or from nothing; `as_itself`: the doctor has a user of its own."""
    found: list[Finding] = []
    config, name = None, ""
    if path is not None:
        try:
            config, role = _load(path)
            found.append(Finding("configuration", Verdict.OK, f"{path} is the file of one {role}"))
        except ConfigError as error:
            return [Finding("configuration", Verdict.FAULT, str(error))]
        name = config.control.name or _name(config)
    broker = ask(None if config is None else config.broker)
    has_login = broker.user is not None or broker.certificate is not None
    party = name if config is None else _name(config)
    found += examine_broker(broker, party, as_the_party=config is not None and has_login and not as_itself)
    found.append(_clock())
    if config is not None:
        found += _journal(journal_path(config, name))
    return found


def _load(path: Path) -> tuple[DaemonConfig, Role]:
    """The configuration, whatever its role. Raises the ConfigError that says most."""
    errors = []
    for role in Role:
        try:
            return load_config(path, role), role
        except ConfigError as error:
            errors.append(error)
    raise next((error for error in errors if "other role's table" not in str(error)), errors[0])


def _name(config: DaemonConfig) -> str:
    for settings in (config.utility, config.coordinator, config.aggregator, *config.ders):
        if settings is not None:
            return settings.name
    raise ConfigError("no party is described")


# -- this machine


def _clock() -> Finding:
    program = shutil.which("timedatectl")
    if program is None:
        return Finding("clock", Verdict.WARNING, "cannot be asked about (no timedatectl): see that NTP runs")
    command = [program, "show", "--property=NTPSynchronized", "--value"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False).stdout.strip()
    if told == "yes":
        return Finding("clock", Verdict.OK, "is synchronised by NTP")
    return Finding("clock", Verdict.WARNING, "is not known to be synchronised: start chrony or systemd-timesyncd")


def _journal(path: Path) -> Iterator[Finding]:
    folder = next(parent for parent in path.parents if parent.exists())
    if not os.access(folder, os.W_OK):
        yield Finding("journal", Verdict.FAULT, f"{folder} cannot be written: give it to the daemon's user")
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        text = f"{free // 1_000_000} MB are free under {folder}: a full disk stops the daemon; make room"
        yield Finding("disk", Verdict.WARNING, text)
    else:
        yield Finding("disk", Verdict.OK, f"{free // 1_000_000} MB are free under {folder}")
    if not path.exists():
        yield Finding("journal", Verdict.OK, f"{path} will be made at the first start")
        return
    try:
        with reading(path) as connection:
            checked = connection.execute("PRAGMA quick_check").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            entries = _entries(connection, version)
    except JournalError as error:
        yield Finding("journal", Verdict.WARNING, str(error))
        return
    except sqlite3.Error as error:
        yield Finding("journal", Verdict.FAULT, f"{path}: {error}: restore it, or move it away and start anew")
        return
    if checked != "ok":
        yield Finding("journal", Verdict.FAULT, f"{path} is damaged: {checked}: restore it from a copy")
    elif version > len(MIGRATIONS):
        yield Finding("journal", Verdict.FAULT, f"{path} is of a newer gridpact (schema {version}): update gridpact")
    else:
        yield Finding("journal", Verdict.OK, f"{path}: {entries} entries, schema {version}, no damage")
        try:
            yield takeover(JournalFile(path))
        except (JournalError, ConfigError) as error:
            yield Finding("takeover", Verdict.FAULT, str(error))


def _entries(connection: sqlite3.Connection, version: int) -> int:
    """How many there are; none that we could count in a file of a newer gridpact."""
    if version > len(MIGRATIONS):
        return 0
    of_rows = "SELECT count(*) FROM entry"
    of_steps = "SELECT coalesce(sum(json_array_length(heads)), 0) FROM steps"
    return int(connection.execute(of_rows if version < ROWS_OF_STEPS else of_steps).fetchone()[0])
