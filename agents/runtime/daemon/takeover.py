"""What this gridpact can take over of a journal, in one sentence, and what to do where it cannot: for `gridpact doctor`.

It is read only, beside a daemon that writes it or in a place where nothing can be written.
"""

from hashlib import sha256

from agents.runtime.daemon.findings import Finding, Verdict
from agents.runtime.daemon.served import ServedParty, served
from agents.runtime.journal.file import JournalFile
from agents.runtime.journal.rows import unreadable
from agents.runtime.past import OTHER_RULES
from agents.runtime.snapshot import maker, unpack
from broker.stepper import Diverged, Stepper, no_collection
from protocol.entries import decode_input
from protocol.errors import RefusedMessage
from protocol.remembered import UnknownState

FLEET = "*"
"""In the place of a party's name, or before the places of some homes: the state of a fleet."""


class NoTakeover(ValueError):
    """Why a party's memory cannot be taken over, in words."""


def takeover(file: JournalFile) -> Finding:
    """Let fresh parties know what their journal knows. Raises JournalError."""
    body, settings = file.configuration_body(), file.configuration()
    if body is None or settings is None:
        return Finding("takeover", Verdict.WARNING, f"{file.path} keeps no settings: the next start finds out")
    if any(name.startswith(FLEET) for name in file.states()):
        return Finding("takeover", Verdict.OK, f"{file.path} has the state of a fleet: `gridpact fleet` takes it over")
    made_for, parties = maker(sha256(body).digest()), served(settings)
    counts = []
    try:
        with no_collection():
            counts = [_taken_over(file, party, made_for) for party in parties]
    except NoTakeover as error:
        return Finding("takeover", Verdict.FAULT, f"{file.path}: {error}: {OTHER_RULES}")
    text = f"{file.path}: this gridpact takes over what {', '.join(party.actor.name for party in parties)} knew: "
    from_state = sum(state for state, _ in counts)
    text += f"{from_state} of {len(parties)} from a state, {sum(entries for _, entries in counts)} entries taken again"
    return Finding("takeover", Verdict.OK, text)


def _taken_over(file: JournalFile, party: ServedParty, made_for: str) -> tuple[bool, int]:
    """Whether a party begins with a state, and how many entries are taken again behind it. Raises NoTakeover."""
    after, entries, stepper = _from_state(file, party, made_for), 0, Stepper(party.actor)
    for step in file.entries(party.actor.name):
        if step.seq > after:
            try:
                stepper.fold_bytes(step.at, decode_input(step.input), step.effects, devices_too=False)
            except (Diverged, RefusedMessage) as error:
                raise NoTakeover(f"entry {step.seq} cannot be taken again: {error}") from None
            except Exception:
                if (why := unreadable(step)) is None:
                    raise
                raise NoTakeover(why) from None
            entries += 1
    return after > 0, entries


def _from_state(file: JournalFile, party: ServedParty, made_for: str) -> int:
    """Let a party begin with its newest state; the number of its last entry. Raises NoTakeover."""
    name, why = party.actor.name, "it is of other settings"
    for state in file.states().get(name, ()):
        if state.maker == made_for:
            try:
                unpack(state.body, party.actor, {})
            except UnknownState as error:
                why = str(error)
            else:
                return state.number
    if name in file.begins_with():
        raise NoTakeover(f"begins with what {name} knew before its first entry, which cannot be read ({why})")
    return 0
