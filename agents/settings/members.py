"""The book of contracts: who is under contract, with what capacity, on what terms. Decisions run in its order."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from sys import intern
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from protocol.messages import Restriction
from protocol.units import Direction, Name, Percent, PowerW, TelemetrySeconds

TOLERANCE_PCT = 110
"""What a party can give may be so much of its contracted capacity: meters and ratings are not exact."""
RAISED_PCT = 200
"""The same where its power limit may be raised by consent."""
SCALE_PCT = 1000
"""The same of an aggregator: its contract states a scale for the plan (S1), not a limit."""

INCREASE_LOAD, DECREASE_LOAD = Direction.INCREASE_LOAD, Direction.DECREASE_LOAD
"""Looked up once: of each offer and report it would take longer than the rest of what is done with them here."""

LONGEST_ANSWER_S = 86_400
AnswersWithin: TypeAlias = Annotated[int, Field(ge=1, le=LONGEST_ANSWER_S)]
"""Seconds."""
Whole = Field(strict=True)
"""Whole numbers only: neither text nor true or false, which Python takes for 1."""


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Member:
    """One contract. With slots: a book of a hundred thousand models would take 60 MB more."""

    name: Annotated[Name, AfterValidator(intern)]
    """Interned as the names on topics are: wherever it stands it is one object."""
    kind: Literal["der", "aggregator"] = "der"
    resources: tuple[Name, ...] = ()
    """The resources that this party answers for."""
    increase_load_w: Annotated[PowerW, Whole] = 0
    """Contracted capacity to increase load, W."""
    decrease_load_w: Annotated[PowerW, Whole] = 0
    """Contracted capacity to decrease load, W."""
    merit: Annotated[int, Field(ge=0, le=10**12), Whole] = 0
    """Place in the merit order, the lowest first (a price in thousandths per kWh, for example)."""
    reliability_pct: Annotated[Percent, Whole] = 100
    """Share of requests that it has answered with yes so far."""
    relaxations: tuple[Restriction, ...] = ()
    """What its owner agreed in advance to loosen."""
    least_w: Annotated[PowerW, Whole] = 0
    """The least change of load that it can make, W: it is asked for nothing, or for so much (a charger that cannot run
    below a power)."""
    answers_within_s: Annotated[AnswersWithin, Whole] | None = None
    """How long it takes to answer at most: a resident who has to be asked, a slow gateway. None: at once."""
    reports_within_s: Annotated[int, Field(ge=1, le=86_400), Whole] | None = None
    """Of an aggregator: how long after a slot its sum comes at the latest, s; none: it is not known."""
    answers_dispatch: bool = False
    """Whether it says at once that it has a dispatch. One that does not is heard of when its meter reports the slot."""
    telemetry_s: Annotated[TelemetrySeconds, Whole] | None = None
    """How often it can tell inside a slot what has flowed so far, s: who gives less is then noticed before the slot's end.
    None: it cannot."""
    profiles: bool = False
    """Whether it can be asked for more profiles than one. Where the ladder has the rung `plan`, it is."""

    def capacity_w(self, direction: Direction) -> int:
        """Contracted capacity in a direction, W >= 0."""
        return self.increase_load_w if direction is INCREASE_LOAD else self.decrease_load_w

    def most_w(self, direction: Direction) -> int | None:
        """What an answer of this party counts for at most in a direction, W; None where no capacity is contracted."""
        if self.kind == "aggregator":
            pct = SCALE_PCT
        elif self.relaxations and Restriction.POWER_LIMIT in self.relaxations:
            pct = RAISED_PCT
        else:
            pct = TOLERANCE_PCT
        return self.capacity_w(direction) * pct // 100 or None

    @property
    def swing_w(self) -> int | None:
        """By how much its load can differ from its schedule at most, W; None where no capacity is contracted."""
        return max(self.most_w(INCREASE_LOAD) or 0, self.most_w(DECREASE_LOAD) or 0) or None


def twice_claimed(members: Iterable[Member]) -> str | None:
    """The first name or resource that stands twice in a book; None: each once."""
    names: dict[str, None] = {}
    owners: dict[str, str] = {}
    for member in members:
        if member.name in names:
            return f"{member.name} stands twice in the book of members"
        names[member.name] = None
        for resource in member.resources:
            owner = owners.setdefault(resource, member.name)
            if owner != member.name:
                return f"resource {resource} is claimed by {owner} and by {member.name}"
        if len(dict.fromkeys(member.resources)) != len(member.resources):
            return f"{member.name} names a resource twice"
    return None


class Members(BaseModel):
    """All contracts of one party, in their order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    members: tuple[Member, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if (text := twice_claimed(self.members)) is not None:
            raise ValueError(text)
        return self

    def __getitem__(self, name: str) -> Member:
        """The contract with a party. Raises KeyError for a stranger."""
        return self.by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self.by_name

    def __len__(self) -> int:
        return len(self.members)

    def is_der(self, name: str) -> bool:
        """Whether a party is one by its contract: it has nobody below."""
        return name in self and self[name].kind == "der"

    @cached_property
    def by_name(self) -> Mapping[str, Member]:
        """The contracts by party, in their order."""
        return {member.name: member for member in self.members}

    @cached_property
    def slow(self) -> tuple[Member, ...]:
        """Those who take their time to answer."""
        return tuple(member for member in self.members if member.answers_within_s is not None)

    @cached_property
    def aggregators(self) -> tuple[Member, ...]:
        """The contracts with aggregators, which sum up meters of their own."""
        return tuple(member for member in self.members if member.kind == "aggregator")

    def capacity_w(self, direction: Direction) -> int:
        """Contracted capacity of all in a direction, W."""
        return sum(member.capacity_w(direction) for member in self.members)

    @cached_property
    def claims(self) -> Mapping[str, str]:
        """resource_id -> the party that answers for it."""
        return {resource: member.name for member in self.members for resource in member.resources}
