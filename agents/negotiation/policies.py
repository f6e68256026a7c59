"""The four seams at which a decision can be exchanged, and the policies that come with gridpact.

A kind is a setting's key, and the first half of an entry point's name in the group `gridpact.policies`; the value of the
setting is the second half. Policies are pure: plans in, plans out, no clock, no chance, no files; whatever else they
need was handed to them when they were made. So a journal is taken again with the same decisions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from agents.negotiation.plans.acceptance import AcceptancePolicy, Judged, LeastShare
from agents.negotiation.plans.apportion import (
    Candidate,
    LeastRelayWearSharing,
    MeritOrderSharing,
    ProportionalSharing,
    SharingPolicy,
)
from agents.negotiation.plans.baseline import BaselinePolicy, DatedBaselinePolicy, DeclaredBaseline
from agents.negotiation.plans.baseline_days import EarlierDays
from agents.negotiation.plans.request_values import (
    FairValues,
    MemberCapability,
    MeritOrderValues,
    RequestValuePolicy,
    by_weight,
)
from agents.negotiation.plans.shares import Watts, in_order, proportional
from agents.settings.parties import PartySettings

__all__ = [
    "AcceptancePolicy",
    "BaselinePolicy",
    "Candidate",
    "DatedBaselinePolicy",
    "EarlierDays",
    "Judged",
    "MemberCapability",
    "Policies",
    "PolicyKind",
    "RequestValuePolicy",
    "SharingPolicy",
    "Watts",
    "by_weight",
    "in_order",
    "proportional",
]


class PolicyKind(StrEnum):
    """What a policy decides; also the key of the setting that names it."""

    REQUEST_VALUES = "request_values"
    """S21: how much each member is asked for."""
    SHARING = "sharing"
    """S35: who gets how much of a deal."""
    ACCEPTANCE = "acceptance"
    """S4: whether less than what was asked is good enough."""
    BASELINE = "baseline"
    """What the metered energy is compared with."""


METHODS: Mapping[PolicyKind, str] = {
    PolicyKind.REQUEST_VALUES: "values",
    PolicyKind.SHARING: "split",
    PolicyKind.ACCEPTANCE: "accepts",
    PolicyKind.BASELINE: "baseline_wh",
}
"""The one method of each kind."""

fair, merit_order_values = FairValues(), MeritOrderValues()
proportional_sharing, merit_order_sharing = ProportionalSharing(), MeritOrderSharing()
least_relay_wear, least_share, declared = LeastRelayWearSharing(), LeastShare(), DeclaredBaseline()

SHIPPED: Mapping[str, Any] = {
    "request_values.fair": fair,
    "request_values.merit_order": merit_order_values,
    "sharing.proportional": proportional_sharing,
    "sharing.merit_order": merit_order_sharing,
    "sharing.least_relay_wear": least_relay_wear,
    "acceptance.least_share": least_share,
    "baseline.declared": declared,
}
"""Those of gridpact itself, by the names of its entry points: a source tree that is not installed has them too."""


@dataclass(frozen=True, slots=True)
class Policies:
    """What one party decides by."""

    request_values: RequestValuePolicy = fair
    sharing: SharingPolicy = proportional_sharing
    acceptance: AcceptancePolicy = least_share
    baseline: BaselinePolicy = declared

    @classmethod
    def of(cls, settings: PartySettings, find: Callable[[PolicyKind, str], Any] | None = None) -> "Policies":
        """Those that a party's settings name; `find` knows a policy by its kind and name, and by default only what is
        shipped. Raises what `find` raises, ValueError for a name that is not shipped."""
        named = {kind: getattr(settings, kind) for kind in PolicyKind if hasattr(settings, kind)}
        return cls(**{str(kind): (find or _shipped)(kind, name) for kind, name in named.items()})


class PoliciesInForce:
    """Of one party, by the settings of each of its events: those may name others than the party began with."""

    def __init__(
        self, settings: PartySettings, policies: Policies | None, choose: Callable[[PartySettings], Policies] | None
    ) -> None:
        """`policies`: those of these settings; `choose` finds them for other ones, by default what is shipped."""
        self._choose = choose or Policies.of
        self._known = {_named(settings): policies or self._choose(settings)}

    def of(self, settings: PartySettings) -> Policies:
        """Those that settings name. Raises what `choose` raises."""
        named = _named(settings)
        if named not in self._known:
            self._known[named] = self._choose(settings)
        return self._known[named]


def _named(settings: PartySettings) -> tuple[object, ...]:
    return tuple(getattr(settings, kind, None) for kind in PolicyKind)


def _shipped(kind: PolicyKind, name: str) -> Any:
    found = SHIPPED.get(f"{kind}.{name}")
    if found is None:
        raise ValueError(f"{kind}: {name} is not shipped with gridpact: find it where policies are installed")
    return found
