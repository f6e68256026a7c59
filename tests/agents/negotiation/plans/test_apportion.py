from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.negotiation.plans import apportion as module
from agents.negotiation.plans.apportion import (
    Apportioned,
    Candidate,
    LeastRelayWearSharing,
    MeritOrderSharing,
    ProportionalSharing,
    Share,
    SharingPolicy,
    apportion,
)
from protocol.messages import Basis
from protocol.plan import Plan, add, covers, least, scaled, shortfall, total

SLOTS = 3
watts = st.integers(0, 60)
plans = st.tuples(watts, watts, watts)
offers = st.tuples(plans, st.none() | plans, st.integers(0, 3))
fleets = st.lists(offers, max_size=8).map(
    lambda members: [Candidate(f"m{i}", own, relaxed, merit) for i, (own, relaxed, merit) in enumerate(members)]
)
PROPORTIONAL, MERIT_ORDER, LEAST_RELAY_WEAR = ProportionalSharing(), MeritOrderSharing(), LeastRelayWearSharing()
ALL = (PROPORTIONAL, MERIT_ORDER, LEAST_RELAY_WEAR)
policies = st.sampled_from(ALL)


def best(candidates: list[Candidate]) -> Plan:
    return total([c.own if c.relaxed is None else c.relaxed for c in candidates], SLOTS)


def own(candidates: list[Candidate]) -> Plan:
    return total([candidate.own for candidate in candidates], SLOTS)


def relaxed_of(shared: Apportioned) -> list[str]:
    return [name for name, share in shared.shares.items() if share.basis is Basis.RELAXED]


@given(fleets, plans, policies, st.integers(0, 100))
def test_any_deal_within_the_sum_is_shared_out_exactly(
    candidates: list[Candidate], storage: Plan, policy: SharingPolicy, pct: int
) -> None:
    deal = scaled(add(best(candidates), storage), pct, 100)
    shared = apportion(deal, candidates, storage, policy)
    parts = total([share.power_w for share in shared.shares.values()], SLOTS)
    assert add(parts, shared.storage_w) == deal
    assert covers(storage, shared.storage_w)
    by_name = {candidate.name: candidate for candidate in candidates}
    assert list(shared.shares) == [name for name in by_name if name in shared.shares]
    for name, share in shared.shares.items():
        accepted = by_name[name].own if share.basis is Basis.OWN else by_name[name].relaxed
        assert accepted is not None
        assert covers(accepted, share.power_w)
        assert any(share.power_w)


@given(fleets, plans, policies, st.integers(0, 100))
def test_nobody_is_relaxed_and_no_storage_used_while_own_offers_cover(
    candidates: list[Candidate], storage: Plan, policy: SharingPolicy, pct: int
) -> None:
    shared = apportion(scaled(own(candidates), pct, 100), candidates, storage, policy)
    assert not relaxed_of(shared)
    assert not any(shared.storage_w)


@given(fleets, plans, policies)
def test_storage_comes_before_relaxed_offers(candidates: list[Candidate], storage: Plan, policy: SharingPolicy) -> None:
    shared = apportion(add(own(candidates), storage), candidates, storage, policy)
    assert not relaxed_of(shared)


@given(fleets, plans, policies, st.integers(0, 100))
def test_each_relaxed_share_is_needed(
    candidates: list[Candidate], storage: Plan, policy: SharingPolicy, pct: int
) -> None:
    deal = scaled(add(best(candidates), storage), pct, 100)
    relaxed = relaxed_of(apportion(deal, candidates, storage, policy))
    for spared in relaxed:
        swapped = [name for name in relaxed if name != spared]
        without = total([c.relaxed if c.name in swapped and c.relaxed else c.own for c in candidates], SLOTS)
        assert not covers(add(without, storage), deal)


@given(fleets, plans, policies, st.integers(0, 100), st.integers(1, 3))
def test_a_crowd_that_is_looked_at_at_once_shares_as_one_by_one(
    candidates: list[Candidate], storage: Plan, policy: SharingPolicy, pct: int, block: int
) -> None:
    deal = scaled(add(best(candidates), storage), pct, 100)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "_BLOCK", block)
        at_once = apportion(deal, candidates, storage, policy)
        patched.setattr(module, "_WORTH", 0)
        patched.setattr(module, "_BLOCK", 1)
        assert apportion(deal, candidates, storage, policy) == at_once


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("pct", [40, 97])
def test_the_biggest_come_first_in_a_crowd(seed: int, pct: int) -> None:
    adds = np.random.default_rng(seed).integers(0, 30, (SLOTS, 2_000))
    missing = left = tuple((adds.sum(axis=1) * np.array([pct, pct // 2, pct // 4]) // 100).tolist())
    expected: list[int] = []
    while any(left):
        gains = np.minimum(adds, np.array(left)[:, None]).sum(axis=0)
        gains[expected] = 0
        expected.append(int(gains.argmax()))
        left = shortfall(left, tuple(adds[:, expected[-1]].tolist()))
    assert module._biggest_first(missing, adds) == expected


@given(fleets, plans, policies, st.tuples(*[st.integers(0, 3)] * SLOTS).filter(any))
def test_more_than_there_is_is_refused(
    candidates: list[Candidate], storage: Plan, policy: SharingPolicy, more: Plan
) -> None:
    highest = [tuple(map(max, c.own, c.relaxed or c.own)) for c in candidates]
    with pytest.raises(ValueError, match="fall short of the deal"):
        apportion(add(add(total(highest, SLOTS), storage), more), candidates, storage, policy)


@given(st.lists(watts, min_size=1, max_size=7), st.integers(0, 100))
def test_least_relay_wear_switches_the_fewest(powers: list[int], pct: int) -> None:
    candidates = [Candidate(f"m{i}", (power,)) for i, power in enumerate(powers)]
    deal = sum(powers) * pct // 100
    shared = apportion((deal,), candidates, (0,), LEAST_RELAY_WEAR)
    fewest = next(n for n in range(len(powers) + 1) if any(sum(some) >= deal for some in combinations(powers, n)))
    assert len(shared.shares) == fewest


@given(st.lists(watts, min_size=1, max_size=7), st.integers(0, 100))
def test_the_fewest_owners_are_disturbed(gains: list[int], pct: int) -> None:
    candidates = [Candidate(f"m{i}", (5,), (5 + gain,)) for i, gain in enumerate(gains)]
    needed = sum(gains) * pct // 100
    shared = apportion((5 * len(gains) + needed,), candidates, (0,), PROPORTIONAL)
    fewest = next(n for n in range(len(gains) + 1) if any(sum(some) >= needed for some in combinations(gains, n)))
    assert len(relaxed_of(shared)) <= fewest


def test_shares_are_proportional_to_the_offers() -> None:
    candidates = [Candidate("a", (100, 0)), Candidate("b", (300, 50)), Candidate("c", (0, 50))]
    shared = apportion((200, 51), candidates, (0, 0), PROPORTIONAL)
    assert {name: share.power_w for name, share in shared.shares.items()} == {
        "a": (50, 0),
        "b": (150, 26),
        "c": (0, 25),
    }


def test_merit_order_takes_the_lowest_first_and_leaves_out_who_is_not_needed() -> None:
    candidates = [Candidate("a", (100,), merit=3), Candidate("b", (100,), merit=1), Candidate("c", (100,), merit=2)]
    shared = apportion((150,), candidates, (0,), MERIT_ORDER)
    assert shared.shares == {"b": Share(Basis.OWN, (100,)), "c": Share(Basis.OWN, (50,))}


def test_least_relay_wear_goes_by_what_is_still_missing() -> None:
    candidates = [Candidate("a", (10, 10)), Candidate("b", (2, 9)), Candidate("c", (5, 0))]
    shared = apportion((15, 10), candidates, (0, 0), LEAST_RELAY_WEAR)
    assert list(shared.shares) == ["a", "c"]


def test_least_relay_wear_lets_those_come_first_who_were_not_woken_lately() -> None:
    def woken(a_lately: int, b_lately: int, deal_w: int = 9) -> list[str]:
        candidates = [
            Candidate("a", (10,), lately=a_lately),
            Candidate("b", (9,), lately=b_lately),
            Candidate("c", (4,)),
        ]
        return list(apportion((deal_w,), candidates, (0,), LEAST_RELAY_WEAR).shares)

    assert woken(0, 0) == ["a"]
    assert woken(1_000, 0) == ["b"]  # by hand: 9 of 10 W count as 4.5
    assert woken(1_000, 1_000) == ["a"]
    assert woken(2_000, 2_000) == ["a", "c"]  # 3 and 3 W beside 4 of the one that rested; then 5 W are missing
    assert woken(9_000, 9_000, 23) == ["a", "b", "c"]  # all are needed, whoever's turn it is


def test_the_one_whose_relaxed_offer_adds_most_is_asked_and_the_others_keep_their_own() -> None:
    candidates = [Candidate("a", (10,), (15,)), Candidate("b", (10,), (30,)), Candidate("c", (10,), (12,))]
    shared = apportion((45,), candidates, (5,), PROPORTIONAL)
    assert relaxed_of(shared) == ["b"]
    assert shared.storage_w == (0,)


def test_a_relaxed_offer_that_gives_less_in_another_slot_is_made_up_for() -> None:
    candidates = [Candidate("a", (10, 10), (30, 0)), Candidate("b", (10, 10), (10, 20))]
    shared = apportion((40, 20), candidates, (0, 0), PROPORTIONAL)
    assert relaxed_of(shared) == ["a", "b"]


def test_who_was_chosen_first_and_turns_out_superfluous_keeps_its_own_offer() -> None:
    candidates = [Candidate("a", (0, 0), (7, 7)), Candidate("b", (0, 0), (10, 0)), Candidate("c", (0, 0), (0, 10))]
    assert relaxed_of(apportion((10, 10), candidates, (0, 0), PROPORTIONAL)) == ["b", "c"]


def test_who_only_made_up_for_a_superfluous_one_keeps_its_own_offer_too() -> None:
    candidates = [Candidate("a", (0, 0), (2, 0)), Candidate("b", (3, 0), (0, 1)), Candidate("c", (0, 15), (2, 18))]
    assert relaxed_of(apportion((3, 16), candidates, (0, 0), PROPORTIONAL)) == ["c"]


def test_a_share_within_the_own_offer_accepts_the_own_offer() -> None:
    candidates = [Candidate("a", (10,), (40,), merit=2), Candidate("b", (10,), (40,), merit=1)]
    shared = apportion((45,), candidates, (0,), MERIT_ORDER)
    assert least(shared.shares["b"].power_w, (10,)) == shared.shares["b"].power_w
    assert shared.shares["b"].basis is Basis.OWN
    assert not any(shortfall((45,), total([share.power_w for share in shared.shares.values()], 1)))


def test_nothing_to_share_gives_nothing() -> None:
    for policy in ALL:
        assert apportion((0, 0), [Candidate("a", (5, 5))], (9, 9), policy) == Apportioned({}, (0, 0))
        assert apportion((4, 0), [], (9, 9), policy) == Apportioned({}, (4, 0))


@given(fleets)
def test_every_policy_raises_when_slots_differ(candidates: list[Candidate]) -> None:
    for policy in ALL:
        with pytest.raises(ValueError, match="one entry a slot"):
            apportion((1, 1), [Candidate("x", (5, 5, 5)), *candidates], (0, 0), policy)
