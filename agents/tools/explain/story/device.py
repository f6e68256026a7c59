"""A device in the event: what it was asked, knew, said and did."""

from dataclasses import dataclass, field
from datetime import datetime

from agents.tools.explain.story.answer import Answer
from agents.tools.explain.story.deal import AwardStory
from protocol.plan import Plan


@dataclass(slots=True)
class Dispatched:
    slot: int
    at: datetime
    power_w: int
    """Signed change of load, + = import."""
    valid_for_s: int
    refused: str


@dataclass(slots=True)
class Driven:
    """A set-point that its party gave one of its resources in the event's time."""

    resource_id: str
    at: datetime
    until: datetime
    power_w: int | None
    """Signed, + = import; None: back to its own schedule."""


@dataclass(slots=True)
class Metered:
    slot: int
    energy_wh: int
    """Signed, + = import."""
    baseline_wh: int
    delivered_wh: int
    """In the event's direction."""
    soc_wh: int | None
    estimated: bool = False
    """A replacement value stands in for one that is missing."""
    late: bool = False
    """It came after its slot was summed up."""
    step_wh: int = 0
    """Its meter counts in steps of so much: it may be wrong by one."""


@dataclass(slots=True)
class State:
    """A reading that a device had when it computed."""

    resource_id: str
    at: datetime
    soc_wh: int | None


@dataclass(slots=True)
class Agreed:
    """What an owner agreed in advance to loosen of a resource (S52)."""

    resource_id: str
    restriction: str
    steps: tuple[int, ...]
    """What is allowed instead, the mildest first: Wh, W, operations, or seconds of delay."""


@dataclass(slots=True)
class DeviceRound:
    """What a device was asked in one round, and what it said."""

    parent: str
    revision: int
    round: int
    at: datetime
    asked_w: Plan
    reply_by: datetime
    reached: bool | None
    state: list[State]
    consent: str
    """Who decided that it takes part, when a resident was asked."""
    own: Answer
    relax_shortfall_w: Plan = ()
    relax_restrictions: tuple[str, ...] = ()
    relaxed: Answer | None = None


@dataclass(slots=True)
class DeviceStory:
    """A home, a vehicle or a plant in this event."""

    name: str
    resources: tuple[str, ...]
    agreed: list[Agreed]
    rounds: list[DeviceRound] = field(default_factory=list)
    awards: list[AwardStory] = field(default_factory=list)
    dispatches: list[Dispatched] = field(default_factory=list)
    driven: list[Driven] = field(default_factory=list)
    metered: list[Metered] = field(default_factory=list)
    withdrawn: str = ""
    outcome: str = ""
    journal: bool = False
    """Whether its own journal is there."""
