"""Settings that a running party can take: events that begin from then on go by them, those under way do not."""

from typing import Any, TypeVar

from agents.settings.members import AnswersWithin
from agents.settings.parties import (
    AggregatorSettings,
    Consent,
    CoordinatorSettings,
    DerSettings,
    Settings,
    UtilitySettings,
)

S = TypeVar("S", AggregatorSettings, CoordinatorSettings)

AT_ONCE = frozenset(
    {
        "accept_if_covered", "accept_share_pct", "acceptance", "alternative_basis", "baseline", "can_use", "capability_every_s", "collect_pct",
        "dispatch_lead_s", "ladder", "leave_early", "margin_pct", "max_rerequests", "over_request", "plan",
        "plan_questions", "relax_from_above", "relax_others", "relax_pct", "relax_restrictions",
        "reliability_half_life_days", "report_grace_s", "request_values", "sharing", "tells_sources",
    }
)  # fmt: skip
"""All others are taken when the party is at rest: who it is, its devices."""
OWN_WAY = frozenset({"members", "learned"})
"""These have inputs of their own."""
OF_UTILITY = frozenset(
    {
        "accept_share_pct", "acceptance", "asks_meters", "can_use", "children", "events", "mandate", "meters", "obliged",
        "reply_pct", "report_grace_s",
    }
)  # fmt: skip
"""The same of a utility."""


class OwnersWord(Settings):
    """Of a home: what its owner has agreed to holds at once, in events under way, too."""

    consent: Consent = Consent.ALWAYS
    stored_rule: bool = True
    answers_within_s: AnswersWithin | None = None


OWNERS = tuple(OwnersWord.model_fields)


def taken_at_once(before: S, after: S) -> dict[str, Any] | None:
    """What is said otherwise, as plain values; None where something is that cannot be taken at once."""
    keys = {
        key for key in type(before).model_fields if key not in OWN_WAY and getattr(before, key) != getattr(after, key)
    }
    return after.model_dump(mode="json", include=keys) if keys <= AT_ONCE else None


def with_settings(settings: S, plain: dict[str, Any]) -> S:
    """The settings with other values. Raises ValidationError."""
    needed = {"name": settings.name, "parent": settings.parent, "members": settings.members}
    made = type(settings).model_validate(needed | plain)
    return settings.model_copy(update={key: getattr(made, key) for key in plain})


def owners_settings(before: DerSettings, after: DerSettings) -> dict[str, Any]:
    """What a home's owner has agreed to otherwise than before, as plain values."""
    keys = {key for key in OWNERS if getattr(before, key) != getattr(after, key)}
    return after.model_dump(mode="json", include=keys)


def with_owners_settings(settings: DerSettings, plain: dict[str, Any]) -> DerSettings:
    """The settings with other ones of the owner. Raises ValidationError."""
    made = OwnersWord.model_validate(plain)
    return settings.model_copy(update={key: getattr(made, key) for key in plain})


def utility_taken_at_once(before: UtilitySettings, after: UtilitySettings) -> dict[str, Any] | None:
    """What is said otherwise of a utility, as plain values; None where something is that cannot be taken at once."""
    keys = {key for key in UtilitySettings.model_fields if getattr(before, key) != getattr(after, key)}
    return after.model_dump(mode="json", include=keys) if keys <= OF_UTILITY else None


def with_utility_settings(settings: UtilitySettings, plain: dict[str, Any]) -> UtilitySettings:
    """A utility's settings with other values. Raises ValidationError."""
    made = UtilitySettings.model_validate({"name": settings.name, "children": settings.children} | plain)
    return settings.model_copy(update={key: getattr(made, key) for key in plain})
