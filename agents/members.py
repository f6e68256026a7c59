"""The book of contracts: who is under contract, with what capacity, on what terms. Decisions run in its order."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from protocol.messages import Restriction
from protocol.units import Direction, Name, Percent, PowerW


class Member(BaseModel):
    """One contract."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    kind: Literal["der", "aggregator"] = "der"
    resources: tuple[Name, ...] = ()
    """The resources that this party answers for."""
    increase_load_w: PowerW = 0
    """Contracted capacity to increase load, W."""
    decrease_load_w: PowerW = 0
    """Contracted capacity to decrease load, W."""
    merit: Annotated[int, Field(ge=0)] = 0
    """Place in the merit order, the lowest first (a price in thousandths per kWh, for example)."""
    reliability_pct: Percent = 100
    """Share of requests that it has answered with yes so far."""
    relaxations: tuple[Restriction, ...] = ()
    """What its owner agreed in advance to loosen."""

    def capacity_w(self, direction: Direction) -> int:
        return self.increase_load_w if direction is Direction.INCREASE_LOAD else self.decrease_load_w


class Members(BaseModel):
    """All contracts of one party, in their order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    members: tuple[Member, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names: dict[str, None] = {}
        owners: dict[str, str] = {}
        for member in self.members:
            if member.name in names:
                raise ValueError(f"{member.name} stands twice in the book of members")
            names[member.name] = None
            for resource in member.resources:
                if resource in owners:
                    raise ValueError(f"resource {resource} is claimed by {owners[resource]} and by {member.name}")
                owners[resource] = member.name
        return self

    def __getitem__(self, name: str) -> Member:
        return self._by_name[name]

    @property
    def _by_name(self) -> Mapping[str, Member]:
        found: Mapping[str, Member] | None = self.__dict__.get("_index")
        if found is None:
            found = self.__dict__["_index"] = {member.name: member for member in self.members}
        return found

    def claims(self) -> dict[str, str]:
        """resource_id -> the party that answers for it."""
        return {resource: member.name for member in self.members for resource in member.resources}
