"""The best mix of what many members can give: against plain linear programs, held to whole profiles, and its bound."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.negotiation.plans.coalition import guess, master, whole
from agents.negotiation.plans.coalition.bound import ToldProfiles, least_bound
from agents.negotiation.plans.coalition.guess import wanted_plans
from agents.negotiation.plans.coalition.master import best_mix
from agents.negotiation.plans.coalition.profiles import (
    WHOLE,
    CoalitionProblem,
    MemberProfiles,
    first_wanted,
    mix,
    next_wanted,
    problem_with,
)
from agents.negotiation.plans.coalition.program import level_program
from protocol.plan import Plan, total

POWER_W, SLOTS = 3_000, 6


def poured(energy_w: int, leaves: int, order: list[int]) -> Plan:
    """What a store of so many W x slots gives where the slots are filled in this order, until it leaves."""
    plan = [0] * SLOTS
    for slot in order:
        if slot < leaves:
            plan[slot] = min(POWER_W, energy_w)
            energy_w -= plan[slot]
    return tuple(plan)


def fleet(random: Random, members: int, mixable: float = 1.0) -> tuple[MemberProfiles, ...]:
    found = []
    for number in range(members):
        energy_w, leaves = random.randint(1_000, 12_000), random.randint(1, SLOTS)
        even = tuple(min(POWER_W, energy_w // leaves) if slot < leaves else 0 for slot in range(SLOTS))
        profiles = (
            even,
            poured(energy_w, leaves, list(range(SLOTS))),
            poured(energy_w, leaves, list(range(SLOTS))[::-1]),
        )
        found.append(MemberProfiles(f"m-{number}", profiles, random.random() < mixable))
    return tuple(found)


def given_w(problem: CoalitionProblem) -> Plan:
    """What comes of the best mix."""
    parts = best_mix(problem).parts
    assert problem_with(problem.members, parts) == ""
    plans = [mix(member, parts[member.name]) for member in problem.members if member.name in parts]
    return total([problem.given_w, *plans], SLOTS)


def level(plan: Plan, asked_w: Plan) -> float:
    return min(have / power for have, power in zip(plan, asked_w, strict=True) if power)


def exact_level(problem: CoalitionProblem) -> float:
    """The same as one linear program of all columns, stated on its own."""
    asked = master.np.array(problem.asked_w, dtype=float)
    program = level_program(asked, master.np.array(problem.given_w) / asked, len(problem.members))
    for number, member in enumerate(problem.members):
        for profile in member.profiles:
            shares = master.np.array(profile) / asked
            rows = master.np.append(master.np.arange(2 * SLOTS), 2 * SLOTS + number).astype(master.np.int32)
            program.addCol(0.0, 0.0, 1.0, len(rows), rows, master.np.concatenate((shares, shares, [1.0])))
    program.run()
    return float(program.getSolution().col_value[0])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40))
def test_best_mix_of_a_fleet_is_that_of_one_linear_program(seed: int, members: int) -> None:
    random = Random(seed)
    asked_w = tuple(random.randint(500, 2_000) * members for _ in range(SLOTS))
    problem = CoalitionProblem(asked_w, (100,) * SLOTS, fleet(random, members))
    assert level(given_w(problem), asked_w) == pytest.approx(exact_level(problem), abs=2e-3)


@pytest.mark.parametrize("members", [300, 1_500])
def test_groups_of_a_crowd_lose_next_to_nothing(members: int) -> None:
    random = Random(members)
    asked_w = tuple(random.randint(500, 1_500) * members for _ in range(SLOTS))
    problem = CoalitionProblem(asked_w, (0,) * SLOTS, fleet(random, members))
    assert level(given_w(problem), asked_w) >= 0.998 * exact_level(problem)


def test_whole_profiles_of_a_hundred_homes_are_within_one_percent_of_every_mix() -> None:
    random = Random(7)
    asked_w = tuple(random.randint(700, 1_300) * 100 for _ in range(SLOTS))
    problem = CoalitionProblem(asked_w, (0,) * SLOTS, fleet(random, 100, mixable=0.0))
    assert level(given_w(problem), asked_w) >= 0.99 * exact_level(problem)


def test_whole_profiles_of_a_crowd_are_given_in_the_proportions_of_the_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "FEW_CELLS", 0)
    random = Random(8)
    asked_w = tuple(random.randint(700, 1_300) * 1_000 for _ in range(SLOTS))
    problem = CoalitionProblem(asked_w, (0,) * SLOTS, fleet(random, 1_000, mixable=0.3))
    assert level(given_w(problem), asked_w) >= 0.98 * exact_level(problem)


@pytest.mark.parametrize("seed", range(12))
def test_program_that_holds_one_after_the_other_is_near_the_mixed_integer_one(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(seed)
    members = fleet(random, random.randint(4, 20), mixable=0.3)
    asked_w = tuple(random.randint(5, 13) * 150 * len(members) for _ in range(SLOTS))
    problem = CoalitionProblem(asked_w, (0,) * SLOTS, members)
    exact = met(problem)
    monkeypatch.setattr(whole, "FEW_SLOTS", 0)
    monkeypatch.setattr(whole, "SMALL", 0)
    assert met(problem) >= 0.97 * exact


def met(problem: CoalitionProblem) -> float:
    """What a mix is worth: its level before its energy."""
    plan, asked_w = given_w(problem), problem.asked_w
    return 10 * level(plan, asked_w) + sum(map(min, plan, asked_w)) / sum(asked_w)


def test_slot_that_is_not_asked_for_counts_for_nothing() -> None:
    asked_w = (0, 4_000, 4_000, 0, 4_000, 0)
    problem = CoalitionProblem(asked_w, (0,) * SLOTS, fleet(Random(1), 5))
    found = best_mix(problem)
    assert [bool(weight) for weight, power in zip(found.weights, asked_w, strict=True) if not power] == [False] * 3
    assert level(given_w(problem), asked_w) > 0


def test_nobody_to_plan_with_gives_nothing() -> None:
    assert best_mix(CoalitionProblem((1_000,) * SLOTS, (0,) * SLOTS, ())).parts == {}
    assert wanted_plans(CoalitionProblem((1_000,) * SLOTS, (0,) * SLOTS, ())) == {}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 20), st.lists(st.integers(0, 1_000), min_size=SLOTS, max_size=SLOTS))
def test_no_mix_exceeds_the_bound_of_any_weights(seed: int, members: int, weights: list[int]) -> None:
    random = Random(seed)
    asked_w = tuple(random.randint(500, 2_000) * members for _ in range(SLOTS))
    some = fleet(random, members)
    told = [ToldProfiles(member.profiles, True, None) for member in some]
    bound = least_bound(asked_w, told, [tuple(weights)])
    reached = level(given_w(CoalitionProblem(asked_w, (0,) * SLOTS, some)), asked_w)
    assert bound is None or reached * 1_000 <= bound.level_pm


def test_worths_of_the_best_mix_prove_that_it_is_the_best() -> None:
    some, asked_w = fleet(Random(3), 30), (40_000,) * SLOTS
    found = best_mix(CoalitionProblem(asked_w, (0,) * SLOTS, some))
    told = [ToldProfiles(member.profiles, True, None) for member in some]
    bound = least_bound(asked_w, told, [found.weights])
    reached = level(given_w(CoalitionProblem(asked_w, (0,) * SLOTS, some)), asked_w)
    assert bound is not None
    assert bound.level_pm / 1_000 == pytest.approx(reached, rel=0.03)
    assert bound.slots


def test_member_whose_best_is_not_known_counts_by_its_contract() -> None:
    asked_w = (1_000,) * SLOTS
    unknown = ToldProfiles(((100,) * SLOTS,), False, 500)
    assert least_bound(asked_w, [unknown], [(1,) * SLOTS]) == (500, (1,) * SLOTS)
    assert least_bound(asked_w, [unknown._replace(most_w=None)], [(1,) * SLOTS]) is None


def test_wanted_plan_of_cars_that_cross_is_the_best_one() -> None:
    stays = ((1_000,) * SLOTS, poured(6_000, SLOTS, list(range(SLOTS))), poured(6_000, SLOTS, list(range(SLOTS))[::-1]))
    leaves = ((2_000,) * 2 + (0,) * 4, poured(4_000, 2, [0, 1]), poured(4_000, 2, [1, 0]))
    asked_w = (2_000, 2_000, 1_500, 1_500, 1_500, 1_500)
    some = (MemberProfiles("leaves", leaves, True), MemberProfiles("stays", stays, True))
    plans = wanted_plans(CoalitionProblem(asked_w, (0,) * SLOTS, some))
    assert level(total(plans.values(), SLOTS), asked_w) >= 0.999


# -- what is asked, what is taken


def test_first_question_asks_for_the_shape_of_the_request_only_where_it_has_one() -> None:
    flat, shaped = first_wanted((500, 500, 0)), first_wanted((500, 1_000, 0))
    assert [(one.even, one.weights) for one in flat] == [
        (True, (1_000, 1_000, 0)), (False, (1_000, 666, 0)), (False, (500, 1_000, 0)),
    ]  # fmt: skip
    assert [(one.even, one.weights) for one in shaped][-1] == (False, (500, 1_000, 0))
    assert first_wanted((0, 500, 0)) == ()


def test_next_question_asks_evenly_where_the_least_is_met_and_wants_something_in_every_slot() -> None:
    wanted = next_wanted((1_000, 1_000, 0, 1_000), (900, 910, 0, 1_000), (1_000, 0, 0, 0))
    assert [(one.even, one.weights) for one in wanted] == [
        (True, (1_000, 1_000, 0, 0)), (False, (1_000, 1, 0, 1)), (False, (1_000, 333, 0, 333)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"a": (WHOLE, 0)}, ""),
        ({"a": (WHOLE // 2, WHOLE // 2)}, ""),
        ({"a": (WHOLE, 1)}, "a cannot give these parts of its profiles"),
        ({"a": (WHOLE,)}, "a cannot give these parts of its profiles"),
        ({"a": (-1, 0)}, "a cannot give these parts of its profiles"),
        ({"b": (WHOLE, 0)}, ""),
        ({"b": (WHOLE // 2, WHOLE // 2)}, "b gives one of its profiles, no mix"),
        ({"c": (WHOLE, 0)}, "c offers nothing"),
    ],
)
def test_mix_that_cannot_be_given_is_told_and_why(parts: dict[str, tuple[int, ...]], why: str) -> None:
    some = (MemberProfiles("a", ((1, 2), (2, 1)), True), MemberProfiles("b", ((1, 2), (2, 1)), False))
    assert problem_with(some, parts) == why


# -- what owners loosen


def owned(member: MemberProfiles, more: float) -> MemberProfiles:
    """A member whose owner loosens something for so much more of its even profile."""
    loosened = tuple(int(power * more) for power in member.profiles[0])
    return member._replace(profiles=(*member.profiles, loosened), loosened=1)


def disturbed(problem: CoalitionProblem) -> list[str]:
    """Who gives a part of what is loosened in the best mix."""
    return [name for name, parts in best_mix(problem).parts.items() if parts[-1]]


def test_nobody_is_disturbed_for_what_is_met_without() -> None:
    some = fleet(Random(5), 30)
    most = exact_level(CoalitionProblem((30_000,) * SLOTS, (0,) * SLOTS, some))
    asked_w = (int(30_000 * most * 0.98),) * SLOTS
    assert disturbed(CoalitionProblem(asked_w, (0,) * SLOTS, tuple(owned(one, 1.5) for one in some))) == []


def test_who_adds_much_in_other_slots_than_those_that_bind_is_disturbed_though_the_level_is_no_higher() -> None:
    early = MemberProfiles("early", ((500,) + (0,) * 5, (400,) + (0,) * 5), True)
    late = MemberProfiles("late", ((0, *(500,) * 5), (0, *(400,) * 5), (0, *(3_000,) * 5)), True, 1)
    few = MemberProfiles("few", ((0, 10, 0, 0, 0, 0), (0, 9, 0, 0, 0, 0), (0, 20, 0, 0, 0, 0)), True, 1)
    problem = CoalitionProblem((3_000,) * SLOTS, (0,) * SLOTS, (early, late, few))
    assert disturbed(problem) == ["late"]
    assert given_w(problem) == (500, *(3_000,) * 5)


def test_few_who_add_much_are_disturbed_in_the_place_of_many() -> None:
    even = (1_000,) * SLOTS
    members = tuple(
        MemberProfiles(f"m-{n}", (even, tuple(power + add_w for power in even)), True, loosened=1)
        for n, add_w in enumerate((200, 2_000, 200, 2_000, 200, 200))
    )
    problem = CoalitionProblem((9_500,) * SLOTS, (0,) * SLOTS, members)
    assert disturbed(problem) == ["m-1", "m-3"]
    assert level(given_w(problem), problem.asked_w) >= 1


def test_of_equal_ones_it_is_whose_owner_was_spared_lately() -> None:
    even, more = (1_000,) * SLOTS, (3_000,) * SLOTS
    members = tuple(
        MemberProfiles(f"m-{n}", (even, more), True, loosened=1, lately=lately)
        for n, lately in enumerate((900, 0, 900, 900))
    )
    assert disturbed(CoalitionProblem((6_000,) * SLOTS, (0,) * SLOTS, members)) == ["m-1"]


def test_of_a_crowd_as_few_are_disturbed_as_its_groups_need() -> None:
    some = fleet(Random(6), 400)
    asked_w = (200 * 400,) * SLOTS
    most = exact_level(CoalitionProblem(asked_w, (0,) * SLOTS, some))
    asked_w = (int(200 * 400 * most * 1.05),) * SLOTS
    problem = CoalitionProblem(asked_w, (0,) * SLOTS, tuple(owned(one, 2.0) for one in some))
    found = disturbed(problem)
    assert 0 < len(found) < 120
    assert level(given_w(problem), asked_w) >= 0.995 * min(1.0, exact_level(problem))


def test_level_request_wants_its_middle_and_another_one_its_own_shape() -> None:
    assert [shape.weights for shape in first_wanted((5, 5, 0, 5, 5))][3] == (500, 1_000, 0, 1_000, 500)
    assert [shape.weights for shape in first_wanted((5, 10))][3] == (500, 1_000)
    assert len(first_wanted((5, 5))) == 3


@pytest.mark.parametrize(("members", "slots"), [(400, 51), (100, 101), (9, 336)])
def test_members_are_not_planned_one_by_one_over_very_many_slots(
    members: int, slots: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program would have tens of millions of entries."""

    def built(*given: object) -> None:
        raise AssertionError("built")

    monkeypatch.setattr(guess, "level_program", built)
    some = tuple(MemberProfiles(f"m{number}", ((500,) * slots, (400,) * slots), True) for number in range(members))
    assert wanted_plans(CoalitionProblem((1_000,) * slots, (0,) * slots, some)) == {}
    with pytest.raises(AssertionError, match="built"):
        wanted_plans(CoalitionProblem((1_000,) * (slots - 1), (0,) * (slots - 1), some[: members * 98 // 100]))
