"""Runs and judges worlds of days (long_worlds.py): the journals by the checker, the devices by their physics, and what
the parties still hold when everything is over."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from unittest.mock import patch

from checker import comfort, days, physics, violations
from fresh import FRESH
from hunter import Tally, describe
from long_worlds import FEW, LongPlan, Surprise, long_plan
from worlds import World

from agents.drivers.plan_feed import PlanFeed
from agents.negotiation.parent import ParentParty
from agents.parties.der.control import Controlled
from broker.simulation import Simulation
from protocol.actor import Planned

BLOCK = 5
NEXT_DAYS = 14
"""How far ahead the departure that an owner skips is looked for."""


def run_long(world: World, plan: LongPlan) -> Simulation:
    """Run a plan to its end."""
    world.events[:] = plan.events
    simulation = world.build(plan.seed, plan.faults)
    for after, who, order in plan.orders:
        simulation.give(plan.starts_at + after, who, order)
    for surprise in plan.surprises:
        simulation.at(plan.starts_at + surprise.after, partial(_surprise, simulation, surprise))
    with _forgetting(FEW if plan.forgets_early else None):
        simulation.run(until=plan.until)
    return simulation


@contextmanager
def _forgetting(most: int | None) -> Iterator[None]:
    """Parties know so many events that are over; None: as many as ever."""
    with ExitStack() as stack:
        for owner in (Controlled, ParentParty) if most is not None else ():
            stack.enter_context(patch.object(owner, "MAX_EVENTS", most))
        yield


def _surprise(simulation: Simulation, surprise: Surprise) -> None:
    if surprise.what == "not today":
        _not_today(simulation, surprise)
        return
    told = _reading(simulation, surprise)
    changed = replace(told, fault="broken") if surprise.what == "fault" else replace(told, plugged=False, soc_wh=None)
    simulation.give(simulation.now, surprise.home, changed)
    simulation.at(simulation.now + surprise.lasts, partial(_sound_again, simulation, surprise))


def _sound_again(simulation: Simulation, surprise: Surprise) -> None:
    simulation.give(simulation.now, surprise.home, _reading(simulation, surprise))


def _reading(simulation: Simulation, surprise: Surprise) -> object:
    driver = simulation.nodes[surprise.home].stepper.drivers[surprise.resource_id]
    return replace(driver.measure(simulation.now, simulation.now), energy_wh=None)


def _not_today(simulation: Simulation, surprise: Surprise) -> None:
    """The owner does not drive on the next day that has a departure."""
    now, name = simulation.now, surprise.resource_id
    stepper = simulation.nodes[surprise.home].stepper
    (feed,) = stepper.feeds
    assert isinstance(feed, PlanFeed)
    today = now.astimezone(feed.zone(name)).date()
    ahead = (today + timedelta(days=more) for more in range(NEXT_DAYS))
    feed.skip(name, next(day for day in ahead if feed.departs_on(name, day, now)))
    planned: Planned = feed.planned(name, stepper.actor, now)
    simulation.give(now, surprise.home, planned)


def judge_long(seed: int) -> list[str]:
    """What is broken in the long world of a seed."""
    return judge_long_plan(*long_plan(seed))


def judge_long_plan(world: World, plan: LongPlan) -> list[str]:
    """The same of a plan; an exception of our own is a finding too."""
    try:
        return broken(world, plan, run_long(world, plan))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        return [f"{type(error).__name__}: {error}"]


def shrink_long(seed: int) -> tuple[LongPlan, list[str]]:
    """The plan with the fewest events and faults that still breaks the same promise, and what it breaks."""
    plan = long_plan(seed)[1]
    found = judge_long(seed)
    promise, again = found[0].split(":")[0] if found else "", bool(found)
    while again:
        again = False
        for simpler in plan.simpler():
            still = [one for one in judge_long_plan(long_plan(seed)[0], simpler) if one.startswith(promise)]
            if still:
                plan, found, again = simpler, still, True
                break
    return plan, found


def broken(world: World, plan: LongPlan, simulation: Simulation) -> list[str]:
    """What does not hold of the journals, of the devices, and of what the parties remember."""
    waiting = [f"P3: {name} still waits" for name, actor in world.actors.items() if actor.deadline is not None]
    promises = violations(simulation.trace, lossless=not simulation.faults.loss_pct)
    surprised = {surprise.home for surprise in plan.surprises}
    found = physics.violations(world.homes, simulation, surprised) + days.violations(simulation)
    found += comfort.violations(world.homes, simulation.trace)
    for ra in world.aggregators:
        found += physics.fed_back(ra.name, ra.storage, ra.connection, simulation)
        found += physics.drawn(ra.name, ra.storage, ra.connection, simulation)
    found += physics.less_than_dispatched(simulation.trace, _untroubled(world, simulation) - surprised)
    if plan.forgets_early:
        found += days.never_forgotten(world.actors.values(), FEW)
    return promises + found + waiting


def _untroubled(world: World, simulation: Simulation) -> set[str]:
    """Homes that never died, and whose chargers run with any power."""
    died = {crash.actor for _, crash in simulation.crashed}
    return {home.name for home in world.homes if home.name not in died and not physics.has_least_power(home)}


def hunt_long_block(seeds: range) -> Tally:
    """Run and judge some long worlds."""
    tally = Tally()
    for seed in seeds:
        world, plan = long_plan(seed)
        tally.seeds += 1
        tally.lossy += plan.faults.loss_pct > 0 or plan.faults.repeat_pct > 0
        tally.features.update(name for name, count in plan.features.items() if count)
        found = judge_long_plan(world, plan)
        if found:
            tally.failing[seed] = found
        assert world.simulation is not None
        tally.virtual_hours += (world.simulation.now - plan.starts_at) / timedelta(hours=1)
        tally.crashes += len(world.simulation.crashed)
        tally.departures += sum(1 for _ in days.departures(world.simulation))
        tally.events += len(plan.events)
    return tally


def hunt_long(first: int, seeds: int) -> Tally:
    """All long worlds from `first`, on all processors."""
    blocks = [range(at, min(at + BLOCK, first + seeds)) for at in range(first, first + seeds, BLOCK)]
    with ProcessPoolExecutor(mp_context=FRESH) as pool:
        return sum(pool.map(hunt_long_block, blocks), Tally())


def describe_long(plan: LongPlan) -> str:
    """A plan's events and faults in one line each."""
    lines = [
        f"  {one.event_id}: {one.direction} {list(one.power_w)} W from {one.start:%d.%m. %H:%M:%S}, slots of {one.slot_s} s"
        for one in plan.events
    ]
    lines += [f"  {plan.starts_at + one.after:%d.%m. %H:%M:%S} {one.resource_id}: {one.what}" for one in plan.surprises]
    return "\n".join([*lines, describe(plan)])
