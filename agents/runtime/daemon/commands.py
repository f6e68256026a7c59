"""The commands of a control socket."""

from datetime import date
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from agents.runtime.daemon.changes import ContractChange, CorrectionCause
from agents.runtime.daemon.refusal import CommandRefusal as CommandRefusal  # noqa: PLC0414 - its home for all but the command line
from agents.settings.parties import EventSettings
from protocol.units import MAX_SLOTS, Direction, Instant, Name, Percent, Text


class Command(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StatusCommand(Command):
    do: Literal["status"]


class IssueCommand(Command):
    """An operator asks for a change of load, or changes the event of that id. For a utility."""

    do: Literal["issue"]
    event: EventSettings


class CancelCommand(Command):
    do: Literal["cancel"]
    event_id: Name
    reason: Text = "cancelled by the operator"


class DecideCommand(Command):
    """A resident's answer; `party` is needed where several homes share a daemon."""

    do: Literal["decide"]
    event_id: Name
    take_part: bool
    party: Name | None = None


class PlanCommand(Command):
    """An owner looks at a vehicle's plan, does not drive on a day, or leaves at another instant the next time."""

    do: Literal["plan"]
    party: Name
    resource_id: Name | None = None
    not_today: bool = False
    not_on: date | None = None
    leaves_at: Instant | None = None


class LimitsCommand(Command):
    """An owner sets the limits of a device otherwise than its settings do; without any, or where they are left out, the
    settings hold again. Without `limits` they are only told."""

    do: Literal["limits"]
    party: Name
    resource_id: Name
    limits: dict[str, Any] | None = None


class PreviewCommand(Command):
    """What the parties here could probably get in some slots; nothing is asked of anybody."""

    do: Literal["preview"]
    direction: Direction
    start: Instant
    slot_s: Annotated[int, Field(ge=60, le=86_400)]
    slots: Annotated[int, Field(ge=1, le=MAX_SLOTS)]


class OutageCommand(Command):
    """The grid at a home's connection point is gone, or back; `party` is needed where several homes share a daemon, or
    `under`: all of them below an aggregator."""

    do: Literal["outage"]
    is_out: bool
    party: Name | None = None
    under: Name | None = None


class ContractsCommand(Command):
    """The book of a party, page by page; `party` is needed where several with a book share a daemon."""

    do: Literal["contracts"]
    party: Name | None = None
    after: Name | None = None
    """The last member of the page before."""


class ContractCommand(Command):
    """An operator changes the book: contracts by member, as a book has them."""

    do: Literal["contract"]
    party: Name | None = None
    change: ContractChange
    contracts: dict[Name, dict[str, Any]]


class CorrectCommand(Command):
    """An operator contests what was learned of a member."""

    do: Literal["correct"]
    party: Name | None = None
    member: Name
    cause: CorrectionCause
    reliability_pct: Percent | None = None


class QuarantineCommand(Command):
    """Who was refused something, and who is not heard any more; with `release` one of them is heard again."""

    do: Literal["quarantine"]
    release: Annotated[str, Field(max_length=64)] | None = None
    party: Name | None = None


class ForgetCommand(Command):
    """An operator has a member forgotten that has left."""

    do: Literal["forget"]
    party: Name | None = None
    member: Name


class WatchCommand(Command):
    do: Literal["watch"]


class StartCommand(Command):
    do: Literal["start"]
    anchor_at: Instant


AnyCommand: TypeAlias = Annotated[
    StatusCommand
    | IssueCommand
    | CancelCommand
    | DecideCommand
    | OutageCommand
    | PlanCommand
    | LimitsCommand
    | PreviewCommand
    | ContractsCommand
    | ContractCommand
    | CorrectCommand
    | QuarantineCommand
    | ForgetCommand
    | WatchCommand
    | StartCommand,
    Field(discriminator="do"),
]
COMMANDS: TypeAdapter[AnyCommand] = TypeAdapter(AnyCommand)
