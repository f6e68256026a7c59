"""What the utility tells."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from protocol.note_model import NoteModel, note_of
from protocol.plan import Plan


@note_of("event_issued")
class EventIssued(NoteModel):
    """The utility asks for a change of load; a higher revision changes the event."""

    direction: str
    requested_w: Plan
    start: datetime
    reply_by: datetime
    revision: int = 1


@note_of("answer_judged")
class AnswerJudged(NoteModel):
    """The utility judges all answers together; `share_pct` is that of the worst slot, or of the energy where that counts."""

    requested_w: Plan
    offered_w: Plan
    share_pct: int
    least_pct: int
    bought: bool


@note_of("event_awarded")
class EventAwarded(NoteModel):
    """The utility awards what was offered, at most what it asked."""

    power_w: Plan
    requested_w: Plan


@note_of("obliged_short")
class ObligedShort(NoteModel):
    """Of capacity that is reserved by contract so much is missing: the rest is bought."""

    requested_w: Plan
    secured_w: Plan
    shortfall_w: Plan


@note_of("event_reduced")
class EventReduced(NoteModel):
    """The operator asks for less of an event that stands: the deal is cut, and nobody is asked anew."""

    power_w: Plan
    requested_w: Plan


@note_of("larger_deal_missed")
class LargerDealMissed(NoteModel):
    """More was asked of an event that stood, and less than stood would come of it: a utility asks once more, for `power_w`."""

    requested_w: Plan
    offered_w: Plan
    stood_w: Plan
    power_w: Plan
    asks_at: datetime


@note_of("settled", "meter")
class EventSettled(NoteModel):
    """The utility's account; so many meters tell it `metered_directly_wh` themselves, `storage_wh` aggregators' own."""

    delivered_wh: int
    awarded_wh: int
    requested_wh: int
    metered_directly_wh: int
    meters: int
    storage_wh: int | None = None
    values_missing: int | None = None
    """Of the meters' values that were asked for, where the utility asks."""
    values_impossible: int | None = None
    """Of the meters' values: those that cannot be, and are not counted."""
    values_estimated: int | None = None
    """Of the meters' values: those that are replacement values."""
    meters_step_wh: int | None = None
    """As meters count in steps, `metered_directly_wh` may be wrong by so much."""
    step_wh: int | None = None
    """`delivered_wh` likewise."""
    sources: Mapping[str, Sequence[int]] | None = None
    """By aggregator: what meters told of `delivered_wh`, own storage, estimates; and what was awarded and nobody told."""


@note_of("order_refused")
class OrderRefused(NoteModel):
    """The utility refuses an operator's order."""

    reason: str


@note_of("planned_event_cancelled")
class PlannedEventCancelled(NoteModel):
    """The operator cancels an event of the file before it is issued."""

    reason: str
