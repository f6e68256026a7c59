"""`gridpact contract`: the book of contracts of a running aggregator or coordinator, or of a stopped one."""

import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from rich.table import Table

from agents.runtime.daemon.changes import ContractChange, CorrectionCause
from agents.runtime.daemon.client import ask
from agents.runtime.daemon.contracts import BookKeeper, ContractRefusal, members_of, stopped_books
from agents.runtime.daemon.daemon import process_name
from agents.runtime.daemon.refusal import CommandRefusal
from agents.runtime.daemon.sockets import runtime_dir, sockets
from agents.runtime.exits import Exit
from agents.runtime.files.config import any_config
from agents.runtime.files.members import as_csv, load_members
from agents.settings.contracts import changes_between, plain_contract
from agents.settings.members import Member
from agents.settings.mistakes import ConfigError
from agents.settings.roles import Role
from agents.tools.tables import print_table, table_console
from protocol.to_json import to_json

WITH_A_BOOK = (Role.AGGREGATOR, Role.COORDINATOR)
MOST_SAID = 20
"""Names in a line."""


class Whose(Protocol):
    """Whose book it is, as the command line says."""

    @property
    def party(self) -> str | None: ...
    @property
    def control(self) -> Path | None: ...
    @property
    def config(self) -> Path | None: ...


class OpenBook:
    """A book, wherever its party is."""

    def __init__(self, follow: Callable[[Mapping[str, Any]], Any]) -> None:
        self._follow = follow
        """What answers a command."""
        self.party = ""
        self.learned: dict[str, dict[str, Any]] = {}
        """What its party has learned of members, of those that were read."""
        self.journal = Path()
        """In which it stands, once it was read."""

    async def rows(self) -> list[dict[str, Any]]:
        """All contracts, in the book's order."""
        rows: list[dict[str, Any]] = []
        more = True
        while more:
            after = rows[-1]["name"] if rows else None
            page = await self._follow({"do": "contracts", "after": after})
            self.party, more = str(page["party"]), bool(page["more"])
            self.learned |= page["learned"]
            self.journal = Path(page["journal"])
            rows += page["members"]
        return rows

    async def change(self, change: ContractChange, contracts: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """Whose contract has changed."""
        told = await self._follow({"do": "contract", "change": change, "contracts": contracts})
        self.party = str(told["party"])
        return [str(name) for name in told["changed"]]

    async def contract(self, name: str) -> dict[str, Any]:
        """One contract. Raises CommandRefusal."""
        found = [row for row in await self.rows() if row["name"] == name]
        if not found:
            raise CommandRefusal(f"{name} is not under contract with {self.party}")
        return found[0]

    async def forget(self, member: str) -> dict[str, Any]:
        """What came of it."""
        told: dict[str, Any] = await self._follow({"do": "forget", "member": member})
        self.party = str(told["party"])
        return told

    async def correct(self, member: str, cause: str, reliability_pct: int | None) -> int:
        """What is expected of a member now, percent."""
        told = await self._follow(
            {"do": "correct", "member": member, "cause": cause, "reliability_pct": reliability_pct}
        )
        self.party = str(told["party"])
        return int(told["expected_pct"])


@asynccontextmanager
async def open_book(whose: Whose) -> AsyncIterator[OpenBook]:
    """Raises CommandRefusal, ConfigError, JournalError."""
    if whose.config is None:
        path = await _socket(whose)
        yield OpenBook(lambda command: ask(path, {**command, "party": whose.party}))
        return
    config = any_config(whose.config)
    async with stopped_books(config, process_name(config)) as books:
        yield OpenBook(lambda command: _follow(books, whose.party, command))


async def _follow(books: BookKeeper, party: str | None, command: Mapping[str, Any]) -> dict[str, Any]:
    try:
        if command["do"] == "contracts":
            return books.page(party, command["after"])
        if command["do"] == "forget":
            return await books.forget(party, command["member"])
        if command["do"] == "correct":
            cause = CorrectionCause(command["cause"])
            return await books.correct(party, command["member"], cause, command["reliability_pct"])
        return await books.change(party, command["change"], command["contracts"])
    except ContractRefusal as error:
        raise CommandRefusal(str(error)) from None


async def _socket(whose: Whose) -> Path:
    directory = whose.control or runtime_dir()
    found: dict[str, Path] = {}
    for path in sockets(directory):
        try:
            parties = (await ask(path, {"do": "status"}))["parties"]
        except CommandRefusal:
            continue  # what a dead daemon left
        found |= {str(one["name"]): path for one in parties if one["role"] in WITH_A_BOOK}
    if whose.party is not None:
        found = {name: path for name, path in found.items() if name == whose.party}
    if not found:
        named = f"{whose.party} does not run" if whose.party is not None else "no aggregator or coordinator runs"
        raise CommandRefusal(f"{directory}: {named} here (a stopped one's book: --config)")
    if len(found) > 1:
        raise CommandRefusal(f"{', '.join(found)} run here: name one of them with --party")
    return next(iter(found.values()))


async def show(whose: Whose, name: str | None, json: bool) -> int:
    """Show the book, or one contract of it."""
    async with open_book(whose) as book:
        rows = await book.rows() if name is None else [await book.contract(name)]
        learned = book.learned
    if json:
        for row in rows:
            more = {"learned": learned[row["name"]]} if row["name"] in learned else {}
            sys.stdout.write(to_json({**row, **more}).decode() + "\n")
        return Exit.OK
    table = Table("member", "kind", "resources", "increase W", "decrease W", "expected %", "relaxations", "other")
    for row in rows:
        table.add_row(*_cells(row, learned.get(row["name"])))
    print_table(table_console(), table)
    return Exit.OK


SHOWN = ("name", "kind", "resources", "increase_load_w", "decrease_load_w", "reliability_pct", "relaxations")


def _cells(row: Mapping[str, Any], learned: Mapping[str, Any] | None) -> list[str]:
    other = {key: value for key, value in row.items() if key not in SHOWN}
    expected_pct = row.get("reliability_pct", 100)
    if learned is not None:
        expected_pct = learned["expected_pct"]
        other |= {key: learned[key] for key in ("answers_pct", "delivers_pct")} | learned["events"]
    return [
        str(row["name"]),
        str(row.get("kind", "der")),
        ", ".join(row.get("resources", ())),
        str(row.get("increase_load_w", 0)),
        str(row.get("decrease_load_w", 0)),
        str(expected_pct),
        ", ".join(row.get("relaxations", ())),
        ", ".join(f"{key} {value}" for key, value in other.items()),
    ]


async def change(whose: Whose, change: ContractChange, contracts: Mapping[str, Mapping[str, Any]]) -> int:
    """Change the book, and say what has changed."""
    async with open_book(whose) as book:
        changed = await book.change(change, contracts)
    print(f"{book.party}: {_DONE[change]} {_names(changed)}" if changed else f"{book.party}: it is so already")
    return Exit.OK


_DONE = {
    ContractChange.ADD: "has taken under contract:",
    ContractChange.CHANGE: "has changed the contract of",
    ContractChange.PUT: "has changed the contracts of",
    ContractChange.LEAVE: "has ended the contract of",
}


async def take_table(whose: Whose, path: Path, *, leave_others: bool, dry_run: bool) -> int:
    """Take the contracts of a table into the book."""
    wanted = load_members(path).members
    async with open_book(whose) as book:
        known = members_of(await book.rows())
        changes = changes_between(known, wanted)
        put = {name: plain_contract(terms) for name, terms in changes.items() if terms is not None}
        left = [name for name, terms in changes.items() if terms is None] if leave_others else []
        if not dry_run:
            if left:
                await book.change(ContractChange.LEAVE, {name: {} for name in left})
            if put:
                await book.change(ContractChange.PUT, put)
    names = {member.name for member in known}
    joined, changed = [name for name in put if name not in names], [name for name in put if name in names]
    would = "would be " if dry_run else ""
    for text, some in (("joined", joined), ("changed", changed), ("ended", left)):
        if some:
            print(f"{book.party}: {would}{text}: {_names(some)}")
    if not changes or not (put or left):
        print(f"{book.party}: it is so already")
    return Exit.OK


async def correct(whose: Whose, member: str, cause: CorrectionCause, reliability_pct: int | None) -> int:
    """Contest what was learned of a member."""
    async with open_book(whose) as book:
        told = await book.correct(member, cause, reliability_pct)
    print(f"{book.party}: {told} % of what {member} is asked for is expected of it now")
    return Exit.OK


async def write_table(whose: Whose, out: Path | None) -> int:
    """Write the book as a CSV."""
    async with open_book(whose) as book:
        members: tuple[Member, ...] = members_of(await book.rows())
    if out is None:
        sys.stdout.write(as_csv(members))
        return Exit.OK
    try:
        with out.open("x", encoding="utf-8", newline="") as file:
            file.write(as_csv(members))
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written: {error.strerror}") from None
    print(f"{out}: {len(members)} contracts")
    return Exit.OK


def _names(names: list[str]) -> str:
    rest = f" and {len(names) - MOST_SAID} more" if len(names) > MOST_SAID else ""
    return ", ".join(names[:MOST_SAID]) + rest
