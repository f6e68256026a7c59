"""Equal things as one object: what a crowd says and is told is mostly the same, and an event keeps all of it."""

from collections.abc import Hashable
from typing import TypeVar

from protocol.plan import Plan

T = TypeVar("T", bound=Hashable)

MOST = 10_000
"""Of each kind; a table that is full starts anew, so that a crowd whose things all differ pays little for it."""


class Shared:
    """What an event has seen so far. A thing that is not shared is merely kept twice: nothing else depends on it."""

    def __init__(self) -> None:
        self._powers: dict[int, int] = {}
        self._things: dict[object, object] = {}

    def known(self, thing: T) -> T | None:
        """The one that is equal to a thing; None where there is none yet."""
        return self._things.get(thing)  # type: ignore[return-value]

    def plan(self, plan: Plan) -> Plan:
        """The one that is equal to a plan, W; if there is none, that plan made of powers that are shared."""
        known = self._things.get(plan)
        if known is not None:
            return known  # type: ignore[return-value]
        if len(self._powers) >= MOST:
            self._powers.clear()
        return self.one(tuple(map(self._powers.setdefault, plan, plan)))

    def one(self, thing: T) -> T:
        """The one that is equal to a thing (of the same type, as things of different types are never equal here)."""
        if len(self._things) >= MOST:
            self._things.clear()
        return self._things.setdefault(thing, thing)  # type: ignore[return-value]
