"""What was learned of a member before the journal of today began, as the settings in a journal keep it."""

from typing import Annotated, TypeAlias

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from protocol.units import Name

PRIOR_EVENTS = 4
"""What a contract says counts as so many events."""
EVENT = 1_000

Weight: TypeAlias = Annotated[int, Field(ge=0)]
"""Thousandths of an event."""


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Learned:
    """Of one member; each figure has the weight that it has on that day."""

    name: Name
    day: int
    """Counted from the first day of the year 1."""
    offered: Weight = 0
    """Of what it was asked, where it offered something."""
    not_offered: Weight = 0
    """The rest of that."""
    refused: Weight = 0
    """It, or its resident, did not want to."""
    unplugged: Weight = 0
    """Its vehicle was not there."""
    unable: Weight = 0
    """It had nothing to give, or a fault."""
    silent: Weight = 0
    """It did not answer in time."""
    excused: Weight = 0
    """Silence that we caused: it counts nowhere."""
    given: Weight = 0
    """Of what was due by its firm offers, by its meter."""
    not_given: Weight = 0
    """Due, and not given."""
    withdrawn: Weight = 0
    """Taken back behind the award."""
    unmetered: Weight = 0
    """Events of which no meter value was heard: they count nowhere."""
    loosened: Weight = 0
    """Events whose award stood on what its owner loosened: they count for whom a plan spares, and nowhere else."""
    woken: Weight = 0
    """Events in which it was given something to do: they count for whom a deal spares, and nowhere else."""

    def answers_pct(self, by_contract_pct: int) -> int:
        """Of what it is asked so much is to be expected as an offer."""
        asked = self.offered + self.not_offered + self.refused + self.unplugged + self.unable + self.silent
        return offered_pct(self.offered, asked, by_contract_pct)

    def delivers_pct(self) -> int:
        """Of what it offers so much is to be expected at its meter."""
        return given_pct(self.given, self.given + self.not_given + self.withdrawn)


def offered_pct(offered: int, asked: int, by_contract_pct: int) -> int:
    """How much of what it is asked is to be expected as an offer of one that offered so much of what it was asked."""
    return (PRIOR_EVENTS * EVENT * by_contract_pct + 100 * offered) // (PRIOR_EVENTS * EVENT + asked)


def given_pct(given: int, due: int) -> int:
    """How much of what it offers is to be expected at the meter of one that gave so much of what was due."""
    return 100 * (PRIOR_EVENTS * EVENT + given) // (PRIOR_EVENTS * EVENT + due)
