"""The deal, what became of it, what was delivered, and what went wrong on the way."""

from dataclasses import dataclass
from datetime import datetime

from protocol.plan import Plan


@dataclass(slots=True)
class AwardStory:
    """What stands between a parent and a child at the end (S7, S35, S54)."""

    parent: str
    child: str
    at: datetime
    outcome: str
    power_w: Plan
    basis: str
    """own, relaxed, an option's id; empty when nothing is concluded."""
    reason: str
    revision: int
    state: str
    """confirmed, refused, unconfirmed; unknown without the journal of either; empty when nothing is to be confirmed."""
    text: str = ""
    superseded: bool = False
    """By a later request on this edge."""


@dataclass(slots=True)
class SharedOut:
    """S35: how a deal was shared out."""

    party: str
    at: datetime
    policy: str
    awarded: int
    power_w: Plan
    storage_w: Plan
    in_turn: int | None = None
    """So many are left out because they had been woken lately; None: nobody takes turns."""


@dataclass(slots=True)
class AwardChange:
    """Something happened to a deal: lost, refused, withdrawn, replaced, replaced by storage, or a stated shortfall."""

    at: datetime
    party: str
    kind: str
    child: str
    power_w: Plan
    cause: str


@dataclass(slots=True)
class SlotDelivery:
    party: str
    slot: int
    start: datetime
    awarded_wh: int
    delivered_wh: int
    reported: int
    silent: tuple[str, ...]
    """Awarded children whose meter had said nothing when the slot was summed up."""
    dispatched: int | None
    dispatched_w: int | None
    estimated: int = 0
    """So many of those that had reported told a replacement value."""
    step_wh: int = 0
    """As meters count in steps, `delivered_wh` may be wrong by so much."""


@dataclass(slots=True)
class Settled:
    """The utility's account in the end; smart meters that report to it are told beside it, never added."""

    requested_wh: int
    awarded_wh: int
    delivered_wh: int
    metered_directly_wh: int
    meters: int
    taken_back_wh: int | None = None
    """Behind the event, by `taking_homes` within `taken_within_s`; None: nobody has told anything of it."""
    taken_within_s: int = 0
    taking_homes: int = 0
    step_wh: int = 0
    """As meters count in steps, `delivered_wh` may be wrong by so much."""
    meters_step_wh: int = 0
    """`metered_directly_wh` likewise."""
    values_missing: int = 0
    """Of the smart meters' values: those that never came."""
    values_impossible: int = 0
    """Those that cannot be, and are not counted."""
    values_estimated: int = 0
    """Those that are replacement values."""


@dataclass(slots=True)
class MissingEnergy:
    """So much of what was awarded was not delivered, for one cause; `gave_more` is below zero."""

    party: str
    """Whose account it is."""
    cause: str
    energy_wh: int


@dataclass(slots=True)
class Ending:
    party: str
    at: datetime
    outcome: str
    reason: str


@dataclass(slots=True)
class Trouble:
    """What went wrong on the way: late, refused, lost, garbage, restarted, late_report, order_refused."""

    at: datetime
    party: str
    """Who noticed it."""
    kind: str
    other: str
    text: str
