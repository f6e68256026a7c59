from typing import Any

import numpy as np
import pytest

from agents.negotiation.checked_policies import PolicyFault, watched
from agents.negotiation.plans.acceptance import Judged
from agents.negotiation.plans.apportion import Candidate, apportion
from agents.negotiation.plans.request_values import MemberCapability
from agents.negotiation.policies import METHODS, SHIPPED, PolicyKind

MEMBERS = [MemberCapability("a", (100, 100)), MemberCapability("b", (50, 0))]
CANDIDATES = [Candidate("a", (100, 100)), Candidate("b", (50, 0))]


class Says:
    """A policy of any kind with one answer."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def values(self, *given: Any) -> Any:
        return self.answer

    split = accepts = baseline_wh = values


def asked(answer: Any) -> Any:
    return watched(PolicyKind.REQUEST_VALUES, "request_values.odd", Says(answer)).values((120, 90), MEMBERS, True)


def shared(answer: Any) -> Any:
    policy = watched(PolicyKind.SHARING, "sharing.odd", Says(answer))
    return apportion((120, 90), CANDIDATES, (0, 0), policy)


def judged(answer: Any) -> Any:
    policy = watched(PolicyKind.ACCEPTANCE, "acceptance.odd", Says(answer))
    return policy.accepts(Judged((1,), (1,), (0,), 100))


def compared(answer: Any) -> Any:
    return watched(PolicyKind.BASELINE, "baseline.odd", Says(answer)).baseline_wh(0, {}, ())


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_policy_keeps_the_contract_that_others_are_held_to(name: str) -> None:
    kind = PolicyKind(name.partition(".")[0])
    given: dict[PolicyKind, Any] = {
        PolicyKind.REQUEST_VALUES: ((120, 90), MEMBERS, False),
        PolicyKind.SHARING: ((120, 90), np.array([[100, 50], [100, 0]]), CANDIDATES),
        PolicyKind.ACCEPTANCE: (Judged((100,), (90,), (0,), 80),),
        PolicyKind.BASELINE: (0, {}, ()),
    }
    alone = getattr(SHIPPED[name], METHODS[kind])(*given[kind])
    checked = getattr(watched(kind, name, SHIPPED[name]), METHODS[kind])(*given[kind])
    assert np.array_equal(checked, alone) if kind is PolicyKind.SHARING else checked == alone


def test_values_come_in_the_members_order_as_whole_numbers_and_may_leave_members_out() -> None:
    found = asked({"b": (np.int64(50), 0), "a": [70, 90]})
    assert list(found.items()) == [("a", (70, 90)), ("b", (50, 0))]
    assert all(type(power_w) is int for value in found.values() for power_w in value)
    assert asked({"a": (70, 90)}) == {"a": (70, 90)}


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"a": (101, 0)}, r"request_values.odd asks a for \(101, 0\) W; it is able to give \(100, 100\) W"),
        ({"b": (-1, 0)}, "asks b for"),
        ({"a": (1,)}, "asks a for"),
        ({"a": (1.5, 0)}, r"whole numbers, not 1\.5"),
        ({"z": (0, 0)}, "asks z, who is no member"),
    ],
)
def test_value_outside_of_the_contract_is_refused(answer: Any, text: str) -> None:
    with pytest.raises(PolicyFault, match=text):
        asked(answer)


def test_parts_within_the_offers_are_shared_out() -> None:
    found = shared([[90, 30], np.array([90, 0], dtype=np.int32)])
    assert {name: share.power_w for name, share in found.shares.items()} == {"a": (90, 90), "b": (30, 0)}


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ([[90, 30]], "sharing.odd splits 1 slots of 2"),
        ([[70, 50], [80, 0]], "slot 1: .* sum is not 90 W"),
        ([[120, 0], [90, 0]], "slot 0: .* not within the offers"),
        ([[150, -30], [90, 0]], "slot 0: .* not within the offers"),
        ([[90.0, 30.0], [90, 0]], "slot 0: a row of 2 whole numbers"),
        ([[120], [90, 0]], "slot 0: a row of 2 whole numbers"),
    ],
)
def test_part_outside_of_the_contract_is_refused(answer: Any, text: str) -> None:
    with pytest.raises(PolicyFault, match=text):
        shared(answer)


def test_sharing_policy_cannot_change_the_offers_that_it_is_shown() -> None:
    class Takes:
        def split(self, deal_w: Any, offers_w: Any, candidates: Any) -> Any:
            offers_w[:] = 200
            return [[120, 0], [90, 0]]

    with pytest.raises(PolicyFault, match="not within the offers"):
        apportion((120, 90), CANDIDATES, (0, 0), watched(PolicyKind.SHARING, "sharing.takes", Takes()))


def test_acceptance_is_true_or_false() -> None:
    assert judged(np.bool_(True)) is True
    assert judged(False) is False
    with pytest.raises(PolicyFault, match=r"acceptance\.odd has to answer True or False, not 'yes'"):
        judged("yes")


def test_baseline_is_whole() -> None:
    assert compared(np.int64(-5)) == -5
    with pytest.raises(PolicyFault, match=r"baseline\.odd has to answer in whole numbers, not 2\.5"):
        compared(2.5)
