"""What makes a random world with plans over members and slots odder: relays that are counted, a coordinator that spares
owners, aggregators that let them take turns."""

from collections import Counter
from random import Random

from worlds import World

from agents.settings.devices import VehicleSpec
from agents.settings.parties import DerSettings, Rung

COUNTED, SPARED, TURNS = "counted relays", "spared owners", "owners take turns"


def limit_plans(world: World, random: Random) -> Counter[str]:
    """Change some of the homes and settings of a world in which plans are made; which features it has then."""
    features = Counter[str]()
    planning = {one.name for one in world.aggregators if Rung.PLAN in one.ladder}
    if not planning or random.random() < 0.5:
        return features
    world.homes[:] = [_counted(home, random, features) if home.parent in planning else home for home in world.homes]
    if random.random() < 0.5:
        world.coordinator = {**world.coordinator, "spare_owners": True}
        features[SPARED] += 1
    if random.random() < 0.3:
        turns = {"reliability_half_life_days": 30, "fairness_pct": 100}
        world.aggregators[:] = [one.model_copy(update=turns) for one in world.aggregators]
        features[TURNS] += 1
    return features


def _counted(home: DerSettings, random: Random, features: Counter[str]) -> DerSettings:
    if random.random() < 0.6:
        return home
    features[COUNTED] += 1
    operations = random.choice([2, 4, 6])
    devices = tuple(
        spec.model_copy(update={"relay_ops_left": operations}) if isinstance(spec, VehicleSpec) else spec
        for spec in home.devices
    )
    return home.model_copy(update={"devices": devices})
