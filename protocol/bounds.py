"""Bounds of powers, energies, plans and instants, and the direction of a change. Imports nothing that costs time."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum

MAX_POWER_W = 10**11
"""A bound on every power (100 GW, more than any programme asks for): sums over a crowd stay far within 64 bits."""

MAX_SLOTS = 336
"""A week of half hours in one plan."""

MAX_SLOT, MAX_PLAN = timedelta(days=1), timedelta(days=31)
"""Bounds on one slot and on all slots of a plan together."""

MAX_ENERGY_WH = MAX_POWER_W * 24
"""A bound on every energy: the largest power for the longest slot. A million of them still fit into 64 bits."""

FIRST_AT, LAST_AT = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Instants lie from the first to before the last: whatever is added to one of them, the calendar does not end."""

SLOT = timedelta(minutes=30)
"""The usual slot (コマ)."""


class Direction(StrEnum):
    """Which way the load is asked to change, seen from the grid."""

    INCREASE_LOAD = "increase_load"
    """Charge, consume, curtail generation (up-DR, 上げDR)."""
    DECREASE_LOAD = "decrease_load"
    """Discharge, generate, reverse flow, consume less (down-DR, 下げDR)."""

    @property
    def sign(self) -> int:
        """+1 or -1: times a plan's magnitude it is the signed change of load in W."""
        return 1 if self is Direction.INCREASE_LOAD else -1
