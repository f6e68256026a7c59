"""Contracts derived from what is installed: of a home from its devices, of an aggregator from all that it has contracts with."""

from datetime import timedelta
from math import ceil

from agents.devices.catalogue import build_device
from agents.negotiation.grace import AGGREGATE_S, HOP_S, ReportGrace
from agents.negotiation.plans.timing import most_collecting_pct, time_needed
from agents.settings.checked import known
from agents.settings.members import LONGEST_ANSWER_S, Member, Members
from agents.settings.parties import AggregatorSettings, DerSettings, Rung
from protocol.messages import ResourceKind, Restriction
from protocol.units import Direction


def contract(
    home: DerSettings,
    merit: int = 0,
    reliability_pct: int = 100,
    where: str = "contract",
    answers_dispatch: bool = False,
    profiles: bool = False,
    telemetry_s: int | None = None,
) -> Member:
    """The contract with a home: the rated power of its devices, and what its owner agreed to loosen. Raises
    ConfigError."""
    devices = [build_device(spec) for spec in home.devices]
    asked = [device for device in devices if home.relax_others or device.kind is ResourceKind.VEHICLE]
    loosened = dict.fromkeys(restriction for device in asked for restriction in device.relaxable)
    increase_w = sum(device.capacity_w(Direction.INCREASE_LOAD) for device in devices)
    if home.connection is not None:
        increase_w = min(increase_w, home.connection.import_limit_w)
    given = {
        "name": home.name,
        "resources": tuple(device.resource_id for device in home.devices),
        "increase_load_w": increase_w,
        "decrease_load_w": sum(device.capacity_w(Direction.DECREASE_LOAD) for device in devices),
        "merit": merit,
        "reliability_pct": reliability_pct,
        "relaxations": tuple(loosened),
        "least_w": min(getattr(spec, "min_power_w", 0) for spec in home.devices),
        "answers_within_s": home.answers_within_s,
        "answers_dispatch": answers_dispatch,
        "profiles": profiles,
        "telemetry_s": telemetry_s,
    }
    return known(Member, given, where)


def as_member(settings: AggregatorSettings, where: str) -> Member:
    """What an aggregator is to the party above it: the sum of its contracts and its own storage. Raises ConfigError."""
    both = {}
    for direction in Direction:
        below = sum(member.capacity_w(direction) for member in settings.members)
        own_w = sum(build_device(own).capacity_w(direction) for own in settings.storage)
        if settings.connection is not None and direction is Direction.INCREASE_LOAD:
            own_w = min(own_w, settings.connection.import_limit_w)
        both[direction] = below + own_w
    given = {
        "name": settings.name,
        "kind": "aggregator",
        "resources": (settings.name,),
        "increase_load_w": both[Direction.INCREASE_LOAD],
        "decrease_load_w": both[Direction.DECREASE_LOAD],
        "relaxations": _relaxed_from_above(settings),
        "answers_within_s": _answers_within_s(settings),
        "profiles": Rung.PLAN in settings.ladder,
    }
    within = ReportGrace.of(settings.report_grace_s, Members(members=settings.members)).whole
    if within > timedelta(seconds=AGGREGATE_S + HOP_S):  # what its parent does not assume by itself
        given["reports_within_s"] = int(within.total_seconds())
    return known(Member, given, where)


def _answers_within_s(settings: AggregatorSettings) -> int | None:
    """What an aggregator needs so that the slowest of its members can answer: all but what it keeps for its other rungs."""
    slowest = max((member.answers_within_s or 0 for member in settings.members), default=0)
    if not slowest:
        return None
    needed_s = time_needed(slowest).total_seconds() * 100 / most_collecting_pct(settings)
    return min(ceil(needed_s), LONGEST_ANSWER_S)


def _relaxed_from_above(settings: AggregatorSettings) -> tuple[Restriction, ...]:
    """What an aggregator's members agreed to loosen, where it keeps that rung for its parent."""
    if not settings.relax_from_above or Rung.RELAX not in settings.ladder:
        return ()
    return tuple(dict.fromkeys(loosened for member in settings.members for loosened in member.relaxations))
