"""A member that has left is forgotten: its person at once, its name in the journals as soon as their entries are in the
archive, where a pseudonym that nobody keeps takes its place."""

from pathlib import Path

from agents.negotiation.booked import AnyBookedParty
from agents.negotiation.stage import Stage
from agents.runtime.journal.erase import (
    CannotErase,
    Eraser,
    archives_of,
    check_erasable,
    names_of,
    pseudonyms,
)
from agents.runtime.journal.file import JournalFile
from agents.runtime.persons import PersonRegister, RegisterError, register_of
from agents.runtime.quarantines import forget_quarantines


def why_not(actor: AnyBookedParty, member: str, journal: Path) -> str | None:
    """Why a member cannot be forgotten now, in a sentence; None: it can. Raises JournalError."""
    try:
        check_erasable(member)
    except CannotErase as error:
        return str(error)
    if member in actor.book:
        return f"{member} is under contract: end it first (gridpact contract leave {member})"
    for event_id, event in actor.events.items():
        if event.stage is not Stage.CLOSED and member in event.children.by_name:
            return f"{member} was a part of {event_id}, which is under way: forget it when that is over"
    file = JournalFile(journal)
    if f'"{member}"'.encode() in (file.file_body() or file.configuration_body() or b""):
        return f"the daemon's file names {member} still: take it out and start the daemon again"
    return None


def is_known(party: str, member: str, journal: Path) -> bool:
    """Whether a journal, its archive or the register beside it names a member. Raises JournalError, RegisterError."""
    register, by_name = PersonRegister(register_of(journal)), Eraser({member: ""})
    if any(register.of_member(party, member).values()) or (party, member) in register.forgetting():
        return True
    return any(map(by_name.mentioned, [journal, *archives_of(journal)]))


def begin_to_forget(party: str, member: str, journal: Path) -> None:
    """Erase the person, and remember what the journals are still to forget. Raises JournalError, RegisterError."""
    names = names_of([*archives_of(journal), journal], member)
    PersonRegister(register_of(journal)).forget(party, member, names)
    try:
        forget_quarantines(journal, party, member)
    except OSError as error:
        raise RegisterError(f"{journal}: its quarantines cannot be changed: {error.strerror}") from None


def edges_to_forget(journal: Path) -> list[str]:
    """On which edges nothing is to be known as heard any more. Raises RegisterError."""
    return [f"{party}/{member}" for party, member in PersonRegister(register_of(journal)).forgetting()]


def go_on_to_forget(journal: Path, *, stands_still: bool = False) -> tuple[int, list[str]]:
    """Take out of the archive who is to be forgotten, and out of the journal itself where it `stands_still`; how many
    entries were others, and whom the journal still names: the rest follows when it is moved into the archive. Raises
    JournalError, RegisterError."""
    register = PersonRegister(register_of(journal))
    erased, left = 0, []
    for (party, member), names in register.forgetting().items():
        eraser = Eraser(pseudonyms(names))
        files = [*archives_of(journal), *([journal] if stands_still else [])]
        erased += sum(map(eraser.erase, files))
        if eraser.mentioned(journal):
            left.append(member)
        else:
            register.forgotten(party, member)
    return erased, left
