"""The settings of every role, read from TOML by the shell. Frozen; defaults are what a newcomer would want."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agents.settings.connection import ConnectionPoint
from agents.settings.devices import DeviceSpec, StorageSpec
from agents.settings.learned import Learned
from agents.settings.members import AnswersWithin, Member
from agents.settings.rungs import PlanMode as PlanMode  # noqa: PLC0414 - its home for all but the command line
from agents.settings.rungs import Rung as Rung  # noqa: PLC0414 - its home for all but the command line
from protocol.messages import OptionBasis, Restriction
from protocol.units import Direction, Instant, Name, Percent, PowerW, check_span


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


PolicyName: TypeAlias = Annotated[str, Field(min_length=1, max_length=64)]
"""Of a shipped policy, or of one that an installed package adds (docs/policies.md)."""


HalfLifeDays: TypeAlias = Annotated[int, Field(ge=1, le=3_650)]


CapabilityEvery: TypeAlias = Annotated[int, Field(ge=60, le=43_200)]
"""Seconds."""


PATENT_LADDER = (Rung.OWN_STORAGE, Rung.RELAX, Rung.ALTERNATIVE)
"""S26, S28, S32: the rungs of the patent in their order."""


class Usable(StrEnum):
    """What a parent can use of a plan that is proposed in place of its request."""

    EVERY_SLOT = "every_slot"
    """The share in the worst slot counts, then what is met of the request: `truncated` is the best."""
    LEVEL = "level"
    """One power over all asked slots: nothing above the lowest slot can be used, so `flat` is the best."""
    ENERGY = "energy"
    """The energy in the event's slots, whichever: `shifted` is the best."""


class Consent(StrEnum):
    """Whether a home takes part: always, after asking its resident, or never."""

    ALWAYS = "always"
    ASK = "ask"
    NEVER = "never"


class EventSettings(Settings):
    """An event that the utility issues by itself at `issue_at`."""

    event_id: Name
    program_id: Name = "dr"
    issue_at: Instant
    direction: Direction
    start: Instant
    slot_s: Annotated[int, Field(ge=60, le=86400)] = 1800
    power_w: Annotated[tuple[PowerW, ...], Field(min_length=1, max_length=336)]

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        check_span(self.start, timedelta(seconds=self.slot_s) * len(self.power_w))
        return self


class UtilitySettings(Settings):
    """The power company (E1)."""

    name: Name = "utility"
    children: Annotated[tuple[Name, ...], Field(min_length=1)]
    """The coordinators below it."""
    meters: tuple[Name, ...] = ()
    """The parties whose smart meters report to it directly."""
    asks_meters: bool = False
    """Whether a smart meter that has told other slots of an event is asked for a value that is missing, by a `dispatch` of
    0 W: the homes have to know that (homes of the first release refuse it)."""
    events: tuple[EventSettings, ...] = ()
    accept_share_pct: Percent = 70
    """An alternative is accepted when it gives this share of the request in every slot."""
    acceptance: PolicyName = "least_share"
    """Who judges it: least_share, or a policy that is installed."""
    can_use: Usable = Usable.EVERY_SLOT
    """By what the best of several plans is chosen, and bought. The coordinator is told by its own setting."""
    mandate: bool = False
    """Whether what the coordinator secures up to the request is bought without asking again."""
    obliged: bool = False
    """Whether the capacity asked for is reserved by contract: nobody proposes an alternative, what there is is bought,
    and what is missing is stated."""
    reply_pct: Annotated[int, Field(ge=5, le=80)] = 50
    """Share of the time until the first slot that the coordinator has to answer."""
    report_grace_s: Annotated[int, Field(ge=1)] = 360


class CoordinatorSettings(Settings):
    """The aggregation coordinator (AC, E2)."""

    name: Name
    parent: Name = "utility"
    members: Annotated[tuple[Member, ...], Field(min_length=1)]
    plan: PlanMode = PlanMode.BY_SCALE
    accept_share_pct: Percent = 100
    """S4: an alternative is acceptable when it gives this share of its own request in every slot ..."""
    accept_if_covered: bool = True
    """... or when what other aggregators have over fills its gap."""
    acceptance: PolicyName = "least_share"
    """S4: who judges by these two: least_share, or a policy that is installed."""
    can_use: Usable = Usable.EVERY_SLOT
    """S4: by what the best of several plans is chosen, and taken: as its utility's setting says."""
    max_rerequests: Annotated[int, Field(ge=0, le=10)] = 2
    """R: how often S5 and S6 may run; 0 leaves them out: an unacceptable alternative ends without a deal."""
    margin_pct: Annotated[int, Field(ge=0, le=90)] = 0
    """S5: a short aggregator is asked for its proposal less this margin."""
    spare_owners: bool = False
    """Whether in the first round no owner is asked to loosen anything: what is missing then is asked for in another one, first
    of those who have something over. Its aggregators have to know that (those of the first release refuse it)."""
    report_grace_s: Annotated[int, Field(ge=1)] = 240
    reliability_half_life_days: HalfLifeDays | None = None
    """Learn how reliable aggregators are from what they do, and plan by it (S1, unless all get the same plan); what they did
    so many days ago counts half. None: by their scales alone."""
    learned: tuple[Learned, ...] = ()
    """What was learned before, as a journal keeps it; not for files."""
    capability_every_s: CapabilityEvery | None = None
    """How often it tells its parent what it could probably give over the next day; None: never."""


class AggregatorSettings(Settings):
    """A resource aggregator (RA, E3)."""

    name: Name
    parent: Name
    members: tuple[Member, ...] = ()
    storage: tuple[StorageSpec, ...] = ()
    """Its own storage (S26)."""
    connection: ConnectionPoint | None = None
    """Where all of its own storage is connected; without one only the devices limit what they do."""
    ladder: tuple[Rung, ...] = (Rung.SURPLUS, *PATENT_LADDER)
    relax_restrictions: Annotated[tuple[Restriction, ...], Field(min_length=1)] = (
        Restriction.DEPARTURE_SOC,
        Restriction.RESERVE_SOC,
        Restriction.POWER_LIMIT,
        Restriction.RELAY_OPS,
        Restriction.PLUG_WINDOW,
    )
    alternative_basis: OptionBasis | None = None
    """Which sum the alternative stands on: offers (S24), storage (S26), relaxed (S30); none takes the last one."""
    can_use: Usable = Usable.EVERY_SLOT
    """What its parents can use, as their settings say: with `energy` a plan over members and slots has the most of it, in
    whichever slots, and where that is all that is asked, an alternative (S32) follows with no owner asked."""
    request_values: PolicyName = "fair"
    """S21: how much each member is asked for: fair (by capacity), merit_order, or a policy that is installed."""
    over_request: bool = True
    """Ask for more than needed, by the members' reliability."""
    reliability_half_life_days: HalfLifeDays | None = None
    """Learn how reliable members are from what they do; what they did so many days ago counts half. None: by their
    contracts alone."""
    learned: tuple[Learned, ...] = ()
    """What was learned before, as a journal keeps it; not for files."""
    sharing: PolicyName = "proportional"
    """S35: who gets how much of a deal: proportional, merit_order, least_relay_wear, or a policy that is installed."""
    baseline: PolicyName = "declared"
    """What metered energy is compared with: declared (each DER's schedule), or a policy that is installed."""
    plan_questions: Annotated[int, Field(ge=1, le=4)] = 2
    """How often members are asked for profiles at most, where the rung `plan` is climbed and does not cover the request: in
    the request itself, and in rounds of their own."""
    fairness_pct: Annotated[int, Field(ge=0, le=1_000)] = 0
    """How much more it counts in a plan to disturb an owner, and under `sharing = "least_relay_wear"` to wake a member, for
    each event in which that was done lately (with `reliability_half_life_days`, which says how lately), percent."""
    leave_early: bool = False
    """Leave a rung as soon as the request is covered. Quicker, but then the deal depends on who is quick."""
    collect_pct: Annotated[int, Field(ge=5, le=95)] = 50
    """Share of the time until the parent's reply_by for S22-S23."""
    relax_pct: Annotated[int, Field(ge=5, le=95)] = 30
    """Share of it for S28-S29."""
    relax_others: bool = False
    """Whether homes are asked to loosen something of other devices than vehicles, too; with `comfort` among
    `relax_restrictions`."""
    relax_from_above: bool = False
    """Whether the rung `relax` is kept for the `relax` of a parent aggregator."""
    meter_to: tuple[Name, ...] = ()
    """Further parents that the meters of its own storage report to (the utility), each under its resource's id."""
    tells_sources: bool = False
    """Whether it tells upward, beside its last sum, what of it meters have told, its own storage, estimates, and of what no
    value has come."""
    dispatch_lead_s: Annotated[int, Field(ge=0)] = 60
    report_grace_s: Annotated[int, Field(ge=1)] = 120
    capability_every_s: CapabilityEvery | None = None
    """How often it tells its parent what it could probably give over the next day; None: never."""


class Payment(Settings):
    """What a home is paid by its contract, as far as its page tells it; nothing is settled by it here."""

    per: Literal["kwh", "event", "month"]
    """For what: energy given, each event in which it took part, or each month."""
    amount_milli: Annotated[int, Field(ge=0, le=10**12)]
    """Thousandths of the currency."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    """ISO 4217, as EUR or JPY."""
    leaving_costs_milli: Annotated[int, Field(ge=0, le=10**12)] | None = None
    """What leaving an agreed event costs, beside what is not earned then; None: the contract says."""


class DerSettings(Settings):
    """A home (its HEMS), a vehicle that answers by itself, or a plant (S50-S54)."""

    name: Name
    parent: Name
    devices: Annotated[tuple[DeviceSpec, ...], Field(min_length=1)]
    consent: Consent = Consent.ALWAYS
    stored_rule: bool = True
    """With `ask`: whether it takes part when the resident does not answer in time."""
    answers_within_s: AnswersWithin | None = None
    """With `ask`: how long the resident has, as far as the request leaves so much; None: half of the time that it leaves."""
    meter_to: tuple[Name, ...] = ()
    """Further parents that its smart meter reports to (the utility)."""
    rebound_s: Annotated[int, Field(ge=300, le=14_400)] | None = None
    """For how long behind an event it meters what its devices take back of what they gave, and tells its aggregator; None: it
    tells nothing of it."""
    release_s: Annotated[int, Field(ge=0, le=3_600)] = 0
    """Over so many seconds behind an event homes go back to their own schedules, each at an instant of its own (by a hash of
    its name and the event's): all at once would be the next peak. 0: at once."""
    capability_every_s: CapabilityEvery | None = None
    """How often it tells its parent what it could probably give over the next day; None: never."""
    relax_others: bool = False
    """Whether not only vehicles, but other devices with consent may be asked to loosen something (S28), too."""
    connection: ConnectionPoint | None = None
    """Its connection point to the grid; without one only the devices limit what it does."""
    payment: Payment | None = None
    """What its contract pays; for its page only."""


PartySettings: TypeAlias = UtilitySettings | CoordinatorSettings | AggregatorSettings | DerSettings
