"""What a DER tells of its owner, its devices and its answers (S50-S54)."""

from collections.abc import Sequence
from datetime import datetime

from protocol.note_model import NoteModel, note_of
from protocol.plan import Plan


@note_of("resident_asked", "S50")
class ResidentAsked(NoteModel):
    """A home asks its resident; the stored rule decides at `answer_by`."""

    question: str
    answer_by: datetime


@note_of("consent_decided", "S50")
class ConsentDecided(NoteModel):
    """The resident or the stored rule has decided."""

    take_part: bool
    by: str


@note_of("decision_too_late")
class DecisionTooLate(NoteModel):
    """A resident's answer that changes nothing any more in what stands; a later round goes by it."""


@note_of("owner_agrees")
class OwnerAgrees(NoteModel):
    """What a home's owner agrees to is said otherwise now: these settings hold at once, in events under way, too."""

    changed: Sequence[str]


@note_of("limits_changed")
class LimitsChanged(NoteModel):
    """A device's owner has set these limits otherwise, or (none) goes by the settings again."""

    resource_id: str
    changed: Sequence[str]


@note_of("device_not_counted_on", "S50")
class DeviceNotCountedOn(NoteModel):
    """A device offers nothing because its state is too old for its contract, or because it told a fault."""

    resource_id: str
    why: str


@note_of("grid_lost")
class GridLost(NoteModel):
    """A home's connection point has no grid: what it promised is withdrawn, and nothing is offered until it is back."""


@note_of("grid_back")
class GridBack(NoteModel):
    """A home's connection point has the grid again."""


@note_of("offered", "S51")
class DeviceOffered(NoteModel):
    """A DER offers so much of what it was asked for; `binding` says for each slot why no more."""

    power_w: Plan
    asked_w: Plan
    binding: Sequence[str | None]


@note_of("offered", "S53")
class DeviceOfferedRelaxed(NoteModel):
    """The same with its restrictions loosened."""

    power_w: Plan
    asked_w: Plan
    binding: Sequence[str | None]


@note_of("opted_out", "S51")
class DeviceOptedOut(NoteModel):
    """A DER takes no part."""

    reason: str
    binding: Sequence[str | None]


@note_of("standing_by", "S54")
class DeviceStandingBy(NoteModel):
    """A DER has an award, on its `own` or its `relaxed` offer."""

    power_w: Plan
    basis: str


@note_of("controlling", "control")
class DeviceControlled(NoteModel):
    """A DER follows a dispatch; `power_w` is the signed change of load, W, + = import."""

    slot: int
    power_w: int


@note_of("holding_on", "control")
class HoldingOn(NoteModel):
    """Behind an event a DER waits for its turn until it takes anything back."""

    until_at: datetime


@note_of("slot_not_metered", "meter")
class SlotNotMetered(NoteModel):
    """A device of a DER tells no energy of a slot: the DER reports none."""

    slot: int
    resource_id: str
