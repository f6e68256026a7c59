"""Writes a running system into a new folder, and looks whether its files can be loaded before it says that it is there."""

import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from agents.runtime.daemon.sockets import LONGEST_PATH
from agents.runtime.files.config import load_config
from agents.runtime.files.private import put
from agents.runtime.files.toml_out import to_edited_toml
from agents.settings.checked import ConfigError, checked
from agents.settings.daemon import Role
from agents.settings.hosts import host_mistake
from agents.settings.scenario import Scenario
from agents.tools.access.authority import Authority
from agents.tools.access.broker_files import BrokerFiles
from agents.tools.access.bundle import write_bundle
from agents.tools.access.plan import AccessPlan, save_plan
from agents.tools.setup.daemons import daemon_tables
from agents.tools.setup.units import start_script, unit_files
from broker.mosquitto import program
from broker.private import make_folder

HERE = ("127.0.0.1", "localhost")
EXECUTABLE = 0o755


@dataclass(frozen=True, slots=True)
class SystemPlan:
    """Where a system is written, and where its broker is reached: `hosts` are none where all of it runs on one machine."""

    folder: Path
    port: int = 8883
    password_port: int = 8884
    hosts: Sequence[str] = ()


def write_system(plan: SystemPlan, scenario: Scenario, now: datetime) -> list[str]:
    """Write everything; the daemons' names. Raises ConfigError, BrokerMissing."""
    folder = plan.folder.absolute()
    hosts = (*plan.hosts, *(one for one in HERE if one not in plan.hosts))
    tables = daemon_tables(scenario, _system_name(folder), folder, {"host": hosts[0], "port": plan.port})
    for host in plan.hosts:
        if mistake := host_mistake(host):
            raise ConfigError(f"--host: {mistake}")
    if plan.port == plan.password_port:
        raise ConfigError(f"--password-port: {plan.port} is that for certificates (--port) as well: give each its own")
    _check_free(folder, [table["control"]["name"] for table in tables.values() if "control" in table])
    mosquitto, command = program(), _command()
    with _filled(folder):
        daemons = _write_daemons(folder, tables)
        _write_access(folder, plan, hosts, [folder / f"{name}.toml" for name in daemons], now)
        for name, text in unit_files(folder, command, mosquitto, daemons).items():
            put(folder / name, text.encode())
        put(folder / "start.sh", start_script(command, mosquitto, daemons).encode(), EXECUTABLE)
        put(folder / "README.md", _page(folder, scenario).encode())
    return daemons


@contextmanager
def _filled(folder: Path) -> Iterator[None]:
    """The new folder; with an error nothing of it stays, so that the same command can be given again. Raises ConfigError."""
    was_there = folder.exists()
    try:
        for made in (folder, folder / "run", folder / "journals"):
            make_folder(made)
        yield
    except BaseException as error:
        for left in list(folder.iterdir()) if was_there and folder.is_dir() else [folder]:
            shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise ConfigError(f"{folder}: cannot be made: {error.strerror}") from None
        raise


def _write_daemons(folder: Path, tables: Mapping[str, dict[str, Any]]) -> list[str]:
    """Every file of the tables; the daemons' names. What is written can be loaded. Raises ConfigError."""
    for name, table in tables.items():
        put(folder / name, to_edited_toml(table).encode())
    daemons = [name.removesuffix(".toml") for name in tables if "/" not in name]
    for name in daemons:
        load_config(folder / f"{name}.toml", Role(name.partition("-")[0]))
    return daemons


def _check_free(folder: Path, sockets: Iterable[str]) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder}: is there already: name a new folder")
    if any(len(os.fsencode(folder / "run" / f"{name}.sock")) >= LONGEST_PATH for name in sockets):
        raise ConfigError(f"{folder}: is too long a path for the control sockets in it: name one nearer to the root")


def _write_access(folder: Path, plan: SystemPlan, hosts: Sequence[str], books: Sequence[Path], now: datetime) -> None:
    """The authority, the broker's files, and a bundle for everybody."""
    authority = Authority.create(folder / "ca", f"{_system_name(folder)} authority", now)
    given = {
        "books": books,
        "ca": authority.folder,
        "hosts": hosts,
        "bind": "" if plan.hosts else HERE[0],
        "port": plan.port,
        "password_port": plan.password_port,
        "run_as": "root" if os.geteuid() == 0 else None,
    }
    access = checked(AccessPlan, given, f"{folder}")
    broker = BrokerFiles(folder / "mosquitto", access)
    broker.write(now)
    save_plan(broker.folder, access)
    for name in broker.users():
        pair = authority.client(name, now)
        write_bundle(folder / "bundles" / name, hosts[:1], plan.port, authority.certificate_pem, pair=pair)


def _command() -> str:
    """This installation's command."""
    beside = Path(sys.executable).parent / "gridpact"
    found = str(beside) if beside.exists() else shutil.which("gridpact")
    if found is None:
        raise ConfigError("the command gridpact is not on the PATH: install the package, or add its folder to the PATH")
    return found


def _system_name(folder: Path) -> str:
    """A name for the system, from its folder's."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", folder.name)[:40].strip("-") or "gridpact"


def _page(folder: Path, scenario: Scenario) -> str:
    text = files("agents.tools.setup").joinpath("folder.md").read_text(encoding="utf-8")
    given = {"FOLDER": str(folder), "RA": scenario.aggregators[0].name}
    for key, value in given.items():
        text = text.replace(f"@{key}@", value)
    return text
