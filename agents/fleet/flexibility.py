"""S50 and S52 of many vehicles at once: integer for integer what `Vehicle.flexibility` answers.

Vehicles of which another event holds something are not taken here; whoever is doubtful by rounding
(`agents/fleet/stores.py`) is computed by the single actor's code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from agents.der.device import Ask
from agents.der.specs import Relaxation, VehicleSpec
from agents.der.vehicle import Vehicle
from agents.fleet.arrays import EPOCH, NO_LIMIT, Agreed, Bools, Floats, Ints, Vehicles
from agents.fleet.relays import Chosen, Relays
from agents.fleet.stores import chunks, extend, sums, whole
from agents.fleet.timelines import Timelines
from protocol.messages import IntervalPeriod, Restriction
from protocol.units import Direction

RESTRICTIONS: tuple[Restriction | None, ...] = (None, *Restriction)
"""What `binding` refers to by number."""
_NUMBER = {restriction: number for number, restriction in enumerate(RESTRICTIONS)}


@dataclass(frozen=True, slots=True)
class Answers:
    """`Flexibility` for n vehicles: slots x n."""

    power_w: Ints
    available_w: Ints
    """Zeros where it was not asked for."""
    binding: Ints
    """Places in RESTRICTIONS."""
    schedule_w: Ints
    single: int
    """How many were computed by the single actor's code."""


class VehicleFleet:
    """The newest state of many vehicles, and what they can give."""

    def __init__(self, specs: Sequence[VehicleSpec]) -> None:
        self.now = Vehicles.of(specs)
        self.agreed = Agreed(specs)

    def __len__(self) -> int:
        return len(self.now)

    def spec(self, i: int, resource_id: str = "vehicle") -> VehicleSpec:
        """One of them, as its newest state is."""
        now = self.now
        ops = int(now.relay_ops[i])
        return VehicleSpec(
            kind="vehicle",
            resource_id=resource_id,
            capacity_wh=int(now.capacity_wh[i]),
            soc_wh=int(now.soc_wh[i]),
            state_at=EPOCH + timedelta(microseconds=int(now.state_us[i])),
            plugs_in_at=EPOCH + timedelta(microseconds=int(now.plugs_in_us[i])),
            departs_at=EPOCH + timedelta(microseconds=int(now.departs_us[i])),
            departure_soc_wh=int(now.departure_soc_wh[i]),
            reserve_wh=int(now.reserve_wh[i]),
            max_charge_w=int(now.max_charge_w[i]),
            max_discharge_w=int(now.max_discharge_w[i]),
            min_power_w=int(now.min_power_w[i]),
            charge_efficiency_pct=int(now.charge_pct[i]),
            discharge_efficiency_pct=int(now.discharge_pct[i]),
            standby_w=int(now.standby_w[i]),
            relay_ops_left=None if ops == NO_LIMIT else ops,
            relaxations=tuple(Relaxation.model_validate(r) for r in self.agreed.of(i)),
        )

    def flexibility(
        self,
        direction: Direction,
        period: IntervalPeriod,
        asked_w: Ints,
        relaxed: tuple[Restriction, ...] = (),
        index: Ints | None = None,
        available: bool = True,
    ) -> Answers:
        """S50; S52 takes the mildest agreed step that covers what is asked, or else the last. `asked_w`: slots x n, of
        the vehicles at `index` (all when None)."""
        index = np.arange(len(self)) if index is None else index
        owners = self.now.take(index)
        steps = self.agreed.most(relaxed)[index]
        answer = _Pending(asked_w.shape)
        todo = np.arange(len(index))
        for step in range(-1, int(steps.max(initial=0))):
            if step >= 0:
                met = (answer.power_w[:, todo] == asked_w[:, todo]).all(axis=0)
                todo = todo[~met & (steps[todo] > step)]
            if not len(todo):
                break
            some = owners.take(todo)
            loosened = some if step < 0 else self.agreed.loosened(self.now, relaxed, step).take(index[todo])
            answer.put(todo, _answers(some, loosened, direction, period, asked_w[:, todo], available))
        for place in np.flatnonzero(answer.doubt):
            self._single(answer, int(place), int(index[place]), Ask(
                direction, period, tuple(asked_w[:, place].tolist()), (), relaxed))  # fmt: skip
        doubtful = int(answer.doubt.sum())
        return Answers(answer.power_w, answer.available_w, answer.binding, answer.schedule_w, doubtful)

    def _single(self, answer: "_Pending", place: int, vehicle: int, ask: Ask) -> None:
        one = Vehicle(self.spec(vehicle)).flexibility(ask)
        answer.power_w[:, place], answer.available_w[:, place] = one.power_w, one.available_w
        answer.schedule_w[:, place] = one.schedule_w
        answer.binding[:, place] = [_NUMBER[restriction] for restriction in one.binding]


class _Pending:
    """Answers that are filled in, part by part."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.power_w: Ints = np.zeros(shape, dtype=np.int64)
        self.available_w: Ints = np.zeros(shape, dtype=np.int64)
        self.binding: Ints = np.zeros(shape, dtype=np.int8).astype(np.int64)
        self.schedule_w: Ints = np.zeros(shape, dtype=np.int64)
        self.doubt: Bools = np.zeros(shape[1], dtype=bool)

    def put(self, index: Ints | slice, part: "_Pending") -> None:
        self.power_w[:, index], self.available_w[:, index] = part.power_w, part.available_w
        self.binding[:, index], self.schedule_w[:, index] = part.binding, part.schedule_w
        self.doubt[index] |= part.doubt


def _answers(
    owners: Vehicles, loosened: Vehicles, direction: Direction, period: IntervalPeriod, asked_w: Ints, available: bool
) -> _Pending:
    """What the vehicles can give with the restrictions as loosened, piece by piece."""
    slots, n = asked_w.shape
    result, hard = _Pending(asked_w.shape), np.zeros(n, dtype=bool)
    for piece in chunks(n, slots):
        line = Timelines(owners.take(piece), loosened.take(piece), period, slots)
        relays = Relays(line, direction, np.where(line.plugged, asked_w[:, piece], 0))
        chosen = relays.choose()
        hard[piece] = chosen.open_question
        result.put(piece, _given(relays, chosen, asked_w[:, piece], available, ~chosen.open_question))
    rest = np.flatnonzero(hard)
    for piece in chunks(len(rest), slots):
        some = rest[piece]
        line = Timelines(owners.take(some), loosened.take(some), period, slots)
        relays = Relays(line, direction, np.where(line.plugged, asked_w[:, some], 0))
        result.put(some, _given(relays, relays.try_all(), asked_w[:, some], available, np.ones(len(some), dtype=bool)))
    return result


def _given(relays: Relays, chosen: Chosen, ask_w: Ints, available: bool, wanted: Bools) -> _Pending:
    """The profiles of one piece; only those that are `wanted` are told as doubtful."""
    line, answer = relays.line, _Pending(ask_w.shape)
    power_w, given_up, doubt = _runnable(relays, chosen)
    if available:
        spec = line.loosened
        limit = np.where(relays.wanted, spec.max_charge_w + spec.max_discharge_w, 0)
        firm = power_w.astype(np.float64)
        more, doubt_too = extend(chosen.stores, firm, np.maximum(power_w, limit).astype(np.float64))
        answer.available_w = np.maximum(power_w, whole(more))
        doubt = doubt | doubt_too
    answer.power_w, answer.schedule_w = power_w, line.base_w
    answer.binding = _binding(relays, chosen, power_w, given_up, ask_w)
    answer.doubt = doubt & wanted
    return answer


def _runnable(relays: Relays, chosen: Chosen) -> tuple[Ints, Bools, Bools]:
    """The profiles, the slots given up for the charger's least power, and who is doubtful."""
    spec, base, sign = relays.line.loosened, relays.line.base_w, relays.direction.sign
    least_w = spec.min_power_w
    if not relays.down:
        least_w = np.maximum(least_w, np.ceil(spec.standby_w * 100 / spec.charge_pct).astype(np.int64))
    most = relays.asked_w.astype(np.float64)
    profile, doubt = extend(chosen.stores, chosen.firm_w, most)
    power_w, given_up = whole(profile), np.zeros(most.shape, dtype=bool)
    todo = np.arange(most.shape[1])
    while True:
        nets = base[:, todo] + sign * power_w[:, todo]
        size, least = np.abs(nets), least_w[todo]
        missing = np.where((power_w[:, todo] != 0) & (size > 0) & (size < least), least - size, 0)
        bad = np.flatnonzero(missing.any(axis=0))
        if not len(bad):
            return power_w, given_up, doubt
        slot = len(missing) - 1 - np.argmax(missing[::-1, bad], axis=0)
        net, least, todo = nets[slot, bad], least[bad], todo[bad]
        own = base[slot, todo]
        below = np.where(net > 0, np.maximum(0, own - least), np.maximum(0, own)) if relays.down else 0
        most[slot, todo] = below
        given_up[slot, todo] = True
        profile, doubt_too = extend(chosen.stores.take(todo), chosen.firm_w[:, todo], most[:, todo])
        power_w[:, todo] = whole(profile)
        doubt[todo] |= doubt_too


def _binding(relays: Relays, chosen: Chosen, power_w: Ints, given_up: Bools, ask_w: Ints) -> Ints:
    """Why it is not more, slot by slot, as places in RESTRICTIONS."""
    line, stores = relays.line, chosen.stores
    short = power_w < ask_w
    if not short.any():
        return np.zeros(power_w.shape, dtype=np.int64)
    if relays.down:
        reserve = _tightest_is_reserve(line, chosen, power_w.astype(np.float64))
        code = np.where(reserve, _NUMBER[Restriction.RESERVE_SOC], _NUMBER[Restriction.DEPARTURE_SOC])
    else:
        code = np.full(power_w.shape, _NUMBER[Restriction.CAPACITY])
    code = np.where(power_w + 1 > stores.all_w, _NUMBER[Restriction.POWER_LIMIT], code)
    code = np.where(~chosen.closed & relays.limited, _NUMBER[Restriction.RELAY_OPS], code)
    code = np.where(given_up, _NUMBER[Restriction.MIN_POWER], code)
    code = np.where(~line.plugged, _NUMBER[Restriction.PLUG_WINDOW], code)
    return np.where(short, code, 0)


def _tightest_is_reserve(line: Timelines, chosen: Chosen, power_w: Floats) -> Bools:
    """Whether the tightest bound from each slot on is the reserve, not the departure."""
    left = chosen.stores.room_wh - sums(chosen.stores.moved(power_w))
    at_reserve = line.least_wh <= line.loosened.reserve_wh
    for slot in range(len(left) - 2, -1, -1):
        later = left[slot + 1] < left[slot]
        left[slot] = np.where(later, left[slot + 1], left[slot])
        at_reserve[slot] = np.where(later, at_reserve[slot + 1], at_reserve[slot])
    return at_reserve
