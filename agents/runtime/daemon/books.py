"""The books of a process's parties: as they are now, and as a file's later version changes them."""

from collections.abc import Iterable

from agents.negotiation.booked import AnyBookedParty, BookedParty
from agents.parties.der.actor import Der
from agents.parties.utility.actor import Utility
from agents.settings.at_once import AT_ONCE, owners_settings, taken_at_once, utility_taken_at_once
from agents.settings.contracts import changes_between, plain_contracts
from agents.settings.daemon import PartiesConfig
from agents.settings.members import Member
from agents.settings.parties import AggregatorSettings, CoordinatorSettings, UtilitySettings
from protocol.actor import Actor, Reconfigured


def with_books_of(settings: PartiesConfig, actors: Iterable[Actor]) -> PartiesConfig:
    """The settings with the books that these parties have now, and what they have learned; the same object where they have
    changed nothing."""
    actors = list(actors)
    parties = {actor.name: actor for actor in actors if isinstance(actor, BookedParty)}
    changed: dict[str, AggregatorSettings | CoordinatorSettings | UtilitySettings] = {}
    for actor in actors:
        if isinstance(actor, Utility) and settings.utility is not None and actor.other_settings:
            changed["utility"] = actor.settings
    for key, one in (("coordinator", settings.coordinator), ("aggregator", settings.aggregator)):
        update = {} if one is None or one.name not in parties else _update(parties[one.name])
        if one is not None and update:
            changed[key] = one.model_copy(update=update)
    return settings.model_copy(update=changed) if changed else settings


def _update(party: AnyBookedParty) -> dict[str, object]:
    update: dict[str, object] = {}
    if party.changes:
        update = {key: getattr(party.settings, key) for key in AT_ONCE if hasattr(party.settings, key)}
        update["members"] = party.book.members
    if party.learning is not None and party.learning.conduct.known:
        update["learned"] = tuple(party.learning.conduct.known.values())
    return update


def taken_while_running(ours: PartiesConfig, wanted: PartiesConfig) -> dict[str, Reconfigured] | None:
    """What makes the settings that hold those that are wanted, as inputs by party; None where they differ in something that
    is taken at rest only."""
    found: dict[str, Reconfigured] = {}
    if ours.ders != wanted.ders or (ours.utility is None) != (wanted.utility is None):
        return None
    if ours.utility is not None and wanted.utility is not None:
        plain = utility_taken_at_once(ours.utility, wanted.utility)
        if plain is None:
            return None
        if plain:
            found[ours.utility.name] = Reconfigured({}, plain)
    pairs = ((ours.coordinator, wanted.coordinator), (ours.aggregator, wanted.aggregator))
    for before, after in pairs:
        if before is None or after is None:
            if before is not after:
                return None
            continue
        plain = taken_at_once(before, after)  # type: ignore[type-var]
        if plain is None:
            return None
        contracts = plain_contracts(changes_between(before.members, after.members))
        if plain or contracts:
            found[before.name] = Reconfigured(contracts, plain or None)
    return found


def owners_while_running(actors: Iterable[Actor], wanted: PartiesConfig) -> dict[str, Reconfigured]:
    """What owners of homes have agreed to otherwise, as inputs by home: it does not wait until an event is over."""
    given = {one.name: one for one in wanted.ders}
    found: dict[str, Reconfigured] = {}
    for actor in actors:
        if isinstance(actor, Der) and actor.name in given:
            plain = owners_settings(actor.settings, given[actor.name])
            if plain:
                found[actor.name] = Reconfigured({}, plain)
    return found


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
        if own.learned:
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
