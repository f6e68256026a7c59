"""Who is who, read from the files that the daemons run on: scenarios, daemons' files and books of members."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agents.runtime.files.included import included
from agents.runtime.files.members import load_members
from agents.runtime.files.scenario import build_scenario
from agents.runtime.files.toml import read_toml
from agents.settings.checked import ConfigError, checked
from agents.settings.daemon import DaemonConfig
from agents.settings.members import Member
from agents.settings.parties import (
    AggregatorSettings,
    CoordinatorSettings,
    DerSettings,
    PartySettings,
    UtilitySettings,
)


@dataclass(frozen=True, slots=True)
class Books:
    """All parties of some files, each once, in their order."""

    parties: tuple[str, ...]
    parents: tuple[str, ...]
    """Those with children."""
    utilities: tuple[str, ...]
    """Those to whom meters report directly."""


class _Reader:
    def __init__(self) -> None:
        self.parties: dict[str, None] = {}
        self.parents: dict[str, None] = {}
        self.utilities: dict[str, None] = {}

    def read(self, path: Path) -> None:
        if path.suffix.lower() == ".csv":
            self._members(load_members(path).members)
            return
        tables = read_toml(path)
        if "scenario" in tables:
            found = build_scenario(tables, str(path), path.parent)
            self._each((found.utility, found.coordinator, *found.aggregators, *found.homes))
        elif "members" in tables:
            self._members(load_members(path).members)
        else:
            for key in ("utility", "coordinator", "aggregator"):
                if isinstance(tables.get(key), dict):
                    tables[key] = included(tables[key], path.parent, f"{path}: {key}")
            described = checked(DaemonConfig, tables, f"{path}").parties().each()
            if not described:
                raise ConfigError(f"{path}: is neither a scenario, nor a daemon's file, nor a book of members")
            self._each(described)

    def _each(self, parties: Iterable[PartySettings]) -> None:
        for one in parties:
            match one:
                case UtilitySettings():
                    self._parent(one.name)
                    self.utilities[one.name] = None
                    for name in one.children:
                        self._parent(name)
                    self.parties |= dict.fromkeys(one.meters)
                case CoordinatorSettings() | AggregatorSettings():
                    self._parent(one.parent)
                    self._parent(one.name)
                    self._members(one.members)
                    for name in one.meter_to if isinstance(one, AggregatorSettings) else ():
                        self._parent(name)
                case DerSettings():
                    self._parent(one.parent)
                    for name in one.meter_to:
                        self._parent(name)
                    self.parties[one.name] = None

    def _parent(self, name: str) -> None:
        self.parties[name] = self.parents[name] = None

    def _members(self, members: Iterable[Member]) -> None:
        for member in members:
            self.parties[member.name] = None
            if member.kind == "aggregator":
                self.parents[member.name] = None


def read_books(paths: Iterable[Path]) -> Books:
    """Everybody in some files. Raises ConfigError, MembersError."""
    reader = _Reader()
    for path in paths:
        reader.read(path)
    return Books(tuple(reader.parties), tuple(reader.parents), tuple(reader.utilities))
