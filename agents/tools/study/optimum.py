"""The optimum of the coalition: what the same vehicles and the same own storage could give together if one plan were made
of all of them, with everything that their homes know. One linear program over devices and slots (HiGHS), once for the level
and once for the energy: whoever gives up level may secure more energy, so only the two by themselves bound every deal. Relay
limits and least powers are none in the study's fleets."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from math import ceil
from typing import Any, NamedTuple

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
from protocol.plan import Plan, energy_wh

SURE = 1e-3
"""A solver's answer is so far off at most, thousandths or Wh."""


class Means(StrEnum):
    """What the plan may use."""

    OWN = "own"
    """What vehicles give by themselves."""
    STORAGE = "storage"
    """And the own storage."""
    CONSENT = "consent"
    """And all that owners agreed to loosen, of those who take part with something of their own (S28 asks no others)."""


class Optimum(NamedTuple):
    """What no deal of the coalition can exceed; not always reached by one and the same plan."""

    level_pm: int
    """The least share of the request that is met in any slot, thousandths, at most all of it, rounded up."""
    energy_wh: int
    """Of the request, in all its slots, rounded up."""


def means_of(ladder: Iterable[Rung]) -> Means:
    """What a ladder may use."""
    rungs = set(ladder)
    if Rung.RELAX in rungs:
        return Means.CONSENT
    return Means.STORAGE if Rung.OWN_STORAGE in rungs else Means.OWN


def optimum(scenario: Scenario, means: Means) -> Optimum:
    """Of a scenario's first event."""
    event = scenario.utility.events[0]
    return of_stores(_stores(scenario, means, _period(scenario)), event.power_w, timedelta(seconds=event.slot_s))


def of_stores(stores: Iterable[Store], asked_w: Plan, slot: timedelta) -> Optimum:
    """What these stores could do together of what is asked, W."""
    program = _program(stores, asked_w)
    level = _level(program)
    program.changeColCost(0, 0.0)  # nothing but the energy
    program.run()
    asked = [power for power in asked_w if power]
    shares = list(program.getSolution().col_value[1 : 1 + len(asked)])
    most_wh = sum(share * power for share, power in zip(shares, asked, strict=True)) * slot.total_seconds() / 3600
    return Optimum(min(1_000, ceil(1_000 * level - SURE)), min(energy_wh(asked_w, slot), ceil(most_wh - SURE)))


def best_level(scenario: Scenario, means: Means) -> float:
    """The least share of the request that can be met in every slot; above 1 where more could be."""
    return _level(_program(_stores(scenario, means, _period(scenario)), scenario.utility.events[0].power_w))


def _level(program: Any) -> float:
    program.run()
    return float(program.getSolution().col_value[0])


def _period(scenario: Scenario) -> IntervalPeriod:
    event = scenario.utility.events[0]
    return IntervalPeriod(start=event.start, duration=timedelta(seconds=event.slot_s))


def _program(stores: Iterable[Store], asked_w: Plan) -> Any:
    """Its first columns are the level, and the share of the request that is met in each slot that is asked for."""
    slots = [slot for slot, power in enumerate(asked_w) if power]
    asked = np.array([asked_w[slot] for slot in slots], dtype=np.float64)
    program, column = level_program(asked, np.zeros(len(slots))), 1 + len(slots)
    for store in stores:
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
    return program


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
