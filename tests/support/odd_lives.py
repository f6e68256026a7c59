"""What makes a random world odder: cars that come and go at any second, chargers with a least power, several events at
once of any alignment, residents who change their minds. Each in some of the worlds."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from worlds import START, T0, World, battery

from agents.settings.devices import DeviceSpec, VehicleSpec
from agents.settings.parties import Consent, DerSettings
from protocol.actor import Decided, Input
from protocol.units import Direction

FEATURES = (
    "arrives inside",
    "leaves inside",
    "least power",
    "battery beside",
    "other events",
    "odd slots",
    "residents",
)


@dataclass
class Oddities:
    """Which features a world has, and what its residents say when."""

    features: Counter[str] = field(default_factory=Counter)
    orders: list[tuple[timedelta, str, Input]] = field(default_factory=list)


def enliven(world: World, random: Random) -> Oddities:
    """Change a world's homes and events."""
    odd = Oddities()
    if random.random() < 0.5:
        world.homes[:] = [_home(home, random, odd) for home in world.homes]
    if random.random() < 0.3:
        _more_events(world, random, odd)
    if random.random() < 0.2:
        _residents(world, random, odd)
    return odd


def _home(home: DerSettings, random: Random, odd: Oddities) -> DerSettings:
    devices = [_device(spec, random, odd) for spec in home.devices]
    if random.random() < 0.2:
        odd.features["battery beside"] += 1
        devices.append(battery(f"bat-{home.name}", random.choice([1_000, 3_000])))
    return home.model_copy(update={"devices": tuple(devices)})


def _device(spec: DeviceSpec, random: Random, odd: Oddities) -> DeviceSpec:
    if not isinstance(spec, VehicleSpec):
        return spec
    changes: dict[str, object] = {}
    match random.randrange(5):
        case 0:
            odd.features["arrives inside"] += 1
            changes["plugs_in_at"] = START + timedelta(seconds=random.randint(-600, 5_400))
        case 1:
            odd.features["leaves inside"] += 1
            changes["departs_at"] = START + timedelta(seconds=random.randint(60, 9_000))
        case 2:
            odd.features["least power"] += 1
            changes["min_power_w"] = random.choice([1_380, 2_000, 4_140])
        case _:
            pass
    if random.random() < 0.5:
        changes["departure_soc_wh"] = random.choice([20_000, 28_000, 34_000])
    return spec.model_copy(update=changes)


def _more_events(world: World, random: Random, odd: Oddities) -> None:
    odd.features["other events"] += 1
    for number in range(random.randint(1, 3)):
        slot_s = random.choice([300, 900, 1_800, 1_800, 3_600])
        odd.features["odd slots"] += slot_s != 1_800
        world.event(
            *[random.choice([0, 3_000, 9_000, 15_000]) for _ in range(random.randint(1, 4))],
            event_id=f"o{number}",
            issue_at=T0 + timedelta(minutes=random.randint(3, 30)),
            start=START + timedelta(seconds=random.choice([0, 600, 900, 1_234, 1_800, 3_600])),
            direction=random.choice(list(Direction)),
            slot_s=slot_s,
        )


def _residents(world: World, random: Random, odd: Oddities) -> None:
    """Some are asked; they say yes, or no, and change it, at any time."""
    odd.features["residents"] += 1
    events: Sequence[str] = [event.event_id for event in world.events]
    for index, home in enumerate(world.homes):
        if random.random() < 0.5:
            stored_rule = random.random() < 0.5
            world.homes[index] = home.model_copy(update={"consent": Consent.ASK, "stored_rule": stored_rule})
            for _ in range(random.randint(0, 3)):
                after = timedelta(minutes=random.uniform(3, 100))
                odd.orders.append((after, home.name, Decided(random.choice(events), random.random() < 0.6)))
