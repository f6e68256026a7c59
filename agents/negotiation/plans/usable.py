"""What a parent can use of a plan that is proposed in place of its request (S4): a share in every slot, one level, or the
energy. By that the best of several is chosen, and by that it is bought."""

from collections.abc import Callable
from typing import TypeAlias

from agents.negotiation.plans.acceptance import Judged
from agents.settings.parties import Usable
from protocol.plan import Plan, covers, excess, least, share_pct, shortfall
from protocol.rules import worth

Worth: TypeAlias = Callable[[Plan, Plan], tuple[int, int]]
"""Orders the plans that are proposed for what is asked, W."""


def worth_of(usable: Usable) -> Worth:
    """How plans are ordered."""
    return {Usable.EVERY_SLOT: worth, Usable.LEVEL: _level, Usable.ENERGY: _energy}[usable]


def _level(power_w: Plan, asked_w: Plan) -> tuple[int, int]:
    level = min((have for have, want in zip(power_w, asked_w, strict=True) if want), default=0)
    used = tuple(min(level, want) for want in asked_w)
    return level, -sum(excess(power_w, used))


def _energy(power_w: Plan, asked_w: Plan) -> tuple[int, int]:
    return min(sum(power_w), sum(asked_w)), share_pct(power_w, asked_w)


def is_met(usable: Usable, power_w: Plan, asked_w: Plan) -> bool:
    """Whether so much is all that can be used of what is asked, W."""
    return sum(power_w) >= sum(asked_w) if usable is Usable.ENERGY else covers(power_w, asked_w)


def bought_of(usable: Usable, power_w: Plan, left_w: Plan) -> Plan:
    """What is bought of a plan where so much is still wanted, W; of moved energy all or what lies in the wanted slots."""
    if usable is Usable.ENERGY and sum(power_w) <= sum(left_w):
        return power_w
    return least(power_w, left_w)


def left_of(usable: Usable, wanted_w: Plan, bought_w: Plan) -> Plan:
    """What is still wanted, W: energy that was bought in other slots is wanted no more, in the first slots first."""
    left_w = shortfall(wanted_w, bought_w)
    if usable is not Usable.ENERGY:
        return left_w
    moved, found = sum(excess(bought_w, wanted_w)), []
    for power in left_w:
        taken = min(power, moved)
        moved -= taken
        found.append(power - taken)
    return tuple(found)


def judged_by(usable: Usable, judged: Judged) -> Judged:
    """The same as the policy is to see it: as one slot where only the energy counts."""
    if usable is not Usable.ENERGY:
        return judged
    asked, offered, over = sum(judged.asked_w), sum(judged.offered_w), sum(judged.others_over_w)
    return Judged((asked,), (min(asked, offered),), (over,), judged.least_pct)
