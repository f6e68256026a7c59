"""How few owners have to be disturbed at least for a deal, by one who knows every home: a mixed-integer program (HiGHS) over
devices and slots, in which each owner either keeps all restrictions or loosens all that are agreed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from math import ceil
from typing import Any, NamedTuple

import numpy as np

from agents.devices.catalogue import build_device
from agents.devices.contract import Ask
from agents.devices.flexibility import Store
from agents.devices.storage import Storage
from agents.devices.vehicle import Vehicle
from agents.negotiation.plans.coalition.program import add_row, quiet
from agents.settings.scenario import Scenario
from protocol.messages import IntervalPeriod, Restriction
from protocol.plan import Plan

MOST_NODES = 2_000
SLACK_W = 2.0
"""A home counts whole watts, and rounds each profile down."""


class Fewest(NamedTuple):
    """Owners, of a deal of so much in each slot."""

    least: int
    """No plan does with fewer."""
    found: int | None
    """So many are enough; None: nothing was found."""


class _Kept(NamedTuple):
    """A store as it is, and with what its owner loosens; the same where nobody would be disturbed."""

    own: Store
    loosened: Store


def fewest_disturbed(scenario: Scenario, secured_w: Plan) -> Fewest:
    """For a deal of so much power in each slot of a scenario's first event, W, with its own storage."""
    import highspy

    highs = quiet()
    highs.setOptionValue("mip_max_nodes", MOST_NODES)
    slots = len(secured_w)
    kept = list(_kept(scenario))
    for power in secured_w:
        add_row(highs, max(0.0, power - SLACK_W * len(kept)) if power else 0.0, np.inf, [], [])
    column = 0
    for own, loosened in kept:
        asks = own != loosened
        owner = column
        highs.addCol(1.0 if asks else 0.0, 0.0, 1.0 if asks else 0.0, 0, np.array([], np.int32), np.array([]))
        if asks:
            highs.changeColIntegrality(owner, highspy.HighsVarType.kInteger)
        column += 1
        column = _add_store(highs, own, loosened, owner, column, slots)
    highs.run()
    info = highs.getInfo()
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return Fewest(0, None)
    return Fewest(max(0, ceil(info.mip_dual_bound - 1e-6)), round(info.objective_function_value))


def _add_store(highs: Any, own: Store, loosened: Store, owner: int, column: int, slots: int) -> int:
    """The columns of one store, bounded by what its owner keeps or loosens. Returns the next column."""
    moved: list[tuple[int, float]] = []
    for slot in range(slots):
        cheap = [max(0.0, min(one.cheap_w[slot], one.all_w[slot])) for one in (own, loosened)]
        dear = [max(0.0, one.all_w[slot]) - at for one, at in zip((own, loosened), cheap, strict=True)]
        for (mine_w, most_w), wh in ((cheap, loosened.cheap_wh), (dear, loosened.dear_wh)):
            if max(mine_w, most_w) > 0:
                highs.addCol(0.0, 0.0, max(mine_w, most_w), 1, np.array([slot], np.int32), np.array([1.0]))
                moved.append((column, wh))
                if mine_w != most_w:
                    add_row(highs, -np.inf, mine_w, [column, owner], [1.0, mine_w - most_w])
                column += 1
        if moved:
            rooms = [max(0.0, min(one.room_wh[slot:])) for one in (own, loosened)]
            columns, values = [at for at, _ in moved], [wh for _, wh in moved]
            add_row(highs, -np.inf, rooms[0], [*columns, owner], [*values, rooms[0] - rooms[1]])
    return column


def _kept(scenario: Scenario) -> Iterator[_Kept]:
    event = scenario.utility.events[0]
    period = IntervalPeriod(start=event.start, duration=timedelta(seconds=event.slot_s))
    homes = [spec for home in scenario.homes for spec in home.devices]
    storage = [spec for settings in scenario.aggregators for spec in settings.storage]
    for number, spec in enumerate((*homes, *storage)):
        device = build_device(spec)
        most_w = device.capacity_w(event.direction)
        ask = Ask(event.direction, period, tuple(most_w if power else 0 for power in event.power_w))
        if isinstance(device, Vehicle | Storage):
            own = device.bounds(ask)
            asked = number < len(homes) and any(device.flexibility(ask).power_w)  # S28 asks no others
            yield _Kept(own, device.bounds(replace(ask, relaxed=tuple(Restriction))) if asked else own)
