"""S32: the plans that can be met instead, mutually exclusive, each within what is firmly offered."""

from protocol.messages import Option, OptionBasis, Shape
from protocol.plan import Plan, excess, least, zero


def alternatives(asked_w: Plan, firm_w: Plan, basis: tuple[OptionBasis, ...]) -> tuple[Option, ...]:
    """Up to three options that stand on the firm power of S24, S26 or S30, W; none when nothing can be met.

    `truncated`: in each slot what can be met of the request. `flat`: one level over all asked slots, the highest
    that holds in each. `shifted`: truncated, and as much of the missing energy as possible in the other slots.
    """
    truncated = least(asked_w, firm_w)
    plans = {
        Shape.TRUNCATED: truncated,
        Shape.FLAT: _flat(asked_w, truncated),
        Shape.SHIFTED: _shifted(asked_w, firm_w, truncated),
    }
    options: list[Option] = []
    for shape, plan in plans.items():
        if any(plan) and all(plan != option.power_w for option in options):
            options.append(Option(option_id=shape.value, power_w=plan, basis=basis, shape=shape))
    return tuple(options)


def _flat(asked_w: Plan, truncated: Plan) -> Plan:
    level = min((met for want, met in zip(asked_w, truncated, strict=True) if want), default=0)
    return tuple(level if want else 0 for want in asked_w)


def _shifted(asked_w: Plan, firm_w: Plan, truncated: Plan) -> Plan:
    """The missing energy goes to the slots with the most room first, ties to the earliest."""
    missing = sum(asked_w) - sum(truncated)
    room = excess(firm_w, asked_w)
    moved = list(zero(len(asked_w)))
    for slot in sorted(range(len(room)), key=lambda slot: (-room[slot], slot)):
        moved[slot] = min(room[slot], missing)
        missing -= moved[slot]
    return tuple(met + more for met, more in zip(truncated, moved, strict=True))
