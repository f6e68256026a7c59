"""What messages of an event mean to whoever reads them: which request is newer, which option counts, what was delivered."""

from collections.abc import Callable, Iterable, Sequence

from protocol.messages import MAX_REVISION, IntervalPeriod, Option, Request
from protocol.plan import Plan, least, share_pct
from protocol.units import Direction


def order_of(request: Request) -> tuple[int, int]:
    """Orders the requests of an edge: a change of the event comes after all rounds before it."""
    return request.revision, request.round


def slots_of(request: Request) -> tuple[Direction, IntervalPeriod, int]:
    """What a request is about, whatever it asks there: direction, first slot and length, number of slots."""
    return request.direction, request.interval_period, len(request.power_w)


def worth(power_w: Plan, asked_w: Plan) -> tuple[int, int]:
    """Orders the plans that are proposed instead: by the share in the worst slot, then by what they meet, W."""
    return share_pct(power_w, asked_w), sum(least(power_w, asked_w))


def best_plan(
    plans: Iterable[Plan], asked_w: Plan, by: Callable[[Plan, Plan], tuple[int, int]] = worth
) -> Plan:  # fmt: skip
    """The plan that counts of those that are proposed, `by` what it is worth; of equal ones the first. One of another
    length counts less than all that fit; raises ValueError when there is none."""
    return max(plans, key=lambda plan: by(plan, asked_w) if len(plan) == len(asked_w) else (-1, 0))


def best_option(
    options: Sequence[Option], asked_w: Plan, by: Callable[[Plan, Plan], tuple[int, int]] = worth
) -> Option:  # fmt: skip
    """The option of an alternative that its parent holds a child to. Raises ValueError when there is none."""
    best = best_plan((option.power_w for option in options), asked_w, by)
    return next(option for option in options if option.power_w == best)


def report_id(name: str, request_id: str, slot: int, number: int) -> str:
    """The id of a report of a slot; `number`: 0 for the first, of a later one how many reports its sender has sent."""
    return f"{name}.report.{request_id}.{slot}" + (f".{number}" if number else "")


def report_revision(slot: int, slots: int, number: int) -> int:
    """Orders the reports of one sender about a slot: a later one is above the first ones of all slots."""
    return min(slots + number, MAX_REVISION) if number else slot + 1


def delivered_wh(direction: Direction, energy_wh: int, baseline_wh: int) -> int:
    """Energy in the event's direction, Wh: its sign x (metered - baseline)."""
    return direction.sign * (energy_wh - baseline_wh)
