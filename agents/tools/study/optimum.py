"""The optimum of the coalition: what the same vehicles and the same own storage could give together if one plan were made
of all of them, with everything that their homes know. One linear program over devices and slots (HiGHS): the level, and
then the energy, as the rung `plan` has it. Relay limits and least powers are none in the study's fleets."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from agents.devices.catalogue import build_device
from agents.devices.contract import Ask
from agents.devices.flexibility import Store
from agents.devices.storage import Storage
from agents.devices.vehicle import Vehicle
from agents.negotiation.plans.coalition.program import add_giver, add_row, level_program
from agents.settings.parties import Rung
from agents.settings.scenario import Scenario
from protocol.messages import IntervalPeriod, Restriction
from protocol.plan import Plan


class Means(StrEnum):
    """What the plan may use."""

    OWN = "own"
    """What vehicles give by themselves."""
    STORAGE = "storage"
    """And the own storage."""
    CONSENT = "consent"
    """And all that owners agreed to loosen, of those who take part with something of their own (S28 asks no others)."""


class Optimum(NamedTuple):
    """What the coalition could do at best."""

    level_pm: int
    """The least share of the request that is met in any slot, thousandths, at most all of it."""
    energy_wh: int
    """Of the request, in all its slots."""


def means_of(ladder: Iterable[Rung]) -> Means:
    """What a ladder may use."""
    rungs = set(ladder)
    if Rung.RELAX in rungs:
        return Means.CONSENT
    return Means.STORAGE if Rung.OWN_STORAGE in rungs else Means.OWN


def optimum(scenario: Scenario, means: Means) -> Optimum:
    """Of a scenario's first event."""
    event = scenario.utility.events[0]
    level, *shares = _solved(scenario, means)
    asked = [power for power in event.power_w if power]
    energy = sum(share * power for share, power in zip(shares, asked, strict=True)) * event.slot_s / 3600
    return Optimum(min(1_000, round(1_000 * level)), round(energy))


def best_level(scenario: Scenario, means: Means) -> float:
    """The least share of the request that can be met in every slot; above 1 where more could be."""
    return _solved(scenario, means)[0]


def _solved(scenario: Scenario, means: Means) -> list[float]:
    """The level, and the share of the request that is met in each slot that is asked for."""
    event = scenario.utility.events[0]
    asked_w, period = event.power_w, IntervalPeriod(start=event.start, duration=timedelta(seconds=event.slot_s))
    slots = [slot for slot, power in enumerate(asked_w) if power]
    asked = np.array([asked_w[slot] for slot in slots], dtype=np.float64)
    program, column = level_program(asked, np.zeros(len(slots))), 1 + len(slots)
    for store in _stores(scenario, means, period):
        moved: list[tuple[int, float]] = []
        place = 0
        for slot, power in enumerate(asked_w):
            if power:
                cheap = max(0.0, min(store.cheap_w[slot], store.all_w[slot]))
                for most_w, wh in ((cheap, store.cheap_wh), (max(0.0, store.all_w[slot] - cheap), store.dear_wh)):
                    if most_w > 0:
                        add_giver(program, place, asked, most_w)
                        moved.append((column, wh))
                        column += 1
                place += 1
            if moved:
                room = max(0.0, min(store.room_wh[slot:]))
                add_row(program, -np.inf, room, [at for at, _ in moved], [wh for _, wh in moved])
    program.run()
    return list(program.getSolution().col_value[: 1 + len(slots)])


def _stores(scenario: Scenario, means: Means, period: IntervalPeriod) -> Iterable[Store]:
    event = scenario.utility.events[0]
    relaxed = tuple(Restriction) if means is Means.CONSENT else ()
    specs = [spec for home in scenario.homes for spec in home.devices]
    if means is not Means.OWN:
        specs += [spec for settings in scenario.aggregators for spec in settings.storage]
    for spec in specs:
        device = build_device(spec)
        most_w = device.capacity_w(event.direction)
        usable: Plan = tuple(most_w if power else 0 for power in event.power_w)
        if isinstance(device, Vehicle | Storage):
            ask = Ask(event.direction, period, usable)
            takes_part = bool(relaxed) and any(device.flexibility(ask).power_w)
            yield device.bounds(replace(ask, relaxed=relaxed) if takes_part else ask)
