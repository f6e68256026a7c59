"""Reads a daemon's configuration. Every mistake is one sentence with file and key."""

import os
import re
from pathlib import Path
from typing import Any

from agents.drivers.registry import Drivers
from agents.runtime.address import placed
from agents.runtime.files.included import included
from agents.runtime.files.metered import homes_with_history
from agents.runtime.files.plans import homes_with_departures
from agents.runtime.files.toml import read_toml
from agents.runtime.policies import chosen
from agents.settings.checked import ConfigError, checked
from agents.settings.daemon import ClockSettings, DaemonConfig, Role
from agents.settings.mistakes import FIRST_YEAR, LAST_YEAR
from broker.clock import Clock


def journal_path(config: DaemonConfig, name: str) -> Path:
    """Where the journal of a daemon of that name lies: by default in a folder of its system, so that a second system of
    this user has its own; where one of an earlier gridpact lies outside of it, that one."""
    if config.journal.path is not None:
        return config.journal.path
    earlier = _state_folder() / f"{name}.journal"
    return earlier if earlier.exists() else _state_folder() / _system(config) / f"{name}.journal"


def journals_of_others(config: DaemonConfig, name: str) -> list[Path]:
    """Journals of other systems under the same name, where ours would be a new one in a folder of its own: a broker that
    has moved looks like another system."""
    if config.journal.path is not None or journal_path(config, name).exists():
        return []
    return sorted(_state_folder().glob(f"*/{name}.journal"))


def journal_folders() -> list[Path]:
    """Where journals lie that nobody has named a place for, one folder a system; the common one when there is none."""
    state = _state_folder()
    return [folder for folder in (state, *sorted(state.glob("*"))) if any(folder.glob("*.journal"))] or [state]


def _state_folder() -> Path:
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(given) if given else Path(state) / "gridpact"


def _system(config: DaemonConfig) -> str:
    return config.system or re.sub(r"[^\w.-]", "_", f"{config.broker.host}-{config.broker.port}")


def load_config(path: Path, role: Role) -> DaemonConfig:
    """The configuration of a daemon of a role. Raises ConfigError, MembersError."""
    tables = read_toml(path)
    if "scenario" in tables:
        raise ConfigError(f"{path}: is a scenario of many parties: use 'gridpact up' or 'gridpact simulate'")
    config = build_config(tables, path)
    table = "[[ders]]" if role is Role.DER else f"[{role}]"
    if config.role() is not role:
        raise ConfigError(f"{path}: {table} and no other role's table is needed by 'gridpact run {role}'")
    return config


def any_config(path: Path) -> DaemonConfig:
    """The configuration of a daemon of any role. Raises ConfigError, MembersError."""
    config = build_config(read_toml(path), path)
    if not config.parties().names():
        raise ConfigError(f"{path}: is no daemon's file: it has no [utility], [coordinator], [aggregator] or [[ders]]")
    return config


def build_config(tables: dict[str, Any], path: Path) -> DaemonConfig:
    """The configuration of a daemon of any role from the tables of a file, with the files that it names. Raises
    ConfigError, MembersError."""
    found = dict(tables)
    for key in ("utility", "coordinator", "aggregator"):
        if isinstance(found.get(key), dict):
            found[key] = included(found[key], path.parent, f"{path}: {key}")
    if "ders" in found:
        homes = homes_with_history(found["ders"], path.parent, f"{path}: ders")
        found["ders"] = homes_with_departures(homes, f"{path}: ders")
    config = checked(DaemonConfig, found, f"{path}")
    config = config.model_copy(update={"broker": placed(config.broker, path.parent)}).in_folder(path.parent)
    check_clock(config.clock, f"{path}: clock")
    for table, one in (
        ("utility", config.utility),
        ("coordinator", config.coordinator),
        ("aggregator", config.aggregator),
    ):
        if one is not None:
            chosen(one, f"{path}: {table}")
    Drivers(config.parties().each(), path.parent, f"{path}")
    return config


def check_clock(given: ClockSettings, where: str) -> None:
    """A clock that runs so fast, for so long, that it is somewhere else in time. Raises ConfigError."""
    try:
        year = Clock(given.origin_at, given.anchor_at, given.speed).now().year
    except OverflowError:
        year = None
    if year is None or not FIRST_YEAR <= year <= LAST_YEAR:
        if given.origin_at is None and given.speed == 1:
            raise ConfigError(f"{where}: this machine's clock shows the year {year}: set it")
        text = "outside of the calendar" if year is None else f"in the year {year}"
        raise ConfigError(f"{where}: {given.speed:g} times as fast since anchor_at, it is {text} now")
