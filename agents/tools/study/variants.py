"""The patent's claim as settings of the real actors: a cumulative ladder of five variants.

In all of them the fleet, the books of members, the own storage (idle where its rung is missing), the plan by scale and
the shares accepted are the same; only the aggregators' ladder and the number of re-requests differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from agents.settings.parties import AggregatorSettings, Rung
from agents.settings.scenario import Scenario
from agents.tools.study.accepted import ACCEPT_PCT

REREQUESTS = 2
STORAGE_PCT = 10
"""Assumed: power of all own storage together, of what the fleet can give; full enough to last for the event."""
SIZES_PCT = (30, 70, 100, 150)
"""Request in percent of what the fleet can give by itself."""


class StudyBooks(StrEnum):
    """How reliable an aggregator's book says that a member is, and so how much S21 asks for over the request."""

    KNOWN = "known"
    """As much of its rated power as the fleet gives in this event on average: hindsight, so the best that S21 can do
    before any fallback."""
    TRUSTED = "trusted"
    """100 %, the default of a book: every member is asked for its part of the request and no more."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One rung more than the variant before it."""

    name: str
    label: str
    ladder: tuple[Rung, ...]
    rerequests: int = 0


VARIANTS = (
    Variant("no_fallback", "no fallback", ()),
    Variant("own_storage", "+ own storage", (Rung.OWN_STORAGE,)),
    Variant("relaxation", "+ relaxation", (Rung.OWN_STORAGE, Rung.RELAX)),
    Variant("alternative", "+ alternative", (Rung.OWN_STORAGE, Rung.RELAX, Rung.ALTERNATIVE)),
    Variant("rerequest", "+ re-request", (Rung.OWN_STORAGE, Rung.RELAX, Rung.ALTERNATIVE), REREQUESTS),
)

SEQUENCE_VARIANT = VARIANTS[3]
"""Of events in a sequence: what a book knows is seen where nobody asks again."""


def with_surplus(variant: Variant) -> Variant:
    """The same with the rung `surplus` in front."""
    return replace(variant, ladder=(Rung.SURPLUS, *variant.ladder))


def with_plan(variant: Variant) -> Variant:
    """The same with the rung `plan` in front."""
    return replace(variant, ladder=(Rung.PLAN, *variant.ladder))


def sized(scenario: Scenario, size_pct: int) -> Scenario:
    """A scenario whose event asks for what the fleet can give, at another size of the request."""
    event = scenario.utility.events[0]
    power_w = tuple((power * size_pct + 50) // 100 for power in event.power_w)
    events = (event.model_copy(update={"power_w": power_w}),)
    return replace(scenario, utility=scenario.utility.model_copy(update={"events": events}))


def with_variant(scenario: Scenario, variant: Variant, accept_pct: int = ACCEPT_PCT) -> Scenario:
    """The same parties, with the rungs of a variant."""
    planned = Rung.PLAN in variant.ladder
    coordinator = {
        "accept_share_pct": accept_pct, "max_rerequests": variant.rerequests, "spare_owners": planned,
    }  # fmt: skip
    return replace(
        scenario,
        utility=scenario.utility.model_copy(update={"accept_share_pct": accept_pct}),
        coordinator=scenario.coordinator.model_copy(update=coordinator),
        aggregators=_laddered(scenario, variant.ladder),
    )


def _laddered(scenario: Scenario, ladder: Sequence[Rung]) -> tuple[AggregatorSettings, ...]:
    planned = Rung.PLAN in ladder
    return tuple(
        settings.model_copy(
            update={
                "ladder": tuple(ladder),
                "members": tuple(replace(member, profiles=planned) for member in settings.members),
            }
        )
        for settings in scenario.aggregators
    )
