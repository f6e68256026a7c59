"""Property codes of the ECHONET device objects that are read here, and how their values become numbers. Pure.

By the Appendix *Detailed Requirements for ECHONET Device Objects*, Release R; docs/drivers.md has the table.
"""

from collections.abc import Mapping

CLASSES = {"battery": 0x027D, "vehicle": 0x027E, "solar": 0x0279, "meter": 0x0288, "water_heater": 0x026B}

IDENTITY, FAULT, FAULT_CODE, SET_MAP = 0x83, 0x88, 0x89, 0x9E
FAULTY = b"\x41"

# 0x027D and 0x027E
CHARGE_RANGE, DISCHARGE_RANGE, POWER = 0xC8, 0xC9, 0xD3
DISCHARGED, CHARGED, MODE, GRID = 0xD6, 0xD8, 0xDA, 0xDB
STORED_WH, STORED_PCT, CHARGE_W, DISCHARGE_W = 0xE2, 0xE4, 0xEB, 0xEC
# 0x027D
AC_CHARGED, AC_DISCHARGED, BATTERY_CHARGES_BY, BATTERY_DISCHARGES_BY = 0xA8, 0xA9, 0xC1, 0xC2
# 0x027E
VEHICLE, CONFIRM, VEHICLE_CHARGES_BY, VEHICLE_DISCHARGES_BY = 0xC7, 0xCD, 0xDC, 0xDD
CONFIRMED = b"\x10"
# 0x0279
GENERATED_W, GENERATED = 0xE0, 0xE1
# 0x026B, and of every device object
OWN_POWER, OWN_ENERGY = 0x84, 0x85
HEATS, SHIFTS, SHIFT_HOUR = 0xB2, 0xC7, 0xCA
SHIFTED = b"\x01"
# 0x0288
COEFFICIENT, IMPORTED, UNIT, EXPORTED, METER_W = 0xD3, 0xE0, 0xE1, 0xE3, 0xE7
TIME, DATE, KEPT_IMPORTED, KEPT_EXPORTED, KEPT_DAY = 0x97, 0x98, 0xE2, 0xE4, 0xE5

CHARGING, DISCHARGING, STANDBY = b"\x42", b"\x43", b"\x44"
MODES = {
    0x40: "other",
    0x41: "rapid charging",
    0x42: "charging",
    0x43: "discharging",
    0x44: "standby",
    0x45: "test",
    0x46: "automatic",
    0x47: "idle",
    0x48: "restart",
    0x49: "recalculating its capacity",
}
BY_POWER = b"\x03"
"""Of a charging or discharging method: with the designated power."""
REVERSE_FLOW, INDEPENDENT, NO_REVERSE_FLOW = b"\x00", b"\x01", b"\x02"
UNITS_WH = {0x00: 1e3, 0x01: 1e2, 0x02: 1e1, 0x03: 1.0, 0x04: 0.1, 0x0A: 1e4, 0x0B: 1e5, 0x0C: 1e6, 0x0D: 1e7}
"""Of a meter's registers, Wh."""
MOST = 999_999_999
"""Of power and energy; what lies above says that there is no value."""
MOST_METER, MOST_COEFFICIENT, MOST_GENERATED_W = 99_999_999, 999_999, 65_533

ASKED = {
    "battery": (FAULT, FAULT_CODE, AC_CHARGED, AC_DISCHARGED, CHARGE_RANGE, DISCHARGE_RANGE, POWER, DISCHARGED, CHARGED,
                MODE, GRID, STORED_WH, STORED_PCT),
    "vehicle": (FAULT, FAULT_CODE, VEHICLE, CHARGE_RANGE, DISCHARGE_RANGE, POWER, DISCHARGED, CHARGED, MODE, GRID,
                STORED_WH, STORED_PCT),
    "solar": (FAULT, FAULT_CODE, GENERATED_W, GENERATED),
    "water_heater": (FAULT, FAULT_CODE, OWN_POWER, OWN_ENERGY, HEATS, SHIFTS, SHIFT_HOUR),
    "meter": (FAULT, FAULT_CODE, COEFFICIENT, IMPORTED, UNIT, EXPORTED, METER_W),
}  # fmt: skip


def unsigned(values: Mapping[int, bytes], code: int, size: int, most: int) -> int | None:
    """A number of so many bytes; None where it was not given, has another size, or is above what it may be."""
    value = values.get(code)
    if value is None or len(value) != size:
        return None
    number = int.from_bytes(value, "big")
    return number if number <= most else None


def signed(values: Mapping[int, bytes], code: int, most: int = MOST) -> int | None:
    """The same of four bytes with a sign."""
    value = values.get(code)
    if value is None or len(value) != 4:
        return None
    number = int.from_bytes(value, "big", signed=True)
    return number if abs(number) <= most else None


def span(values: Mapping[int, bytes], code: int) -> tuple[int, int] | None:
    """Least and most of a power, W."""
    value = values.get(code)
    if value is None or len(value) != 8:
        return None
    least, most = sorted((int.from_bytes(value[:4], "big"), int.from_bytes(value[4:], "big")))
    return (least, most) if most <= MOST else None


def codes_of(property_map: bytes) -> frozenset[int]:
    """The codes in a property map: a list of fewer than 16, else a table of bits."""
    if not property_map:
        return frozenset()
    if property_map[0] < 16:
        return frozenset(property_map[1 : 1 + property_map[0]])
    rows = enumerate(property_map[1:17])
    return frozenset(0x80 + bit * 0x10 + row for row, bits in rows for bit in range(8) if bits >> bit & 1)


def mode_name(value: bytes | None) -> str:
    """An operation mode in words."""
    if value is None or len(value) != 1:
        return "unknown"
    return MODES.get(value[0], f"0x{value[0]:02X}")
