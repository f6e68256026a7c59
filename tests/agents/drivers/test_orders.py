"""What a device is to do and when, and what of it its abilities allow."""

from datetime import UTC, datetime, timedelta

from agents.drivers.contract import Abilities
from agents.drivers.orders import Limiter, Orders, PowerOrder

T0 = datetime(2026, 1, 14, 17, tzinfo=UTC)
S = timedelta(seconds=1)
NONE = timedelta()


def test_newer_order_ends_those_before_it() -> None:
    orders = Orders()
    orders.set(3_000, T0, T0 + 100 * S)
    orders.set(1_000, T0 + 40 * S, T0 + 60 * S)
    assert orders.all == (PowerOrder(T0, T0 + 40 * S, 3_000), PowerOrder(T0 + 40 * S, T0 + 60 * S, 1_000))
    assert orders.now(T0 + 60 * S) is None


def test_none_returns_to_the_own_schedule() -> None:
    orders = Orders()
    orders.set(3_000, T0, T0 + 100 * S)
    orders.set(2_000, T0 + 100 * S, T0 + 200 * S)
    orders.set(None, T0 + 50 * S, T0 + 50 * S)
    assert orders.all == (PowerOrder(T0, T0 + 50 * S, 3_000),)


def test_slow_device_is_commanded_ahead_and_kept_to_the_end() -> None:
    orders, lead = Orders((PowerOrder(T0 + 60 * S, T0 + 120 * S, 500),)), 20 * S
    assert orders.due(T0 + 39 * S, lead) is None
    assert orders.next_edge(T0 + 39 * S, lead) == T0 + 40 * S
    assert orders.due(T0 + 40 * S, lead) == orders.due(T0 + 119 * S, lead) == orders.all[0]
    assert orders.due(T0 + 120 * S, lead) is None
    assert orders.next_edge(T0 + 120 * S, lead) is None


def test_power_is_rounded_towards_zero_and_none_below_the_least() -> None:
    limiter = Limiter(Abilities(least_w=1_380, step_w=230))
    assert [limiter.followed(w) for w in (3_000, 1_500, 1_379, 0, -1_700)] == [2_990, 1_380, 0, 0, -1_610]
    limiter.least_w = 4_140  # on three phases
    assert [limiter.followed(w) for w in (4_200, 3_000)] == [4_140, 0]


def test_least_times_on_and_off_are_waited_for() -> None:
    limiter = Limiter(Abilities(least_on_s=300, least_off_s=180))
    assert limiter.allowed_at(1_000, T0) == T0  # how long it has been off is its own affair
    limiter.commanded(1_000, T0)
    assert limiter.allowed_at(2_000, T0 + S) == T0 + S
    assert limiter.allowed_at(0, T0 + S) == T0 + 300 * S
    limiter.commanded(0, T0 + 300 * S)
    assert limiter.allowed_at(500, T0 + 301 * S) == T0 + 480 * S
    limiter.commanded(None, T0 + 310 * S)
    assert limiter.allowed_at(500, T0 + 311 * S) == T0 + 311 * S
