"""Figures and causes as people read them."""

from collections.abc import Iterable, Sequence

from agents.tools.explain.answers import BELOW, NOT_ASKED, NOT_NOTED, OPEN
from protocol.kilowatts import kilo, kilowatt_hours, kilowatts

kw, kwh = kilowatts, kilowatt_hours
"""In short, because nearly every sentence has one."""

CAUSES = {
    "departure_soc": "has to be charged for its departure",
    "reserve_soc": "keeps its owner's reserve",
    "power_limit": "is at its greatest power",
    "relay_ops": "has no relay operations left",
    "plug_window": "is not plugged in",
    "min_power": "cannot run below its least power",
    "capacity": "is full",
    "generation": "has no more sun than forecast",
    "comfort": "would spoil its comfort",
    "committed": "is promised in another event",
    OPEN: "has not answered yet",
    "silent": "did not answer",
    "late": "answered too late",
    "refused": "its answer was refused",
    NOT_ASKED: "nobody was asked for it: the contracts end there",
    BELOW: "an aggregator below could not give more",
    NOT_NOTED: "gave no reason",
}
RUNGS = {"offers": "offers", "surplus": "surplus", "plan": "plan", "storage": "own storage", "relaxed": "relaxation"}
RESULTS = {
    "can_meet": "can meet it",
    "alternative": "cannot meet it and proposes an alternative",
    "cannot_meet": "cannot meet it",
    "open": "has not answered",
}
CHANGES = {
    "lost": "the award of {child} is lost",
    "refused": "{child} refuses its award",
    "withdrawn": "{child} withdraws",
    "replaced": "{child} replaces",
    "storage_replaces": "own storage replaces",
    "shortfall": "cannot be replaced",
}


def cause(name: str) -> str:
    """A cause in words."""
    return CAUSES.get(name) or (f"takes no part ({name.removeprefix('no: ')})" if name.startswith("no: ") else name)


MISSING = {
    "unplugged": "was unplugged",
    "resident": "a resident dropped out",
    "outage": "an outage",
    "held_by_another_event": "another event had taken it",
    "award_refused": "an award was refused",
    "award_unconfirmed": "an award was not confirmed",
    "dispatch_unanswered": "a dispatch was not answered",
    "less_metered": "meters showed less, and nobody replaced it",
    "contract_ended": "a contract ended",
    "lost_before_award": "was lost before the award",
    "memory_lost": "somebody had lost its memory",
    "award_raised": "a raise was not to be had",
    "less_there_than_offered": "less was there than offered",
    "device": "a device did not do its part",
    "not_told": "no meter value has come",
    "not_commanded": "homes were commanded late, or not at all",
    "gave_less": "homes gave less than was due",
    "took_back": "homes took back what they had given",
    "not_covered": "stood with no home: own storage, or not replaced yet",
    "gave_more": "others gave more than was due",
}
"""What is missing, by the word of its cause."""


def missing(name: str) -> str:
    """A cause of missing energy in words."""
    return MISSING[name]


def bare(plan: Iterable[int]) -> list[str]:
    """Each slot's kW without the unit, for tables."""
    return [kilo(power_w) for power_w in plan]


def loosening(restriction: str, steps: Iterable[int]) -> str:
    """`reserve_soc to 6 kWh, then 3 kWh`, with the unit that the restriction has."""
    noted = {
        "power_limit": kw,
        "relay_ops": lambda operations: f"{operations} operations",
        "plug_window": lambda seconds: f"{seconds / 60:g} min later",
    }.get(restriction, kwh)
    return f"{restriction} to {', then '.join(map(noted, steps))}"


def trouble(kind: str, number: int) -> str:
    """`2 lost`, `1 late meter value`."""
    noun = {"late_report": "late meter value", "order_refused": "refused order"}.get(kind)
    return count(number, noun) if noun else f"{number} {kind}"


def names(found: Sequence[str], most: int = 6) -> str:
    """`a, b and c`; a crowd is cut off with its number."""
    shown = list(found[:most])
    if len(found) > most:
        return f"{', '.join(shown)} and {len(found) - most} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def count(number: int, one: str, many: str = "") -> str:
    """`1 device`, `3 devices`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def lateness(seconds: int | None) -> str:
    if not seconds:
        return "after the stage was left"
    minutes, rest = divmod(seconds, 60)
    return f"{f'{minutes} min ' if minutes else ''}{rest} s late".strip()
