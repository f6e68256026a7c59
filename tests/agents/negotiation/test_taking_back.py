"""What a home that withdraws says that it takes back: a peer's word, so never more than its contract lets be."""

from typing import Any

import pytest
from worlds import START

from agents.negotiation.taking_back import KEY, told
from protocol.messages import Withdraw


def withdrawal(given: Any) -> Withdraw:
    fields = {"version": "1.0", "message_id": "w", "sent_at": START, "event_id": "e", "request_id": "e.1.1", "round": 1}
    fields |= {"revision": 1, "award_id": "a", "from_slot": 0, "power_w": (0, 0), "cause": "override"}
    return Withdraw(**fields, extensions={} if given is None else {KEY: given})  # type: ignore[arg-type]


def test_word_counts_as_far_as_the_contract_goes() -> None:
    assert told(withdrawal([0, 4_000]), 2, 6_000) == (0, 4_000)
    assert told(withdrawal([10**11, 4_000]), 2, 6_000) == (6_000, 4_000)


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        [1],
        [1, 2, 3],
        [-1, 2],
        [1.5, 2],
        ["1", 2],
        [True, 2],
        [10**12, 2],
        {"a": 1},
        "12",
        5,
        [None, 1],
        [[1], 2],
    ],
)
def test_what_cannot_be_read_counts_for_nothing(given: Any) -> None:
    assert told(withdrawal(given), 2, 6_000) == ()


def test_without_a_contracted_power_nobody_knows_how_much_could_be() -> None:
    assert told(withdrawal([1, 2]), 2, None) == ()
