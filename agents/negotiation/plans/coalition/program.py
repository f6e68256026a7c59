"""The linear program that all plans over members and slots have in common: the level, the least share of what is asked over
all slots, and then the energy, as they follow from what is given."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEVEL_WORTH = 10.0
"""What a level of 1 is worth, where all the energy that is asked is worth 1."""
MOST_LEVEL = 10.0


class MixAsk(NamedTuple):
    """What a mix is found for."""

    asked: Floats
    """W, by slot that is asked for."""
    base: Floats
    """What is given already, in shares of that."""
    costs: Floats
    """Members x profiles: what giving all of one costs."""
    most_level: float
    gap: float


def quiet() -> Any:
    """A solver that says nothing."""
    import highspy

    class Quiet(highspy.Highs):
        """As it is made it tells of itself, unless it was silenced before."""

        def enableCallbacks(self) -> None:
            self.silent()
            super().enableCallbacks()  # type: ignore[no-untyped-call]

    return Quiet()  # type: ignore[no-untyped-call]


def level_program(asked: Floats, base: Floats, rows: int = 0, most_level: float = MOST_LEVEL) -> Any:
    """A program with a column for the level, and one a slot for the share of what is asked that is met there, beside what is
    given already (`base`, in shares). Whatever else gives adds its shares to the first rows, one a slot, and to the
    second ones; then come `rows` of which each sums to 1 at most. `most_level`: more than that is worth nothing."""
    import highspy

    slots, highs = len(asked), quiet()
    highs.changeObjectiveSense(highspy.ObjSense.kMaximize)
    highs.addVars(1 + slots, np.zeros(1 + slots), np.array([most_level, *np.ones(slots)]))
    for column, worth in enumerate((LEVEL_WORTH, *(asked / asked.sum()).tolist())):
        highs.changeColCost(column, worth)
    for slot in range(slots):
        add_row(highs, -float(base[slot]), np.inf, [0], [-1.0])
    for slot in range(slots):
        add_row(highs, -float(base[slot]), np.inf, [1 + slot], [-1.0])
    for _ in range(rows):
        add_row(highs, -np.inf, 1.0, [], [])
    return highs


def add_row(highs: Any, lower: float, upper: float, columns: list[int], values: list[float]) -> None:
    """A row with these entries."""
    highs.addRow(lower, upper, len(columns), np.array(columns, dtype=np.int32), np.array(values, dtype=np.float64))


def add_giver(highs: Any, slot: int, asked: Floats, most_w: float) -> None:
    """A column for the power that somebody gives in a slot, W."""
    share = 1.0 / float(asked[slot])
    rows = np.array([slot, len(asked) + slot], dtype=np.int32)
    highs.addCol(0.0, 0.0, most_w, 2, rows, np.array([share, share]))
