"""Delivery under trouble: recorded events put to recorded vehicles, and then homes drop out, fall silent or give little.

`python bench/trouble.py --sessions CSV --requests CSV [--events N] [--json]`. Each event is delivered without mending and
with it, over a bus that loses messages. What flowed is read from the simulated devices, against the same devices left to
themselves. Beside it stands what a plan with hindsight could still have delivered from the first reading on: a linear
program (HiGHS) that knows from the start who gives how much, and may use every offer that holds an award, and own storage.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from agents.drivers.build import build_drivers
from agents.negotiation.parent import ParentParty
from agents.negotiation.repair import Repair
from agents.parties.aggregator.actor import Aggregator
from agents.runtime.files.from_csv import GivesNothing, Plugged, RecordedRequest, Session, read_sessions, read_wanted
from agents.settings.parties import EventSettings
from agents.settings.scenario import Scenario
from agents.tools.run.simulate import build_simulation
from agents.tools.study.runs import whole_scenario
from agents.tools.study.study import spaced
from agents.tools.study.variants import VARIANTS, StudyBooks, sized, with_surplus, with_variant
from bench.hindsight import Fate, hindsight_wh
from broker.bus import Post
from broker.chance import Faults
from broker.simulation import Simulation
from protocol.actor import Decided, Driver, Measured
from protocol.plan import Plan, shortfall

LOSS_PCT = 5
SIZE_PCT = 50
"""Of what the fleet can give by itself: the rest is what others can be asked for."""
HIT_PCT = 20
"""Of the homes with an award drop out, or fall silent."""
GIVES_PCT = (0, 80)
"""Of what is due, where all give little."""


class Trouble(StrEnum):
    """What befalls the homes after the award."""

    NONE = "none"
    DROP_OUT = "a fifth drops out"
    SILENT = "a fifth dies"
    """Nothing leaves it and nothing reaches it; its devices go on by themselves when their dispatch has run out."""
    WEAK = "all give 0-80 %"


@dataclass(frozen=True, slots=True)
class Delivered:
    """One event under one trouble. Energy in Wh."""

    event: str
    trouble: str
    mended: bool
    awarded_wh: int
    """At first."""
    stated_wh: int
    """What of it was said to be missing, with its cause."""
    told_wh: int
    """The utility's last account."""
    flowed_wh: int
    slots_wh: tuple[int, ...]
    """What flowed, slot by slot."""
    hindsight_wh: int
    """What a plan with hindsight gives from the second slot on."""


class WeakDriver:
    """Of a device that goes only a share of the way from its own schedule to what it is told."""

    def __init__(self, driver: Driver, alone: Driver, pct: int) -> None:
        self.driver, self.alone, self.pct = driver, alone, pct

    def set_power(self, power_w: int | None, at: datetime, until: datetime) -> None:
        if power_w is not None and until > at:
            own_wh = self.alone.measure(at, until).energy_wh or 0
            own_w = own_wh * 3600 / (until - at).total_seconds()
            power_w = round(own_w + (power_w - own_w) * self.pct / 100)
        self.driver.set_power(power_w, at, until)

    def measure(self, from_at: datetime, until: datetime) -> Measured:
        return self.driver.measure(from_at, until)


def delivered(scenario: Scenario, trouble: Trouble, mended: bool, seed: int) -> Delivered | None:
    """Play one event; None where there was no deal."""
    event = scenario.utility.events[0]
    with _mending(mended):
        simulation = build_simulation(scenario, seed, Faults(loss_pct=LOSS_PCT), keep_trace=False)
        simulation.run(until=event.start - timedelta(minutes=10))
        deal_w = simulation.actor(scenario.utility.name).events[event.event_id].deal_w  # type: ignore[attr-defined]
        if deal_w is None:
            return None
        offers = {home: plan for ra in _aggregators(simulation) for home, plan in _offers(ra, event.event_id)}
        fates = _fates(trouble, list(offers), event, seed)
        _befall(simulation, scenario, trouble, fates)
        simulation.run(until=scenario.ends_at + timedelta(minutes=30))
    slots_wh = _flowed(simulation, scenario)
    told = [note for _, who, note in simulation.notes if note.name == "settled" and who == scenario.utility.name]
    final_w = simulation.actor(scenario.utility.name).events[event.event_id].deal_w  # type: ignore[attr-defined]
    hours = event.slot_s / 3600
    storage_wh = sum(spec.max_discharge_w for ra in scenario.aggregators for spec in ra.storage) * hours
    return Delivered(
        event.event_id,
        trouble.value,
        mended,
        round(sum(deal_w) * hours),
        round(sum(shortfall(deal_w, final_w)) * hours),
        int(told[-1].data["delivered_wh"]),  # type: ignore[call-overload]
        sum(slots_wh),
        slots_wh,
        hindsight_wh(deal_w, offers, fates, event, storage_wh),
    )


@contextmanager
def _mending(mended: bool) -> Iterator[None]:
    """Without it whatever is lost is only stated."""
    if mended:
        yield
        return
    with (
        patch.object(Repair, "replace", lambda self, missing_w, cause, now: missing_w),
        patch.object(Repair, "lower", lambda self, deal_w, now: None),
    ):
        yield


def _aggregators(simulation: Simulation) -> list[ParentParty]:
    return [node.actor for node in simulation.nodes.values() if isinstance(node.actor, Aggregator)]


def _offers(ra: ParentParty, event_id: str) -> Iterator[tuple[str, Plan]]:
    """What each home offered that holds an award of its aggregator."""
    event = ra.events.get(event_id)
    for child, _ in event.children.awarded() if event is not None else ():
        assert child.accepted is not None
        yield child.name, child.accepted.power_w


def _fates(trouble: Trouble, homes: Sequence[str], event: EventSettings, seed: int) -> Mapping[str, Fate]:
    """What befalls whom: the same with and without mending."""
    rng = Random(f"{event.event_id}.{seed}")
    length = timedelta(seconds=event.slot_s) * len(event.power_w)
    if trouble is Trouble.WEAK:
        return {home: Fate(rng.randint(*GIVES_PCT)) for home in homes}
    hit = rng.sample(list(homes), -(-len(homes) * HIT_PCT // 100)) if trouble is not Trouble.NONE else []
    early = timedelta(minutes=9)
    if trouble is Trouble.SILENT:
        return {home: Fate(0, event.start - early) for home in hit}
    return {home: Fate(0, event.start - early + (length + early) * rng.random()) for home in hit}


def _befall(simulation: Simulation, scenario: Scenario, trouble: Trouble, fates: Mapping[str, Fate]) -> None:
    event_id = scenario.utility.events[0].event_id
    homes = {home.name: home for home in scenario.homes}
    if trouble is Trouble.DROP_OUT:
        for name, fate in fates.items():
            assert fate.from_at is not None
            simulation.give(fate.from_at, name, Decided(event_id, False))
    elif trouble is Trouble.WEAK:
        for name, fate in fates.items():
            drivers: dict[str, Any] = simulation.nodes[name].stepper.drivers  # type: ignore[assignment]
            alone = build_drivers(homes[name])
            for resource, driver in list(drivers.items()):
                drivers[resource] = WeakDriver(driver, alone[resource], fate.gives_pct)
    elif trouble is Trouble.SILENT:
        for name in simulation.nodes:
            simulation.intercept(name, _without(frozenset(fates)))


def _without(dead: frozenset[str]) -> Callable[[str, Post], list[tuple[Post, timedelta]]]:
    """Nothing leaves the dead, nothing reaches them."""

    def way(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        return [] if post.topic.rpartition("/")[2] in dead else [(post, timedelta())]

    return way


def _flowed(simulation: Simulation, scenario: Scenario) -> tuple[int, ...]:
    """What the load fell by in each slot, homes and own storage: against the same devices left to themselves."""
    event = scenario.utility.events[0]
    slot = timedelta(seconds=event.slot_s)
    found = [0] * len(event.power_w)
    for settings in (*scenario.homes, *scenario.aggregators):
        alone = build_drivers(settings)
        for resource, driver in simulation.nodes[settings.name].stepper.drivers.items():
            for index in range(len(found)):
                start = event.start + slot * index
                own_wh = alone[resource].measure(start, start + slot).energy_wh or 0
                found[index] += own_wh - (driver.measure(start, start + slot).energy_wh or 0)
    return tuple(found)


def scenarios(
    sessions: Mapping[str, Sequence[Session]], wanted: Sequence[RecordedRequest], seed: int
) -> Iterator[Scenario]:
    """The events of two slots and more, with the whole ladder; homes that say that they have a dispatch."""
    for one in wanted:
        try:
            whole = whole_scenario(sessions, one, Plugged.EVERY_EVENING, StudyBooks.KNOWN, seed)
        except GivesNothing:
            continue
        if len(whole.utility.events[0].power_w) > 1:
            yield _answering(with_variant(sized(whole, SIZE_PCT), with_surplus(VARIANTS[-1])))


def _answering(scenario: Scenario) -> Scenario:
    answering = [
        one.model_copy(update={"members": tuple(replace(member, answers_dispatch=True) for member in one.members)})
        for one in scenario.aggregators
    ]
    return replace(scenario, aggregators=tuple(answering))


@dataclass(frozen=True, slots=True)
class TroubleRow:
    """All events under one trouble, shares in percent."""

    trouble: str
    events: int
    unmended_pct: float
    """Delivered of what was awarded."""
    mended_pct: float
    hindsight_pct: float
    """From the second slot on: what was delivered of what a plan with hindsight gives."""
    told_pct: float
    """What the utility was told of what flowed."""
    most_pct: float
    """Of what was awarded in the event that gave the most."""
    explained_pct: float
    """What was stated to be missing, of what was missing."""


def rows(found: Sequence[Delivered]) -> Iterator[TroubleRow]:
    """One row a trouble."""
    for trouble in Trouble:
        mended = [one for one in found if one.trouble == trouble.value and one.mended]
        plain = [one for one in found if one.trouble == trouble.value and not one.mended]
        if not mended:
            continue
        missing = sum(max(0, one.awarded_wh - one.flowed_wh) for one in mended)
        yield TroubleRow(
            trouble.value,
            len(mended),
            _pct(sum(one.flowed_wh for one in plain), sum(one.awarded_wh for one in plain)),
            _pct(sum(one.flowed_wh for one in mended), sum(one.awarded_wh for one in mended)),
            _pct(sum(sum(one.slots_wh[1:]) for one in mended), sum(one.hindsight_wh for one in mended)),
            _pct(sum(one.told_wh for one in mended), sum(one.flowed_wh for one in mended)),
            max(_pct(one.flowed_wh, one.awarded_wh) for one in mended),
            _pct(sum(one.stated_wh for one in mended), missing),
        )


def _pct(part: float, whole: float) -> float:
    return round(100 * part / whole, 1) if whole else 100.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=Path, required=True)
    parser.add_argument("--requests", type=Path, required=True)
    parser.add_argument("--events", type=int, default=12, help="so many, evenly spaced")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="of the troubles those with this text in their words")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    wanted = spaced(list(read_wanted(given.requests).values()), given.events)
    found = [
        one
        for scenario in scenarios(read_sessions(given.sessions), wanted, given.seed)
        for trouble in Trouble
        if given.only in trouble.value
        for mended in (False, True)
        if (one := delivered(scenario, trouble, mended, given.seed)) is not None
    ]
    table = [asdict(one) for one in rows(found)]
    if given.json:
        print(json.dumps({"rows": table, "events": [asdict(one) for one in found]}))
        return 0
    for row in table:
        print("  ".join(f"{key.removesuffix('_pct')} {value}" for key, value in row.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
