"""What changes at parties while they run, in some random worlds: members leave, join again or have another contract, and
other settings hold."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from random import Random

from odd_lives import Oddities
from worlds import World

from agents.settings.contracts import plain_contract
from agents.settings.members import Member
from protocol.actor import Reconfigured

CONTRACTS, SETTINGS = "other contracts", "other settings"
CHANGED = (CONTRACTS, SETTINGS)
"""The features."""


def changed_books(world: World, random: Random) -> Oddities:
    """What an operator does in one world of five."""
    orders: list[tuple[timedelta, str, Reconfigured]] = []
    features: Counter[str] = Counter()
    if random.random() < 0.12:
        features[CONTRACTS] += 1
        for _ in range(random.randint(1, 3)):
            orders += _contract(world, random)
    if random.random() < 0.12:
        features[SETTINGS] += 1
        orders.append((_when(random), "utility", Reconfigured({}, _of_utility(random))))
        orders.append((_when(random), "ac", Reconfigured({}, _of_coordinator(random))))
        aggregator = random.choice(world.aggregators).name
        orders.append((_when(random), aggregator, Reconfigured({}, _of_aggregator(random))))
    return Oddities(features, list(orders))


def _when(random: Random) -> timedelta:
    return timedelta(seconds=round(60 * random.choice([random.uniform(4, 15), random.uniform(4, 150)])))


def _contract(world: World, random: Random) -> list[tuple[timedelta, str, Reconfigured]]:
    """A member leaves for a while or for good, or is under another contract from an instant on."""
    at = _when(random)
    if len(world.aggregators) > 1 and random.random() < 0.2:  # a coordinator keeps one
        return [(at, "ac", Reconfigured({world.aggregators[-1].name: None}))]
    aggregator = random.choice(world.aggregators)
    member: Member = random.choice(aggregator.members)
    if random.random() < 0.3:
        less = replace(member, decrease_load_w=random.choice([1_000, 3_000, 9_000]))
        return [(at, aggregator.name, Reconfigured({member.name: plain_contract(less)}))]
    found = [(at, aggregator.name, Reconfigured({member.name: None}))]
    if random.random() < 0.6:
        back = at + timedelta(seconds=random.choice([1, 120, 1_800]))
        found.append((back, aggregator.name, Reconfigured({member.name: plain_contract(member)})))
    return found


def _of_utility(random: Random) -> dict[str, object]:
    return {
        "mandate": random.random() < 0.5,
        "accept_share_pct": random.choice([0, 50, 90]),
        "reply_pct": random.choice([40, 60]),
        "asks_meters": random.random() < 0.5,
    }


def _of_coordinator(random: Random) -> dict[str, object]:
    return {
        "max_rerequests": random.randint(0, 3),
        "plan": random.choice(["same", "by_scale"]),
        "accept_share_pct": random.choice([50, 80, 100]),
        "report_grace_s": random.choice([130, 240, 300]),
    }


def _of_aggregator(random: Random) -> dict[str, object]:
    return {
        "collect_pct": random.choice([30, 50, 60]),
        "relax_pct": random.choice([20, 30]),
        "over_request": random.random() < 0.5,
        "report_grace_s": random.choice([60, 120]),
    }
