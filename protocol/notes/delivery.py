"""What is told of the delivery, slot by slot."""

from datetime import datetime

from protocol.note_model import NoteModel, note_of
from protocol.plan import Plan


@note_of("delivering")
class DeliveryBegins(NoteModel):
    """The first slot begins."""

    power_w: Plan


@note_of("dispatched", "claim 1")
class SlotDispatched(NoteModel):
    """An aggregator commands so many DERs for a slot in which `power_w` (W) is due in all."""

    slot: int
    dispatched: int
    power_w: int


@note_of("dispatch_noted")
class DispatchNoted(NoteModel):
    """A dispatch from above (signed W, + = import) changes nothing: an aggregator acts on its award."""

    slot: int
    power_w: int


@note_of("slot_metered", "meter")
class SlotMetered(NoteModel):
    """A slot is summed up: so many meters have reported; `change_wh` against declared schedules, where that differs."""

    slot: int
    delivered_wh: int
    awarded_wh: int
    reported: int
    silent: int
    change_wh: int | None = None
    estimated: int | None = None
    """So many of those that have reported tell a replacement value."""
    step_wh: int | None = None
    """As meters count in steps, the sum may be wrong by so much."""


@note_of("impossible_reading")
class ImpossibleReading(NoteModel):
    """A child's meter tells a change of load beyond its contract: recorded, not counted. Signed Wh, + = import."""

    child: str
    slot: int
    energy_wh: int
    baseline_wh: int


@note_of("late_report_recorded")
class LateReportRecorded(NoteModel):
    """A meter value came after its slot was summed up and is not counted: of journals of 0.1.0."""

    child: str
    slot: int


@note_of("late_report_counted")
class LateReportCounted(NoteModel):
    """A meter value came after its slot was summed up, or another than before: the slot's sum is corrected."""

    child: str
    slot: int


@note_of("reports_asked", "meter")
class ReportsAsked(NoteModel):
    """So many children have not reported a slot: each is sent its dispatch of the slot again."""

    slot: int
    asked: int


@note_of("gives_less", "meter")
class GivesLess(NoteModel):
    """A child gave less than was due in a slot (`silent`: its meter told nothing): so much is expected of it now."""

    child: str
    slot: int
    due_wh: int
    given_wh: int
    expected_pct: int
    silent: bool


@note_of("gives_so_far", "meter")
class GivesSoFar(NoteModel):
    """Provisional: what has flowed in a slot until an instant beside what was due; so much is expected of the child for now."""

    child: str
    slot: int
    measured_at: datetime
    due_wh: int
    given_wh: int
    expected_pct: int


@note_of("gives_again", "meter")
class GivesAgain(NoteModel):
    """A child that gave less has given what was due in a slot: its whole award is expected of it again."""

    child: str
    slot: int


@note_of("heard_again", "meter")
class HeardAgain(NoteModel):
    """An aggregator has told the sum of a slot after it had told none: all of its award is expected of it."""

    child: str
    slot: int


@note_of("dispatch_unanswered", "claim 1")
class DispatchUnanswered(NoteModel):
    """A child has not answered the dispatch of a slot however often it was sent: nothing is expected of it."""

    child: str
    slot: int


@note_of("dispatch_answered_late", "claim 1")
class DispatchAnsweredLate(NoteModel):
    """A DER that was given up for a slot has its dispatch after all: it is counted on again, and not given up for that anew."""

    child: str
    slot: int


@note_of("dispatch_refused", "claim 1")
class DispatchRefused(NoteModel):
    """A child has refused the dispatch of a slot, by an award that it had confirmed: nothing is expected of it."""

    child: str
    slot: int
    reason: str


@note_of("delivered", "meter")
class DeliverySummed(NoteModel):
    """The last slot is summed up: `delivered_wh` as the programme counts, `change_wh` against declared schedules."""

    delivered_wh: int
    awarded_wh: int
    change_wh: int | None = None
    step_wh: int | None = None
    """As meters count in steps, the sum may be wrong by so much."""


@note_of("rebound_metered", "meter")
class ReboundMetered(NoteModel):
    """Homes have taken back so much of what they gave, behind the event, as far as they tell it: no part of the delivery."""

    taken_back_wh: int
    within_s: int
    homes: int
