"""Settings that a running party can take: events that begin from then on go by them, those under way do not."""

from typing import Any, TypeVar

from agents.settings.parties import AggregatorSettings, CoordinatorSettings

S = TypeVar("S", AggregatorSettings, CoordinatorSettings)

AT_ONCE = frozenset(
    {
        "accept_if_covered", "accept_share_pct", "alternative_basis", "capability_every_s", "collect_pct",
        "dispatch_lead_s", "ladder", "margin_pct", "max_rerequests", "over_request", "plan", "relax_from_above",
        "relax_others", "relax_pct", "relax_restrictions", "report_grace_s",
    }
)  # fmt: skip
"""All others are taken when the party is at rest: who it is, its devices, the policies that it was made with."""
OWN_WAY = frozenset({"members", "learned"})
"""These have inputs of their own."""


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
