"""`gridpact contract person`, `consent`, `export NAME` and `forget`: the persons behind the members."""

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import orjson

from agents.cli.book import OpenBook, Whose, open_book
from agents.runtime.daemon.changes import ContractChange
from agents.runtime.daemon.refusal import CommandRefusal
from agents.runtime.exits import Exit
from agents.runtime.journal.erase import Eraser, archives_of, names_of
from agents.runtime.journal.file import JournalFile
from agents.runtime.persons import ConsentGiven, ConsentPurpose, Person, PersonRegister, register_of
from agents.runtime.quarantines import Quarantines
from agents.settings.mistakes import ConfigError
from protocol.to_json import to_json

NEEDED = (ConsentPurpose.CONTROL, ConsentPurpose.METERING)
"""Without these there is no contract."""


def _register(book: OpenBook) -> PersonRegister:
    return PersonRegister(register_of(book.journal))


async def person(whose: Whose, member: str, name: str | None, contact: str | None) -> int:
    """Show the person behind a member, or write it down."""
    async with open_book(whose) as book:
        await book.contract(member)
    register = _register(book)
    known = register.person(book.party, member)
    if name is not None or contact is not None:
        before = known or Person("")
        known = Person(before.name if name is None else name, before.contact if contact is None else contact)
        register.put_person(book.party, member, known)
    print(f"{member}: {known.name}, {known.contact}" if known is not None else f"{member}: nobody is written down")
    return Exit.OK


async def consent(whose: Whose, member: str, purpose: ConsentPurpose, version: str, on: date) -> int:
    """Write down a consent; what may be loosened by it stands in the contract from now on."""
    async with open_book(whose) as book:
        row = await book.contract(member)
        _register(book).give(book.party, member, ConsentGiven(purpose, version, on))
        known = list(row.get("relaxations", ()))
        if purpose.loosens is not None and purpose.loosens not in known:
            await book.change(ContractChange.CHANGE, {member: {"relaxations": [*known, purpose.loosens]}})
    print(f"{member}: has agreed to {purpose} on {on} (text {version})")
    return Exit.OK


async def revoke(whose: Whose, member: str, purpose: ConsentPurpose, on: date) -> int:
    """Write down that a consent has ended; it counts no more from now on."""
    async with open_book(whose) as book:
        row = await book.contract(member)
        known = list(row.get("relaxations", ()))
        ended = _register(book).revoke(book.party, member, purpose, on)
        if purpose.loosens is not None and purpose.loosens in known:
            left = [one for one in known if one != purpose.loosens]
            await book.change(ContractChange.CHANGE, {member: {"relaxations": left}})
        elif purpose in NEEDED:
            await book.change(ContractChange.LEAVE, {member: {}})
        elif not ended:
            raise CommandRefusal(f"{member} has no consent to {purpose} that stands")
    without = ": without it the contract has ended" if purpose in NEEDED else ""
    print(f"{member}: {purpose} is revoked on {on}{without}")
    return Exit.OK


async def export(whose: Whose, member: str, out: Path | None) -> int:
    """Write all that is known of one member: for itself."""
    async with open_book(whose) as book:
        rows = [row for row in await book.rows() if row["name"] == member]
    known: dict[str, Any] = {
        "member": member,
        "party": book.party,
        "contract": rows[0] if rows else None,
        "learned": book.learned.get(member),
        **_register(book).of_member(book.party, member),
        "quarantines": Quarantines(book.journal, book.party).of(member),
        "entries": list(_entries(book.journal, member)),
    }
    if not any(known[key] for key in ("contract", "learned", "person", "consents", "entries")):
        raise CommandRefusal(f"nothing is known of {member} here: look at the name")
    text = to_json(known).decode() + "\n"
    if out is None:
        sys.stdout.write(text)
        return Exit.OK
    try:
        with out.open("x", encoding="utf-8") as file:
            out.chmod(0o600)
            file.write(text)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written: {error.strerror}") from None
    print(f"{out}: {len(known['entries'])} entries of {member}")
    return Exit.OK


def _entries(journal: Path, member: str) -> Iterator[dict[str, object]]:
    """What journal and archive hold of a member: each entry that names it, and of that the parts that do."""
    files = [*archives_of(journal), journal]
    about = Eraser(dict.fromkeys(names_of(files, member), ""))
    for path in files:
        for step in JournalFile(path).entries():
            item = orjson.loads(step.input) if about.concerns(step.input) else None
            effects = orjson.loads(step.effects) if about.concerns(step.effects) else []
            effects = [one for one in effects if about.concerns(orjson.dumps(one))]
            if item is not None or effects:
                yield {"file": path.name, "at": step.at, "input": item, "effects": effects}


async def forget(whose: Whose, member: str) -> int:
    """Erase a member that has left."""
    async with open_book(whose) as book:
        await book.rows()
        await book.forget(member)
    print(f"{book.party}: {member} is forgotten")
    if (book.party, member) in _register(book).forgetting():
        print(
            "the journal itself names it still: that follows by itself when it is moved into the archive, or at once when "
            "the daemon is stopped (--config)"
        )
        return Exit.NEGATIVE
    return Exit.OK
