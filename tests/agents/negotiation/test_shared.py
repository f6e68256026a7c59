"""Equal things of a crowd are one object, and a table of them never grows beyond its bound."""

import pytest

from agents.negotiation import shared
from agents.negotiation.shared import Shared


def test_equal_plans_and_equal_powers_are_one_object() -> None:
    one = Shared()
    first = one.plan(tuple(int(text) for text in ("3000", "2999")))
    again = one.plan(tuple(int(text) for text in ("3000", "2999")))
    other = one.plan(tuple(int(text) for text in ("2999", "1")))
    assert first == (3000, 2999)
    assert again is first
    assert other[0] is first[1]


def test_a_full_table_starts_anew_and_things_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "MOST", 10)
    one = Shared()
    plans = [one.plan((power_w, power_w + 1)) for power_w in range(1_000)]
    assert plans == [(power_w, power_w + 1) for power_w in range(1_000)]
    assert len(one._things) <= 10
    assert len(one._powers) <= 12
