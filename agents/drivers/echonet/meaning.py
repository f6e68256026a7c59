"""What an object's values mean in our units. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from agents.drivers.contract import DeviceReading
from agents.drivers.echonet import codes
from agents.drivers.echonet.codes import signed, span, unsigned
from agents.drivers.echonet.history import KeptCount, up_to
from agents.drivers.echonet.options import EchonetOptions
from agents.drivers.register import Beginnings

UNPLUGGED, UNDETERMINED, CHARGEABILITY_UNKNOWN = 0x30, 0xFF, 0x44
CONNECTED = (0x40, 0x41, 0x42, 0x43, CHARGEABILITY_UNKNOWN)
TAKES, GIVES = (0x41, 0x43), (0x42, 0x43)
Values = Mapping[int, bytes]


class Meaning:
    """Remembers what belongs to a register: which one it was, its unit and its coefficient never change silently."""

    def __init__(self, options: EchonetOptions) -> None:
        self._options = options
        self._pair: tuple[int, int] | None = None
        """Which registers count: charged, discharged."""
        self._unit_wh: float | None = None
        self._coefficient: int | None = None
        self.exports = False
        """Whether a meter has told what it exported."""
        self._counted: tuple[int, int] | None = None
        """Of a meter's registers, imported and exported, as it told them last."""
        self._beginnings = Beginnings()

    def _since_ever(self, *registers_wh: float) -> float:
        """Registers that only grow, the second one subtracted. One that falls is another one, or begins anew: who reads the
        sum sees that nothing is known across it."""
        self._beginnings.note({str(number): wh for number, wh in enumerate(registers_wh)})
        taken_wh, *given_wh = registers_wh
        return taken_wh - sum(given_wh) + self._beginnings.anew_wh

    def reading(self, values: Values) -> DeviceReading:
        """What the object says of itself."""
        match self._options.object:
            case "solar":
                return self._solar(values)
            case "meter":
                return self._meter(values)
            case "water_heater":
                return self._water_heater(values)
            case "battery":
                return self._store(values, plugged=None, takes=True, gives=True)
            case "vehicle":
                return self._vehicle(values)

    def _vehicle(self, values: Values) -> DeviceReading:
        state = unsigned(values, codes.VEHICLE, 1, 0xFF)
        plugged = False if state == UNPLUGGED else True if state in CONNECTED else None
        known = state in CONNECTED and state != CHARGEABILITY_UNKNOWN
        takes, gives = state in TAKES or not known, state in GIVES or not known
        return self._store(values, plugged=plugged, takes=takes, gives=gives)

    def _store(self, values: Values, *, plugged: bool | None, takes: bool, gives: bool) -> DeviceReading:
        charge, discharge = span(values, codes.CHARGE_RANGE), span(values, codes.DISCHARGE_RANGE)
        gives = gives and not self.is_kept_in(values)
        there = plugged is not False
        least = max((one[0] for one in (charge, discharge) if one is not None), default=0)
        return DeviceReading(
            plugged=plugged,
            soc_wh=unsigned(values, codes.STORED_WH, 4, codes.MOST) if there else None,
            soc_pct=unsigned(values, codes.STORED_PCT, 1, 100) if there else None,
            power_w=signed(values, codes.POWER),
            register_wh=self._charged_wh(values),
            most_charge_w=0 if not takes else None if charge is None else charge[1],
            most_discharge_w=0 if not gives else None if discharge is None else discharge[1],
            least_w=least if least and self._options.mode_w is None else None,
            fault=_fault(values) or _alone(values),
        )

    def is_kept_in(self, values: Values) -> bool:
        """Whether it must not feed in, so that how much it discharges is not in its hand."""
        return values.get(codes.GRID) == codes.NO_REVERSE_FLOW and not self._options.within_load

    def _charged_wh(self, values: Values) -> float | None:
        """Charged less discharged: at the grid side where the object has those registers."""
        pairs = [(codes.CHARGED, codes.DISCHARGED)]
        if self._options.object == "battery":
            pairs.insert(0, (codes.AC_CHARGED, codes.AC_DISCHARGED))
        for pair in pairs if self._pair is None else [self._pair]:
            taken, given = (unsigned(values, code, 4, codes.MOST) for code in pair)
            if taken is not None and given is not None:
                self._pair = pair
                return self._since_ever(taken, given)
        return None

    def _solar(self, values: Values) -> DeviceReading:
        power_w = unsigned(values, codes.GENERATED_W, 2, codes.MOST_GENERATED_W)
        energy_wh = unsigned(values, codes.GENERATED, 4, codes.MOST)
        return DeviceReading(
            power_w=None if power_w is None else -power_w,
            register_wh=None if energy_wh is None else -self._since_ever(energy_wh),
            fault=_fault(values),
        )

    def _meter(self, values: Values) -> DeviceReading:
        unit = unsigned(values, codes.UNIT, 1, 0xFF)
        if unit is not None:
            self._unit_wh = codes.UNITS_WH.get(unit)
        coefficient = unsigned(values, codes.COEFFICIENT, 4, codes.MOST_COEFFICIENT)
        self._coefficient = self._coefficient if coefficient is None else coefficient
        register_wh = self._metered_wh(values)
        step_wh = None if register_wh is None or self._unit_wh is None else self._unit_wh * self._factor
        return DeviceReading(
            power_w=signed(values, codes.METER_W),
            register_wh=register_wh,
            register_step_wh=step_wh,
            fault=_fault(values),
        )

    def _metered_wh(self, values: Values) -> float | None:
        imported = unsigned(values, codes.IMPORTED, 4, codes.MOST_METER)
        exported = unsigned(values, codes.EXPORTED, 4, codes.MOST_METER)
        if imported is None or self._unit_wh is None or (exported is None and self.exports):
            return None
        self.exports = exported is not None
        self._counted = imported, exported or 0
        step_wh = self._unit_wh * self._factor
        return self._since_ever(imported * step_wh, (exported or 0) * step_wh)

    def kept_wh(self, kept: Sequence[KeptCount]) -> tuple[tuple[datetime, float], ...]:
        """What a meter has kept, as its register showed it then, Wh; of the register that it tells of now."""
        if self._counted is None or self._unit_wh is None:
            return ()
        step_wh, anew_wh = self._unit_wh * self._factor, self._beginnings.anew_wh
        found = up_to(kept, *self._counted)
        return tuple((one.at, (one.imported - one.exported) * step_wh + anew_wh) for one in found)

    def _water_heater(self, values: Values) -> DeviceReading:
        energy_wh = unsigned(values, codes.OWN_ENERGY, 4, codes.MOST)
        return DeviceReading(
            power_w=unsigned(values, codes.OWN_POWER, 2, codes.MOST_GENERATED_W),
            register_wh=None if energy_wh is None else self._since_ever(energy_wh),
            most_discharge_w=0,
            fault=_fault(values),
        )

    @property
    def _factor(self) -> int:
        return 1 if self._coefficient is None else self._coefficient


def _fault(values: Values) -> str:
    if values.get(codes.FAULT) != codes.FAULTY:
        return ""
    code = values.get(codes.FAULT_CODE)
    return "says that it is faulty" if code is None else f"says that it is faulty (0x{code.hex().upper()})"


def _alone(values: Values) -> str:
    alone = values.get(codes.GRID) == codes.INDEPENDENT
    return "runs apart from the grid" if alone else ""
