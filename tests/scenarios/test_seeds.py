"""1,000 seeds with loss, repeats, reorder, cancellations and changes: whatever happens, the invariants hold.

A failing seed stands in the assertion; `hunt(seed)` runs it again, byte for byte.
"""

from datetime import timedelta
from random import Random

import pytest
from invariants import violations
from worlds import START, T0, World, battery

from broker.simulation import Faults, Simulation
from protocol.actor import Cancel, Issue
from protocol.units import Direction

BLOCK = 100


def random_world(random: Random) -> World:
    """One to three aggregators of one to five homes, any settings, one or two events."""
    world = World()
    for number in range(1, random.randint(2, 4)):
        relaxations = [{"restriction": "reserve_soc", "steps": [4_000, 2_000]}] if random.random() < 0.5 else []
        changes = {"reserve_wh": random.choice([8_000, 25_000, 29_000]), "relaxations": relaxations}
        storage = (battery(f"bat-{number}"),) if random.random() < 0.5 else ()
        world.simple(
            f"ra-{number}",
            random.randint(1, 5),
            scale_w=random.choice([6_000, 12_000, 20_000]),
            vehicle_changes=changes,
            storage=storage,
            leave_early=random.random() < 0.2,
        )
    world.coordinator = {"plan": random.choice(["same", "by_scale"]), "max_rerequests": random.randint(0, 3)}
    world.utility = {"mandate": random.random() < 0.4, "accept_share_pct": random.choice([0, 50, 70])}
    world.event(*[random.choice([5_000, 20_000, 40_000]) for _ in range(random.randint(1, 4))])
    if random.random() < 0.4:
        world.event(
            *[random.choice([5_000, 20_000]) for _ in range(2)],
            event_id="e2",
            issue_at=T0 + timedelta(minutes=random.randint(6, 40)),
            start=START + timedelta(minutes=30 * random.randint(0, 3)),
            direction=random.choice(list(Direction)),
        )
    return world


def hunt(seed: int) -> tuple[World, Simulation]:
    """Run the world of a seed to its end."""
    random = Random(seed)
    world = random_world(random)
    faults = Faults(delay_ms=(1, 2_000), loss_pct=random.choice([0, 5, 20]), repeat_pct=random.choice([0, 30]))
    simulation = world.build(seed, faults)
    if random.random() < 0.2:
        simulation.give(T0 + timedelta(minutes=random.randint(6, 110)), "utility", Cancel("e1"))
    if random.random() < 0.2:
        change = Issue("e1", "dr", Direction.DECREASE_LOAD, START, (10_000, 20_000))
        simulation.give(T0 + timedelta(minutes=random.randint(6, 55)), "utility", change)
    simulation.run()
    return world, simulation


@pytest.mark.parametrize("first", range(0, 1_000, BLOCK))
def test_invariants_hold_over_a_hundred_seeds(first: int) -> None:
    broken = {}
    for seed in range(first, first + BLOCK):
        world, simulation = hunt(seed)
        found = violations(simulation)
        found += [f"{name} still waits" for name, actor in world.actors.items() if actor.deadline is not None]
        if found:
            broken[seed] = found
    assert broken == {}


def test_same_seed_gives_the_same_run_byte_for_byte() -> None:
    first, second = hunt(7)[1].posts, hunt(7)[1].posts
    assert first == second
