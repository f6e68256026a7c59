"""Where what was delivered is known from, aggregator by aggregator, as it travels upward beside the sums."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from pydantic import TypeAdapter, ValidationError

from protocol.units import Name, SignedEnergyWh

KEY = "delivered_by"
"""Of the extensions of a report."""
MOST = 150
"""So many aggregators are told one by one; the others together under `OTHERS`: a message has an end."""
OTHERS = "others"


class SourceSum(NamedTuple):
    """Wh of one aggregator, over all slots."""

    meters_wh: SignedEnergyWh = 0
    storage_wh: SignedEnergyWh = 0
    """By its own storage, which no home's meter tells."""
    estimated_wh: SignedEnergyWh = 0
    """By values that say of themselves that they are estimated."""
    missing_wh: SignedEnergyWh = 0
    """Awarded, and no value has come: what was given of it nobody knows."""

    def plus(self, other: "SourceSum") -> "SourceSum":
        """Both together."""
        return SourceSum(*map(sum, zip(self, other, strict=True)))


FourSums: TypeAlias = tuple[SignedEnergyWh, SignedEnergyWh, SignedEnergyWh, SignedEnergyWh]
"""The same as states and messages have it."""

_TOLD: TypeAdapter[dict[Name, FourSums]] = TypeAdapter(dict[Name, FourSums])


def told(extensions: Mapping[str, Any]) -> dict[str, FourSums]:
    """What a report says of it; nothing where it says nothing, or what cannot be read: it counts for no sum."""
    given = extensions.get(KEY)
    if not isinstance(given, dict) or len(given) > MOST + 1:
        return {}
    try:
        return _TOLD.validate_python(given)
    except ValidationError:
        return {}


def extension(sums: Mapping[str, SourceSum]) -> dict[str, Any]:
    """As it travels."""
    found = dict(list(sums.items())[:MOST])
    for one in list(sums.values())[MOST:]:
        found[OTHERS] = found.get(OTHERS, SourceSum()).plus(one)
    return {KEY: {name: list(one) for name, one in found.items()}} if found else {}
