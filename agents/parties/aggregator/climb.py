"""One climb of the ladder, as a value: which rungs are left, the sums so far, and how it ends."""

from dataclasses import dataclass, field
from datetime import datetime

from agents.settings.parties import Rung
from protocol import messages as m
from protocol.plan import Plan


@dataclass(slots=True)
class Climb:
    """The way from a request to the answer; or, `for_above`, from the parent's relax to a relaxed answer."""

    began_at: datetime
    rungs: list[Rung]
    """Still to be climbed, the next one first."""
    sums: list[tuple[tuple[m.OptionBasis, ...], Plan]] = field(default_factory=list)
    """What was available after each rung, W, and what that sum stands on."""
    most_w: Plan | None = None
    """Of a climb for above: the most that the relaxed answer may reserve, W; else None."""
    surplus: bool = False
    """Whether members are being asked for more, and nothing else."""
    before_w: Plan | None = None
    """What was available before they were, W."""

    @property
    def for_above(self) -> bool:
        """Whether the parent's relax set it off."""
        return self.most_w is not None

    def sum_up(self, basis: m.OptionBasis, available_w: Plan) -> None:
        """A rung was climbed: so much is available now, W."""
        before = self.sums[-1][0] if self.sums else ()
        stands_on = before if basis in before else (*before, basis)
        self.sums.append((stands_on, available_w))

    def sum_of(self, wanted: m.OptionBasis | None) -> tuple[tuple[m.OptionBasis, ...], Plan]:
        """The sum behind the rung of a basis (S24, S26, S30); the last one when there is none."""
        named = [(basis, firm_w) for basis, firm_w in self.sums if basis[-1] is wanted]  # the newest of them
        return named[-1] if named else self.sums[-1]
