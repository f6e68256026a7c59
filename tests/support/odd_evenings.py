"""Evenings in which peers say odd things (odd_messages.py): to one role, at every stage, beside and instead of what they
would have said. A seed is an evening."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from hunter import random_world
from odd_messages import Odd
from worlds import LOOSENS, T0, World, battery, vehicle

from agents.settings.devices import LoadSpec, SolarSpec
from agents.settings.members import Member
from agents.settings.parties import Consent
from broker.bus import Post
from broker.chance import Faults
from broker.simulation import Simulation
from protocol.actor import Actor, Decided, Input, Question
from protocol.codec import decode, encode
from protocol.errors import RefusedMessage
from protocol.messages import Restriction

ROLES = ("der", "aggregator", "coordinator", "utility")
TOLD, LIES = 40, 100
"""Odd messages in an evening; others that stand beside or instead of what their senders say."""
LATEST_S = 12_000
MOST_STEPS = 400_000
"""Of the world in an evening: two parties that answer each other for ever would fill the memory before its end."""


@dataclass(slots=True)
class Evening:
    """What happened."""

    world: World
    simulation: Simulation
    targets: tuple[str, ...]
    odd: Counter[tuple[str, str]]
    """Odd messages by the stage in which their event was at who heard them, and their kind."""

    def fresh(self, name: str) -> Actor:
        """One of its parties as it was at its start."""
        build = self.simulation._nodes[name].build
        assert build is not None
        return build()


def odd_world(random: Random, tiers: bool) -> World:
    """A world of the hunter's, with a tier more (or only an aggregator more), a home of many devices, and residents who are asked."""
    world = random_world(random)
    solar = SolarSpec(kind="solar", resource_id="sun", forecast_w=(2_000,) * 48, forecast_at=T0, export_limit_w=1_000)
    tank = LoadSpec(
        kind="load", resource_id="tank", rated_w=2_000, schedule_w=500, store_wh=4_000, level_wh=2_000, state_at=T0
    )
    many = [battery("wall"), vehicle("car", relay_ops_left=4, standby_w=50, **LOOSENS), solar, tank]
    homes = [
        world.home("low-h0", "low", *many),
        world.home("low-h1", "low", consent=Consent.ASK, stored_rule=random.random() < 0.5),
        world.home("low-h2", "low", vehicle("ev-low", **LOOSENS), consent=random.choice(list(Consent))),
    ]
    world.aggregator("low", homes, parent="ra-1" if tiers else "ac", relax_from_above=random.random() < 0.7)
    if not tiers:
        return world
    member = Member(
        name="low", kind="aggregator", increase_load_w=18_000, decrease_load_w=18_000,
        relaxations=(Restriction.RESERVE_SOC,),
    )  # fmt: skip
    upper = world.aggregators[0]
    world.aggregators[0] = upper.model_copy(update={"members": (*upper.members, member)})
    world.scales["ra-1"] += 18_000
    return world


def targets_of(role: str, world: World) -> tuple[str, ...]:
    match role:
        case "der":
            return tuple(home.name for home in world.homes)
        case "aggregator":
            return tuple(aggregator.name for aggregator in world.aggregators)
    return ("ac",) if role == "coordinator" else ("utility",)


def odd_evening(seed: int, role: str) -> Evening:
    """Raises what a party raises."""
    random = Random(f"{role}-{seed}")
    world = odd_world(random, tiers=role != "der")
    targets = targets_of(role, world)
    names = [home.name for home in world.homes] + [one.name for one in world.aggregators] + ["ac", "utility"]
    odd, told = Odd(random, names), Counter[tuple[str, str]]()
    liars = {name for name in names if random.random() < 0.4}
    share = random.choice((0.1, 0.5, 1.0))
    running: list[Simulation] = []
    lies = [LIES]

    def lie(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        said = [(post, timedelta())]
        edge, message = decode(post.topic, post.payload)
        if sender not in liars or edge.other(sender) not in targets or random.random() > share or lies[0] < 0:
            return said
        said *= random.choice((0, 1, 1))
        for _ in range(random.choice((1, 1, 3))):
            like = odd.like(message, running[0].now)
            if like is not None:
                lies[0] -= 1
                delay = timedelta(milliseconds=random.choice((0, 1, 5_000)))
                said.append((Post(post.topic, encode(like), post.retain), delay))
        random.shuffle(said)
        return said

    world.intercepts = dict.fromkeys(names, lie)
    simulation = world.build(seed, Faults(delay_ms=(1, 2_000)), decide=_resident(random))
    running.append(simulation)
    for _ in range(TOLD):
        seconds = random.choice(
            (random.uniform(300, 3_000), random.uniform(300, 3_600), random.uniform(3_600, LATEST_S))
        )
        simulation.at(T0 + timedelta(seconds=round(seconds)), _tell(simulation, odd, random, targets, told))
    simulation.run(most_steps=MOST_STEPS)
    return Evening(world, simulation, targets, told)


def _tell(
    simulation: Simulation, odd: Odd, random: Random, targets: tuple[str, ...], told: Counter[tuple[str, str]]
) -> Callable[[], None]:
    def tell() -> None:
        for _, _, post in simulation.posts[odd.heard :]:
            try:
                odd.hear(*decode(post.topic, post.payload))
            except RefusedMessage:
                continue
        odd.heard = len(simulation.posts)
        name = random.choice(targets)
        item = odd.about(name, simulation.now)
        if item is not None:
            told[_stage(simulation.actor(name), item.message), item.message.kind] += 1
            simulation.give(simulation.now, name, item)

    return tell


def _stage(actor: Any, message: Any) -> str:
    event = actor.events.get(getattr(message, "event_id", ""))
    return "unknown" if event is None else str(event.stage)


def _resident(random: Random) -> Callable[[str, Question], tuple[Input, timedelta] | None]:
    def decide(name: str, question: Question) -> tuple[Input, timedelta] | None:
        after = timedelta(seconds=random.choice((1, 300, 1_800)))
        return random.choice((None, (Decided(question.event_id, random.random() < 0.7), after)))

    return decide
