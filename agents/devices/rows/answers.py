"""S50 and S52 of one vehicle over plain rows: `answer` fills in what it can give, as it is or loosened; it is loosened
step by step until what is asked is `covered`. Compiled by `agents/devices/rows/compiled.py`."""

import math
from typing import NamedTuple

from agents.devices.flexibility import Row, Rows, Store, pour, raise_all
from agents.devices.relay.choice import Choice, stretch
from agents.devices.relay.labels import AGAIN, NOTHING, Labels, settle
from agents.devices.rows.cars import RESTRICTIONS, Car
from agents.devices.rows.commitments import Commitments, any_within, owed_after
from agents.devices.rows.stores import bound, frame, weigh
from agents.devices.rows.timelines import (
    AWAY,
    OPPOSED,
    USABLE,
    EventSlots,
    OwnSchedule,
    RelayNeeds,
    run,
    slot_hours,
    start_of,
)
from protocol.messages import Restriction

_DEPARTURE_SOC, _RESERVE_SOC = (
    RESTRICTIONS.index(Restriction.DEPARTURE_SOC),
    RESTRICTIONS.index(Restriction.RESERVE_SOC),
)
_POWER_LIMIT, _RELAY_OPS = RESTRICTIONS.index(Restriction.POWER_LIMIT), RESTRICTIONS.index(Restriction.RELAY_OPS)
_PLUG_WINDOW, _MIN_POWER = RESTRICTIONS.index(Restriction.PLUG_WINDOW), RESTRICTIONS.index(Restriction.MIN_POWER)
_CAPACITY, _COMMITTED = RESTRICTIONS.index(Restriction.CAPACITY), RESTRICTIONS.index(Restriction.COMMITTED)


_ONE_BY_ONE = 96
"""Up to so many slots are given up one after the other; of more at once half of those that miss the charger's least
power, or a request of a week would take seconds."""


class Desk(NamedTuple):
    """Work space for one vehicle, a row each; the answer is left in the last three."""

    line: OwnSchedule
    store: Store
    rows: Rows
    choice: Choice
    closed: Row
    given_up: Row
    wanted_w: Row
    """What is asked for in the slots that are usable."""
    most_w: Row
    firm_w: Row
    profile_w: Row
    power_w: Row
    available_w: Row
    binding: Row


def answer(
    owner: Car, spec: Car, event: EventSlots, reserved: Commitments | None, asked_w: Row, weights: Row, available: bool,
    desk: Desk, work: Labels, each: int,
) -> bool:  # fmt: skip
    """Fill in what a vehicle can give, `owner` as it is, `spec` as loosened; False where the choice of its relay
    takes more than `each` labels a state. `weights`: what a watt is worth in each slot; none anywhere: as evenly as it
    can. Which slots its relay is closed in does not go by them."""
    relay = run(owner, spec, event, reserved, desk.line)
    return answer_beside(owner, spec, event, reserved, relay, asked_w, weights, available, desk, work, each)


def answer_beside(
    owner: Car, spec: Car, event: EventSlots, reserved: Commitments | None, relay: RelayNeeds, asked_w: Row, weights: Row,
    available: bool, desk: Desk, work: Labels, each: int,
) -> bool:  # fmt: skip
    """The same where its own schedule, and what that needs of the relay, are known."""
    some, line = False, desk.line
    for slot in range(event.slots):
        desk.wanted_w[slot] = asked_w[slot] if line.part[slot] == USABLE else 0
        some = some or desk.wanted_w[slot] > 0
    slot_h, rows = slot_hours(event), desk.store
    cheap_wh, dear_wh = spec.charge_pct / 100 * slot_h, slot_h / (spec.discharge_pct / 100)
    store = Store(rows.cheap_w, rows.all_w, cheap_wh, dear_wh, rows.room_wh)
    found = 0 if some else NOTHING
    if some and spec.relay_ops >= 0:
        choice = frame(spec, event, line, relay, desk.wanted_w, desk.closed, desk.choice)
        if choice.draw_uwh > 0 or not stretch(choice, desk.closed):  # else it is settled without any energies
            weigh(owner, spec, event, line, desk.wanted_w, desk.closed, store, choice)
            found = settle(choice, work, each, desk.closed)
        if found == AGAIN:
            return False
    else:
        for slot in range(event.slots):
            desk.closed[slot] = line.base_w[slot] != 0 or desk.wanted_w[slot] > 0
    if found == NOTHING:
        _empty(event, desk)
    else:
        bound(owner, spec, event, line, desk.closed, found == 1, store)
        for slot in range(event.slots):
            desk.firm_w[slot] = 0.0 if desk.closed[slot] else float(line.base_w[slot])
    _keep_running(spec, event, weights, desk, store)
    if available:
        _reach(spec, event, desk, store)
    _bind(spec, event, reserved, asked_w, desk, store)
    return True


def covered(event: EventSlots, asked_w: Row, power_w: Row) -> bool:
    """Whether all is given that is asked: no further step is loosened."""
    for slot in range(event.slots):  # noqa: SIM110 (numba takes no generators)
        if power_w[slot] != asked_w[slot]:
            return False
    return True


def _empty(event: EventSlots, desk: Desk) -> None:
    """Nothing can be given."""
    for slot in range(event.slots):
        desk.closed[slot] = False
        desk.firm_w[slot] = desk.store.cheap_w[slot] = desk.store.all_w[slot] = desk.store.room_wh[slot] = 0.0


def _keep_running(spec: Car, event: EventSlots, weights: Row, desk: Desk, store: Store) -> None:
    """The profile; slots are given up so that the charger never runs between nothing and its least power."""
    least_w = spec.min_power_w
    if not event.down:
        least_w = max(least_w, math.ceil(spec.standby_w * 100 / spec.charge_pct))
    for slot in range(event.slots):
        desk.given_up[slot], desk.most_w[slot] = False, desk.wanted_w[slot]
    weighed = _any_of(event, weights)
    while True:
        if weighed:
            pour(store, event.slots, desk.firm_w, desk.most_w, weights, desk.rows, desk.profile_w)
        else:
            raise_all(store, event.slots, desk.firm_w, desk.most_w, 0.0, desk.rows, desk.profile_w)
        for slot in range(event.slots):
            desk.power_w[slot] = _whole(desk.profile_w[slot])
        worst, lacking = _worst(event, desk, least_w)
        if worst < 0:
            return
        for _ in range(1 if event.slots <= _ONE_BY_ONE else (lacking + 1) // 2):
            base_w, power_w = desk.line.base_w[worst], desk.power_w[worst]
            desk.most_w[worst] = _below(base_w, least_w, base_w + (-power_w if event.down else power_w), event.down)
            desk.given_up[worst] = True
            desk.power_w[worst] = 0  # until it is poured anew
            worst, _ = _worst(event, desk, least_w)


def _worst(event: EventSlots, desk: Desk, least_w: int) -> tuple[int, int]:
    """The slot that misses the charger's least power by most (-1: none), and how many miss it."""
    worst, most_missing, lacking = -1, 0, 0
    for slot in range(event.slots):
        power_w = desk.power_w[slot]
        net_w = desk.line.base_w[slot] + (-power_w if event.down else power_w)
        missing = least_w - abs(net_w)
        if power_w != 0 and net_w != 0 and missing > 0:
            lacking += 1
            if missing >= most_missing:
                worst, most_missing = slot, missing
    return worst, lacking


def _any_of(event: EventSlots, weights: Row) -> bool:
    for slot in range(event.slots):  # noqa: SIM110 (numba takes no generators)
        if weights[slot] > 0:
            return True
    return False


def _whole(power_w: float) -> int:
    return int(power_w + 1e-6)


def _below(base_w: int, least_w: int, net_w: int, down: bool) -> int:
    """The next smaller change that the charger can run with, W."""
    if not down:
        return 0
    return max(0, base_w - least_w) if net_w > 0 else max(0, base_w)


def _reach(spec: Car, event: EventSlots, desk: Desk, store: Store) -> None:
    """One joint profile that it could give at most."""
    limit_w = spec.max_charge_w + spec.max_discharge_w
    for slot in range(event.slots):
        power_w = desk.firm_w[slot] = desk.power_w[slot]
        desk.most_w[slot] = max(power_w, limit_w if desk.wanted_w[slot] else 0)
    raise_all(store, event.slots, desk.firm_w, desk.most_w, 0.0, desk.rows, desk.profile_w)
    for slot in range(event.slots):
        desk.available_w[slot] = max(desk.power_w[slot], _whole(desk.profile_w[slot]))


def _bind(spec: Car, event: EventSlots, reserved: Commitments | None, asked_w: Row, desk: Desk, store: Store) -> None:
    """Why it is not more, slot by slot, as places in RESTRICTIONS."""
    moved, line = 0.0, desk.line
    for slot in range(event.slots):
        cheap = min(float(desk.power_w[slot]), store.cheap_w[slot])
        moved += cheap * store.cheap_wh + (desk.power_w[slot] - cheap) * store.dear_wh
        desk.profile_w[slot] = store.room_wh[slot] - moved
    left, at_reserve = float("inf"), False
    owed = False
    if reserved is not None:
        owed = owed_after(reserved, start_of(event, event.slots))
    for slot in range(event.slots - 1, -1, -1):
        if desk.profile_w[slot] <= left:  # the tightest of all later bounds says
            left, at_reserve = desk.profile_w[slot], line.bound_wh[slot] <= spec.reserve_wh
        if desk.power_w[slot] >= asked_w[slot]:
            desk.binding[slot] = 0
        elif line.part[slot] == AWAY:
            desk.binding[slot] = _PLUG_WINDOW
        elif desk.given_up[slot]:
            desk.binding[slot] = _MIN_POWER
        elif line.part[slot] == OPPOSED:
            desk.binding[slot] = _COMMITTED
        elif not desk.closed[slot] and spec.relay_ops >= 0:
            desk.binding[slot] = _RELAY_OPS
        elif desk.power_w[slot] + 1 > store.all_w[slot]:
            desk.binding[slot] = _POWER_LIMIT
            if reserved is not None:
                desk.binding[slot] = _limit(reserved, start_of(event, slot), start_of(event, slot + 1))
        elif not event.down:
            desk.binding[slot] = _CAPACITY
        elif at_reserve:
            desk.binding[slot] = _RESERVE_SOC
        else:
            desk.binding[slot] = _COMMITTED if owed else _DEPARTURE_SOC


def _limit(reserved: Commitments, start_us: int, end_us: int) -> int:
    """Whether the limit of power is so low because other events hold some of it."""
    return _COMMITTED if any_within(reserved, start_us, end_us) else _POWER_LIMIT
