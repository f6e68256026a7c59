"""What is taken from those who were raised most."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from agents.negotiation.plans.level import levelled

WATTS = st.integers(0, 20_000)
PARTS = st.lists(
    st.tuples(WATTS, WATTS, st.integers(1, 100)).map(lambda one: (min(one[0], one[1]), one[1], one[2])), max_size=8
)


@given(PARTS, WATTS)
def test_no_more_is_taken_than_there_is_and_than_is_too_much(parts: list[tuple[int, int, int]], over_w: int) -> None:
    cuts = levelled(parts, over_w)
    assert all(0 <= less <= awarded for less, (awarded, _, _) in zip(cuts, parts, strict=True))
    taken = [less * pct // 100 for less, (_, _, pct) in zip(cuts, parts, strict=True)]
    assert sum(taken) <= over_w


@given(PARTS, WATTS)
def test_all_that_is_too_much_is_taken_where_it_is_there(parts: list[tuple[int, int, int]], over_w: int) -> None:
    cuts = levelled(parts, over_w)
    there = sum(awarded * pct // 100 for awarded, _, pct in parts)
    taken = sum(less * pct // 100 for less, (_, _, pct) in zip(cuts, parts, strict=True))
    assert taken >= min(over_w, there) - len(parts) * 2


def test_who_gives_all_of_its_offer_is_cut_before_who_gives_half() -> None:
    assert levelled([(2_000, 4_000, 100), (4_000, 4_000, 100)], 1_000) == [0, 1_000]
    assert levelled([(2_000, 4_000, 100), (4_000, 4_000, 100)], 4_000) == [1_000, 3_000]


def test_who_gives_half_of_what_is_due_is_cut_by_twice_as_much() -> None:
    assert levelled([(4_000, 4_000, 50)], 1_000) == [2_000]


def test_level_is_not_searched_for_where_nothing_is_too_much() -> None:
    class Unread(list[tuple[int, int, int]]):
        def __iter__(self) -> Iterator[tuple[int, int, int]]:
            raise AssertionError("read")

    assert levelled(Unread([(500, 1_000, 100), (900, 900, 100)]), 0) == [0, 0]
