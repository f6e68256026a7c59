"""An operator reads and changes the book of contracts: over the control socket of a daemon, or at a stopped one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, Protocol

from pydantic import ValidationError

from agents.negotiation.booked import AnyBookedParty, BookedParty
from agents.negotiation.conduct import WEIGHTS
from agents.runtime.daemon.books import with_books_of
from agents.runtime.daemon.changeover import folded, has_left
from agents.runtime.daemon.changes import ContractChange, CorrectionCause
from agents.runtime.daemon.forgetting import begin_to_forget, edges_to_forget, go_on_to_forget, is_known, why_not
from agents.runtime.daemon.served import served
from agents.runtime.files.config import journal_path
from agents.runtime.journal.file import JournalFile
from agents.runtime.journal.journal import Journal, JournalError, KeptSettings
from agents.runtime.journal.lease import Lease, LeaseTaken, lease_of
from agents.runtime.shell import Shell
from agents.settings.checked import ConfigError, mistakes, sentence
from agents.settings.contracts import MEMBER, Contracts, contracts_of, plain_contract, plain_contracts, with_contracts
from agents.settings.daemon import DaemonConfig, PartiesConfig
from agents.settings.learned import EVENT
from agents.settings.members import Member, Members
from agents.settings.parties import AggregatorSettings, CoordinatorSettings
from broker.clock import Clock
from protocol.actor import Actor, Corrected, Reconfigured, Resumed, Taken

PAGE = 500
"""Contracts in one answer."""


class ContractRefusal(ValueError):
    """Why a book is not changed; one sentence."""


class StoredBooks(NamedTuple):
    """Where books stand."""

    journal: Journal
    archive: Callable[[], Awaitable[object]]
    """Moves what the journal holds into its archive, where everybody is at rest."""


class HasBook(Protocol):
    """A party's shell."""

    @property
    def actor(self) -> Actor: ...
    @property
    def clock(self) -> Clock: ...

    async def give(self, item: Taken) -> None:
        """An input from this side; returns when it is durable."""
        ...


class BookKeeper:
    """Changes the books of a process's parties, one after the other."""

    def __init__(self, shells: Mapping[str, HasBook]) -> None:
        self._shells = shells
        self._stored: StoredBooks | None = None
        self._one_at_a_time = asyncio.Lock()

    def keeps(self, stored: StoredBooks) -> None:
        """The books stand in a journal."""
        self._stored = stored

    def _party(self, name: str | None) -> tuple[HasBook, AnyBookedParty]:
        found = [(one, one.actor) for one in self._shells.values() if isinstance(one.actor, BookedParty)]
        if name is not None:
            found = [(shell, actor) for shell, actor in found if actor.name == name]
        if len(found) != 1:
            names = ", ".join(actor.name for _, actor in found) or "nobody"
            raise ContractRefusal(
                f"{name or names} has no book here: a coordinator's or an aggregator's daemon has one"
            )
        return found[0]

    def page(self, party: str | None, after: str | None) -> dict[str, object]:
        """The contracts behind that of a member, in the book's order. Raises ContractRefusal."""
        shell, actor = self._party(party)
        members = actor.book.members
        first = 0
        if after is not None:
            first = next((place for place, one in enumerate(members, 1) if one.name == after), len(members))
        some = members[first : first + PAGE]
        now = shell.clock.now()
        return {
            "party": actor.name,
            "members": [plain_contract(member) for member in some],
            "learned": {member.name: _learned(actor, member, now) for member in some if actor.learning is not None},
            "more": first + PAGE < len(members),
            "journal": "" if self._stored is None else str(self._stored.journal.path.absolute()),
        }

    async def change(
        self, party: str | None, change: ContractChange, given: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, object]:
        """Change the book, durably; by how much. Raises ContractRefusal."""
        async with self._one_at_a_time:
            shell, actor = self._party(party)
            contracts = planned(actor.book, change, given)
            _check(actor, contracts)
            if contracts:
                await shell.give(Reconfigured(plain_contracts(contracts)))
            return {"party": actor.name, "changed": list(contracts)}

    async def correct(
        self, party: str | None, member: str, cause: CorrectionCause, reliability_pct: int | None
    ) -> dict[str, object]:
        """Contest what was learned of a member; what is expected of it now. Raises ContractRefusal."""
        async with self._one_at_a_time:
            shell, actor = self._party(party)
            if member not in actor.book:
                raise ContractRefusal(f"{member} is not under contract")
            if actor.learning is None and reliability_pct is None:
                raise ContractRefusal(f"{actor.name} learns nothing of its members (reliability_half_life_days)")
            await shell.give(Corrected(member, cause, reliability_pct))
            return {"party": actor.name, "expected_pct": actor.expected_pct(actor.book[member], shell.clock.now())}

    async def forget(self, party: str | None, member: str) -> dict[str, object]:
        """Forget a member that has left; of how many entries, and whether some wait for the archive. Raises
        ContractRefusal, JournalError, RegisterError."""
        async with self._one_at_a_time:
            _, actor = self._party(party)
            if self._stored is None:
                raise ContractRefusal(f"{actor.name} has no journal here")
            journal = self._stored.journal
            if (text := await asyncio.to_thread(why_not, actor, member, journal.path)) is not None:
                raise ContractRefusal(text)
            if not await asyncio.to_thread(is_known, actor.name, member, journal.path):
                raise ContractRefusal(f"nothing is known of {member} here: look at the name")
            await asyncio.to_thread(begin_to_forget, actor.name, member, journal.path)
            await self._stored.archive()
            journal.forget_heard([f"{actor.name}/{member}"])
            erased, left = await asyncio.to_thread(go_on_to_forget, journal.path)
            return {"party": actor.name, "erased": erased, "waits": member in left}


def _learned(actor: AnyBookedParty, member: Member, now: datetime) -> dict[str, object]:
    """What was learned of a member, in events, and what is expected of it."""
    assert actor.learning is not None
    known = actor.learning.conduct.of(member.name, now)
    events = {one: round(getattr(known, one) / EVENT, 1) for one in WEIGHTS if getattr(known, one)}
    return {
        "expected_pct": actor.expected_pct(member, now),
        "answers_pct": known.answers_pct(member.reliability_pct),
        "delivers_pct": known.delivers_pct(),
        "events": events,
    }


def planned(book: Members, change: ContractChange, given: Mapping[str, Mapping[str, Any]]) -> Contracts:
    """What a change means for a book; what is so already is left out. Raises ContractRefusal."""
    for name in given:
        if change is ContractChange.ADD and name in book:
            raise ContractRefusal(f"{name} is under contract: change it")
        if change in (ContractChange.CHANGE, ContractChange.LEAVE) and name not in book:
            raise ContractRefusal(f"{name} is not under contract")
    if change is ContractChange.LEAVE:
        return dict.fromkeys(given)
    wanted = {name: _contract(book, change, name, terms) for name, terms in given.items()}
    return {name: terms for name, terms in wanted.items() if book.by_name.get(name) != terms}


def _contract(book: Members, change: ContractChange, name: str, terms: Mapping[str, Any]) -> Member:
    before = plain_contract(book[name]) if change is ContractChange.CHANGE else {}
    try:
        return MEMBER.validate_python({**before, **terms, "name": name})
    except ValidationError as error:
        raise ContractRefusal(f"{name}: {sentence(error, Member)}") from None


def _check(actor: AnyBookedParty, contracts: Contracts) -> None:
    """Whether a book can be changed so. Raises ContractRefusal."""
    try:
        book = with_contracts(actor.book, contracts)
    except ValidationError as error:
        raise ContractRefusal(sentence(error)) from None
    settings: AggregatorSettings | CoordinatorSettings = actor.settings
    if isinstance(settings, CoordinatorSettings) and not book.members:
        raise ContractRefusal(f"{', '.join(contracts)} is the last member: a coordinator needs one")
    for mistake in mistakes(settings.model_copy(update={"members": book.members})):
        raise ContractRefusal(f"{actor.name}: {mistake}")


class StoppedShell:
    """A party of a daemon that does not run; what it is given is written into its journal."""

    def __init__(self, shell: Shell, journal: Journal, last_at: datetime | None, now: datetime) -> None:
        self._shell, self._journal, self._last_at = shell, journal, last_at
        self._now = now if last_at is None else max(now, last_at)

    @property
    def actor(self) -> Actor:
        return self._shell.actor

    @property
    def clock(self) -> Clock:
        return self._shell.clock

    async def give(self, item: Taken) -> None:
        """What it sets off leaves at the next start; nothing is due before."""
        taken = [Resumed(self._last_at, counts_waited=True), item] if self._last_at is not None else [item]
        for one in taken:
            self._shell.past.store(self._shell.stepper.take(one, self._now, due=False))
        self._last_at = None
        await self._journal.all_durable()
        self._shell.keep_snapshot()


@asynccontextmanager
async def stopped_books(config: DaemonConfig, name: str) -> AsyncIterator[BookKeeper]:
    """The books of a daemon that does not run, from its journal. Raises ConfigError, JournalError."""
    path = journal_path(config, name)
    if not path.exists():
        raise ConfigError(f"{path}: there is no journal yet: until the first start the book is the file's")
    settings = JournalFile(path).settings()
    now = Clock(config.clock.origin_at, config.clock.anchor_at, config.clock.speed).now()
    try:
        journal = Journal(path, configuration=settings.as_bytes())
    except LeaseTaken:
        raise JournalError(f"{path}: its daemon runs: leave out --config, then it is asked itself") from None
    journal.start()
    try:
        shells = [folded(journal, party, now) for party in served(settings)]
        books = BookKeeper({one.actor.name: StoppedShell(one, journal, last_at, now) for one, last_at in shells})
        actors = [one.actor for one, _ in shells]
        books.keeps(StoredBooks(journal, partial(_archive_stopped, journal, settings, actors, now)))
        yield books
    finally:
        await journal.close()
    if edges_to_forget(path):
        lease = Lease(lease_of(path))
        try:
            go_on_to_forget(path, stands_still=True)
        finally:
            lease.release()


async def _archive_stopped(journal: Journal, settings: PartiesConfig, actors: Sequence[Actor], now: datetime) -> None:
    rest = [has_left(journal, actor, now) and actor.at_rest(now) for actor in actors]
    if all(rest):
        read = JournalFile(journal.path).file_body()
        file = settings if read is None else PartiesConfig.model_validate_json(read)
        await journal.archive(KeptSettings.of(with_books_of(settings, actors), file))


def members_of(plain: list[dict[str, Any]]) -> tuple[Member, ...]:
    """Contracts as they came over the socket."""
    return tuple(terms for terms in contracts_of({str(one["name"]): one for one in plain}).values() if terms)
