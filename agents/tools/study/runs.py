"""One event, one habit: all sizes and variants in virtual time, up to the moment before its first slot.

By then every award is confirmed or lost, so what stands with the homes and the own storage is the deal; the delivery
is not run.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from agents.history.fold import History
from agents.history.party import PartyHistory
from agents.runtime.files.from_csv import GivesNothing, Plugged, RecordedRequest, Session, scenario_data
from agents.runtime.files.from_csv_lives import lives
from agents.runtime.files.scenario import build_scenario
from agents.settings.scenario import Scenario
from agents.tools.run.simulate import build_simulation
from agents.tools.study.remembered import Memory
from agents.tools.study.variants import (
    ACCEPT_PCT,
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
    living: bool = False,
) -> Iterator[StudyOutcome]:
    """Every size and variant of one event; nothing when nobody who is plugged in can give anything.

    The seed draws other weeks of the same users, and other delays of the messages. Where a variant meets a request in
    full, the next one has nothing to climb for and its outcome is the same: it is only run with `run_all`. `living`: every
    user is a home with all of its sessions around the event, also who is away then.
    """
    try:
        whole = whole_scenario(sessions, wanted, plugged, books, seed, living=living)
    except GivesNothing:
        return
    memory = Memory()
    for size_pct in sizes_pct:
        before: StudyOutcome | None = None
        for variant in variants:
            if before is not None and before.in_full and not run_all:
                before = replace(before, run=False, case=replace(before.case, variant=variant.name))
            else:
                scenario = with_variant(sized(whole, size_pct), variant, accept_pct)
                before = _run(scenario, Case(wanted.number, plugged, books, size_pct, variant.name), seed, memory)
            yield before


def whole_scenario(
    sessions: Mapping[str, Sequence[Session]],
    wanted: RecordedRequest,
    plugged: Plugged,
    books: StudyBooks,
    seed: int,
    *,
    living: bool = False,
) -> Scenario:
    """The scenario whose event asks for all that the fleet can give by itself. Raises GivesNothing."""
    fleet = list(lives(sessions, wanted, plugged, seed)) if living else None
    data = scenario_data(
        sessions, wanted, k=1.0, aggregators=AGGREGATORS, plugged=plugged, storage_pct=STORAGE_PCT, draw=seed, lives=fleet
    )  # fmt: skip
    if books is StudyBooks.KNOWN:
        devices = [device for home in data["homes"] for device in home["devices"]]
        rated_w = sum(device["max_charge_w"] + device["max_discharge_w"] for device in devices)
        gives_w = max(data["utility"]["events"][0]["power_w"])
        for home in data["homes"]:
            home["reliability_pct"] = max(1, gives_w * 100 // rated_w)
    return build_scenario(data, f"event {wanted.number}")


def _run(scenario: Scenario, case: Case, seed: int, memory: Memory) -> StudyOutcome:
    simulation = build_simulation(scenario, seed, keep_trace=True, der=memory.der)
    event = scenario.utility.events[0]
    simulation.run(until=event.start - timedelta(seconds=1))
    secured_w, disturbed = _secured(simulation, scenario)
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
    )


def _secured(simulation: Simulation, scenario: Scenario) -> tuple[Plan, int]:
    """What stands below the aggregators of the deal that the utility has with a confirmed award, W; and the homes
    whose award stands on a relaxed offer."""
    event = scenario.utility.events[0]
    above, slots = [scenario.utility.name, *(one.name for one in scenario.aggregators)], len(event.power_w)
    history = History.of(simulation.trace, above).event(event.event_id)
    bought = total(_confirmed(history.party(scenario.utility.name)), slots)
    parts: list[Plan] = []
    disturbed = 0
    for settings in scenario.aggregators:
        aggregator = history.party(settings.name)
        if aggregator.deal_w is not None:
            parts += [*_confirmed(aggregator), aggregator.own_w]
            disturbed += sum(edge.loosens and edge.confirmed is True for edge in aggregator.children.values())
    return least(least(total(parts, slots), bought), event.power_w), disturbed


def _confirmed(party: PartyHistory) -> list[Plan]:
    """The awards that its children have confirmed, W."""
    found = [edge.deal_w for edge in party.children.values() if edge.confirmed is True]
    return [plan for plan in found if plan is not None]
