"""What every party may tell, and a process of its clock and its journal."""

from collections.abc import Sequence
from datetime import datetime

from protocol.note_model import NoteModel, note_of
from protocol.plan import Plan


@note_of("message_refused")
class MessageRefused(NoteModel):
    """It refuses what came on an edge; bytes that are no message have no kind."""

    edge: str
    kind: str | None = None
    reason: str
    text: str


@note_of("message_rejected_by_peer")
class MessageRejected(NoteModel):
    """A peer refuses what it sent."""

    edge: str
    kind: str
    reason: str
    text: str


@note_of("book_changed")
class BookChanged(NoteModel):
    """The book was changed: so many joined, changed, left (the first ones named). It counts for events that begin now."""

    joined: int
    changed: int
    left: int
    first: Sequence[str]


@note_of("settings_changed")
class SettingsChanged(NoteModel):
    """These settings are others now, for events that begin from now on."""

    changed: Sequence[str]


@note_of("reliability_corrected")
class ReliabilityCorrected(NoteModel):
    """An operator has contested what was learned of a member: so much of what it is asked for is expected of it now."""

    child: str
    before_pct: int
    expected_pct: int
    cause: str


@note_of("member_left")
class MemberLeft(NoteModel):
    """The contract of a child has ended: what it answered does not count, and its award of `power_w` is cancelled."""

    child: str
    power_w: Plan


@note_of("clock_set_back")
class ClockSetBack(NoteModel):
    """The machine's clock was set back: what comes after this step is at or after that instant."""

    to_at: datetime
    by_s: int


@note_of("clock_set")
class ClockSet(NoteModel):
    """A fleet follows the machine's clock, which was set (back: negative), or counts that it was suspended."""

    set_by_s: int
    asleep_s: int


@note_of("journal_archived")
class JournalArchived(NoteModel):
    """A fleet at rest has moved its journal to the archive."""

    file: str
