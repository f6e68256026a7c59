"""A scenario as the files that its daemons run on: one a daemon, named ROLE-NAME.toml, and a book of members a parent.

What has its default is left out, so that a file shows what was chosen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from agents.settings.daemon import Role
from agents.settings.members import Member
from agents.settings.parties import DerSettings, PartySettings
from agents.settings.scenario import Scenario

HOMES_A_DAEMON = 100
DEFAULTS = {field.name: field.default for field in fields(Member)}
BOOKS = "books"


def daemon_tables(scenario: Scenario, system: str, folder: Path, broker: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By file, below the folder: its tables. `broker` has the address; the bundles lie in `bundles/NAME`."""
    found: dict[str, dict[str, Any]] = {}
    parents: list[tuple[Role, PartySettings]] = [
        (Role.UTILITY, scenario.utility),
        (Role.COORDINATOR, scenario.coordinator),
    ]
    parents += [(Role.AGGREGATOR, one) for one in scenario.aggregators]
    for role, one in parents:
        table = _told(one)
        if table.pop("members", None):
            book = table["members_file"] = f"{BOOKS}/{one.name}.toml"
            found[book] = {"members": [_contract(member) for member in getattr(one, "members", ())]}
        found[f"{role}-{one.name}.toml"] = _daemon(one.name, one.name, system, folder, broker) | {str(role): table}
    for name, homes in _processes(scenario.homes):
        strange = {home.name: str(scenario.behaviours[home.name]) for home in homes if home.name in scenario.behaviours}
        given: dict[str, Any] = {"behaviours": strange} if strange else {}
        ders = {"ders": [_told(home) for home in homes]}
        found[f"{Role.DER}-{name}.toml"] = _daemon(name, "{name}", system, folder, broker) | given | ders
    return found


def _daemon(name: str, connection: str, system: str, folder: Path, broker: dict[str, Any]) -> dict[str, Any]:
    """The tables that every daemon has. `connection` is the name of its connection: homes have one each."""
    bundle = f"bundles/{connection}"
    return {
        "system": system,
        "broker": broker
        | {"ca": f"{bundle}/ca.crt", "certificate": f"{bundle}/party.crt", "key": f"{bundle}/party.key"},
        "control": {"dir": folder / "run", "name": name},
        "journal": {"path": folder / "journals" / f"{name}.journal"},
    }


def _processes(homes: Sequence[DerSettings]) -> Iterator[tuple[str, Sequence[DerSettings]]]:
    """So many homes a daemon, each daemon with its name."""
    if len(homes) <= HOMES_A_DAEMON:
        yield from [("homes", homes)] if homes else []
        return
    for number, first in enumerate(range(0, len(homes), HOMES_A_DAEMON), 1):
        yield f"homes-{number}", homes[first : first + HOMES_A_DAEMON]


def _told(one: PartySettings) -> dict[str, Any]:
    """Its settings but those that have their default; the name always."""
    return {"name": one.name} | one.model_dump(exclude_defaults=True, exclude_none=True)


def _contract(member: Member) -> dict[str, Any]:
    return {key: value for key, value in asdict(member).items() if value != DEFAULTS[key]}
