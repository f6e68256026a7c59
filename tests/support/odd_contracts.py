"""What may be agreed otherwise in some random worlds: homes that say that they have a dispatch, tell what flowed inside a
slot or what comes back behind it, go back one by one, are not plain vehicles; other policies of their parents."""

from collections import Counter
from dataclasses import replace
from random import Random

from worlds import World, room

from agents.settings.devices import DeviceSpec
from agents.settings.parties import AggregatorSettings, DerSettings

ANSWERS, INTERIM, REBOUND, RELEASE = "dispatches answered", "interim readings", "rebound told", "staggered release"
SOURCES, POLICIES, USABLE, ROOMS = "sources told", "other policies", "what can be used", "rooms"
AGREED = (ANSWERS, INTERIM, REBOUND, RELEASE, SOURCES, POLICIES, USABLE, ROOMS)
"""The features."""


def agree(world: World, random: Random) -> Counter[str]:
    """Change some of a world's contracts and settings; which features it has then."""
    features = Counter[str]()
    if random.random() < 0.5:
        return features
    world.aggregators[:] = [_book(one, random, features) for one in world.aggregators]
    world.homes[:] = [_home(one, random, features) for one in world.homes]
    if random.random() < 0.3:
        features[SOURCES] += 1
        world.utility = {**world.utility, "asks_meters": True}
        world.aggregators[:] = [one.model_copy(update={"tells_sources": True}) for one in world.aggregators]
    if random.random() < 0.3:
        features[USABLE] += 1
        used = {"can_use": random.choice(["level", "energy"])}
        world.utility, world.coordinator = {**world.utility, **used}, {**world.coordinator, **used}
    return features


def _book(settings: AggregatorSettings, random: Random, features: Counter[str]) -> AggregatorSettings:
    changes: dict[str, object] = {}
    if random.random() < 0.5:
        features[ANSWERS] += 1
        changes["answers_dispatch"] = True
    if random.random() < 0.4:
        features[INTERIM] += 1
        changes["telemetry_s"] = random.choice([60, 300, 600])
    members = tuple(replace(one, **changes) if random.random() < 0.8 else one for one in settings.members)
    policies: dict[str, object] = {}
    if random.random() < 0.3:
        features[POLICIES] += 1
        policies["sharing"] = random.choice(["merit_order", "least_relay_wear"])
        policies["request_values"] = random.choice(["fair", "merit_order"])
        policies["reliability_half_life_days"] = random.choice([None, 30])
    return settings.model_copy(update={"members": members, **policies})


def _home(home: DerSettings, random: Random, features: Counter[str]) -> DerSettings:
    changes: dict[str, object] = {}
    if random.random() < 0.2:
        features[REBOUND] += 1
        changes["rebound_s"] = random.choice([300, 1_800])
    if random.random() < 0.2:
        features[RELEASE] += 1
        changes["release_s"] = random.choice([60, 900])
    if random.random() < 0.15:
        features[ROOMS] += 1
        heated = _room(f"room-{home.name}", random)
        changes["devices"] = (heated,) if random.random() < 0.4 else (*home.devices, heated)
    return home.model_copy(update=changes)


def _room(resource_id: str, random: Random) -> DeviceSpec:
    """Heated, on a cold evening."""
    return room(
        resource_id,
        rated_w=random.choice([1_500, 3_000]),
        capacity_wh_per_k=random.choice([1_500, 4_000]),
        room_c=random.choice([20.5, 21, 21.5]),
        outdoor_c=tuple(random.choice([-4.0, 0.0, 3.0, 8.0]) for _ in range(6)),
    )
