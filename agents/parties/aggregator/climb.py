"""One climb of the ladder: which rungs are left, the sums so far, and how it ends."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from agents.settings.parties import Rung
from protocol import messages as m
from protocol.plan import Plan
from protocol.units import step_instant


@dataclass(slots=True)
class Climb:
    """The way from a request to the answer; or, `for_above`, from the parent's relax to a relaxed answer."""

    began_at: datetime
    rungs: list[Rung] = field(default_factory=list)
    """Still to be climbed, the next one first."""
    sums: list[tuple[tuple[m.OptionBasis, ...], Plan]] = field(default_factory=list)
    """What was available after each rung, W, and what that sum stands on."""
    most_w: Plan | None = None
    """Of a climb for above: the most that the relaxed answer may reserve, W; else None."""
    surplus: bool = False
    """Whether members are being asked for more, and nothing else."""
    before_w: Plan | None = None
    """What was available before they were, W."""

    def begin(self, rungs: Iterable[Rung], now: datetime) -> None:
        """A request has come: all rungs are before it."""
        self.began_at, self.rungs, self.sums = now, list(rungs), []
        self.end_for_above()

    def begin_for_above(self, most_w: Plan) -> None:
        """The parent asks to relax: no rung follows, and the relaxed answer reserves so much at most, W."""
        self.end_for_above()
        self.rungs, self.most_w = [], most_w

    def end_for_above(self) -> None:
        """The answer is given: nothing is being climbed for the parent's relax."""
        self.most_w, self.surplus, self.before_w = None, False, None

    @property
    def for_above(self) -> bool:
        """Whether the parent's relax set it off."""
        return self.most_w is not None

    def surplus_ends(self, last: datetime, relax_pct: int, now: datetime) -> datetime:
        """Half of what is left until `last`, less the time for asking to relax where that comes later."""
        relaxing = (last - self.began_at) * relax_pct / 100
        return step_instant(now, max(now, last - relaxing) if Rung.RELAX in self.rungs else last, 50)

    def sum_up(self, basis: m.OptionBasis, available_w: Plan) -> None:
        """A rung was climbed: so much is available now, W."""
        before = self.sums[-1][0] if self.sums else ()
        stands_on = before if basis in before else (*before, basis)
        self.sums.append((stands_on, available_w))

    def sum_of(self, wanted: m.OptionBasis | None) -> tuple[tuple[m.OptionBasis, ...], Plan]:
        """The sum behind the rung of a basis (S24, S26, S30); the last one when there is none."""
        named = [(basis, firm_w) for basis, firm_w in self.sums if basis[-1] is wanted]  # the newest of them
        return named[-1] if named else self.sums[-1]
