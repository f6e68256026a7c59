"""The story of one event: what the three writers write. Its fields are the JSON of `gridpact explain --json`.

Power is whole W per slot, a magnitude in the event's direction; energy whole Wh; instants aware UTC. Lists stand in
the order in which things happened, children in the order in which they were asked.
"""

from dataclasses import dataclass, field
from datetime import datetime

from protocol.plan import Plan

FORMAT = "gridpact.explain/1"


@dataclass(slots=True)
class Ask:
    """A request on one edge (S1, S6, S22)."""

    parent: str
    child: str
    revision: int
    round: int
    at: datetime
    power_w: Plan
    reply_by: datetime
    reached: bool | None
    """Whether it arrived; None: the child's journal is not there and it never answered."""


@dataclass(slots=True)
class Answer:
    """How one child answered one request, or one relax."""

    child: str
    verdict: str
    """yes, no, silent, late or refused."""
    basis: str
    """own, relaxed or alternative; empty when there was no answer."""
    asked_w: Plan
    power_w: Plan
    """What counts of it: zeros unless the verdict is yes."""
    said_w: Plan
    """What it said, counted or not."""
    available_w: Plan
    """What it could have given at most."""
    binding: tuple[str | None, ...]
    """Per slot, why no more (a restriction, or null)."""
    reason: str
    """Of a no, a refusal or a silence."""
    text: str
    at: datetime | None
    late_by_s: int | None = None
    """Seconds after reply_by; 0 when the stage was left early."""


@dataclass(slots=True)
class Cause:
    """Why less came than was asked of the children: what one cause took away."""

    cause: str
    """A restriction, `no: REASON`, silent, late, refused, not_asked, below (an aggregator gave less) or not_told."""
    devices: int
    slots: int
    """In how many pairs of device and slot."""
    missing_w: Plan
    energy_wh: int


@dataclass(slots=True)
class Rung:
    """A rung of the ladder (S24 offers, S26 own storage, S28-S30 relaxation), and what it added."""

    step: str
    name: str
    """offers, storage or relaxed."""
    at: datetime
    asked: int
    yes: int
    no: int
    silent: int
    added_w: Plan
    available_w: Plan
    shortfall_w: Plan
    """What is still missing after it."""
    enough: bool
    climbed: bool = True
    """False: there was nobody to ask."""


@dataclass(slots=True)
class Relaxed:
    """A child that was asked to loosen (S28, S52, S53), what it brought, and whether it is disturbed by the deal."""

    child: str
    restrictions: tuple[str, ...]
    """What the relax was about and bound the child, as far as its answer tells."""
    own_w: Plan
    relaxed_w: Plan
    gain_w: Plan
    awarded_w: Plan
    disturbed: bool
    """The award stands on the relaxed offer: its restrictions are loosened."""


@dataclass(slots=True)
class Option:
    """One of the plans of an alternative (S32)."""

    option_id: str
    shape: str
    basis: tuple[str, ...]
    power_w: Plan
    share_pct: int
    """Of the request, in the worst slot."""
    energy_wh: int
    accepted: bool
    """An award accepts it."""


@dataclass(slots=True)
class Climb:
    """An aggregator at work on one request or re-request (S20-S36)."""

    party: str
    parent: str
    revision: int
    round: int
    at: datetime
    reply_by: datetime | None
    requested_w: Plan
    asked_w: Plan
    """What was asked of the children, all together (S21 may ask more than is needed)."""
    children_reply_by: datetime | None
    answers: list[Answer] = field(default_factory=list)
    relaxed_answers: list[Answer] = field(default_factory=list)
    rungs: list[Rung] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)
    """Of what the first answers (S24) left missing."""
    causes_relaxed: list[Cause] = field(default_factory=list)
    """Of what the relaxed answers (S30) left missing of what was asked of them."""
    relaxed: list[Relaxed] = field(default_factory=list)
    options: list[Option] = field(default_factory=list)
    result: str = "open"
    """can_meet, alternative, cannot_meet or open."""
    answered_w: Plan = ()
    available_w: Plan = ()
    answered_at: datetime | None = None


@dataclass(slots=True)
class Judgement:
    """S4: an alternative, and why it was accepted or not."""

    at: datetime
    aggregator: str
    requested_w: Plan
    proposed_w: Plan
    shortfall_w: Plan
    share_pct: int
    wanted_pct: int
    others_have_over_w: Plan
    accepted: bool
    why: str


@dataclass(slots=True)
class Rerequest:
    """S5, S6: one aggregator asked again."""

    at: datetime
    aggregator: str
    round: int
    requested_w: Plan
    before_w: Plan
    """What stood with it."""
    answered_w: Plan | None
    """None: silent."""
    reply_by: datetime | None


@dataclass(slots=True)
class Pass:
    """The coordinator judges what has come in; then it re-requests or answers the utility."""

    at: datetime
    judgements: list[Judgement] = field(default_factory=list)
    gap_w: Plan = ()
    """What the re-requests are to fill."""
    rerequests: list[Rerequest] = field(default_factory=list)
    secured_w: Plan = ()
    shortfall_w: Plan = ()
    answered: bool = False
    """The utility is answered."""


@dataclass(slots=True)
class Planning:
    """A coordinator at work on one request (S1-S6)."""

    party: str
    parent: str
    revision: int
    at: datetime
    plan: str
    reply_by: datetime | None
    requested_w: Plan
    answers: list[Answer] = field(default_factory=list)
    """To the first round."""
    passes: list[Pass] = field(default_factory=list)


@dataclass(slots=True)
class Issued:
    """The utility asks (each revision of the event), and judges what comes back."""

    party: str
    revision: int
    at: datetime
    requested_w: Plan
    reply_by: datetime | None
    judged_at: datetime | None = None
    offered_w: Plan = ()
    share_pct: int = 0
    least_pct: int = 0
    bought: bool | None = None
    """None: not judged."""
    power_w: Plan = ()
    """What it awarded."""


@dataclass(slots=True)
class Award:
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
class Shared:
    """S35: how a deal was shared out."""

    party: str
    at: datetime
    policy: str
    awarded: int
    power_w: Plan
    storage_w: Plan


@dataclass(slots=True)
class Change:
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


@dataclass(slots=True)
class Settled:
    """The utility's account in the end; smart meters that report to it are told beside it, never added."""

    requested_wh: int
    awarded_wh: int
    delivered_wh: int
    metered_directly_wh: int
    meters: int


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


@dataclass(slots=True)
class State:
    """A reading that a device had when it computed."""

    resource_id: str
    at: datetime
    soc_wh: int | None


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
class Device:
    """A home, a vehicle or a plant in this event."""

    name: str
    resources: tuple[str, ...]
    agreed: dict[str, list[int]]
    """What its owners agreed in advance to loosen: restriction and steps (Wh, W, operations or seconds)."""
    rounds: list[DeviceRound] = field(default_factory=list)
    awards: list[Award] = field(default_factory=list)
    dispatches: list[Dispatched] = field(default_factory=list)
    driven: list[Driven] = field(default_factory=list)
    metered: list[Metered] = field(default_factory=list)
    withdrawn: str = ""
    outcome: str = ""
    journal: bool = False
    """Whether its own journal is there."""


@dataclass(slots=True)
class Story:
    """All of it."""

    format: str
    event_id: str
    program_id: str
    direction: str
    start: datetime
    slot_s: int
    slots: int
    requested_w: Plan
    outcome: str
    reason: str
    deal_w: Plan
    summary: list[str] = field(default_factory=list)
    roles: dict[str, str] = field(default_factory=dict)
    asks: list[Ask] = field(default_factory=list)
    issued: list[Issued] = field(default_factory=list)
    plannings: list[Planning] = field(default_factory=list)
    climbs: list[Climb] = field(default_factory=list)
    awards: list[Award] = field(default_factory=list)
    shared: list[Shared] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    delivery: list[SlotDelivery] = field(default_factory=list)
    settled: Settled | None = None
    endings: list[Ending] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    devices: dict[str, Device] = field(default_factory=dict)
    missing_journals: list[str] = field(default_factory=list)
    """Parties of the event whose journals are not there."""
