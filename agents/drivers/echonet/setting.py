"""A power as the properties that are written for it, in their order. Pure."""

from agents.drivers.contract import DeviceTrouble
from agents.drivers.echonet import codes
from agents.drivers.echonet.options import EchonetOptions

Writes = tuple[tuple[int, bytes], ...]


def writes_for(power_w: int, options: EchonetOptions, settable: frozenset[int]) -> Writes:
    """First how much and by which method, then the mode: it never begins with another power. Raises DeviceTrouble."""
    if power_w == 0:
        return ((codes.MODE, codes.STANDBY),)
    charges = power_w > 0
    mode = codes.CHARGING if charges else codes.DISCHARGING
    if options.mode_w is not None:
        return ((codes.MODE, mode),)
    amount = codes.CHARGE_W if charges else codes.DISCHARGE_W
    if amount not in settable:
        raise DeviceTrouble(
            f"this {options.object} takes no power to {'' if charges else 'dis'}charge with (0x{amount:02X}), modes only: "
            "say in mode_w with how much it then does"
        )
    method = _method(options.object, charges)
    chosen = ((method, codes.BY_POWER),) if method in settable else ()
    return ((amount, abs(power_w).to_bytes(4, "big")), *chosen, (codes.MODE, mode))


def touched(options: EchonetOptions, settable: frozenset[int]) -> tuple[int, ...]:
    """What may be written, to be remembered before; the mode last, as it is written back."""
    if options.mode_w is not None:
        return (codes.MODE,)
    methods = (_method(options.object, True), _method(options.object, False))
    amounts_and_methods = (codes.CHARGE_W, codes.DISCHARGE_W, *methods)
    return (*(code for code in amounts_and_methods if code in settable), codes.MODE)


def _method(kind: str, charges: bool) -> int:
    if kind == "battery":
        return codes.BATTERY_CHARGES_BY if charges else codes.BATTERY_DISCHARGES_BY
    return codes.VEHICLE_CHARGES_BY if charges else codes.VEHICLE_DISCHARGES_BY
