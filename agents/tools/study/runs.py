"""One event, one habit: all sizes and variants in virtual time, up to the moment before its first slot.

By then every award is confirmed or lost, so what stands with the homes and the own storage is the deal; the delivery
is not run.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import timedelta

from agents.history.fold import History
from agents.history.party import PartyHistory
from agents.runtime.files.from_csv import GivesNothing, Plugged, RecordedRequest, Session, scenario_data
from agents.runtime.files.from_csv_lives import lives
from agents.runtime.files.scenario import build_scenario
from agents.settings.scenario import Scenario
from agents.tools.run.simulate import build_simulation
from agents.tools.study.accepted import ACCEPT_PCT
from agents.tools.study.optimum import Means, Optimum, means_of, optimum
from agents.tools.study.remembered import Memory
from agents.tools.study.variants import (
    SIZES_PCT,
    STORAGE_PCT,
    VARIANTS,
    StudyBooks,
    Variant,
    sized,
    with_variant,
)
from broker.simulation import Simulation
from protocol.plan import Plan, covers, energy_wh, least, total
from protocol.units import Direction

AGGREGATORS = 3


@dataclass(frozen=True, slots=True)
class Case:
    """What was run."""

    event: str
    plugged: Plugged
    books: StudyBooks
    size_pct: int
    variant: str


@dataclass(frozen=True, slots=True)
class StudyOutcome:
    """What one negotiation came to. Energy in Wh in the event's direction, over all slots."""

    case: Case
    asked_wh: int
    secured_wh: int
    """Bought by the utility, awarded to homes (or own storage) and confirmed by them; in no slot above the request."""
    concluded: bool
    in_full: bool
    homes: int
    disturbed: int
    """Homes whose award stands on a loosened restriction."""
    messages: int
    run: bool = True
    """False where it follows from the variant before it."""
    level_pm: int = 0
    """The least share of the request that is secured in any slot, thousandths."""
    woken: int = 0
    """Homes with a confirmed award."""
    questions: int = 0
    """Requests and relaxes to homes."""
    best: Optimum | None = None
    """What the coalition could do at best with the same means; None: it was not computed."""


def outcomes(
    sessions: Mapping[str, Sequence[Session]],
    wanted: RecordedRequest,
    plugged: Plugged,
    *,
    books: StudyBooks = StudyBooks.KNOWN,
    seed: int = 0,
    sizes_pct: Sequence[int] = SIZES_PCT,
    variants: Sequence[Variant] = VARIANTS,
    accept_pct: int = ACCEPT_PCT,
    run_all: bool = False,
    direction: Direction = Direction.DECREASE_LOAD,
    compare: bool = False,
    living: bool = False,
) -> Iterator[StudyOutcome]:
    """Every size and variant of one event; nothing when nobody who is plugged in can give anything.

    The seed draws other weeks of the same users, and other delays of the messages. Where a variant meets a request in
    full, the next one has nothing to climb for and its outcome is the same: it is only run with `run_all`. `compare`: with
    the optimum of the coalition, too. `living`: every user is a home with all of its sessions around the event, also who is
    away then.
    """
    try:
        whole = whole_scenario(sessions, wanted, plugged, books, seed, direction, living=living)
    except GivesNothing:
        return
    memory = Memory()
    for size_pct in sizes_pct:
        best: dict[Means, Optimum] = {}
        before: StudyOutcome | None = None
        for variant in variants:
            if before is not None and before.in_full and not run_all:
                before = replace(before, run=False, case=replace(before.case, variant=variant.name))
            else:
                scenario = with_variant(sized(whole, size_pct), variant, accept_pct)
                before = _run(scenario, Case(wanted.number, plugged, books, size_pct, variant.name), seed, memory)
            if compare:
                means = means_of(variant.ladder)
                if means not in best:
                    best[means] = optimum(sized(whole, size_pct), means)
                before = replace(before, best=best[means])
            yield before


def whole_scenario(
    sessions: Mapping[str, Sequence[Session]],
    wanted: RecordedRequest,
    plugged: Plugged,
    books: StudyBooks,
    seed: int,
    direction: Direction = Direction.DECREASE_LOAD,
    *,
    living: bool = False,
) -> Scenario:
    """The scenario whose event asks for all that the fleet can give by itself. Raises GivesNothing."""
    fleet = list(lives(sessions, wanted, plugged, seed)) if living else None
    data = scenario_data(
        sessions, wanted, k=1.0, aggregators=AGGREGATORS, plugged=plugged, storage_pct=STORAGE_PCT, draw=seed,
        direction=direction, lives=fleet,
    )  # fmt: skip
    if books is StudyBooks.KNOWN:
        devices = [device for home in data["homes"] for device in home["devices"]]
        down = direction is Direction.DECREASE_LOAD
        rated_w = sum(device["max_charge_w"] + (device["max_discharge_w"] if down else 0) for device in devices)
        gives_w = max(data["utility"]["events"][0]["power_w"])
        for home in data["homes"]:
            home["reliability_pct"] = max(1, gives_w * 100 // rated_w)
    return build_scenario(data, f"event {wanted.number}")


def _run(scenario: Scenario, case: Case, seed: int, memory: Memory) -> StudyOutcome:
    simulation = build_simulation(scenario, seed, keep_trace=True, der=memory.der)
    event = scenario.utility.events[0]
    simulation.run(until=event.start - timedelta(seconds=1))
    secured_w, woken, disturbed = secured(simulation, scenario)
    slot = timedelta(seconds=event.slot_s)
    return StudyOutcome(
        case=case,
        asked_wh=energy_wh(event.power_w, slot),
        secured_wh=energy_wh(secured_w, slot),
        concluded=any(secured_w),
        in_full=covers(secured_w, event.power_w),
        homes=len(scenario.homes),
        disturbed=disturbed,
        messages=len(simulation.posts),
        level_pm=min(have * 1_000 // power for have, power in zip(secured_w, event.power_w, strict=True) if power),
        woken=woken,
        questions=_questions(simulation, {home.name for home in scenario.homes}),
    )


def _questions(simulation: Simulation, homes: AbstractSet[str]) -> int:
    asked = (post.topic for _, _, post in simulation.posts if post.topic.startswith(("dr/request/", "dr/relax/")))
    return sum(topic.rpartition("/")[2] in homes for topic in asked)


def secured(simulation: Simulation, scenario: Scenario) -> tuple[Plan, int, int]:
    """What stands below the aggregators of the deal that the utility has with a confirmed award, W; the homes that have
    one; and those of them whose award stands on a relaxed offer."""
    event = scenario.utility.events[0]
    above, slots = [scenario.utility.name, *(one.name for one in scenario.aggregators)], len(event.power_w)
    history = History.of(simulation.trace, above).event(event.event_id)
    bought = total(_confirmed(history.party(scenario.utility.name)), slots)
    parts: list[Plan] = []
    woken = disturbed = 0
    for settings in scenario.aggregators:
        aggregator = history.party(settings.name)
        if aggregator.deal_w is not None:
            parts += [*_confirmed(aggregator), aggregator.own_w]
            woken += sum(edge.confirmed is True and edge.deal_w is not None for edge in aggregator.children.values())
            disturbed += sum(edge.loosens and edge.confirmed is True for edge in aggregator.children.values())
    return least(least(total(parts, slots), bought), event.power_w), woken, disturbed


def _confirmed(party: PartyHistory) -> list[Plan]:
    """The awards that its children have confirmed, W."""
    found = [edge.deal_w for edge in party.children.values() if edge.confirmed is True]
    return [plan for plan in found if plan is not None]
