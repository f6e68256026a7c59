"""S4, and the utility's judgement: whether less than what was asked is good enough."""

from typing import NamedTuple, Protocol

from protocol.plan import Plan, share_pct, shortfall


class Judged(NamedTuple):
    """What is judged, W per slot, and by which measure."""

    asked_w: Plan
    """What was asked of the one who answers."""
    offered_w: Plan
    """Its answer."""
    others_over_w: Plan
    """What others may still be asked for in its stead: nothing at the utility, where no re-request is left, and where
    `accept_if_covered` is off."""
    least_pct: int
    """The share that the settings (at the coordinator the utility's, too, if they ask for more) find acceptable."""


class AcceptancePolicy(Protocol):
    """Whether an answer is good enough. Pure: the same figures are always judged alike. What is bought under a mandate is
    not judged."""

    def accepts(self, judged: Judged) -> bool:
        """Whether it is bought (at the utility), or taken without a re-request (at the coordinator)."""
        ...


class LeastShare:
    """A share of what was asked in every slot, or what others have over fills the gap."""

    def accepts(self, judged: Judged) -> bool:
        missing_w = shortfall(judged.asked_w, judged.offered_w)
        covered = not any(shortfall(missing_w, judged.others_over_w))
        return covered or share_pct(judged.offered_w, judged.asked_w) >= judged.least_pct
