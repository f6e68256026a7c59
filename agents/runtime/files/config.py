"""Reads a daemon's configuration. Every mistake is one sentence with file and key."""

import os
import re
from pathlib import Path

from agents.runtime.files.included import included
from agents.runtime.files.toml import read_toml
from agents.settings.checked import ConfigError, checked
from agents.settings.daemon import DaemonConfig, Role


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
    """The configuration of a daemon of a role. Raises ConfigError."""
    tables = read_toml(path)
    if "scenario" in tables:
        raise ConfigError(f"{path}: is a scenario of many parties: use 'gridpact up' or 'gridpact simulate'")
    for key in ("utility", "coordinator", "aggregator"):
        if isinstance(tables.get(key), dict):
            tables[key] = included(tables[key], path.parent, f"{path}: {key}")
    config = checked(DaemonConfig, tables, f"{path}")
    table = "[[ders]]" if role is Role.DER else f"[{role}]"
    if config.role() is not role:
        raise ConfigError(f"{path}: {table} and no other role's table is needed to run a {role}")
    twice = [a.name for i, a in enumerate(config.ders) if a.name in {b.name for b in config.ders[:i]}]
    if twice:
        raise ConfigError(f"{path}: ders: {twice[0]} stands twice")
    return config
