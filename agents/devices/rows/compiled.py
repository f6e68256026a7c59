"""The lines of one vehicle (`relay/`, `flexibility.py` beside this folder, and what stands in it), compiled by numba
for many vehicles, without fast-math: the same sums as in Python.

Compiled once per machine and version (about half a minute), then kept in numba's cache where that can be written.
Numba looks only at the time of one file there, and cannot read what was kept for classes that are gone; so the entry's
name, which its cache goes by, has a digest of all sources. Nothing is checked in here: whoever calls sees to it that
arrays are as long as they have to be.
"""

import hashlib
import inspect
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np
from numba import njit
from numba.extending import register_jitable

from agents.devices import flexibility
from agents.devices.flexibility import Rows, Store
from agents.devices.relay import bounds as relay_bounds
from agents.devices.relay import choice as relay
from agents.devices.relay import labels as relay_labels
from agents.devices.relay.choice import MOST_OPERATIONS, Choice
from agents.devices.relay.labels import Labels, states
from agents.devices.rows import answers, cars, commitments, stores, timelines
from agents.devices.rows.answers import Desk, answer, covered
from agents.devices.rows.arrays import AllSteps
from agents.devices.rows.cars import RESTRICTIONS, Car, asked_row, loosened, most_steps
from agents.devices.rows.timelines import EventSlots, OwnSchedule

_MODULES = (flexibility, relay, relay_bounds, relay_labels, cars, commitments, timelines, stores, answers)
_PIECE = 2_048
"""Vehicles that one thread takes at a time."""


def new_desk(slots: int) -> Desk:
    """Work space for one vehicle of which no other event holds anything."""
    base_w = _ints(slots)  # nothing else moves it within a slot: its mean is its least and its most
    return Desk(
        OwnSchedule(np.zeros(slots + 1), base_w, base_w, base_w, np.zeros(slots), np.zeros(slots), _ints(slots)),
        Store(np.zeros(slots), np.zeros(slots), 1.0, 1.0, np.zeros(slots)),
        Rows(np.zeros(slots), np.zeros(slots), np.zeros(slots)),
        Choice(
            slots, _ints(slots), _ints(slots), _ints(slots + 1), _bools(slots), _bools(slots), _bools(slots),
            _bools(slots), 0, 0, False, False, 0,
        ),
        _bools(slots), _bools(slots), _ints(slots), _ints(slots), np.zeros(slots), np.zeros(slots), _ints(slots),
        _ints(slots), _ints(slots),
    )  # fmt: skip


def new_work(slots: int, each: int) -> Labels:
    """Work space for the relay's choice."""
    size = states(MOST_OPERATIONS, slots)
    return Labels(
        np.empty(8 * size * each, dtype=np.int64), _ints(2 * size), np.empty(slots * size * each, dtype=np.int32),
        _ints(2 * slots + 2), _ints(2 * slots + 2), _ints(slots + 1), _ints(slots + 1), _bools(slots),
    )  # fmt: skip


def _ints(slots: int) -> Any:
    return np.zeros(slots, dtype=np.int64)


def _bools(slots: int) -> Any:
    return np.zeros(slots, dtype=np.bool_)


def car(rows: Any, i: int) -> Car:
    """One vehicle of the arrays of `Vehicles`."""
    return Car(
        rows[0][i], rows[1][i], rows[2][i], rows[3][i], rows[4][i], rows[5][i], rows[6][i], rows[7][i], rows[8][i],
        rows[9][i], rows[10][i], rows[11][i], rows[12][i], rows[13][i], rows[14][i], rows[15][i], rows[16][i],
        rows[17][i], rows[18][i],
    )  # fmt: skip


def each_of(
    event: EventSlots, owners: Any, all_steps: Any, relaxed: Any, index: Any, places: Any, asked_w: Any,
    weights: Any, available: bool, result: Any,
) -> None:  # fmt: skip
    """Answer for the vehicles at `index[places]`; asked and answered are at `places`. `weights`: the same for all."""
    desk, each = new_desk(event.slots), 2
    work = new_work(event.slots, each)
    row, loosen = _ints(event.slots), relaxed.any()
    power_w, available_w, binding, schedule_w = result
    for place in places:
        vehicle = index[place]
        for slot in range(event.slots):
            row[slot] = asked_w[slot, place]
        owner = car(owners, vehicle)
        spec, step, last = owner, -1, -1
        if loosen:
            first, end = all_steps.first[vehicle], all_steps.first[vehicle + 1]
            last = most_steps(all_steps.row, first, end, relaxed) - 1
        while True:
            while not answer(owner, spec, event, None, row, weights, available, desk, work, each):
                each *= 2
                work = new_work(event.slots, each)
            if step == last or covered(event, row, desk.power_w):
                break
            step += 1
            first, end = all_steps.first[vehicle], all_steps.first[vehicle + 1]
            spec = loosened(owner, all_steps.row, first, end, relaxed, step)
        for slot in range(event.slots):
            power_w[slot, place], binding[slot, place] = desk.power_w[slot], desk.binding[slot]
            schedule_w[slot, place] = desk.line.base_w[slot]
        if available:
            for slot in range(event.slots):
                available_w[slot, place] = desk.available_w[slot]


@cache
def compiled() -> Any:
    """The compiled entry, as one for this process."""
    for module in _MODULES:
        for found in vars(module).values():
            if isinstance(found, FunctionType) and found.__module__ == module.__name__:
                register_jitable(found)
    for found in (new_desk, new_work, _ints, _bools, car):
        register_jitable(found)
    text = "".join(inspect.getsource(module) for module in (*_MODULES, sys.modules[__name__])) + repr(RESTRICTIONS)
    each_of.__qualname__ = f"each_of_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    try:
        return njit(cache=True, nogil=True)(each_of)
    except RuntimeError:  # nowhere to keep it: neither beside this file, nor in the home, nor at NUMBA_CACHE_DIR
        return njit(nogil=True)(each_of)


def prepare(rows: tuple[Any, ...]) -> None:
    """Compile for vehicles with these arrays, or load what was compiled before."""
    none, plan = _ints(0), np.zeros((1, 0), dtype=np.int64)
    result = plan, plan, plan.astype(np.int8), plan
    answer_all(EventSlots(True, 0, 1, 1), rows, AllSteps.of(()), asked_row(()), none, none, plan, (0,), True, result)


def answer_all(
    event: EventSlots, owners: Any, steps: AllSteps, relaxed: Sequence[bool], index: Any, places: Any,
    asked_w: Any, weights: Sequence[int], available: bool, result: Any,
) -> None:  # fmt: skip
    """Answer for the vehicles at `index[places]` into the arrays of `result`, on all processors."""
    asked, worth = np.array(relaxed, dtype=np.bool_), np.array(weights, dtype=np.int64)

    def piece(part: Any) -> None:
        compiled()(event, owners, steps, asked, index, part, asked_w, worth, available, result)

    if len(places) <= _PIECE:
        piece(places)
        return
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for _ in threads.map(piece, _pieces(places)):
            pass


def _pieces(places: Any) -> Iterator[Any]:
    for start in range(0, len(places), _PIECE):
        yield places[start : start + _PIECE]
