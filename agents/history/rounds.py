"""What a party's history is made of: rounds with their rungs, counted answers, metered slots."""

from dataclasses import dataclass, field

from protocol.plan import Plan


@dataclass(slots=True)
class ClimbedRung:
    """A rung that was left, and the power that was available then, W a slot."""

    name: str
    available_w: Plan


@dataclass(slots=True)
class AskedRound:
    """A request, the rungs that were climbed for it, and the answer."""

    requested_w: Plan
    rungs: list[ClimbedRung] = field(default_factory=list)
    summed_w: Plan | None = None
    """The last sum; None: nothing is summed up yet."""
    answered_w: Plan | None = None
    """What it answered its parent; None: not yet, or with nothing."""


@dataclass(slots=True)
class CountedAnswers:
    """Of those asked in the present round; the silent are those at the deadline of the first offers."""

    asked: int = 0
    yes: int = 0
    no: int = 0
    silent: int = 0


@dataclass(frozen=True, slots=True)
class MeteredSlot:
    """A slot as it was summed up. `slot` counts from 0."""

    slot: int
    delivered_wh: int
    awarded_wh: int
    reported: int
    silent: int
