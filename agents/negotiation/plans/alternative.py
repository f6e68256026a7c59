"""S32: the plans that can be met instead, mutually exclusive, each within what is firmly offered."""

from protocol.messages import Option, OptionBasis, Shape
from protocol.plan import Plan, excess, least


def alternatives(asked_w: Plan, firm_w: Plan, basis: tuple[OptionBasis, ...], round_: int = 1) -> tuple[Option, ...]:
    """Up to three options that stand on the firm power of S24, S26 or S30, W; none when nothing can be met. The firm
    power may lie above the request in a slot (over-request). No option holds more energy than the request.

    `truncated`: in each slot what can be met of the request. `flat`: one level over all asked slots, the highest that
    is firm in each, at most the request's mean. `shifted`: truncated, and as much as possible of the missing energy
    in slots with power to spare. Equal plans are named once, by the first of these shapes. From the second round on an
    id says its round: the plans of earlier rounds stand beside it.
    """
    truncated = least(asked_w, firm_w)
    plans = {
        Shape.TRUNCATED: truncated,
        Shape.FLAT: _flat(asked_w, firm_w),
        Shape.SHIFTED: _shifted(asked_w, firm_w, truncated),
    }
    options: dict[Plan, Option] = {}
    for shape, plan in plans.items():
        if any(plan):
            option_id = shape.value if round_ == 1 else f"{shape.value}-{round_}"
            options.setdefault(plan, Option(option_id=option_id, power_w=plan, basis=basis, shape=shape))
    return tuple(options.values())


def _flat(asked_w: Plan, firm_w: Plan) -> Plan:
    firm = [have for want, have in zip(asked_w, firm_w, strict=True) if want]
    level = min(*firm, sum(asked_w) // len(firm)) if firm else 0
    return tuple(level if want else 0 for want in asked_w)


def _shifted(asked_w: Plan, firm_w: Plan, truncated: Plan) -> Plan:
    """The missing energy goes to the slots with the most room first (the fewest slots change), ties to the earliest."""
    missing = sum(asked_w) - sum(truncated)
    room = excess(firm_w, asked_w)
    shifted = list(truncated)
    for slot in sorted(range(len(room)), key=lambda slot: -room[slot]):
        moved = min(room[slot], missing)
        shifted[slot] += moved
        missing -= moved
    return tuple(shifted)
