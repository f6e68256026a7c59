"""Outcomes summed up: per habit, book, size and variant."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby, pairwise

from agents.runtime.files.from_csv import Plugged
from agents.tools.study.runs import StudyOutcome
from agents.tools.study.unused import unused_potential_pct
from agents.tools.study.variants import StudyBooks

Key = tuple[StudyBooks, Plugged, int, str]


@dataclass(frozen=True, slots=True)
class StudyRow:
    """Many events under one habit, book, size and variant. Shares in percent, one decimal."""

    books: StudyBooks
    plugged: Plugged
    size_pct: int
    variant: str
    events: int
    concluded_pct: float
    in_full_pct: float
    secured_pct: float
    """Energy awarded and confirmed, of the energy requested, both summed over all events."""
    disturbed_pct: float
    """Homes whose award stands on a loosened restriction, of all homes in events with a deal."""
    woken_pct: float = 0.0
    """Homes with an award, of the same."""
    questions: float = 0.0
    """Requests and relaxes to each home, an event."""
    messages: float = 0.0
    """Of all parties, a home and event."""
    of_best_pct: float | None = None
    """Energy secured, of what the coalition could have secured at best, both summed over all events; None: the optimum was
    not computed."""
    level_of_best_pct: float | None = None
    """The least share secured in any slot, of what the coalition could have secured at best, mean of the events."""
    unused_energy_pct: float | None = None
    """Unused potential ratio of the energy that is missing, mean of the events."""
    unused_level_pct: float | None = None
    """The same of the share that is missing in the slot that misses most."""


def rows(outcomes: Iterable[StudyOutcome]) -> list[StudyRow]:
    """One row for each combination, in the order in which they first came."""
    groups: dict[Key, list[StudyOutcome]] = {}
    for outcome in outcomes:
        case = outcome.case
        groups.setdefault((case.books, case.plugged, case.size_pct, case.variant), []).append(outcome)
    return [_row(key, group) for key, group in groups.items()]


def _row(key: Key, group: Sequence[StudyOutcome]) -> StudyRow:
    deals = [outcome for outcome in group if outcome.concluded]
    of_best_pct, level_of_best_pct = _of_best(group)
    unused_energy_pct, unused_level_pct = _unused(group)
    return StudyRow(
        *key,
        events=len(group),
        concluded_pct=_pct(len(deals), len(group)),
        in_full_pct=_pct(sum(outcome.in_full for outcome in group), len(group)),
        secured_pct=_pct(sum(o.secured_wh for o in group), sum(o.asked_wh for o in group)),
        disturbed_pct=_pct(sum(o.disturbed for o in deals), sum(o.homes for o in deals)),
        woken_pct=_pct(sum(o.woken for o in deals), sum(o.homes for o in deals)),
        questions=round(sum(o.questions for o in group) / sum(o.homes for o in group), 2),
        messages=round(sum(o.messages for o in group) / sum(o.homes for o in group), 1),
        of_best_pct=of_best_pct,
        level_of_best_pct=level_of_best_pct,
        unused_energy_pct=unused_energy_pct,
        unused_level_pct=unused_level_pct,
    )


def _of_best(group: Sequence[StudyOutcome]) -> tuple[float | None, float | None]:
    """Energy and level beside the optimum, where it was computed."""
    beside = [(outcome, outcome.best) for outcome in group if outcome.best is not None]
    some = [(outcome, best) for outcome, best in beside if best.level_pm]
    if not some:
        return None, None
    energy_pct = _pct(sum(o.secured_wh for o, _ in beside), sum(best.energy_wh for _, best in beside))
    return energy_pct, round(100 * sum(o.level_pm / best.level_pm for o, best in some) / len(some), 1)


def _unused(group: Sequence[StudyOutcome]) -> tuple[float | None, float | None]:
    """Of energy and level, where the optimum was computed."""
    beside = [(outcome, outcome.best) for outcome in group if outcome.best is not None]
    energy = [unused_potential_pct(o.asked_wh - o.secured_wh, o.asked_wh - b.energy_wh, o.asked_wh) for o, b in beside]
    level = [unused_potential_pct(1_000 - o.level_pm, 1_000 - b.level_pm, 1_000) for o, b in beside]
    return _mean(energy), _mean(level)


def _mean(found: Iterable[float | None]) -> float | None:
    some = [one for one in found if one is not None]
    return round(sum(some) / len(some), 1) if some else None


def _pct(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0


def lowered(outcomes: Iterable[StudyOutcome]) -> list[tuple[StudyOutcome, StudyOutcome]]:
    """Where a variant secured less than the one before it, with the one before first."""
    found = []
    for _, group in groupby(outcomes, lambda o: (o.case.books, o.case.plugged, o.case.event, o.case.size_pct)):
        found += [(before, after) for before, after in pairwise(group) if after.secured_wh < before.secured_wh]
    return found


def as_json(found: Sequence[StudyRow], about: Mapping[str, object]) -> dict[str, object]:
    """The rows and what they are about, for a machine."""
    return {**about, "rows": [asdict(row) for row in found]}
