"""A fleet of homes and as many single actors that hear the same at the same times say the same, byte for byte."""

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import pytest
from device_cases import DOWN, UP, tank
from worlds import START, T0, battery, vehicle

from agents.drivers.build import build_drivers, build_feeds
from agents.parties.der.actor import Der
from agents.parties.der.home import Home
from agents.runtime.fleet.homes import Given, Homes
from agents.runtime.fleet.memory import fleet_memory, remember_fleet
from agents.settings.connection import ConnectionPoint
from agents.settings.devices import DeviceSpec, SolarSpec, VehicleSpec
from agents.settings.parties import Consent, DerSettings
from agents.settings.plan import WEEKDAYS, OwnersPlan, WeeklyDeparture
from broker.stepper import Stepper
from protocol import messages as m
from protocol.actor import Decided, Entry, Measured, Received, Refused, Resumed, Send, Setpoint
from protocol.edges import Edge
from protocol.entries import encode_effects, encode_input
from protocol.errors import RejectReason
from protocol.units import SLOT

PARENT = "ra-1"
MINUTE = timedelta(minutes=1)
EFFICIENCIES = (100, 95, 77)
RELAXATIONS: tuple[tuple[dict[str, Any], ...], ...] = (
    (),
    ({"restriction": "reserve_soc", "steps": [6_000, 2_000]},),
    ({"restriction": "departure_soc", "steps": [9_000, 5_000]}, {"restriction": "relay_ops", "steps": [4]}),
    ({"restriction": "power_limit", "steps": [8_000]}, {"restriction": "plug_window", "steps": [3_600]}),
)


def some_vehicle(rng: random.Random, name: str) -> VehicleSpec:
    capacity = rng.choice([10_000, 20_000, 40_000, rng.randint(4_000, 60_000)])
    reserve = rng.choice([0, capacity // 5, rng.randint(0, capacity // 3)])
    return vehicle(
        f"ev-{name}",
        capacity_wh=capacity,
        reserve_wh=reserve,
        soc_wh=rng.randint(reserve, capacity),
        departure_soc_wh=rng.choice([capacity, reserve, rng.randint(reserve, capacity)]),
        state_at=T0 + rng.choice([0, 0, 30, 90]) * MINUTE,
        plugs_in_at=T0 + rng.choice([0, 0, 0, 73, 120]) * MINUTE,
        departs_at=T0 + rng.choice([200, 480, 840, 840]) * MINUTE,
        max_charge_w=rng.choice([3_000, 6_000, rng.randint(1, 9_000)]),
        max_discharge_w=rng.choice([0, 3_000, 6_000, rng.randint(1, 9_000)]),
        charge_efficiency_pct=rng.choice(EFFICIENCIES),
        discharge_efficiency_pct=rng.choice(EFFICIENCIES),
        standby_w=rng.choice([0, 0, 50]),
        relay_ops_left=rng.choice([None, None, 0, 2, 4]),
        min_power_w=rng.choice([0, 0, 1_400]),
        relaxations=rng.choice(RELAXATIONS),
    )


def some_connection(name: str) -> ConnectionPoint | None:
    """Every other home has one; by its name, so that a seed's homes are else what they were."""
    rng = random.Random(f"connection {name}")
    if rng.random() < 0.5:
        return None
    history = tuple(rng.choice([0, 300, 2_000]) for _ in range(rng.choice([6, 48])))
    base_w, at = rng.choice([((), None), ((500,), None), (history, T0 - SLOT)])
    limits = {"import_limit_w": rng.choice([2_000, 5_000, 20_000]), "export_limit_w": rng.choice([0, 0, 2_500])}
    return ConnectionPoint(**limits, base_load_w=base_w, base_load_at=at)


def some_home(rng: random.Random, name: str) -> DerSettings:
    """Most have a vehicle and nothing else; the others have something of everything."""
    devices: list[DeviceSpec] = [some_vehicle(rng, name)]
    if rng.random() < 0.3:
        sun = tuple(rng.randint(0, 6_000) for _ in range(8))
        pv = SolarSpec(kind="solar", resource_id=f"pv-{name}", forecast_w=sun, forecast_at=T0, export_limit_w=2_000)
        others: list[DeviceSpec] = [battery(f"bat-{name}"), tank(resource_id=f"tank-{name}"), pv]
        devices = rng.sample([*devices, *others], rng.randint(1, 3))
    consent = rng.choices([Consent.ALWAYS, Consent.ASK, Consent.NEVER], [8, 1, 1])[0]
    return DerSettings(
        name=name,
        parent=PARENT,
        devices=tuple(devices),
        consent=consent,
        stored_rule=rng.random() < 0.7,
        meter_to=("utility",) if rng.random() < 0.5 else (),
        connection=some_connection(name),
    )


class Singles:
    """Each home by itself."""

    def __init__(self, settings: Iterable[DerSettings]) -> None:
        self.steppers: dict[str, Stepper] = {}
        for one in settings:
            drivers = build_drivers(one)
            self.steppers[one.name] = Stepper(Der(one), drivers, build_feeds(one, drivers))

    @property
    def deadline(self) -> datetime | None:
        return min((at for s in self.steppers.values() if (at := s.deadline) is not None), default=None)

    def begin(self, now: datetime) -> list[Entry]:
        return [entry for stepper in self.steppers.values() for entry in stepper.begin(now)]

    def take(self, given: Iterable[Given], now: datetime, *, due: bool = True) -> list[Entry]:
        return [entry for name, item in given for entry in self.steppers[name].take(item, now, due=due)]

    def wake(self, now: datetime) -> list[Entry]:
        due = [s for s in self.steppers.values() if s.deadline is not None and s.deadline <= now]
        return [entry for stepper in due for entry in stepper.take(None, now)]

    def drive(self, name: str, setpoint: Setpoint) -> None:
        driver = self.steppers[name].drivers[setpoint.resource_id]
        driver.set_power(setpoint.power_w, setpoint.at, setpoint.until)


class Both:
    """A fleet and the single actors; whatever one does the other has to do as well."""

    def __init__(self, settings: list[DerSettings], *, from_state: bool = False) -> None:
        self.settings, self.from_state = settings, from_state
        self.fleet, self.singles = Homes(settings), Singles(settings)
        self.said: dict[str, list[Send]] = {one.name: [] for one in settings}
        self.entries: list[Entry] = []
        self._same(list(self.fleet.begin(T0)), self.singles.begin(T0))

    def give(self, given: list[Given], now: datetime, *, due: bool = True) -> None:
        if due:
            self.until(now)
        self._same(list(self.fleet.take(given, now, due=due)), self.singles.take(given, now, due=due))
        assert self.fleet.at_rest(now) == all(one.actor.at_rest(now) for one in self.singles.steppers.values())

    def until(self, now: datetime) -> None:
        """All deadlines up to now."""
        assert self.fleet.deadline == self.singles.deadline
        while (at := self.singles.deadline) is not None and at <= now:
            self._same(list(self.fleet.wake(at)), self.singles.wake(at))
            assert self.fleet.deadline == self.singles.deadline

    def restart(self, now: datetime, *, down: bool = False) -> None:
        """A new process that knows what the journal knows (or the state that was written at the stop), beside actors
        that say what theirs says after a restart. `down`: for so long that deadlines have passed."""
        if not down:
            self.until(now)
        again = Homes(self.settings)
        if self.from_state:
            memory = fleet_memory(self.fleet, self.entries[-1].at)
            assert remember_fleet(again, memory) == self.entries[-1].at
            assert fleet_memory(again, self.entries[-1].at) == memory
        else:
            again.fold((e.at, e.actor, e.input, encode_effects(e.effects)) for e in self.entries)
        assert again.deadline == self.fleet.deadline
        assert again.awake == self.fleet.awake
        self.fleet = again
        resumed = [(one.name, Resumed(now)) for one in self.settings]
        self._same(list(again.resume(now, now)), self.singles.take(resumed, now, due=False))
        self._same(list(again.begin(now)), self.singles.begin(now))

    def rest(self, now: datetime) -> None:
        """All begin anew, as a daemon's party does when its journal is archived."""
        self.until(now)
        assert self.fleet.at_rest(now)
        for name, stepper in self.singles.steppers.items():
            stepper.actor = Der(self.fleet.settings[name])
        self.fleet.forget()
        self._same(list(self.fleet.begin(now)), self.singles.begin(now))

    def _same(self, fleet: list[Entry], singles: list[Entry]) -> None:
        assert by_home(fleet) == by_home(singles)
        self.entries += fleet
        for entry in fleet:
            for effect in entry.effects:
                if isinstance(effect, Send):
                    self.said[entry.actor].append(effect)
                if isinstance(effect, Setpoint):
                    self.fleet.drive(entry.actor, effect)
                    self.singles.drive(entry.actor, effect)


def by_home(entries: Iterable[Entry]) -> dict[str, list[tuple[datetime, bytes, bytes]]]:
    found: dict[str, list[tuple[datetime, bytes, bytes]]] = {}
    for entry in entries:
        found.setdefault(entry.actor, []).append((entry.at, encode_input(entry.input), encode_effects(entry.effects)))
    return found


class Script:
    """What an aggregator (and the wire) may say in a whole negotiation, by chance."""

    def __init__(self, rng: random.Random, both: Both) -> None:
        self.rng, self.both = rng, both
        self.heard: dict[str, list[Received]] = {one.name: [] for one in both.settings}
        self.number = 0

    def ids(self, event_id: str, home: str, round_: int, now: datetime) -> dict[str, Any]:
        self.number += 1
        request_id = f"{PARENT}.{event_id}.{round_}.{home}"
        return {"message_id": f"{request_id}.{self.number}", "sent_at": now, "event_id": event_id,
                "request_id": request_id, "round": round_}  # fmt: skip

    def received(self, home: str, message: m.Message) -> Given:
        item = Received(Edge(PARENT, home), message)
        self.heard[home].append(item)
        return home, item

    def request(self, home: str, event_id: str, now: datetime, direction: Any, slots: int, **changes: Any) -> Given:
        rng, start = self.rng, changes.pop("start", START)
        asked = rng.choice([(3_000,) * slots, tuple(rng.choice([0, 1_000, 4_000, 9_000]) for _ in range(slots))])
        ids = self.ids(event_id, home, changes.pop("round", 1), now)
        fields: dict[str, Any] = {
            "revision": 1,
            "reply_by": now + 10 * MINUTE,
            "decide_by": now + 15 * MINUTE,
        } | changes
        return self.received(
            home,
            m.Request(**ids, **fields, program_id="dr", direction=direction, power_w=asked,
                interval_period=m.IntervalPeriod(start=start)),
        )  # fmt: skip

    def to_offers(self, home: str, now: datetime) -> list[Given]:
        """A relax, an award, a cancellation or a refusal that fits (or hardly fits) what the home said last."""
        what = self.rng.random()
        if what < 0.4:
            return self.relax(home, now, None, self.rng.choice([-1, 5]), self.rng.random() < 0.03)
        if what < 0.85:
            share, concluded = self.rng.choice([0, 50, 100, 100, 101]), self.rng.random() < 0.75
            return self.award(home, now, None, concluded, share, self.rng.choice([1, 1, 2]))
        if what < 0.9:
            return [self.reject(home, now)]
        return [(home, Refused(Edge(PARENT, home), "award", RejectReason.MALFORMED, "not a message", "x.1"))]

    def offer(self, home: str, event_id: str | None = None) -> m.Offer | None:
        """One of the last two that the home made, or its last about an event."""
        offers = [s.message for s in self.both.said[home] if isinstance(s.message, m.Offer)]
        if event_id is not None:
            offers = [offer for offer in offers if offer.event_id == event_id][-1:]
        return self.rng.choice(offers[-2:]) if offers else None

    def to(self, offer: m.Offer, home: str, now: datetime) -> dict[str, Any]:
        return self.ids(offer.event_id, home, offer.round, now) | {"request_id": offer.request_id, "revision": 1}

    def relax(
        self, home: str, now: datetime, event_id: str | None, minutes: int = 5, wrong_slots: bool = False
    ) -> list[Given]:
        offer = self.offer(home, event_id)
        if offer is None or offer.opt is m.Opt.OUT:
            return []
        names = self.rng.sample([*m.Restriction][:5], self.rng.randint(1, 5))
        shortfall = tuple(self.rng.choice([0, 500, 4_000]) for _ in (*offer.power_w, *(0,) * wrong_slots))
        relax = m.Relax(**self.to(offer, home, now), shortfall_w=shortfall, restrictions=tuple(names),
            reply_by=now + minutes * MINUTE)  # fmt: skip
        return [self.received(home, relax)]

    def award(
        self, home: str, now: datetime, event_id: str | None, concluded: bool, share: int = 100, revision: int = 1
    ) -> list[Given]:
        offer = self.offer(home, event_id)
        if offer is None or (event_id is not None and offer.opt is m.Opt.OUT and concluded):
            return []
        power = tuple(w * share // 100 if concluded else 0 for w in offer.power_w)
        outcomes = [m.Outcome.NOT_NEEDED, m.Outcome.NO_DEAL, *[m.Outcome.CANCELLED] * (event_id is None)]
        award = m.Award(**self.to(offer, home, now) | {"revision": revision}, award_id=f"{offer.request_id}.award",
            outcome=m.Outcome.CONCLUDED if concluded else self.rng.choice(outcomes), power_w=power,
            accepts=offer.message_id if concluded else None, confirm_by=now + 5 * MINUTE)  # fmt: skip
        return [self.received(home, award)]

    def reject(self, home: str, now: datetime) -> Given:
        self.number += 1
        return self.received(home, m.Reject(message_id=f"{PARENT}.reject.{self.number}", sent_at=now, refused_kind="offer",
            refused_by=self.rng.choice([*m.Side]), reason=RejectReason.EXPIRED, text="late"))  # fmt: skip

    def dispatches(self, home: str, now: datetime) -> list[Given]:
        """The slot that comes next, where the home stands by."""
        found: list[Given] = []
        for event in list(self.both.fleet.actor(home).events.values()):
            if event.award is None or not event.award.power_w or self.rng.random() < 0.2:
                continue
            ids = self.ids(event.request.event_id, home, event.request.round, now)
            ids |= {"request_id": event.request.request_id, "revision": 1}
            slot = min(event.slot, event.slots - 1)
            power_w = event.request.direction.sign * event.award.power_w[slot]
            dispatch = m.Dispatch(**ids, award_id=event.award.award_id, slot=slot, power_w=power_w, valid_for_s=1_800)
            found.append(self.received(home, dispatch))
        return found

    def again(self, home: str) -> list[Given]:
        """A repeat of something, now and then with another body."""
        if not self.heard[home]:
            return []
        item = self.rng.choice(self.heard[home][-4:])
        if self.rng.random() < 0.2:
            item = Received(item.edge, item.message.model_copy(update={"extensions": {"x": 1}}))
        return [(home, item)]


@pytest.mark.parametrize("seed", range(12))
def test_a_fleet_says_what_its_homes_would_say_alone(seed: int) -> None:
    rng = random.Random(seed)
    settings = [some_home(rng, f"h-{number}") for number in range(30)]
    both = Both(settings)
    script = Script(rng, both)
    names, slots, direction = [one.name for one in settings], rng.choice([1, 3, 4]), rng.choice([UP, DOWN])

    def some(share: float) -> list[str]:
        return [name for name in names if rng.random() < share]

    def shuffled(*parts: Iterable[list[Given]]) -> list[Given]:
        found = [given for given in chain.from_iterable(parts) if given]
        rng.shuffle(found)
        return [one for given in found for one in given]

    now = T0 + MINUTE
    both.give([script.request(name, "e1", now, direction, slots) for name in some(0.9)], now)
    both.give(shuffled(([script.request(n, "e2", now, rng.choice([UP, DOWN]), 2, start=START + SLOT)] for n in some(0.3)),
        (script.again(n) for n in some(0.3))), now + MINUTE)  # fmt: skip
    now += 3 * MINUTE
    both.give([(name, Decided("e1", rng.random() < 0.5)) for name in some(0.3)], now)
    both.give(shuffled((script.to_offers(n, now) for n in some(0.9)), (script.again(n) for n in some(0.2))), now)
    now += MINUTE
    again = [[script.request(n, "e1", now, direction, slots, round=2)] for n in some(0.2)]
    late = [[script.request(n, "e1", now, direction, slots, revision=2, reply_by=now - MINUTE)] for n in some(0.1)]
    both.give(shuffled(again, late, (script.again(n) for n in some(0.2))), now)
    for _ in range(3):
        now += 2 * MINUTE
        both.give(shuffled((script.to_offers(n, now) for n in some(0.6)), (script.again(n) for n in some(0.2))), now)
    for slot in range(slots + 2):
        now = START + slot * SLOT - MINUTE
        both.give(shuffled((script.dispatches(n, now) for n in names), (script.again(n) for n in some(0.1)),
            (script.to_offers(n, now) for n in some(0.1))), now)  # fmt: skip
    now += 3 * MINUTE
    both.give([script.request(n, "e3", now, direction, 2, start=now + 30 * MINUTE) for n in some(0.8)], now)
    both.give(shuffled(script.to_offers(n, now) for n in some(0.9)), now + MINUTE)
    both.until(now + 4 * SLOT)
    kinds = {send.message.kind for sends in both.said.values() for send in sends}
    assert {"offer", "confirm", "report", "reject"} <= kinds


@pytest.mark.parametrize("from_state", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_homes_with_a_vehicle_need_no_actor_for_the_usual_course(seed: int, from_state: bool) -> None:
    rng = random.Random(seed)
    names = [f"h-{number}" for number in range(40)]
    settings = [
        DerSettings(
            name=name, parent=PARENT, devices=(some_vehicle(rng, name),), connection=some_connection(f"{name}-{seed}")
        )
        for name in names
    ]
    both = Both(settings, from_state=from_state)
    script = Script(rng, both)
    direction, slots, now = rng.choice([UP, DOWN]), rng.choice([1, 2, 4]), T0 + MINUTE
    for event_id, start in (("e1", START), ("e2", START + SLOT)):
        requests = [script.request(name, event_id, now, direction, slots, start=start) for name in names]
        both.give(requests, now)
        both.give(requests[::2], now)  # repeats to the byte
        both.give(
            [one for name in names if rng.random() < 0.5 for one in script.relax(name, now, event_id)], now + MINUTE
        )
        both.give([script.reject(name, now) for name in names if rng.random() < 0.2], now + MINUTE)
        closed = [one for name in names for one in script.award(name, now, event_id, concluded=False)]
        both.restart(now + 2 * MINUTE)
        both.give(requests, now + 2 * MINUTE)
        both.give(closed if event_id == "e1" else closed[::3], now + 2 * MINUTE)  # the others run out
        both.give([*closed[::3], *requests[::4]], now + 2 * MINUTE)
        now = now + 5 * MINUTE
    now = START - MINUTE
    both.until(now)
    offered = [name for name in names if any(getattr(s.message, "opt", "") is m.Opt.IN for s in both.said[name])]
    assert offered
    assert both.fleet.awake == 0
    both.give([script.request(name, "e3", now, direction, 2, start=START + 3 * SLOT) for name in names], now)
    both.give([one for name in names for one in script.relax(name, now, "e3")], now)
    both.give([one for name in names for one in script.award(name, now, "e3", concluded=True)], now + MINUTE)
    assert both.fleet.awake == 0
    both.give([one for name in names[10:] for one in script.again(name)], now + MINUTE)
    assert both.fleet.awake < 30  # only where the repeat is of an earlier event, or has another body
    both.give(
        [script.request(name, "e3", now, direction, 2, start=START + 3 * SLOT, round=2) for name in names[:10]],
        now + MINUTE,
    )
    assert both.fleet.awake >= 10
    both.until(START + 7 * SLOT)
    assert "report" in {send.message.kind for sends in both.said.values() for send in sends}


@pytest.mark.parametrize("from_state", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_a_fleet_that_is_started_again_knows_what_its_journal_or_its_state_knows(seed: int, from_state: bool) -> None:
    rng = random.Random(seed)
    both = Both([some_home(rng, f"h-{number}") for number in range(20)], from_state=from_state)
    script = Script(rng, both)
    now = T0 + MINUTE
    names = [one.name for one in both.settings]
    both.give([script.request(name, "e1", now, DOWN, 3) for name in names if rng.random() < 0.8], now)
    both.restart(now + MINUTE)
    both.give([given for name in names for given in script.to_offers(name, now)], now + 2 * MINUTE)
    both.restart(now + 3 * MINUTE)
    both.give([given for name in names for given in script.to_offers(name, now)], now + 4 * MINUTE)
    if from_state:  # a fold takes no reading of a start from the devices, which so meter a slot in other pieces
        both.give([one for name in names for one in script.dispatches(name, START)], START - MINUTE)
        both.restart(START + SLOT // 2)
        both.give([one for name in names for one in script.again(name)], START + SLOT // 2)
        both.restart(START + 2 * SLOT + MINUTE, down=True)
    both.until(START + 4 * SLOT)


@pytest.mark.parametrize("from_state", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_fleet_that_was_down_over_deadlines_hears_what_waited_before_it_serves_them(
    seed: int, from_state: bool
) -> None:
    rng = random.Random(seed)
    both = Both([some_home(rng, f"h-{number}") for number in range(30)], from_state=from_state)
    script = Script(rng, both)
    names, now = [one.name for one in both.settings], T0 + MINUTE
    both.give([script.request(name, "e1", now, DOWN, 3) for name in names], now)
    both.give([one for name in names[::2] for one in script.award(name, now, "e1", concluded=True)], now + MINUTE)
    waited = [one for name in names for one in [*script.again(name), *script.to_offers(name, now)]]
    now = START + SLOT + MINUTE  # every offer has run out, and a slot of every award is over
    both.restart(now, down=True)
    assert both.fleet.deadline is not None
    assert both.fleet.deadline < now
    both.give(waited, now, due=False)
    both.give([one for name in names[::3] for one in script.to_offers(name, now)], now + MINUTE, due=False)
    both.until(START + 4 * SLOT)
    assert "report" in {send.message.kind for sends in both.said.values() for send in sends}


@pytest.mark.parametrize("seed", range(4))
def test_homes_that_begin_anew_are_asleep_and_know_how_full_their_vehicles_are(seed: int) -> None:
    rng = random.Random(seed)
    both = Both([some_home(rng, f"h-{number}") for number in range(20)], from_state=True)
    script = Script(rng, both)
    names = [one.name for one in both.settings]
    now, start = T0 + MINUTE, START
    for event_id in ("e1", "e2"):
        both.give([script.request(name, event_id, now, DOWN, 2, start=start) for name in names], now)
        both.give([one for name in names for one in script.award(name, now, event_id, concluded=True)], now + MINUTE)
        assert not both.fleet.at_rest(now + MINUTE)
        for slot in range(2):
            both.give([one for name in names for one in script.dispatches(name, start + (slot - 1) * SLOT)],
                start + slot * SLOT - MINUTE)  # fmt: skip
        assert both.fleet.awake > 0
        assert both.fleet.knows(names[0], event_id)
        now = start + 3 * SLOT
        both.rest(now)
        both.restart(now)  # also of devices whose homes are asleep
        assert both.fleet.awake == 0
        assert not both.fleet.knows(names[0], event_id)
        start += 5 * SLOT


def test_homes_that_nobody_asks_stay_asleep() -> None:
    both = Both([DerSettings(name=f"h-{n}", parent=PARENT, devices=(vehicle(f"ev-{n}"),)) for n in range(5)])
    script = Script(random.Random(1), both)
    both.give([script.request("h-3", "e1", T0, DOWN, 2)], T0)
    assert both.fleet.awake == 0
    both.give([script.request("h-3", "e1", T0, DOWN, 2, round=2)], T0)
    assert both.fleet.awake == 1
    assert "h-9" not in both.fleet


def test_what_one_batch_asks_of_homes_with_a_vehicle_is_computed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    both = Both([DerSettings(name=f"h-{n}", parent=PARENT, devices=(vehicle(f"ev-{n}"),)) for n in range(5)])
    script = Script(random.Random(1), both)
    given = [script.request(name, "e1", T0, DOWN, 2) for name in both.said]

    def alone(*_: object) -> None:
        raise AssertionError("computed alone")

    monkeypatch.setattr("agents.parties.der.home.Home.flexibility", alone)
    offers = [entry for entry in both.fleet.take(given, T0) if any(isinstance(e, Send) for e in entry.effects)]
    assert len(offers) == 5


def asked_of(homes: list[DerSettings], event_id: str, start: datetime) -> list[Given]:
    """5 kW less for an hour, of each."""
    given = []
    for home in homes:
        request_id = f"{event_id}.{home.name}.1"
        message = m.Request(
            message_id=request_id, sent_at=start - 50 * MINUTE, event_id=event_id, request_id=request_id, round=1,
            revision=1, program_id="dr", direction=DOWN, power_w=(5_000, 5_000), reply_by=start - 40 * MINUTE,
            decide_by=start - 30 * MINUTE, interval_period=m.IntervalPeriod(start=start),
        )  # fmt: skip
        given.append((home.name, Received(Edge(PARENT, home.name), message)))
    return given


def test_homes_with_a_plan_live_on_in_a_fleet_as_they_do_alone() -> None:
    daily = WeeklyDeparture.model_validate({"days": WEEKDAYS, "at": "07:00", "back": "16:30", "trip_wh": 8_000})
    plan = OwnersPlan(zone="UTC", departures=(daily,))
    homes = [
        DerSettings(name=f"h-{i}", parent=PARENT, devices=(vehicle(f"ev-{i}", plan=plan if i % 2 else None),))
        for i in range(4)
    ]
    both = Both(homes)
    day = timedelta(days=1)
    for number in range(3):
        start = START + number * day
        both.give(asked_of(homes, f"e{number}", start), start - 50 * MINUTE)
        both.until(start + timedelta(hours=2))
        answers = {home.name: both.said[home.name][-1].message for home in homes}
        taking = {name for name, one in answers.items() if isinstance(one, m.Offer) and one.opt is m.Opt.IN}
        assert taking == ({"h-1", "h-3"} if number else set(answers))
        assert both.fleet.awake == 0
    both.rest(START + 3 * day)
    both.until(START + 4 * day)


def planned_homes(*numbers: int) -> list[DerSettings]:
    """Vehicles that are away by day, some behind a connection point, one of which is back with an energy that is known."""
    found = []
    for i in numbers:
        back: dict[str, Any] = {"arrives_wh": 21_000} if i % 3 == 0 else {"trip_wh": 8_000}
        given = {"days": WEEKDAYS, "at": "07:00", "back": "16:30", "soc_wh": 28_000} | back
        plan = OwnersPlan(zone="UTC", departures=(WeeklyDeparture.model_validate(given),))
        car = vehicle(
            f"ev-{i}", plan=plan, relay_ops_a_day=4 if i % 4 == 1 else None, relaxations=RELAXATIONS[1],
            state_valid_s=7_200 if i % 4 == 2 else None,
        )  # fmt: skip
        found.append(
            DerSettings(name=f"h-{i}", parent=PARENT, devices=(car,), connection=some_connection(f"planned-{i}"))
        )
    return found


def test_fleet_says_of_homes_with_a_plan_what_they_say_alone() -> None:
    homes = planned_homes(*range(12))
    both = Both(homes)
    script = Script(random.Random(3), both)
    day, names = timedelta(days=1), [home.name for home in homes]
    for number in range(3):
        for hour, direction in ((9, DOWN), (14, UP), (18, DOWN)):
            start = T0.replace(hour=hour) + (number + 1) * day
            event_id, now = f"e{number}-{hour}", start - 50 * MINUTE
            both.give([script.request(name, event_id, now, direction, 3, start=start) for name in names], now)
            both.give([one for name in names for one in script.relax(name, now, event_id)], now + MINUTE)
            both.give(
                [one for name in names for one in script.award(name, now, event_id, concluded=True)], now + 2 * MINUTE
            )
            both.give([one for name in names for one in script.dispatches(name, start)], start - MINUTE)
            both.until(start + 4 * SLOT)
    offered = [send.message for sends in both.said.values() for send in sends if isinstance(send.message, m.Offer)]
    assert sum(offer.opt is m.Opt.IN for offer in offered) > 50


def computed_alone(both: Both, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which homes compute by themselves what a batch asks of all."""
    found: list[str] = []
    flexibility = Home.flexibility

    def alone(self: Home, *given: Any) -> Any:
        found.append(self.devices[0].resource_id)
        return flexibility(self, *given)

    start = START + timedelta(days=1)
    with monkeypatch.context() as patched:
        patched.setattr(Home, "flexibility", alone)
        list(both.fleet.take(asked_of(both.settings, "e1", start), start - 50 * MINUTE))
    return found


def test_homes_with_a_plan_or_a_connection_point_are_computed_with_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    homes = [*planned_homes(0, 1, 3, 4, 5), *(some_home(random.Random(1), "h-x") for _ in range(1))]
    point = ConnectionPoint(import_limit_w=9_000, base_load_w=(1_000,))
    homes.append(DerSettings(name="h-c", parent=PARENT, devices=(vehicle("ev-c"),), connection=point))
    both = Both(homes)
    both.until(START + timedelta(days=1) - 50 * MINUTE)
    assert {name for name in computed_alone(both, monkeypatch) if name.startswith("ev-")} <= {"ev-h-x"}


def test_home_whose_vehicle_tells_a_fault_gives_nothing_in_a_fleet_either() -> None:
    homes = [DerSettings(name=f"h-{i}", parent=PARENT, devices=(vehicle(f"ev-{i}"),)) for i in range(2)]
    both = Both(homes)
    both.give([("h-0", Measured("ev-0", T0, 30_000, fault="no contact"))], T0)
    both.give(asked_of(homes, "e1", START), START - 50 * MINUTE)
    answers = [both.said[home.name][-1].message for home in homes]
    assert [isinstance(one, m.Offer) and one.opt_reason for one in answers] == [
        m.OptReason.OUTAGE_RUN_STATUS, m.OptReason.PARTICIPATING,
    ]  # fmt: skip


def test_homes_that_follow_their_sun_live_in_a_fleet_as_they_do_alone() -> None:
    daily = WeeklyDeparture.model_validate({"days": WEEKDAYS, "at": "07:00", "back": "12:30", "trip_wh": 8_000})
    sun = tuple(max(0, 4_000 - 300 * abs(24 - slot)) for slot in range(48))
    homes = []
    for i in range(4):
        plan = OwnersPlan(zone="UTC", departures=(daily,)) if i % 2 else None
        car = vehicle(f"ev-{i}", plan=plan, soc_wh=15_000, charging="follow_pv", departs_at=T0 + timedelta(hours=62))
        plant = SolarSpec(
            kind="solar", resource_id=f"pv-{i}", forecast_w=sun, forecast_at=T0.replace(hour=0, minute=0),
            export_limit_w=4_000, forecast_repeats=True,
        )  # fmt: skip
        point = ConnectionPoint(import_limit_w=9_000, export_limit_w=4_000, base_load_w=(300,))
        homes.append(DerSettings(name=f"h-{i}", parent=PARENT, devices=(car, plant), connection=point))
    both = Both(homes, from_state=True)
    script = Script(random.Random(5), both)
    start = T0.replace(hour=13) + timedelta(days=1)
    now = start - 50 * MINUTE
    both.give([script.request(home.name, "e1", now, DOWN, 3, start=start) for home in homes], now)
    given = [one for home in homes for one in script.award(home.name, now, "e1", concluded=True)]
    assert given
    both.give(given, now + MINUTE)
    for slot in range(3):
        at = start + slot * SLOT - MINUTE
        both.give([one for home in homes for one in script.dispatches(home.name, at)], at)
    both.until(start + 2 * timedelta(days=1))
