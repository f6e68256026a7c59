"""Random worlds of days: homes whose vehicles come and go by their owners' plans, several events a day of both
directions, and all that goes wrong meanwhile. A seed is a world; `hunter.py --long` runs and judges them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from random import Random
from typing import Any

from hunter import Plan
from worlds import World, battery, vehicle

from agents.devices.climate import ClimateSpec
from agents.settings.connection import ConnectionPoint
from agents.settings.devices import DeviceSpec, LoadSpec, SolarSpec, VehicleSpec
from agents.settings.parties import PATENT_LADDER, Consent, DerSettings, EventSettings, Rung
from agents.settings.plan import WEEKDAYS
from broker.chance import Faults
from broker.node import POINTS, Crash
from protocol.actor import Cancel, Decided, Input
from protocol.units import Direction

DAY = timedelta(days=1)
QUIET = timedelta(hours=6)
"""Behind the last event: whatever is due is done by then."""
FEW = 4
"""Events that are over and still known, in a world whose parties forget early: as if months had passed."""
FEATURES = (
    "trip", "known return", "wanted by trip", "day off", "two trips a day", "late charging", "least power", "relaxes",
    "battery", "load", "solar", "many devices", "own storage", "clock change", "overlapping", "odd slots",
    "odd alignment", "increase", "cancelled", "residents", "not today", "fault", "unplugged", "losses", "repeats",
    "crashes", "forgets early", "follows the sun", "connection point", "history", "obliged",
    "storage's connection", "heat pump", "relay budget",
)  # fmt: skip
STARTS = (datetime(2026, 1, 14, tzinfo=UTC), datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC))
"""A day in winter, and the days before Europe's clock changes."""
ZONES = ("UTC", "Europe/Oslo", "Europe/Oslo", "Asia/Kolkata", "America/New_York")
POWERS_W = (0, 2_000, 5_000, 9_000, 15_000, 25_000)


@dataclass(frozen=True)
class Surprise:
    """What a home hears of one of its devices that nobody planned."""

    after: timedelta
    home: str
    resource_id: str
    what: str
    """`fault`, `unplugged`, or `not today`: the owner skips the next departure."""
    lasts: timedelta = timedelta()
    """Until the device tells that it is sound, or plugged in again."""


@dataclass(frozen=True)
class LongPlan(Plan):
    """What happens in a world of days."""

    starts_at: datetime = STARTS[0]
    until: datetime = STARTS[0]
    events: tuple[EventSettings, ...] = ()
    surprises: tuple[Surprise, ...] = ()
    forgets_early: bool = False

    def simpler(self) -> Iterator["LongPlan"]:
        """Plans with one event, or one fault, less."""
        for index in range(len(self.events)):
            yield replace(self, events=self.events[:index] + self.events[index + 1 :])
        for index in range(len(self.surprises)):
            yield replace(self, surprises=self.surprises[:index] + self.surprises[index + 1 :])
        for plan in super().simpler():
            assert isinstance(plan, LongPlan)
            yield plan


def long_plan(seed: int) -> tuple[World, LongPlan]:
    """The world of a seed, and what happens in it."""
    return _Drawing(seed).draw()


class _Drawing:
    """One world, as it is drawn."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(f"long {seed}")
        self.later = Random(f"later {seed}")
        """Of what was added later: the worlds of before stay as they are."""
        self.latest = Random(f"latest {seed}")
        """Of what was added behind that."""
        self.features: Counter[str] = Counter()
        first = self.random.choice(STARTS)
        self.starts_at = first + timedelta(minutes=self.random.randint(0, 1_439))
        self.days = self.random.choice((3, 3, 4, 4, 5, 7))
        self.world = World(starts_at=self.starts_at)

    def _maybe(self, feature: str, pct: int, chance: Random | None = None) -> bool:
        """Whether the world has it, here."""
        has = (chance or self.random).random() * 100 < pct
        self.features[feature] += has
        return has

    def draw(self) -> tuple[World, LongPlan]:
        for number in range(1, self.random.randint(2, 3) + 1):
            self._aggregator(f"ra-{number}")
        self.world.coordinator = {"plan": self.random.choice(["same", "by_scale"])}
        self.world.utility = {
            "mandate": self.random.random() < 0.4,
            "accept_share_pct": self.random.choice([0, 50, 70]),
        }
        self.world.utility["obliged"] = self._maybe("obliged", 15, self.later)
        self.world.homes[:] = [self._lived_in(home) for home in self.world.homes]
        self.world.homes[:] = [self._equipped(home) for home in self.world.homes]
        self.world.aggregators[:] = [
            ra.model_copy(update={"connection": self._connection()})
            if ra.storage and self._maybe("storage's connection", 50, self.later)
            else ra
            for ra in self.world.aggregators
        ]
        events = self._events()
        until = max(self.starts_at + DAY * self.days, max(_end(one) for one in events)) + QUIET
        orders = (*self._cancels(events), *self._residents(events))
        surprises = self._surprises(events)
        plan = LongPlan(
            self.seed, self._faults(events), orders, features=self.features, starts_at=self.starts_at, until=until,
            events=events, surprises=surprises, forgets_early=self._maybe("forgets early", 30),
        )  # fmt: skip
        return self.world, plan

    # -- homes

    def _aggregator(self, name: str) -> None:
        random = self.random
        homes = []
        for number in range(random.randint(2, random.choice((3, 3, 6)))):
            named = f"{name}-h{number}"
            kinds = [self._kind(number)] + [self._kind() for _ in range(random.choice((0, 0, 0, 1, 2)))]
            self.features["many devices"] += len(kinds) > 1
            devices = [self._device(kind, f"{kind}-{named}-{place}") for place, kind in enumerate(kinds)]
            homes.append(self.world.home(named, name, *devices))
        storage = (battery(f"bat-{name}", state_at=self.starts_at),) if self._maybe("own storage", 20) else ()
        ladder = random.choice([PATENT_LADDER, (Rung.SURPLUS, *PATENT_LADDER), (Rung.RELAX, Rung.SURPLUS)])
        self.world.aggregator(name, homes, storage=storage, leave_early=random.random() < 0.2, ladder=ladder)

    def _kind(self, number: int = 1) -> str:
        return "ev" if number == 0 else self.random.choice(("ev", "ev", "battery", "load", "solar"))

    def _device(self, kind: str, name: str) -> DeviceSpec:
        random, at = self.random, self.starts_at
        self.features[kind] += kind != "ev"
        match kind:
            case "battery":
                return battery(name, random.choice([1_000, 3_000, 5_000]), state_at=at)
            case "load":
                return LoadSpec(
                    kind="load", resource_id=name, rated_w=2_000, schedule_w=600, store_wh=3_000,
                    level_wh=random.choice([500, 1_500]), state_at=at,
                )  # fmt: skip
            case "solar":
                bright = tuple(max(0, 4_000 - 400 * abs(24 - slot)) for slot in range(48))
                beside = battery(f"{name}-battery", 2_000, state_at=at) if random.random() < 0.3 else None
                return SolarSpec(
                    kind="solar", resource_id=name, forecast_w=bright, forecast_at=at.replace(hour=0, minute=0),
                    export_limit_w=random.choice([1_000, 3_000]), battery=beside, forecast_repeats=True,
                )  # fmt: skip
        return self._vehicle(name)

    def _vehicle(self, name: str) -> VehicleSpec:
        random, at = self.random, self.starts_at
        changes: dict[str, Any] = {
            "state_at": at,
            "plugs_in_at": at,
            "departs_at": at + timedelta(hours=14),
            "soc_wh": random.choice([12_000, 25_000, 36_000]),
            "departure_soc_wh": random.choice([20_000, 30_000, 36_000]),
            "max_discharge_w": random.choice([0, 3_000, 6_000]),
            "plan": self._owners_plan(),
        }
        if self._maybe("late charging", 20):
            changes["charging"] = "late"
        if self._maybe("least power", 15):
            changes["min_power_w"] = random.choice([1_380, 4_140])
        if self._maybe("relaxes", 30):
            restriction, step = random.choice([("departure_soc", 14_000), ("reserve_soc", 2_000)])
            changes["relaxations"] = [{"restriction": restriction, "steps": [step]}]
        return vehicle(name, **changes)

    def _lived_in(self, home: DerSettings) -> DerSettings:
        """The home with what was added later: a car that charges from the sun, a connection point."""
        devices, chance = list(home.devices), self.later
        cars = [place for place, spec in enumerate(devices) if isinstance(spec, VehicleSpec)]
        sunny = any(isinstance(spec, SolarSpec) for spec in devices)
        if cars and sunny and self._maybe("follows the sun", 60, chance):
            devices[cars[0]] = devices[cars[0]].model_copy(update={"charging": "follow_pv"})
        connection = self._connection() if self._maybe("connection point", 25, chance) else None
        return home.model_copy(update={"devices": tuple(devices), "connection": connection})

    def _equipped(self, home: DerSettings) -> DerSettings:
        """The home with what was added behind that: a heat pump in place of a tank, a budget of the relay for a day."""
        return home.model_copy(update={"devices": tuple(self._exchanged(spec) for spec in home.devices)})

    def _exchanged(self, spec: DeviceSpec) -> DeviceSpec:
        chance = self.latest
        if isinstance(spec, LoadSpec) and self._maybe("heat pump", 50, chance):
            self.features["load"] -= 1
            return self._heat_pump(spec.resource_id)
        if isinstance(spec, VehicleSpec) and spec.charging == "at_once" and self._maybe("relay budget", 20, chance):
            changes = {"relay_ops_a_day": chance.choice((2, 4, 8)), "standby_w": chance.choice((0, 50))}
            return spec.model_copy(update=changes)
        return spec

    def _heat_pump(self, name: str) -> DeviceSpec:
        chance, at = self.latest, self.starts_at
        outdoor_c = [chance.choice((-4.0, 0.0, 3.0, 8.0)) for _ in range(24)]
        return ClimateSpec(
            kind="climate", resource_id=name, mode="heating", rated_w=chance.choice((1_500, 3_000)),
            capacity_wh_per_k=chance.choice((1_500.0, 4_000.0)), loss_w_per_k=chance.choice((80.0, 150.0)),
            wished_c=21.0, least_c=chance.choice((19.0, 20.5)), most_c=23.0, room_c=21.0, state_at=at,
            outdoor_c=tuple(warm for warm in outdoor_c for _ in range(2)) * 7, outdoor_at=at.replace(hour=0, minute=0),
        )  # fmt: skip

    def _connection(self) -> ConnectionPoint:
        """With one base load for always, or a week of a home's history."""
        chance, base_w, at = self.later, (self.later.choice((0, 300, 900)),), None
        if self._maybe("history", 50, chance):
            day_w = [chance.choice((100, 250, 400, 1_500)) for _ in range(48)]
            base_w, at = tuple(day_w * 7), self.starts_at.replace(hour=0, minute=0) - DAY * chance.randint(0, 5)
        return ConnectionPoint(
            import_limit_w=chance.choice((6_000, 9_000, 17_000)), export_limit_w=chance.choice((0, 2_000, 6_000)),
            base_load_w=base_w, base_load_at=at,
        )  # fmt: skip

    def _owners_plan(self) -> dict[str, Any]:
        random, zone = self.random, self.random.choice(ZONES)
        self.features["clock change"] += zone == "Europe/Oslo" and self.starts_at.month != 1
        days = [day for day in WEEKDAYS if random.random() < 0.8] or list(WEEKDAYS)
        found = []
        if self._maybe("two trips a day", 15):
            found.append({"days": days, "at": self._clock(6, 8), "back": self._clock(9, 12)} | self._trip())
            found.append({"days": days, "at": self._clock(15, 18), "back": self._clock(19, 23)} | self._trip())
        else:
            hour = random.choice((2, 7, 7, 7, 12, 20))
            back = {"back": self._clock(0, 23)} if random.random() < 0.8 else {}
            found.append({"days": days, "at": self._clock(hour, hour + 1)} | back | self._trip())
        plan: dict[str, Any] = {"zone": zone, "departures": found}
        if self._maybe("day off", 15):
            plan["exceptions"] = [{"on": self._date()}]
        return plan

    def _trip(self) -> dict[str, Any]:
        trip: dict[str, Any] = {}
        if self._maybe("trip", 60):
            trip["trip_wh"] = self.random.choice([4_000, 12_000, 25_000])
        elif self._maybe("known return", 60):
            trip["arrives_wh"] = self.random.choice([6_000, 16_000, 24_000])
        if self._maybe("wanted by trip", 20):
            trip["soc_wh"] = self.random.choice([15_000, 34_000, 39_000])
        return trip

    def _clock(self, first: int, last: int) -> time:
        return time(self.random.randint(first, last), self.random.randint(0, 59), self.random.choice((0, 0, 17)))

    def _date(self) -> date:
        return (self.starts_at + DAY * self.random.randint(1, self.days)).date()

    # -- what is asked

    def _events(self) -> tuple[EventSettings, ...]:
        found: list[EventSettings] = []
        for day in range(self.days):
            for number in range(self.random.randint(2, 5)):
                found.append(self._event(f"d{day}-{number}", self.starts_at + DAY * day))
        ordered = sorted(found, key=lambda one: one.issue_at)
        by_start = sorted(found, key=lambda one: one.start)
        self.features["overlapping"] += any(later.start < _end(one) for one, later in pairwise(by_start))
        return tuple(ordered)

    def _event(self, event_id: str, day: datetime) -> EventSettings:
        random = self.random
        start = (day + timedelta(minutes=random.randint(120, 1_440))).replace(minute=random.choice((0, 30)))
        if self._maybe("odd alignment", 30):
            start += timedelta(seconds=random.randint(1, 1_799))
        slot_s = random.choice((300, 900, 3_600, 5_400)) if self._maybe("odd slots", 30) else 1_800
        direction = Direction.INCREASE_LOAD if self._maybe("increase", 40) else Direction.DECREASE_LOAD
        power_w = [random.choice(POWERS_W) for _ in range(random.randint(1, 4))]
        return EventSettings(
            event_id=event_id, issue_at=start - timedelta(minutes=random.choice((25, 55, 110))), direction=direction,
            start=start, slot_s=slot_s, power_w=tuple(power_w) if any(power_w) else (5_000, *power_w),
        )  # fmt: skip

    # -- what goes wrong

    def _about(self, events: tuple[EventSettings, ...]) -> tuple[EventSettings, timedelta]:
        """An event, and an instant from its issue until its end."""
        one = self.random.choice(events)
        at = one.issue_at + (_end(one) - one.issue_at) * self.random.random()
        return one, timedelta(seconds=round((at - self.starts_at).total_seconds()))

    def _cancels(self, events: tuple[EventSettings, ...]) -> Iterator[tuple[timedelta, str, Input]]:
        if self._maybe("cancelled", 25):
            for _ in range(self.random.randint(1, 2)):
                one, after = self._about(events)
                yield after, "utility", Cancel(one.event_id)

    def _residents(self, events: tuple[EventSettings, ...]) -> Iterator[tuple[timedelta, str, Input]]:
        if not self._maybe("residents", 25):
            return
        for index, home in enumerate(self.world.homes):
            if self.random.random() < 0.5:
                asked = {"consent": Consent.ASK, "stored_rule": self.random.random() < 0.5}
                self.world.homes[index] = home.model_copy(update=asked)
                for _ in range(self.random.randint(1, 6)):
                    one, after = self._about(events)
                    yield after, home.name, Decided(one.event_id, self.random.random() < 0.6)

    def _surprises(self, events: tuple[EventSettings, ...]) -> tuple[Surprise, ...]:
        found = []
        for what in ("fault", "unplugged", "not today"):
            for _ in range(self.random.randint(1, 2) if self._maybe(what, 20) else 0):
                devices = [(home.name, spec) for home in self.world.homes for spec in home.devices]
                if what != "fault":
                    devices = [(name, spec) for name, spec in devices if isinstance(spec, VehicleSpec)]
                home, spec = self.random.choice(devices)
                lasts = timedelta(minutes=self.random.randint(5, 120))
                found.append(Surprise(self._about(events)[1], home, spec.resource_id, what, lasts))
        return tuple(found)

    def _faults(self, events: tuple[EventSettings, ...]) -> Faults:
        random = self.random
        loss_pct = random.choice((3, 15)) if self._maybe("losses", 35) else 0
        repeat_pct = 30 if self._maybe("repeats", 35) else 0
        crashes = tuple(self._crashes(events)) if self._maybe("crashes", 35) else ()
        commit_ms = random.choice([(0, 0), (1, 20)]) if crashes else (0, 0)
        return Faults((1, 2_000), loss_pct, repeat_pct, commit_ms, crashes)

    def _crashes(self, events: tuple[EventSettings, ...]) -> Iterator[Crash]:
        above = ["utility", "ac"] + [ra.name for ra in self.world.aggregators]
        homes = [home.name for home in self.world.homes]
        for _ in range(self.random.randint(1, 4)):
            name = self.random.choice(above if self.random.random() < 0.5 else homes)
            down = timedelta(seconds=self.random.choice((1, 20, 300, 1_500)))
            yield Crash(name, self.random.choice(POINTS), self.starts_at + self._about(events)[1], down)


def _end(event: EventSettings) -> datetime:
    return event.start + timedelta(seconds=event.slot_s) * len(event.power_w)
