"""Events one after the other, with what the aggregators learn of their members carried on: against a book that never learns,
and against one that knows beforehand what the fleet gives in each event."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from enum import StrEnum

from agents.history.fold import History
from agents.parties.aggregator.actor import Aggregator
from agents.runtime.files.from_csv import GivesNothing, Plugged, RecordedRequest, Session
from agents.settings.learned import Learned
from agents.settings.parties import AggregatorSettings
from agents.settings.scenario import Scenario
from agents.tools.run.simulate import build_simulation
from agents.tools.study.remembered import Memory
from agents.tools.study.runs import secured, whole_scenario
from agents.tools.study.variants import StudyBooks, Variant, sized, with_variant
from broker.simulation import Simulation
from protocol.plan import covers

SIZE_PCT = 70
HALF_LIFE_DAYS = 90


class SequenceBook(StrEnum):
    """What an aggregator's book says of its members."""

    STATIC = "static"
    """What their contracts say, whatever they do."""
    LEARNED = "learned"
    """What they did in the events before."""
    FAIR = "fair"
    """The same, and whose owner was disturbed lately is spared."""
    HINDSIGHT = "hindsight"
    """What this very event will show of the fleet."""


@dataclass(frozen=True, slots=True)
class SequenceOutcome:
    """One event of a sequence."""

    event: str
    book: SequenceBook
    plugged: Plugged
    asked: int
    """W x slots."""
    secured: int
    concluded: bool
    in_full: bool
    homes: int
    disturbed: tuple[str, ...]
    """Homes whose award stands on what their owners loosened."""


@dataclass(frozen=True, slots=True)
class SequenceRow:
    """All events of one book and habit."""

    book: SequenceBook
    plugged: Plugged
    events: int
    concluded_pct: float
    in_full_pct: float
    secured_pct: float
    disturbed_pct: float
    """Homes disturbed, of all homes that were there, an event."""
    most: int
    """Events in which the owner that was disturbed most often was."""


def in_sequence(
    sessions: Mapping[str, Sequence[Session]],
    events: Sequence[RecordedRequest],
    plugged: Plugged,
    book: SequenceBook,
    variant: Variant,
    *,
    seed: int = 0,
    size_pct: int = SIZE_PCT,
) -> Iterator[SequenceOutcome]:
    """The events in their order."""
    learned: dict[str, Learned] = {}
    books = StudyBooks.KNOWN if book is SequenceBook.HINDSIGHT else StudyBooks.TRUSTED
    memory = Memory()
    for wanted in sorted(events, key=lambda one: one.start):
        try:
            whole = whole_scenario(sessions, wanted, plugged, books, seed)
        except GivesNothing:
            continue
        scenario = with_variant(sized(whole, size_pct), variant)
        if book in (SequenceBook.LEARNED, SequenceBook.FAIR):
            scenario = _learning(scenario, learned, 100 if book is SequenceBook.FAIR else 0)
        simulation = build_simulation(scenario, seed, keep_trace=True, der=memory.der)
        event = scenario.utility.events[0]
        simulation.run(until=event.start - timedelta(seconds=1))
        got_w, *_ = secured(simulation, scenario)
        yield SequenceOutcome(
            wanted.number, book, plugged, sum(event.power_w), sum(got_w), any(got_w), covers(got_w, event.power_w),
            len(scenario.homes), _disturbed(simulation, scenario),
        )  # fmt: skip
        if book in (SequenceBook.LEARNED, SequenceBook.FAIR):
            simulation.run(until=scenario.ends_at)
            learned |= _learned(simulation, scenario)


def _learning(scenario: Scenario, learned: Mapping[str, Learned], fairness_pct: int) -> Scenario:
    def with_what_is_known(settings: AggregatorSettings) -> AggregatorSettings:
        known = tuple(learned[member.name] for member in settings.members if member.name in learned)
        changes = {"reliability_half_life_days": HALF_LIFE_DAYS, "learned": known, "fairness_pct": fairness_pct}
        return settings.model_copy(update=changes)

    return replace(scenario, aggregators=tuple(map(with_what_is_known, scenario.aggregators)))


def _learned(simulation: Simulation, scenario: Scenario) -> dict[str, Learned]:
    found: dict[str, Learned] = {}
    for settings in scenario.aggregators:
        actor = simulation.actor(settings.name)
        if isinstance(actor, Aggregator) and actor.learning is not None:
            found |= actor.learning.conduct.known
    return found


def _disturbed(simulation: Simulation, scenario: Scenario) -> tuple[str, ...]:
    names = [settings.name for settings in scenario.aggregators]
    history = History.of(simulation.trace, names).event(scenario.utility.events[0].event_id)
    parties = [history.party(name) for name in names]
    return tuple(
        name
        for party in parties
        if party.deal_w is not None
        for name, edge in party.children.items()
        if edge.loosens and edge.confirmed is True
    )


def summed(outcomes: Sequence[SequenceOutcome]) -> SequenceRow:
    """One row of the outcomes of one book and habit."""
    first, often = outcomes[0], Counter(name for one in outcomes for name in one.disturbed)
    return SequenceRow(
        first.book, first.plugged, len(outcomes),
        concluded_pct=_pct(sum(one.concluded for one in outcomes), len(outcomes)),
        in_full_pct=_pct(sum(one.in_full for one in outcomes), len(outcomes)),
        secured_pct=_pct(sum(one.secured for one in outcomes), sum(one.asked for one in outcomes)),
        disturbed_pct=_pct(sum(len(one.disturbed) for one in outcomes), sum(one.homes for one in outcomes)),
        most=max(often.values(), default=0),
    )  # fmt: skip


def table(rows: Sequence[SequenceRow], habits: Mapping[Plugged, str]) -> str:
    """In Markdown."""
    lines = [
        "| plugged in | book | events | energy secured | concluded | met in full | owners disturbed | most often the same |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {habits[row.plugged]} | {row.book} | {row.events} | {row.secured_pct:.0f} % | {row.concluded_pct:.0f} % "
        f"| {row.in_full_pct:.0f} % | {row.disturbed_pct:.1f} % | {row.most} |"
        for row in rows
    ]
    return "\n".join(lines)


def as_json(rows: Sequence[SequenceRow]) -> list[dict[str, object]]:
    """For a machine."""
    return [asdict(row) for row in rows]


def _pct(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0
