"""What a child that withdraws takes back by itself, as it tells it beside its withdrawal: a car that has given charges again."""

from pydantic import TypeAdapter, ValidationError

from protocol.messages import Withdraw
from protocol.plan import Plan
from protocol.units import PowerW

KEY = "takes_back_w"
"""Of the extensions of a withdrawal: W per slot, of a slot that has begun over what is left of it."""

_TOLD: TypeAdapter[tuple[int, ...]] = TypeAdapter(tuple[PowerW, ...])


def told(message: Withdraw, slots: int, most_w: int | None) -> Plan:
    """What a withdrawal says of it, W, at most `most_w` in a slot; nothing where it says nothing, or what cannot be, or
    nobody knows how much could be (None)."""
    given = message.extensions.get(KEY)
    if not isinstance(given, list | tuple) or len(given) != slots or most_w is None:
        return ()
    try:
        plan = _TOLD.validate_python(tuple(given), strict=True)
    except ValidationError:
        return ()
    capped = tuple(min(power_w, most_w) for power_w in plan)
    return capped if any(capped) else ()
