"""Who gives where, by energy and slots that each could probably give."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agents.negotiation.plans.energies import ProbableEnergy, better_by_energies, split_by_energies
from protocol.plan import Plan, total

LEAVER, STAYER = ProbableEnergy((3_000, 3_000, 0, 0), 3_000), ProbableEnergy((1_500,) * 4, 3_000)
BOTH = {"leaver": LEAVER, "stayer": STAYER}


def test_who_leaves_gives_first_and_who_stays_gives_the_rest() -> None:
    parts = split_by_energies((3_000,) * 4, BOTH)
    assert parts == {"leaver": (3_000, 3_000, 0, 0), "stayer": (0, 0, 3_000, 3_000)}


def test_parts_that_all_could_give_stay_as_they_are() -> None:
    parts = {"leaver": (500, 500, 0, 0), "stayer": (500, 500, 1_000, 1_000)}
    assert better_by_energies((1_000,) * 4, parts, BOTH) == parts


def test_parts_that_nobody_could_give_stay_as_they_are() -> None:
    nobody = {"a": ProbableEnergy((100,) * 2, 100), "b": ProbableEnergy((100,) * 2, 100)}
    parts = {"a": (500, 500), "b": (500, 500)}
    assert better_by_energies((1_000, 1_000), parts, nobody) == parts


plans = st.lists(st.integers(0, 5_000), min_size=3, max_size=3).map(tuple)


@given(plans, st.dictionaries(st.sampled_from("abcd"), plans, min_size=1))
def test_as_much_is_asked_for_as_before(asked_w: Plan, could_w: dict[str, Plan]) -> None:
    members = {name: ProbableEnergy(plan, 5_000) for name, plan in could_w.items()}
    names = list(members)
    parts = {name: tuple(power // len(names) for power in asked_w) for name in names}
    parts[names[0]] = tuple(power - sum(parts[name][slot] for name in names[1:]) for slot, power in enumerate(asked_w))
    found = better_by_energies(asked_w, parts, members)
    assert total(found.values(), 3) == asked_w
    assert min(min(plan) for plan in found.values()) >= 0


def test_rest_is_shared_out_once_for_all_members() -> None:
    """For each member it was once shared out among all anew."""
    looked = [0]

    class Seen(tuple[int, ...]):
        def __getitem__(self, at: Any) -> Any:
            looked[0] += 1
            return super().__getitem__(at)

    names = [f"m{number}" for number in range(50)]
    members = {name: ProbableEnergy((6_000, 0) if name < "m3" else (3_000, 3_000), 6_000) for name in names}
    leave = sum(name < "m3" for name in names)
    parts = {name: Seen((3_000, 3_000)) for name in names}
    asked_w = (6_000 * leave, 6_000 * (50 - leave) + 5_000)
    found = better_by_energies(asked_w, parts, members)
    assert total(found.values(), 2) == asked_w
    assert found["m0"] == (6_000, 100)
    assert looked[0] < 50 * 2 * 4
