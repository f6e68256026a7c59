"""What every party with children tells of a deal: what was bought, lost, replaced, and how it ended."""

from protocol.note_model import NoteModel, note_of
from protocol.plan import Plan


@note_of("award_received", "S34")
class AwardReceived(NoteModel):
    """The parent buys so much of the answer `accepts`; a later one changes the deal."""

    power_w: Plan
    accepts: str


@note_of("awards_sent", "S35")
class AwardsSent(NoteModel):
    """An aggregator shares the deal out to so many members; `storage_w` of it is its own storage's part."""

    awarded: int
    power_w: Plan
    storage_w: Plan
    in_turn: int | None = None
    """Members left out that would have a part if they had not been woken lately; None: nobody takes turns."""


@note_of("all_confirmed")
class AllConfirmed(NoteModel):
    """Every award that stands is confirmed."""

    children: int
    power_w: Plan


@note_of("award_lost")
class AwardLost(NoteModel):
    """An award was not confirmed in time, or is not known any more, and is cancelled."""

    child: str
    cause: str
    power_w: Plan


@note_of("peer_lost_memory")
class PeerLostMemory(NoteModel):
    """A peer does not know what it had agreed to, as its refusal of a message of that kind shows: its journal may be lost."""

    peer: str
    kind: str


@note_of("own_memory_lost")
class OwnMemoryLost(NoteModel):
    """A peer has had another message under the same id, which this journal lacks: it is resent under a higher number."""

    peer: str
    kind: str
    number: int


@note_of("award_refused")
class AwardRefused(NoteModel):
    """A child refuses its award."""

    child: str
    cause: str


@note_of("withdrawn")
class AwardWithdrawn(NoteModel):
    """A child takes back a part of its award: `power_w` is left."""

    child: str
    cause: str
    power_w: Plan
    awarded_w: Plan


@note_of("taking_back")
class TakingBack(NoteModel):
    """Who has withdrawn says what its devices take back of what they gave: that is replaced or stated as well."""

    child: str
    power_w: Plan


@note_of("replaced")
class AwardReplaced(NoteModel):
    """A child that offered more is awarded so much on top, for what was lost elsewhere."""

    child: str
    power_w: Plan
    cause: str


@note_of("own_storage_replaces", "S26")
class OwnStorageReplaces(NoteModel):
    """Own storage takes over so much of what was lost."""

    storage_w: Plan


@note_of("shortfall_stated")
class ShortfallStated(NoteModel):
    """What was lost and cannot be replaced: the deal is smaller by it."""

    shortfall_w: Plan
    cause: str


@note_of("offer_taken_back")
class OfferTakenBack(NoteModel):
    """A child gives less than it has answered, before anything was awarded: `left_w` is left."""

    child: str
    left_w: Plan


@note_of("answer_corrected")
class AnswerCorrected(NoteModel):
    """What was told the parent does not hold any more: it is told what is left."""

    told_w: Plan
    available_w: Plan


@note_of("late_answer_recorded")
class LateAnswerRecorded(NoteModel):
    """An offer or alternative came after its stage and is not counted."""

    child: str
    kind: str


@note_of("closed")
class EventClosed(NoteModel):
    """The event has ended for a party; a reason is told by those with children."""

    outcome: str
    reason: str | None = None


@note_of("earlier_deal_stands")
class EarlierDealStands(NoteModel):
    """Nothing comes of a change that was asked: what stood before it stands again."""

    power_w: Plan
