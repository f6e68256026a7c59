"""A policy of somebody else, watched: what it answers is checked before anything follows from it.

A policy that breaks its contract ends the process with a sentence that names it, as a fault of our own does: a deal that
stands on its answer could not be kept.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from operator import index
from typing import Any

import numpy as np

from agents.negotiation.plans.acceptance import AcceptancePolicy, Judged
from agents.negotiation.plans.apportion import Candidate, SharingPolicy
from agents.negotiation.plans.baseline import BaselinePolicy, DatedBaselinePolicy
from agents.negotiation.plans.request_values import MemberCapability, RequestValuePolicy
from agents.negotiation.plans.shares import Watts
from agents.negotiation.policies import PolicyKind
from protocol.messages import Reading
from protocol.plan import Plan


class PolicyFault(RuntimeError):
    """A policy has answered what it may not; `str(fault)` is one sentence that names the policy."""


def watched(kind: PolicyKind, name: str, policy: Any) -> Any:
    """The same policy, with its answers checked; `name` is its entry point's."""
    match kind:
        case PolicyKind.REQUEST_VALUES:
            return CheckedValues(name, policy)
        case PolicyKind.SHARING:
            return CheckedSharing(name, policy)
        case PolicyKind.ACCEPTANCE:
            return CheckedAcceptance(name, policy)
        case PolicyKind.BASELINE:
            dated = isinstance(policy, DatedBaselinePolicy)
            return CheckedDatedBaseline(name, policy) if dated else CheckedBaseline(name, policy)


class CheckedValues:
    """Each value is whole, for a member, and within its capacity; they come in the members' order."""

    def __init__(self, name: str, policy: RequestValuePolicy) -> None:
        self.name, self.policy = name, policy

    def values(self, asked_w: Plan, members: Sequence[MemberCapability], over_request: bool) -> dict[str, Plan]:
        found = self.policy.values(asked_w, members, over_request)
        strangers = found.keys() - {member.name for member in members}
        if strangers:
            raise PolicyFault(f"the policy {self.name} asks {min(strangers)}, who is no member")
        return {member.name: self._value(found[member.name], member) for member in members if member.name in found}

    def _value(self, given_w: Plan, member: MemberCapability) -> Plan:
        value_w = tuple(_whole(self.name, power_w) for power_w in given_w)
        cap_w = member.capacity_w
        if len(value_w) != len(cap_w) or any(not 0 <= w <= cap for w, cap in zip(value_w, cap_w, strict=True)):
            raise PolicyFault(
                f"the policy {self.name} asks {member.name} for {value_w} W; it is able to give {cap_w} W"
            )
        return value_w


class CheckedSharing:
    """Each part is whole and within its offer, and the parts of a slot sum to the deal."""

    def __init__(self, name: str, policy: SharingPolicy) -> None:
        self.name, self.policy = name, policy

    def split(self, deal_w: Plan, offers_w: Watts, candidates: Sequence[Candidate]) -> list[Watts]:
        rows = [np.asarray(row) for row in self.policy.split(deal_w, offers_w.copy(), candidates)]
        if len(rows) != len(deal_w):
            raise PolicyFault(f"the policy {self.name} splits {len(rows)} slots of {len(deal_w)}")
        for slot, (row, offers, power_w) in enumerate(zip(rows, offers_w, deal_w, strict=True)):
            if row.shape != offers.shape or (row.size and row.dtype.kind not in "iu"):
                text = f"a row of {offers.size} whole numbers is needed, not {row.dtype} {row.shape}"
                raise PolicyFault(f"the policy {self.name}: slot {slot}: {text}")
            if (row < 0).any() or (row > offers).any() or int(row.sum()) != power_w:
                text = f"the parts {row.tolist()!s:.200} W are not within the offers, or their sum is not {power_w} W"
                raise PolicyFault(f"the policy {self.name}: slot {slot}: {text}")
        return [row.astype(np.int64) for row in rows]


class CheckedAcceptance:
    """The answer is true or false."""

    def __init__(self, name: str, policy: AcceptancePolicy) -> None:
        self.name, self.policy = name, policy

    def accepts(self, judged: Judged) -> bool:
        found = self.policy.accepts(judged)
        if not isinstance(found, bool | np.bool_):
            raise PolicyFault(f"the policy {self.name} has to answer True or False, not {found!r:.80}")
        return bool(found)


class CheckedBaseline:
    """The answer is whole watt-hours."""

    def __init__(self, name: str, policy: BaselinePolicy) -> None:
        self.name, self.policy = name, policy

    def baseline_wh(self, slot: int, readings: Mapping[str, Reading], earlier: Sequence[Mapping[str, Reading]]) -> int:
        return _whole(self.name, self.policy.baseline_wh(slot, readings, earlier))


class CheckedDatedBaseline(CheckedBaseline):
    """The same, of a policy that knows the days."""

    def __init__(self, name: str, policy: DatedBaselinePolicy) -> None:
        super().__init__(name, policy)
        self.dated = policy

    def baseline_at(
        self, first_at: datetime, start_at: datetime, length: timedelta, readings: Mapping[str, Reading]
    ) -> int:
        return _whole(self.name, self.dated.baseline_at(first_at, start_at, length, readings))


def _whole(name: str, found: Any) -> int:
    try:
        return index(found)
    except TypeError:
        raise PolicyFault(f"the policy {name} has to answer in whole numbers, not {found!r:.80}") from None
