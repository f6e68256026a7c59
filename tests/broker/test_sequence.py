"""Numbers that tell of losses: whatever a stranger writes into them, they stay figures that can be told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.sequence import LONGEST_COUNT, MOST_MISSING, Gaps, Numbers
from protocol.edges import Edge

EDGE = Edge("ra-1", "hems-1")
TOPIC = "dr/offer/ra-1/hems-1"


def received(*numbers: str) -> int:
    gaps = Gaps()
    for number in numbers:
        gaps.hear(TOPIC, EDGE, number)
    return gaps.lost


def test_number_of_ours_is_short_enough_to_be_heard() -> None:
    numbers = Numbers()
    first, second, third = (numbers.next(EDGE) for _ in range(3))
    assert received(first, second, third) == 0
    assert received(first, third) == 1


@pytest.mark.parametrize(
    "count", ["9" * 5_000, "9" * 400, "9" * (LONGEST_COUNT + 1), "-5", "+5", "5\n", "²", "５", "", "5.5"]
)
def test_what_is_no_number_of_ours_is_ignored(count: str) -> None:
    assert received("a.1", f"a.{count}", "a.2") == 0


def test_gap_that_cannot_be_is_none() -> None:
    assert received("a.1", f"a.{MOST_MISSING + 2}") == MOST_MISSING
    assert received("a.1", f"a.{MOST_MISSING + 3}") == 0


def test_start_of_any_length_is_not_kept() -> None:
    assert received("a.1", f"{'b' * 10_000}.1", "a.2") == 0


@given(st.lists(st.text(max_size=40) | st.integers().map(lambda n: f"a.{n}"), max_size=20))
def test_whatever_is_heard_the_loss_is_a_figure(numbers: list[str]) -> None:
    assert 0 <= received(*numbers) <= 20 * MOST_MISSING


def test_own_refusals_that_come_back_are_no_loss() -> None:
    """Both ends of an edge send refusals on the same topic; of the other posts of ours we hear none."""
    gaps, ours, theirs = Gaps(), Numbers(), Numbers()
    theirs._start = "other"  # another process
    refusal = "dr/reject/ra-1/hems-1"
    for topic, sender in (
        (TOPIC, theirs), (refusal, ours), ("", ours), ("", ours), (refusal, ours), (refusal, theirs), (TOPIC, theirs),
    ):  # fmt: skip
        number = sender.next(EDGE)
        if topic:
            gaps.hear(topic, EDGE, number)
    assert gaps.lost == 0
    theirs.next(EDGE)
    gaps.hear(refusal, EDGE, theirs.next(EDGE))
    assert (gaps.lost, gaps.last_topic) == (1, refusal)
