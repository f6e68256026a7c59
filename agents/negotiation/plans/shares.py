"""Whole watts shared out among many, as arrays, one slot at a time: the shares sum exactly to what is wanted, or to
all that there is.

64 bits hold every sum of powers that the messages allow; where a product could be larger, the arrays are of Python's
own integers, with the same code and the same results.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import chain
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from protocol.plan import Plan

Watts: TypeAlias = NDArray[np.int64]
T = TypeVar("T")


def table(plans: Sequence[Plan], slots: int) -> Watts:
    """Plans as an array of slots x plans. Raises ValueError when one has another number of slots."""
    if not set(map(len, plans)) <= {slots}:
        raise ValueError(f"every plan needs one entry a slot: {slots}")
    flat = np.fromiter(chain.from_iterable(plans), dtype=np.int64, count=len(plans) * slots)
    return np.ascontiguousarray(flat.reshape(len(plans), slots).T)


def plans(rows: Sequence[Watts], count: int) -> list[Plan]:
    """A plan for each of so many from the rows of what each has in a slot. A row that stands for several slots is only
    read once; equal plans are one object, and equal powers."""
    powers: dict[int, int] = {}
    known = {id(row): _shared(powers, row.tolist()) for row in rows}
    found: list[Plan] = list(zip(*(known[id(row)] for row in rows), strict=True)) if rows else [()] * count
    return _shared({}, found)


def _shared(known: dict[T, T], things: list[T]) -> list[T]:
    return list(map(known.setdefault, things, things))


def slot_by_slot(
    wanted_w: Iterable[Hashable], rows: Iterable[Watts], split: Callable[[Any, Watts], Watts]
) -> list[Watts]:
    """`split(wanted, row)` of every slot. Slots that are alike are split once, and have one row: plans are often level."""
    known: dict[tuple[Hashable, bytes], Watts] = {}
    found = []
    for wanted, row in zip(wanted_w, rows, strict=True):
        key = wanted, row.tobytes()
        if key not in known:
            known[key] = split(wanted, row)
        found.append(known[key])
    return found


def exact(values: Watts, largest: int) -> NDArray[Any]:
    """The values for sums and products up to `largest`: Python's integers where that takes more than 64 bits."""
    return values if largest < 2**63 else values.astype(object)


def proportional(wanted_w: int, caps: Watts) -> Watts:
    """Shares in proportion to the caps, none above its cap; the sum is exactly min(wanted, all caps). Remainders go to
    the largest fractions, ties to the first."""
    everything = int(caps.sum())
    if wanted_w >= everything:
        return caps
    products = exact(caps, wanted_w * int(caps.max(initial=0))) * wanted_w
    shares, remainders = (part.astype(np.int64) for part in (products // everything, products % everything))
    rest = wanted_w - int(shares.sum())
    if rest:
        least = np.partition(remainders, len(remainders) - rest)[len(remainders) - rest]
        larger = remainders > least
        shares[larger] += 1
        shares[np.flatnonzero(remainders == least)[: rest - int(larger.sum())]] += 1
    return shares


def in_order(wanted_w: int, caps: Watts, order: NDArray[np.intp]) -> Watts:
    """One after the other up to its cap; the sum is exactly min(wanted, all caps). W."""
    first = caps[order]
    shares = np.empty_like(caps)
    shares[order] = np.clip(wanted_w - (np.cumsum(first) - first), 0, first)
    return shares
