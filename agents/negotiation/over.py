"""What there is beyond the plans that an alternative proposes: an aggregator that is short in one slot may have something over
in others. It travels beside the options, and binds nobody."""

from pydantic import TypeAdapter, ValidationError

from protocol.messages import Alternative, Option
from protocol.plan import Plan, covers, most
from protocol.units import PowerW

KEY = "available_w"
"""Of the extensions of an alternative: W per slot."""

_TOLD: TypeAdapter[tuple[int, ...]] = TypeAdapter(tuple[PowerW, ...])


def extension(available_w: Plan, options: tuple[Option, ...]) -> dict[str, list[int]]:
    """As it travels; nothing where the first option is all that there is."""
    return {} if covers(options[0].power_w, available_w) else {KEY: list(available_w)}


def told(message: Alternative, power_w: Plan, most_w: int | None) -> Plan:
    """What an alternative says of it, W, never below the plan that counts; just that where it says nothing, or what cannot
    be, or nobody knows how much could be (None)."""
    given = message.extensions.get(KEY)
    if not isinstance(given, list | tuple) or len(given) != len(power_w) or most_w is None:
        return power_w
    try:
        plan = _TOLD.validate_python(tuple(given), strict=True)
    except ValidationError:
        return power_w
    return most(power_w, tuple(min(power, most_w) for power in plan))
