"""The simulator as a hunter: `python tests/support/hunter.py --seeds 1000 --long 100` (`make hunt SEEDS=n LONG=m`).

A seed is a world, the faults of its wire, bytes of strangers, and crashes of its parties at named points; of `--long`, a
world of days (long_worlds.py). What a run did is judged from the journals alone (tests/checker). A failing seed prints the command that repeats it, shrunk to the fewest
faults. Planted bugs (tests/planted.py) show that the hunter finds what it should.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from random import Random

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

from changed_books import CHANGED, changed_books
from checker import comfort, physics, violations
from fresh import FRESH
from odd_contracts import AGREED, agree
from odd_lives import FEATURES, enliven
from odd_plans import limit_plans
from worlds import START, T0, World, battery

from agents.settings.parties import PATENT_LADDER, Rung
from broker.bus import Post
from broker.chance import Faults
from broker.node import POINTS, Crash
from broker.simulation import Simulation
from protocol.actor import Cancel, Input, Issue
from protocol.edges import ROUTES, Edge, topic
from protocol.units import Direction

BLOCK = 50
LOST = "lost memory"
"""The feature of a world in which a party's journal is deleted, or restored from an older copy."""
LADDERS = (
    PATENT_LADDER,
    (Rung.SURPLUS, *PATENT_LADDER),
    (Rung.PLAN, *PATENT_LADDER),
    (Rung.SURPLUS, Rung.PLAN, *PATENT_LADDER),
)
SHOWN = 5
"""Failing seeds that are shrunk and shown."""


def random_world(random: Random) -> World:
    """One to three aggregators of one to five homes, any settings, one or two events."""
    world, ladders = World(), Random()
    ladders.setstate(random.getstate())  # a stream of their own: all else of a seed stays as it was
    for number in range(1, random.randint(2, 4)):
        relaxations = [{"restriction": "reserve_soc", "steps": [4_000, 2_000]}] if random.random() < 0.5 else []
        changes: dict[str, object] = {"reserve_wh": random.choice([8_000, 25_000, 29_000]), "relaxations": relaxations}
        changes["departs_at"] = T0 + timedelta(minutes=ladders.choice([130, 190, 840, 840]))
        storage = (battery(f"bat-{number}"),) if random.random() < 0.5 else ()
        world.simple(
            f"ra-{number}",
            random.randint(1, 5),
            scale_w=random.choice([6_000, 12_000, 20_000]),
            vehicle_changes=changes,
            storage=storage,
            leave_early=random.random() < 0.2,
            ladder=ladders.choice([*LADDERS, (Rung.RELAX, Rung.SURPLUS)]),
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


@dataclass(frozen=True)
class Plan:
    """All that goes wrong in a run: what shrinking takes away, piece by piece."""

    seed: int
    faults: Faults
    orders: tuple[tuple[timedelta, str, Input], ...]
    """When after the start, at which party, and what."""
    noise: tuple[tuple[timedelta, Post], ...] = ()
    """What strangers publish: no message of ours."""
    features: Mapping[str, int] = field(default_factory=dict)
    """What is odd about its world, and how often."""

    def simpler(self) -> Iterator["Plan"]:
        """Plans with one fault less."""
        for index in range(len(self.faults.crashes)):
            crashes = self.faults.crashes[:index] + self.faults.crashes[index + 1 :]
            yield replace(self, faults=replace(self.faults, crashes=crashes))
        for index in range(len(self.orders)):
            yield replace(self, orders=self.orders[:index] + self.orders[index + 1 :])
        if self.noise:
            yield replace(self, noise=())
        for name, none in (("loss_pct", 0), ("repeat_pct", 0), ("commit_ms", (0, 0)), ("delay_ms", (1, 1))):
            if getattr(self.faults, name) != none:
                yield replace(self, faults=replace(self.faults, **{name: none}))


def plan_of(seed: int) -> tuple[World, Plan]:
    """The world and the faults of a seed."""
    random = Random(seed)
    world = random_world(random)
    faults = Faults(delay_ms=(1, 2_000), loss_pct=random.choice([0, 5, 20]), repeat_pct=random.choice([0, 30]))
    orders: list[tuple[timedelta, str, Input]] = []
    if random.random() < 0.2:
        orders.append((timedelta(minutes=random.randint(6, 110)), "utility", Cancel("e1")))
    if random.random() < 0.2:
        change = Issue("e1", "dr", Direction.DECREASE_LOAD, START, (10_000, 20_000))
        orders.append((timedelta(minutes=random.randint(6, 55)), "utility", change))
    if random.random() < 0.6:
        faults = replace(faults, commit_ms=random.choice([(0, 0), (1, 20)]), crashes=_crashes(random, world))
    noise = _noise(random, world) if random.random() < 0.2 else ()
    odd = enliven(world, Random(f"odd {seed}"))
    lost = _losses(Random(f"lost {seed}"), world)  # a stream of its own: all else of a seed stays as it was
    faults = replace(faults, crashes=(*faults.crashes, *lost))
    changed = changed_books(
        world, Random(f"operator 17: {seed}")
    )  # so the seeds that once broke something stay as they were
    limited = limit_plans(world, Random(f"plans 1971: {seed}"))  # so, too
    agreed = agree(world, Random(f"contracts 2026: {seed}"))  # and so, too
    features = {**odd.features, **changed.features, **limited, **agreed, LOST: len(lost)}
    return world, Plan(seed, faults, (*orders, *odd.orders, *changed.orders), noise, features)


def _losses(random: Random, world: World) -> tuple[Crash, ...]:
    """In one of ten worlds a party's journal is deleted, or restored from an older copy."""
    if random.random() >= 0.1:
        return ()
    (crash,) = _crashes(random, world)[:1]
    minutes = max(0.0, (crash.from_at - T0) / timedelta(minutes=1) - random.choice([0.01, 5, 1_000]))
    return (replace(crash, knows_until=T0 + timedelta(minutes=minutes) if minutes else T0 - timedelta(days=1)),)


def _noise(random: Random, world: World) -> tuple[tuple[timedelta, Post], ...]:
    edges = [Edge(home.parent, home.name) for home in world.homes] + [Edge("ac", ra.name) for ra in world.aggregators]
    found = []
    for _ in range(random.randint(1, 20)):
        where = topic(random.choice(list(ROUTES)), random.choice(edges))
        payload = random.choice([b"{", b"[]", b'{"version":"9"}', b"\xff\xfe", random.randbytes(50), b"[" * 5_000])
        found.append((timedelta(seconds=random.randint(300, 9_000)), Post(where, payload)))
    return tuple(found)


def _crashes(random: Random, world: World) -> tuple[Crash, ...]:
    above = ["utility", "ac"] + [ra.name for ra in world.aggregators]
    homes = [home.name for home in world.homes]
    found = []
    for _ in range(random.randint(1, 4)):
        name = random.choice(above if random.random() < 0.7 else homes)
        point = random.choice(POINTS)
        minute = random.choice([random.uniform(5, 60), random.uniform(5, 200)])
        down_s = random.choice([1, 20, 300, 1_500])
        found.append(Crash(name, point, T0 + timedelta(seconds=round(minute * 60)), timedelta(seconds=down_s)))
    return tuple(found)


def run(world: World, plan: Plan) -> Simulation:
    """Run a plan to its end."""
    simulation = world.build(plan.seed, plan.faults)
    for after, who, order in plan.orders:
        simulation.give(T0 + after, who, order)
    for after, post in plan.noise:
        simulation.publish(T0 + after, "stranger", post)
    simulation.run()
    return simulation


def hunt(seed: int) -> tuple[World, Simulation]:
    """Run the world of a seed to its end."""
    world, plan = plan_of(seed)
    return world, run(world, plan)


def broken(world: World, simulation: Simulation) -> list[str]:
    """What does not hold: the promises as journals show them, and parties that wait for nothing."""
    waiting = [f"P3: {name} still waits" for name, actor in world.actors.items() if actor.deadline is not None]
    promises = violations(simulation.trace, lossless=not simulation.faults.loss_pct)
    lost = {crash.actor for _, crash in simulation.crashed if crash.knows_until is not None}
    if lost:  # of what a party has forgotten it says another word under the same id, and its ledgers begin anew
        unheard = ("P10",) if simulation.faults.loss_pct else ()  # that it is back, and what of its deals is cancelled
        own = tuple(f"{promise}: {name}" for name in lost for promise in ("P3", *unheard))
        promises = [one for one in promises if one.startswith(("P3:", "P10:")) and not one.startswith(own)]
    rooms = comfort.violations(world.homes, simulation.trace)
    return [*promises, *physics.violations(world.homes, simulation), *rooms, *waiting]


def judge(seed: int) -> list[str]:
    """What is broken in the run of a seed; an exception of our own is a finding too."""
    world, plan = plan_of(seed)
    return judge_plan(world, plan)


def judge_plan(world: World, plan: Plan) -> list[str]:
    try:
        return broken(world, run(world, plan))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        return [f"{type(error).__name__}: {error}"]


def shrink(seed: int) -> tuple[Plan, list[str]]:
    """The plan with the fewest faults that still breaks something, and what it breaks."""
    world, plan = plan_of(seed)
    found = judge_plan(world, plan)
    again = bool(found)
    while again:
        again = False
        for simpler in plan.simpler():
            still = judge_plan(plan_of(seed)[0], simpler)
            if still:
                plan, found, again = simpler, still, True
                break
    return plan, found


@dataclass
class Tally:
    """What a hunt has seen."""

    seeds: int = 0
    virtual_hours: float = 0
    crashes: int = 0
    lossy: int = 0
    noisy: int = 0
    features: Counter[str] = field(default_factory=Counter)
    """In how many of the worlds each stands."""
    failing: dict[int, list[str]] = field(default_factory=dict)
    departures: int = 0
    """Of vehicles that live by a plan."""
    events: int = 0
    """Of the worlds of days."""

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.seeds + other.seeds,
            self.virtual_hours + other.virtual_hours,
            self.crashes + other.crashes,
            self.lossy + other.lossy,
            self.noisy + other.noisy,
            self.features + other.features,
            self.failing | other.failing,
            self.departures + other.departures,
            self.events + other.events,
        )

    def shares(self, names: Sequence[str]) -> dict[str, float]:
        """In how many per cent of the worlds each feature stands."""
        return {name: round(100 * self.features[name] / self.seeds, 1) for name in names}


def hunt_block(seeds: range) -> Tally:
    """Run and judge some seeds."""
    tally = Tally()
    for seed in seeds:
        world, plan = plan_of(seed)
        tally.seeds += 1
        tally.lossy += plan.faults.loss_pct > 0 or plan.faults.repeat_pct > 0
        tally.noisy += bool(plan.noise)
        tally.features.update(name for name, count in plan.features.items() if count)
        found = judge_plan(world, plan)
        if found:
            tally.failing[seed] = found
        assert world.simulation is not None
        tally.virtual_hours += (world.simulation.now - T0) / timedelta(hours=1)
        tally.crashes += len(world.simulation.crashed)
    return tally


def hunt_all(first: int, seeds: int) -> Tally:
    """All seeds from `first`, on all processors."""
    blocks = [range(at, min(at + BLOCK, first + seeds)) for at in range(first, first + seeds, BLOCK)]
    with ProcessPoolExecutor(mp_context=FRESH) as pool:
        return sum(pool.map(hunt_block, blocks), Tally())


def describe(plan: Plan) -> str:
    """A plan's faults in one line each."""
    faults = plan.faults
    lines = [f"  {c.actor} dies ({c.point}) from {c.from_at:%H:%M:%S}, down {c.down}" for c in faults.crashes]
    lines += [f"  {who}: {order}" for _, who, order in plan.orders]
    lines += [f"  {len(plan.noise)} posts of strangers"] if plan.noise else []
    lines.append(f"  loss {faults.loss_pct} %, repeats {faults.repeat_pct} %, delay {faults.delay_ms} ms")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Hunt; 1 when anything is broken or a planted bug stays hidden."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, help="evenings; 1000, or none with --long")
    parser.add_argument("--long", type=int, default=0, help="worlds of days")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, help="repeat one evening, shrunk")
    parser.add_argument("--long-seed", type=int, help="repeat one world of days, shrunk")
    parser.add_argument("--no-planted", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    if given.seed is not None:
        plan, found = shrink(given.seed)
        return repeated(given.seed, found, describe(plan))
    if given.long_seed is not None:
        from long_hunt import describe_long, shrink_long

        plan, found = shrink_long(given.long_seed)
        return repeated(given.long_seed, found, describe_long(plan))
    seeds = given.seeds if given.seeds is not None else 0 if given.long else 1_000
    hunts = [hunt_evenings(given.first, seeds, not given.no_planted)] if seeds else []
    hunts += [hunt_days(given.first, given.long, not given.no_planted)] if given.long else []
    if given.json:
        told = hunts[0].as_json()
        print(json.dumps({**told, "long": hunts[1].as_json()} if len(hunts) > 1 else told))
    else:
        for hunted in hunts:
            hunted.report()
    return int(any(hunted.is_bad for hunted in hunts))


def repeated(seed: int, found: list[str], faults: str) -> int:
    """Say what one seed breaks."""
    print(f"seed {seed}:", *(found or ["all promises hold"]), sep="\n  ")
    print("the fewest faults that show it:", faults, sep="\n")
    return int(bool(found))


@dataclass(frozen=True)
class Hunted:
    """What a hunt of one kind has found."""

    figures: dict[str, float]
    features: dict[str, float]
    planted: dict[str, int | None]
    failing: dict[int, list[str]]
    option: str
    """That repeats a seed."""
    shrunk: Callable[[int], str]
    """The fewest faults of a failing seed, in words."""

    @property
    def is_bad(self) -> bool:
        """Whether anything is broken, or a planted bug stays hidden."""
        return bool(self.failing) or None in self.planted.values()

    def as_json(self) -> dict[str, object]:
        """All of it, for programs."""
        planted = [{"name": name, "found_at_seed": seed} for name, seed in self.planted.items()]
        more = {"features_pct": self.features, "planted": planted, "failing_seeds": sorted(self.failing)}
        return {**self.figures, **more}

    def report(self) -> None:
        """All of it, for people."""
        for name, found in self.planted.items():
            print(f"planted {name:<24}", "NOT FOUND" if found is None else f"found at seed {found}")
        for seed, broken_ones in sorted(self.failing.items())[:SHOWN]:
            print(f"seed {seed}: {broken_ones[0]}\n{self.shrunk(seed)}")
            print(f"  repeat: python tests/support/hunter.py {self.option} {seed}")
        print(", ".join(f"{name} {value}" for name, value in self.figures.items()))
        print("features, % of the worlds:", ", ".join(f"{name} {value}" for name, value in self.features.items()))


def hunt_evenings(first: int, seeds: int, with_planted: bool) -> Hunted:
    """So many evenings from `first`, and the planted bugs."""
    from planted import find_all

    began = time.perf_counter()
    tally = hunt_all(first, seeds)
    figures = {
        "seeds": tally.seeds,
        "seeds_per_s": round(tally.seeds / (time.perf_counter() - began), 1),
        "virtual_hours": round(tally.virtual_hours),
        "crashes": tally.crashes,
        "lossy_seeds": tally.lossy,
        "noisy_seeds": tally.noisy,
        "violations": len(tally.failing),
    }
    planted = find_all(1_000) if with_planted else {}
    return Hunted(
        figures,
        tally.shares((*FEATURES, LOST, *CHANGED, *AGREED)),
        planted,
        tally.failing,
        "--seed",
        lambda seed: describe(shrink(seed)[0]),
    )


def hunt_days(first: int, seeds: int, with_planted: bool) -> Hunted:
    """So many worlds of days from `first`, and the bugs that only days show."""
    import long_worlds
    from long_hunt import describe_long, hunt_long, shrink_long
    from planted_days import find_all_days

    began = time.perf_counter()
    tally = hunt_long(first, seeds)
    figures = {
        "long_worlds": tally.seeds,
        "worlds_per_s": round(tally.seeds / (time.perf_counter() - began), 1),
        "virtual_hours": round(tally.virtual_hours),
        "events": tally.events,
        "departures": tally.departures,
        "crashes": tally.crashes,
        "lossy_worlds": tally.lossy,
        "violations": len(tally.failing),
    }
    planted = find_all_days(0, 200) if with_planted else {}
    shares = tally.shares(long_worlds.FEATURES)
    return Hunted(
        figures, shares, planted, tally.failing, "--long-seed", lambda seed: describe_long(shrink_long(seed)[0])
    )


if __name__ == "__main__":
    sys.exit(main())
