"""Contracts as they change: a book with other contracts, what leads from one book to another, and both as plain values."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from pydantic import TypeAdapter

from agents.settings.members import Member, Members

MEMBER = TypeAdapter(Member)

Contracts: TypeAlias = Mapping[str, Member | None]
"""By name, of those who join or whose contract changes: the contract; None: it leaves."""


def with_contracts(book: Members, contracts: Contracts) -> Members:
    """The book with these contracts: who is known keeps its place, who is new comes last. Raises ValueError where a
    resource would stand in two of them."""
    known = [contracts.get(member.name, member) for member in book.members]
    new = [terms for name, terms in contracts.items() if name not in book]
    return Members(members=tuple(terms for terms in (*known, *new) if terms is not None))


def put_together(book: Members, changes: Iterable[Contracts]) -> list[Contracts]:
    """Two changes at most that lead from a book where these lead: who leaves or has other terms; then who joins, because
    who comes back stands last."""
    terms_of: dict[str, Member | None] = {}
    joined: dict[str, Member] = {}
    for contracts in changes:
        for name, terms in contracts.items():
            stays = name in book and terms_of.get(name, book[name]) is not None
            if stays and name not in joined:
                terms_of[name] = terms
            elif terms is None:
                joined.pop(name, None)
            else:
                joined[name] = terms
    stayed = {name: terms for name, terms in terms_of.items() if terms != book[name]}
    return [one for one in (stayed, joined) if one]


def changes_between(before: Iterable[Member], after: Iterable[Member]) -> dict[str, Member | None]:
    """What makes the one book the other, but for its order."""
    known, wanted = ({member.name: member for member in book} for book in (before, after))
    gone: dict[str, Member | None] = dict.fromkeys(name for name in known if name not in wanted)
    return gone | {name: terms for name, terms in wanted.items() if known.get(name) != terms}


def contracts_of(plain: Mapping[str, Mapping[str, object] | None]) -> dict[str, Member | None]:
    """Contracts of plain values. Raises ValidationError."""
    return {name: None if terms is None else MEMBER.validate_python(terms) for name, terms in plain.items()}


def plain_contracts(contracts: Contracts) -> dict[str, dict[str, Any] | None]:
    """Contracts as values that JSON has; what is as by default is left out."""
    return {name: None if terms is None else plain_contract(terms) for name, terms in contracts.items()}


def plain_contract(member: Member) -> dict[str, Any]:
    """The same of one."""
    plain: dict[str, Any] = MEMBER.dump_python(member, mode="json", exclude_defaults=True)
    return plain
