"""An air conditioner or a heat pump that heats or cools a room: its comfort limits are a store of heat.

The room is a model of first order: its temperature runs towards that outside with the time constant of its heat capacity
over its loss, and every watt of electricity moves it by the coefficient of performance. By itself the device keeps the
wished temperature: it makes up for the loss, and comes back from a deviation within about `returns_h` hours. In an event
it deviates within the limits of comfort, which the owner may have agreed in advance to loosen, step by step.

Sound: at every edge of every slot and of the forecast, after the event as long as other events hold something, and for six
hours behind that, the room is within its limits, or no further outside than it would have been. Of what fits, the most even
profile; not always the greatest sum, because heat leaks: what is saved early is partly gone later.
"""

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil, exp, inf
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from agents.devices.contract import Ask, Flexibility, Ranges, Segment, hours
from agents.devices.course import laid_out, power_at, standing
from agents.devices.kinds import DeviceKind
from agents.settings.contradictions import contradictions
from agents.settings.devices import Spec
from agents.settings.mistakes import Mistake
from protocol.actor import Measured
from protocol.messages import ResourceKind, Restriction
from protocol.plan import Plan, SignedPlan
from protocol.units import SLOT, Direction, Instant

Celsius = Annotated[float, Field(ge=-60, le=80)]
BELOW_K = 10.0
"""The store is empty so far beyond the limit of comfort: a loosened limit and a cold night still have a level above 0."""
MARGIN_K = 0.02
"""Kept from a limit: whole watts and whole Wh."""
AFTERWARDS, LOOKS_AFTERWARDS = timedelta(hours=6), 6
"""For so long behind all that is held a weak device must not leave the room worse off; looked at so often."""
LEAST_TAU_H, MOST_TAU_H = 0.25, 2_000
"""Of rooms: a tent is quicker, a mountain slower."""
LEVELS = 30
LOOKS = timedelta(minutes=5)
"""So often the device looks at its thermometer."""
MOST_WORK = 50_000
"""Steps of a room's course for which a greater profile is looked for (a tenth of a second); a request of many slots, or of
many days, is answered with what was found to fit until then."""


class ClimateSpec(Spec):
    """`mode`: what the device does; the limits on the other side count as well, when it is asked for more."""

    kind: Literal["climate"]
    mode: Literal["heating", "cooling"]
    rated_w: Annotated[int, Field(gt=0)]
    cop_pct: Annotated[int, Field(ge=80, le=1000)] = 300
    """Heat moved for the electricity drawn, %."""
    capacity_wh_per_k: Annotated[float, Field(gt=0, le=10**6)]
    """Heat that the room and its walls store."""
    loss_w_per_k: Annotated[float, Field(gt=0, le=10**5)]
    """Heat lost for each K between inside and outside."""
    wished_c: Celsius
    least_c: Celsius
    most_c: Celsius
    """The limits of comfort."""
    room_c: Celsius
    state_at: Instant
    """When it was `room_c` in the room."""
    outdoor_c: Annotated[tuple[Celsius, ...], Field(min_length=1, max_length=336)]
    """Forecast by half hour from `outdoor_at` on; the last one goes on."""
    outdoor_at: Instant
    outdoor_repeats: bool = False
    """Whether the forecast begins anew where it ends: a day of 48 half hours is then every day."""
    returns_h: Annotated[float, Field(ge=0.25, le=24)] = 1.0
    comfort_steps_k: Annotated[tuple[Annotated[float, Field(gt=0, le=5)], ...], Field(max_length=8)] = ()
    """By how much the limits may be passed when the owner is asked to loosen them, the mildest first; none: never."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not self.least_c < self.wished_c < self.most_c:
            raise ValueError("wished_c has to lie between least_c and most_c")
        if list(self.comfort_steps_k) != sorted(self.comfort_steps_k):
            raise ValueError("comfort_steps_k has to begin with the mildest step")
        return self


@contradictions.register
def _in_other_units(spec: ClimateSpec) -> Iterator[Mistake]:
    """What no room and no device have: one of the values is in another unit."""
    lasts_h = spec.capacity_wh_per_k / spec.loss_w_per_k
    if not LEAST_TAU_H <= lasts_h <= MOST_TAU_H:
        text = f"{spec.capacity_wh_per_k:g} over loss_w_per_k ({spec.loss_w_per_k:g}) is a time constant of {lasts_h:.2g} h"
        yield Mistake("capacity_wh_per_k", f"{text}: is it in kWh?" if lasts_h < 1 else f"{text}: is the loss in kW?")
    if spec.rated_w * spec.cop_pct / 100 < spec.loss_w_per_k:
        yield Mistake("rated_w", f"{spec.rated_w} W move less than the room loses for 1 K: is it in kW?")


class Room:
    """The physics, as the device computes with it and as it is simulated. Deviations are K in the way of the device: +
    is warmer while it heats, colder while it cools, so that + always needs electricity."""

    def __init__(self, spec: ClimateSpec) -> None:
        self.spec = spec
        self.sign = 1 if spec.mode == "heating" else -1
        self.cop = spec.cop_pct / 100
        self.tau_h = spec.capacity_wh_per_k / spec.loss_w_per_k
        self.k_per_w = self.cop / spec.loss_w_per_k
        """Deviation at which a watt more ends, after long."""
        self.gain_w = spec.capacity_wh_per_k / spec.returns_h / self.cop
        """By which the device comes back, for each K."""

    def deviation_k(self, room_c: float) -> float:
        """How far the room is from what is wished."""
        return self.sign * (room_c - self.spec.wished_c)

    @property
    def limits_k(self) -> tuple[float, float]:
        """Of comfort, as deviations."""
        low, high = self.deviation_k(self.spec.least_c), self.deviation_k(self.spec.most_c)
        return min(low, high), max(low, high)

    def steady_w(self, at: datetime) -> float:
        """What makes up for the loss at the wished temperature."""
        return min(float(self.spec.rated_w), max(0.0, self._needed_w(at)))

    def is_weak(self, start: datetime, end: datetime) -> bool:
        """Whether it cannot make up for the loss at all times: else it comes back from any deviation by itself."""
        at = (start + SLOT * number for number in range((end - start) // SLOT + 1))
        return not all(0 < self.steady_w(one) < self.spec.rated_w for one in at)

    def edges(self, start: datetime, end: datetime, step: timedelta = LOOKS) -> list[datetime]:
        """Where the forecast changes, and whenever the device looks at its thermometer."""
        found = []
        at = self.spec.outdoor_at + step * ((start - self.spec.outdoor_at) // step + 1)
        while at < end:
            found.append(at)
            at += step
        return found

    def own_w(self, deviation_k: float, at: datetime) -> float:
        """What the device draws by itself."""
        return self._draws_w(deviation_k, self.steady_w(at))

    def _draws_w(self, deviation_k: float, steady_w: float) -> float:
        return min(float(self.spec.rated_w), max(0.0, steady_w - self.gain_w * deviation_k))

    def _needed_w(self, at: datetime) -> float:
        """What would make up for the loss, if it could be drawn; below 0, where the weather does it alone."""
        return self.sign * (self.spec.wished_c - self._outdoor_c(at)) * self.spec.loss_w_per_k / self.cop

    def _outdoor_c(self, at: datetime) -> float:
        forecast_c, index = self.spec.outdoor_c, (at - self.spec.outdoor_at) // SLOT
        return forecast_c[
            index % len(forecast_c) if self.spec.outdoor_repeats else min(len(forecast_c) - 1, max(0, index))
        ]

    def turns(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """When it gets warmer or colder outside between two instants."""
        at = self.spec.outdoor_at + SLOT * ((start - self.spec.outdoor_at) // SLOT + 1)
        while at < end:
            if self._outdoor_c(at) != self._outdoor_c(at - SLOT):
                yield at
            at += SLOT

    def steps(self, start: datetime, end: datetime, by_itself: bool) -> list["RoomStep"]:
        """What holds in a span whatever is drawn, step by step: between two looks at the thermometer, or two changes of the
        forecast where the device is set."""
        found = []
        for begins, ends in pairwise((start, *self.edges(start, end, LOOKS if by_itself else SLOT), end)):
            span_h = hours(ends - begins)
            found.append(RoomStep(self._needed_w(begins), self.steady_w(begins), exp(-span_h / self.tau_h), span_h))
        return found

    def follow(self, deviation_k: float, steps: list["RoomStep"], power_w: float | None) -> tuple[float, float]:
        """The deviation at the end of some steps, and the energy drawn, Wh. None: by itself. Where the device cannot make up
        for the loss, the room runs away."""
        drawn_wh = 0.0
        for needed_w, steady_w, stays, span_h in steps:
            drawn_w = self._draws_w(deviation_k, steady_w) if power_w is None else power_w
            end_k = (drawn_w - needed_w) * self.k_per_w
            deviation_k = end_k + (deviation_k - end_k) * stays
            drawn_wh += drawn_w * span_h
        return deviation_k, drawn_wh

    def run(
        self, deviation_k: float, start: datetime, end: datetime, power_w: float | None
    ) -> tuple[float, float]:  # fmt: skip
        """The deviation at the end of a span, and the energy drawn, Wh. None: by itself."""
        return self.follow(deviation_k, self.steps(start, end, power_w is None), power_w)


class Begin(NamedTuple):
    """Where a room's course begins."""

    piece: int
    span: int
    """The first one of the piece."""
    deviation_k: float
    work: int
    """Steps of its course up to there."""


MOST_RAISED = 32
"""Profiles that a course remembers."""


class RoomStep(NamedTuple):
    """A time in which a room is as its device and the weather make it."""

    needed_w: float
    """What would make up for the loss, if it could be drawn."""
    steady_w: float
    """What the device can draw of it."""
    stays: float
    """The share of a deviation that is left at the end."""
    span_h: float


class Climate:
    """One device, with its newest room temperature."""

    kind = ResourceKind.LOAD

    def __init__(self, spec: ClimateSpec) -> None:
        self.spec = spec
        self.room = Room(spec)
        self._last: tuple[tuple[object, ...], dict[float, RoomCourse]] = ((), {})
        """Of the last ask, by how much looser the room is: a home asks more than once, for another power."""

    @property
    def resource_id(self) -> str:
        return self.spec.resource_id

    @property
    def relaxable(self) -> tuple[Restriction, ...]:
        return (Restriction.COMFORT,) if self.spec.comfort_steps_k else ()

    def capacity_w(self, direction: Direction) -> int:
        return self.spec.rated_w

    def observe(self, reading: Measured) -> None:
        if reading.soc_wh is not None and reading.at >= self.spec.state_at:
            room_c = temperature_c(self.room, reading.soc_wh)
            self.spec = self.spec.model_copy(update={"room_c": room_c, "state_at": reading.at})
            self.room = Room(self.spec)

    def ranges_w(self, ask: Ask, schedule_w: SignedPlan) -> Ranges:
        return self._course(ask, 0.0).ranges_w()

    def lay_out(self, ask: Ask, schedule_w: SignedPlan, power_w: Plan) -> tuple[Segment, ...]:
        return tuple(self._within_reach(ask, segment) for segment in laid_out(ask, schedule_w, power_w))

    def _within_reach(self, ask: Ask, segment: Segment) -> Segment:
        """What is left of a slot's mean, in whole W, for a short piece of it may lie beyond what the device can do."""
        if segment.own_w is None:
            return segment
        change_w = segment.power_w + sum(s.power_w for s in standing(ask.reserved, segment.start))
        least_w, most_w = max(0, -change_w), self.spec.rated_w - max(0, change_w)
        return replace(segment, own_w=min(most_w, max(least_w, segment.own_w)))

    def flexibility(self, ask: Ask) -> Flexibility:
        steps = self.spec.comfort_steps_k if Restriction.COMFORT in ask.relaxed else ()
        answer = self._within(ask, 0.0)
        for step in steps:  # the mildest that covers what is asked, or else the last
            if answer.power_w == ask.power_w:
                break
            answer = self._within(ask, step)
        return answer

    def _within(self, ask: Ask, looser_k: float) -> Flexibility:
        course = self._course(ask, looser_k)
        reach = [0 if ask.opposed(slot) else course.reach_w(slot) for slot in range(ask.slots)]
        zeros = [0] * ask.slots
        asked = [min(want, most) for want, most in zip(ask.power_w, reach, strict=True)]
        power_w = course.raised(zeros, asked)
        most = [most if want else 0 for want, most in zip(ask.power_w, reach, strict=True)]
        upper = [max(power, limit) for power, limit in zip(power_w, most, strict=True)]
        available_w = course.raised(power_w, upper)
        binding = tuple(
            None if power >= want else self._binding(ask, slot, power, reach[slot])
            for slot, (power, want) in enumerate(zip(power_w, ask.power_w, strict=True))
        )
        return Flexibility(tuple(power_w), tuple(available_w), binding, course.schedule_w)

    def _course(self, ask: Ask, looser_k: float) -> "RoomCourse":
        key = (self.room, ask.direction, ask.period, ask.slots, ask.reserved)
        if self._last[0] != key:
            self._last = key, {}
        courses = self._last[1]
        if looser_k not in courses:
            known = next(iter(courses.values()), None)
            courses[looser_k] = RoomCourse(self.room, ask, looser_k) if known is None else known.held_to(looser_k)
        return courses[looser_k]

    def _binding(self, ask: Ask, slot: int, power: int, reach: int) -> Restriction:
        if ask.opposed(slot):
            return Restriction.COMMITTED
        if power + 1 >= reach:
            return Restriction.COMMITTED if ask.reserved_w(slot) else Restriction.POWER_LIMIT
        return Restriction.COMFORT


class RoomCourse:
    """What the room does in an event, for any change of load."""

    def __init__(self, room: Room, ask: Ask, looser_k: float) -> None:
        self.room, self.ask = room, ask
        start, end = ask.period.start, ask.period.slot_start(ask.slots)
        last = max([end, *(s.end for s in ask.reserved)])
        looks = LOOKS_AFTERWARDS if room.is_weak(last, last + AFTERWARDS) else 0
        after = [last + AFTERWARDS * look / looks for look in range(1, looks + 1)]
        cuts = {at for s in ask.reserved for at in (s.start, s.end) if room.spec.state_at < at < last}
        slots = [ask.period.slot_start(slot) for slot in range(ask.slots + 1)]
        begin = min(start, max(room.spec.state_at, start - timedelta(days=2)))
        self.cuts = list(pairwise(sorted({begin, last, *slots, *(at for at in cuts if at > begin), *after})))
        self.slot_of = [self._slot(piece) for piece in range(len(self.cuts))]
        turns = list(self.room.turns(start, max([last, *after])))
        self.spans = [list(pairwise((a, *(at for at in turns if a < at < b), b))) for a, b in self.cuts]
        """Each piece, cut where it gets warmer or colder outside: the room may turn there."""
        held = [standing(ask.reserved, at) for at, _ in self.cuts]
        self.is_held = [bool(segments) for segments in held]
        self.others_w = [sum(s.power_w for s in segments) for segments in held]
        self.alone_w = self._alone()
        """The own schedule without any event or, where that leaves less to change, beside what the others hold, by piece;
        where they hold something, that which they stand on."""
        self._from = Begin(0, 0, room.deviation_k(room.spec.room_c), 0)
        """The first piece that the event can change, or that a search has not settled yet."""
        self.work = 0
        """Steps of its course so far."""
        count = sum(map(len, self.spans))
        self._set: list[list[RoomStep] | None] = [None] * count
        self._by_itself: list[list[RoomStep] | None] = [None] * count
        """The steps of each span as soon as it was followed, where the device is set, and where it goes by itself."""
        self.without_k = list(self._follow([0] * ask.slots))
        """The deviation at the end of each span without this event."""
        first = next(piece for piece, slot in enumerate(self.slot_of) if slot is not None)
        if first:
            before = sum(len(spans) for spans in self.spans[:first])
            self._from = Begin(first, before, self.without_k[before - 1], 0)
            self.without_k = self.without_k[before:]
        self._hold(looser_k)
        self.schedule_w = tuple(round(power) for power in self._means())

    def held_to(self, looser_k: float) -> "RoomCourse":
        """The same where the room's limits are looser: all that it does is the same."""
        found = copy(self)
        found._hold(looser_k)
        return found

    def _hold(self, looser_k: float) -> None:
        low, high = self.room.limits_k
        low_k, high_k = low - looser_k + MARGIN_K, high + looser_k - MARGIN_K
        pieces = [piece for piece, spans in enumerate(self.spans) if piece >= self._from.piece for _ in spans]
        self._limits = [(-inf, inf, None)] * self._from.span + [
            (min(low_k, without) - 1e-9, max(high_k, without) + 1e-9, self.slot_of[piece])
            for without, piece in zip(self.without_k, pieces, strict=True)
        ]
        """Of each span what it may not pass, and whose slot it is."""
        self._raised: dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]] = {}

    def _alone(self) -> list[float]:
        begins_k = self.room.deviation_k(self.room.spec.room_c)
        deviation, beside_k, least = begins_k, begins_k, self.ask.direction is Direction.DECREASE_LOAD
        found = []
        for piece, (start, end) in enumerate(self.cuts):
            deviation, drawn_wh = self.room.run(deviation, start, end, None)
            own_w, course_w = drawn_wh / hours(end - start), power_at(self.ask.reserved, start)
            if not self.ask.reserved:
                found.append(own_w)
                continue
            after_k, drawn_wh = self.room.run(beside_k, start, end, None)
            beside_w = drawn_wh / hours(end - start)
            if course_w is None:  # what it takes back of another event is not sold, nor what that has taken already
                own_w = min(own_w, beside_w) if least else max(own_w, beside_w)
            else:
                own_w = float(course_w - self.others_w[piece])
            if self.is_held[piece]:
                after_k, _ = self.room.run(beside_k, start, end, own_w + self.others_w[piece])
            beside_k = after_k
            found.append(own_w)
        return found

    def _slot(self, piece: int) -> int | None:
        start, _ = self.cuts[piece]
        slot = (start - self.ask.period.start) // self.ask.period.duration
        return slot if 0 <= slot < self.ask.slots else None

    def _follow(self, power_w: Sequence[float], until: int | None = None) -> Iterator[float]:
        """The deviation at the end of each span, from the first piece on that the event can change (up to a piece). A
        course is followed hundreds of times for one ask: no function is called for a step where the device is set."""
        first, number, deviation, work = self._from
        self.work += work
        sign, k_per_w = self.ask.direction.sign, self.room.k_per_w
        gain_w, rated_w = self.room.gain_w, float(self.room.spec.rated_w)
        for piece, spans in enumerate(self.spans[first:until], first):
            slot = self.slot_of[piece]
            change = self.others_w[piece] + (0.0 if slot is None else sign * power_w[slot])
            drawn_w = self.alone_w[piece] + change if change or self.is_held[piece] else None
            known = self._by_itself if drawn_w is None else self._set
            for start, end in spans:
                steps = known[number]
                if steps is None:
                    steps = known[number] = self.room.steps(start, end, drawn_w is None)
                number += 1
                self.work += len(steps)
                for needed_w, steady_w, stays, _ in steps:  # as Room.follow
                    power = drawn_w
                    if power is None:  # as Room._draws_w
                        power = steady_w - gain_w * deviation
                        power = 0.0 if power <= 0.0 else min(rated_w, power)
                    end_k = (power - needed_w) * k_per_w
                    deviation = end_k + (deviation - end_k) * stays
                yield deviation

    def _means(self) -> list[float]:
        """The mean of each slot without this event, W."""
        sums = [0.0] * self.ask.slots
        for piece, (start, end) in enumerate(self.cuts):
            if (slot := self.slot_of[piece]) is not None:
                share = (end - start) / self.ask.period.duration
                sums[slot] += (self.alone_w[piece] + self.others_w[piece]) * share
        return sums

    def ranges_w(self) -> Ranges:
        """The least and the most that it draws in each slot without this event, W: it changes with the weather."""
        deviation_k, found = (
            self.room.deviation_k(self.room.spec.room_c),
            [list[float]() for _ in range(self.ask.slots)],
        )
        for piece, (start, end) in enumerate(self.cuts):
            slot = self.slot_of[piece]
            drawn_w = self.alone_w[piece] + self.others_w[piece] if self.is_held[piece] else None
            for begins, ends in pairwise((start, *self.room.edges(start, end), end)):
                if slot is not None:
                    found[slot].append(self.room.own_w(deviation_k, begins) if drawn_w is None else drawn_w)
                deviation_k, _ = self.room.run(deviation_k, begins, ends, drawn_w)
        return tuple((int(min(power_w)), ceil(max(power_w))) for power_w in found)

    def reach_w(self, slot: int) -> int:
        """By how much its power can change in a slot at most, W."""
        drawn = [self.alone_w[piece] + self.others_w[piece] for piece, of in enumerate(self.slot_of) if of == slot]
        if self.ask.direction is Direction.DECREASE_LOAD:
            return max(0, int(min(drawn) + 1e-6))
        return max(0, int(self.room.spec.rated_w - max(drawn) + 1e-6))

    def broken_at(self, power_w: Sequence[float]) -> int | None:
        """The last slot before the first limit that a change breaks; None: it breaks none."""
        for number, deviation in enumerate(self._follow(power_w), self._from.span):
            low_k, high_k, slot = self._limits[number]
            if deviation < low_k or deviation > high_k:
                return self.ask.slots - 1 if slot is None else slot
        return None

    def settle(self, power_w: Sequence[float], slot: int) -> None:
        """Begin all further courses at a slot: the power before it stays. Its work is counted as if it were done."""
        piece, work = self.slot_of.index(slot), self.work
        span, deviation = self._from.span, self._from.deviation_k
        for deviation in self._follow(power_w, piece):
            low_k, high_k, _ = self._limits[span]
            span += 1
            if deviation < low_k or deviation > high_k:  # it is told at each course
                break
        else:
            self._from = Begin(piece, span, deviation, self.work - work)
        self.work = work

    def raised(self, lower: Sequence[int], upper: Sequence[int]) -> list[int]:
        """The most even profile between two that fits; looked for once: a home asks again and again what leaves it the same
        room."""
        key = tuple(lower), tuple(upper)
        if key not in self._raised:
            if len(self._raised) == MOST_RAISED:
                self._raised.clear()
            begin = self._from
            self._raised[key] = _raised(lower, upper, self)
            self._from = begin
        return self._raised[key]


def _raised(lower: Sequence[int], upper: Sequence[int], course: RoomCourse) -> list[int]:
    """The most even profile between two that fits: all slots are raised together until something breaks, those up to
    there stay, the rest goes on, as long as there is work for it."""
    result: list[float] = [float(power) for power in lower]
    first, most_work = 0, course.work + MOST_WORK
    while first < len(result) and course.broken_at(_at(result, upper, first, 1.0)) is not None:
        good, bad, broken = 0.0, 1.0, len(result) - 1
        for _ in range(LEVELS):
            level = (good + bad) / 2
            found = course.broken_at(_at(result, upper, first, level))
            if found is None:
                good = level
            else:
                bad, broken = level, found
        result = _at(result, upper, first, good)
        if broken < first or course.work > most_work:
            return [max(low, int(power)) for low, power in zip(lower, result, strict=True)]
        first = broken + 1
        if first < len(result):
            course.settle(result, first)
        upper = [
            min(limit, int(power)) if slot < first else limit
            for slot, (limit, power) in enumerate(zip(upper, result, strict=True))
        ]
    result = _at(result, upper, first, 1.0)
    return [max(low, int(power + 1e-6)) for low, power in zip(lower, result, strict=True)]


def _at(lower: Sequence[float], upper: Sequence[int], first: int, level: float) -> list[float]:
    return [
        power if slot < first else power + (limit - power) * level
        for slot, (power, limit) in enumerate(zip(lower, upper, strict=True))
    ]


def stored_wh(room: Room, deviation_k: float) -> float:
    """The heat (or cold) above the empty store, as electricity, Wh."""
    return (deviation_k - room.limits_k[0] + BELOW_K) * room.spec.capacity_wh_per_k / room.cop


def temperature_c(room: Room, energy_wh: float) -> float:
    """The room's temperature of a store."""
    deviation = energy_wh * room.cop / room.spec.capacity_wh_per_k + room.limits_k[0] - BELOW_K
    return room.spec.wished_c + room.sign * deviation


class ClimatePhysics:
    """The simulated device."""

    def __init__(self, spec: ClimateSpec) -> None:
        self.room, self.start_at = Room(spec), spec.state_at
        self.energy_wh = stored_wh(self.room, self.room.deviation_k(spec.room_c))

    def edges(self, start: datetime, end: datetime) -> list[datetime]:
        return self.room.edges(start, end)

    def run(self, power_w: int | None, start: datetime, end: datetime) -> float:
        room, spec = self.room, self.room.spec
        deviation = room.deviation_k(temperature_c(room, self.energy_wh))
        drawn_w = None if power_w is None else float(min(spec.rated_w, max(0, power_w)))
        deviation, drawn_wh = room.run(deviation, start, end, drawn_w)
        self.energy_wh = stored_wh(room, deviation)
        return drawn_wh


class ClimateKind:
    """The kind, as an entry point names it."""

    Settings = ClimateSpec
    at_start = ("state_at", "outdoor_at")

    def device(self, spec: ClimateSpec) -> Climate:
        return Climate(spec)

    def physics(self, spec: ClimateSpec) -> ClimatePhysics:
        return ClimatePhysics(spec)


climate: DeviceKind = ClimateKind()
