"""The books of a process's parties: as they are now, and as a file's later version changes them."""

from collections.abc import Iterable

from agents.negotiation.booked import BookedParty
from agents.settings.daemon import PartiesConfig
from agents.settings.members import Member
from agents.settings.parties import AggregatorSettings, CoordinatorSettings
from protocol.actor import Actor


def with_books_of(settings: PartiesConfig, actors: Iterable[Actor]) -> PartiesConfig:
    """The settings with the books that these parties have now, and what they have learned; the same object where they have
    changed nothing."""
    parties = {actor.name: actor for actor in actors if isinstance(actor, BookedParty)}
    changed: dict[str, AggregatorSettings | CoordinatorSettings] = {}
    for key, one in (("coordinator", settings.coordinator), ("aggregator", settings.aggregator)):
        update = {} if one is None or one.name not in parties else _update(parties[one.name])
        if one is not None and update:
            changed[key] = one.model_copy(update=update)
    return settings.model_copy(update=changed) if changed else settings


def _update(party: BookedParty) -> dict[str, object]:
    update: dict[str, object] = {"members": party.book.members} if party.changes else {}
    if party.learning is not None and party.learning.conduct.known:
        update["learned"] = tuple(party.learning.conduct.known.values())
    return update


def with_books_kept(
    given: PartiesConfig, before: PartiesConfig, ours: PartiesConfig
) -> tuple[PartiesConfig, tuple[str, ...]]:
    """What a file says now, with the contracts that were changed by command since it was `before` read, and what was learned
    of members: those are in `ours`.
    Also who stands differently in the file and in the journal since: the journal's contract counts."""
    changed: dict[str, AggregatorSettings | CoordinatorSettings] = {}
    both: list[str] = []
    for key in ("coordinator", "aggregator"):
        new, old, own = (getattr(one, key) for one in (given, before, ours))
        if new is None or old is None or own is None or not new.name == old.name == own.name:
            continue
        members, names = members_kept(new.members, old.members, own.members)
        both += names
        update: dict[str, object] = {} if members == new.members else {"members": members}
        if isinstance(own, AggregatorSettings) and own.learned:
            update["learned"] = own.learned
        if update:
            changed[key] = new.model_copy(update=update)
    return (given.model_copy(update=changed) if changed else given), tuple(both)


def members_kept(
    given: tuple[Member, ...], before: tuple[Member, ...], ours: tuple[Member, ...]
) -> tuple[tuple[Member, ...], list[str]]:
    """The same of one book."""
    was, is_now, wanted = _by_name(before), _by_name(ours), _by_name(given)
    by_command = {name: is_now.get(name) for name in (*was, *is_now) if was.get(name) != is_now.get(name)}
    both = [name for name, terms in by_command.items() if wanted.get(name) not in (was.get(name), terms)]
    known = [by_command.get(name, terms) for name, terms in wanted.items()]
    new = [terms for name, terms in by_command.items() if name not in wanted]
    return tuple(terms for terms in (*known, *new) if terms is not None), both


def _by_name(members: Iterable[Member]) -> dict[str, Member]:
    return {member.name: member for member in members}
