"""The one-vehicle code over plain rows (`agents/devices/relay/choice.py`, `agents/devices/flexibility.py`, `agents/devices/rows/answers.py`
and what stands under it) compiled by numba for many vehicles, without fast-math: the same sums as in Python.

Compiled once per machine and version (about half a minute), then kept in numba's cache where that can be written.
Numba looks only at the time of one file there; so the entry is a closure over a digest of all sources, which is part
of the cache's key. Nothing is checked in here: whoever calls sees to it that arrays are as long as they have to be.
"""

import hashlib
import inspect
import os
from collections.abc import Iterator
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
from agents.devices.rows import answers, stores, timelines
from agents.devices.rows.answers import Desk, answer
from agents.devices.rows.timelines import Car, Event, Line

_MODULES = (flexibility, relay, relay_bounds, relay_labels, timelines, stores, answers)
_PIECE = 2_048
"""Vehicles that one thread takes at a time."""


def new_desk(slots: int) -> Desk:
    """Work space for one vehicle."""
    return Desk(
        Line(np.zeros(slots + 1), _ints(slots), np.zeros(slots), np.zeros(slots), _bools(slots)),
        Store(np.zeros(slots), np.zeros(slots), 1.0, 1.0, np.zeros(slots)),
        Rows(np.zeros(slots), np.zeros(slots), np.zeros(slots)),
        Choice(
            slots, _ints(slots), _ints(slots), _ints(slots + 1), _bools(slots), _bools(slots), _bools(slots), _bools(slots),
            0, 0, False, False, 0,
        ),
        _bools(slots), _bools(slots), _ints(slots), _ints(slots), np.zeros(slots), np.zeros(slots), _ints(slots),
        _ints(slots), _ints(slots),
    )  # fmt: skip


def new_work(slots: int, each: int) -> Labels:
    """Work space for the relay's choice."""
    size = states(MOST_OPERATIONS, slots, True)
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
        rows[9][i], rows[10][i], rows[11][i], rows[12][i], rows[13][i],
    )  # fmt: skip


def _entry(sources: str) -> Any:
    """The function that numba compiles."""

    def each_of(
        event: Event, owners: Any, loosened: Any, index: Any, places: Any, asked_w: Any, available: bool, result: Any
    ) -> str:
        """Answer for the vehicles at `index[places]`; asked and answered are at `places`."""
        desk, each = new_desk(event.slots), 2
        work = new_work(event.slots, each)
        row = _ints(event.slots)
        power_w, available_w, binding, schedule_w = result
        for place in places:
            vehicle = index[place]
            for slot in range(event.slots):
                row[slot] = asked_w[slot, place]
            owner, spec = car(owners, vehicle), car(loosened, vehicle)
            while not answer(owner, spec, event, row, available, desk, work, each):
                each *= 2
                work = new_work(event.slots, each)
            for slot in range(event.slots):
                power_w[slot, place], binding[slot, place] = desk.power_w[slot], desk.binding[slot]
                schedule_w[slot, place] = desk.line.base_w[slot]
            if available:
                for slot in range(event.slots):
                    available_w[slot, place] = desk.available_w[slot]
        return sources

    return each_of


@cache
def compiled() -> Any:
    """The compiled entry, as one for this process."""
    for module in _MODULES:
        for found in vars(module).values():
            if isinstance(found, FunctionType) and found.__module__ == module.__name__:
                register_jitable(found)
    for found in (new_desk, new_work, _ints, _bools, car):
        register_jitable(found)
    text = "".join(inspect.getsource(module) for module in _MODULES) + repr(answers.RESTRICTIONS)
    entry = _entry(hashlib.sha256(text.encode()).hexdigest())
    try:
        return njit(cache=True, nogil=True)(entry)
    except RuntimeError:  # nowhere to keep it: neither beside this file, nor in the home, nor at NUMBA_CACHE_DIR
        return njit(nogil=True)(entry)


def prepare(rows: tuple[Any, ...]) -> None:
    """Compile for vehicles with these arrays, or load what was compiled before."""
    none, plan = _ints(0), np.zeros((1, 0), dtype=np.int64)
    result = plan, plan, plan.astype(np.int8), plan
    answer_all(Event(True, 0, 1, 1), rows, rows, none, none, plan, True, result)


def answer_all(
    event: Event, owners: Any, loosened: Any, index: Any, places: Any, asked_w: Any, available: bool, result: Any
) -> None:
    """Answer for the vehicles at `index[places]` into the arrays of `result`, on all processors."""

    def piece(part: Any) -> None:
        compiled()(event, owners, loosened, index, part, asked_w, available, result)

    if len(places) <= _PIECE:
        piece(places)
        return
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for _ in threads.map(piece, _pieces(places)):
            pass


def _pieces(places: Any) -> Iterator[Any]:
    for start in range(0, len(places), _PIECE):
        yield places[start : start + _PIECE]
