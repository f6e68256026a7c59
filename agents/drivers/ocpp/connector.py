"""What a charger has said of one connector, in our units. Pure: instants are monotonic seconds that come in."""

from collections.abc import Iterable
from typing import NamedTuple

from agents.drivers.contract import DeviceReading
from agents.drivers.ocpp.options import OcppOptions

PLUGGED = ("Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing", "Occupied", "EVConnected")
"""Statuses of 1.6 and charging states of 2.0.1 in which a vehicle is connected."""
FLOWS_A = 1.0
"""From this current on a phase is in use."""
PHASES = ("L1", "L2", "L3")
POWER = {"W": 1.0, "kW": 1e3}
ENERGY = {"Wh": 1.0, "kWh": 1e3}
UNITS = {**POWER, **ENERGY, "A": 1.0, "Percent": 1.0, "%": 1.0}
IMPORTED, EXPORTED = "Energy.Active.Import.Register", "Energy.Active.Export.Register"


class Sample(NamedTuple):
    """A sampled value in W, Wh, A or percent."""

    measurand: str
    phase: str
    """Empty: of all phases."""
    value: float


def sample(
    value: object, measurand: str | None, phase: str | None, unit: str | None, power_of_10: int = 0
) -> Sample | None:
    """A sampled value as the wire has it; None for what is no number or has a unit that nobody reads here."""
    kind = measurand or IMPORTED
    if unit is None:
        unit = "Wh" if kind.startswith("Energy") else "W" if kind.startswith("Power") else "A"
    try:
        number = float(str(value))
    except ValueError:
        return None
    if kind != "SoC" and unit not in UNITS:
        return None
    return Sample(kind, (phase or "").removesuffix("-N"), number * 10.0**power_of_10 * UNITS.get(unit, 1.0))


class Connector:
    """One connector, as its charger tells it."""

    def __init__(self, options: OcppOptions) -> None:
        self.options = options
        self.status: str | None = None
        self.error = ""
        self.transaction: int | str | None = None
        self._values: dict[str, dict[str, float]] = {}
        self._sampled_at: float | None = None
        self._heard_at: float | None = None

    def alive(self, now: float) -> None:
        """Its charger has said something, whatever it was."""
        self._heard_at = now

    def be(self, status: str, error: str, now: float) -> None:
        """A status, and the error code that came with it."""
        self.status, self.error = status, "" if error == "NoError" else error
        if status not in PLUGGED:
            self.transaction = None
            self._values = {kind: of for kind, of in self._values.items() if kind.startswith("Energy")}
        self.alive(now)

    def begin(self, transaction: int | str, now: float) -> None:
        """A vehicle is served from now on."""
        self.transaction, self._sampled_at = transaction, now
        self.alive(now)

    def end(self, now: float) -> None:
        """It is not any more."""
        self.transaction = None
        self.alive(now)

    def meter(self, samples: Iterable[Sample], now: float) -> None:
        """Meter values of one instant."""
        found: dict[str, dict[str, float]] = {}
        for one in samples:
            found.setdefault(one.measurand, {})[one.phase] = one.value
        if found:
            self._values |= found
            self._sampled_at = now
        self.alive(now)

    @property
    def phases(self) -> int:
        """On how many phases it charges; while none is seen, on as many as it can."""
        of = self._values.get("Current.Import", {})
        return sum(of.get(phase, 0.0) >= FLOWS_A for phase in PHASES) or self.options.phases

    @property
    def plugged(self) -> bool | None:
        return None if self.status is None else self.status in PLUGGED

    def reading(self, now: float) -> DeviceReading | None:
        """What is known now. While a vehicle is served only meter values show that it is so: a heartbeat alone does not.
        None before the first status."""
        at = self._sampled_at if self.transaction is not None else self._heard_at
        if self.status is None or at is None:
            return None
        power_w = self._sum("Power.Active.Import")
        exported_w = self._sum("Power.Active.Export")
        if not self.plugged:
            power_w = 0.0
        imported_wh = self._sum(IMPORTED)
        return DeviceReading(
            age_s=max(0.0, now - at),
            plugged=self.plugged,
            soc_pct=self._sum("SoC") if self.plugged else None,
            power_w=None if power_w is None else round(power_w - (exported_w or 0.0)),
            register_wh=None if imported_wh is None else imported_wh - (self._sum(EXPORTED) or 0.0),
            most_discharge_w=0,
            least_w=self.options.least_w(self.phases),
            fault=self._fault(),
        )

    def _fault(self) -> str:
        if self.status == "Faulted":
            return self.error or "faulted"
        return "taken out of service" if self.status == "Unavailable" else ""

    def _sum(self, kind: str) -> float | None:
        """Of all phases together."""
        of = self._values.get(kind)
        if not of:
            return None
        return of[""] if "" in of else sum(value for phase, value in of.items() if phase in PHASES)
