"""What a charger has said of one connector, in our units. Pure: instants are monotonic seconds that come in."""

import math
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from agents.drivers.contract import DeviceReading
from agents.drivers.ocpp.needs import VehicleNeeds
from agents.drivers.ocpp.obedience import Obedience
from agents.drivers.ocpp.options import OcppOptions
from agents.drivers.register import ANEW_WH, Beginnings

PLUGGED = ("Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing", "Occupied", "EVConnected")
"""Statuses of 1.6 and charging states of 2.0.1 and 2.1 in which a vehicle is connected."""
UNCLEAR = ("Faulted", "Unavailable")
"""Statuses that do not tell whether one is."""
FLOWS_A = 1.0
"""From this current on a phase is in use."""
PHASES = ("L1", "L2", "L3")
POWER = {"W": 1.0, "kW": 1e3}
ENERGY = {"Wh": 1.0, "kWh": 1e3}
UNITS = {**POWER, **ENERGY, "A": 1.0, "Percent": 1.0, "%": 1.0}
IMPORTED, EXPORTED = "Energy.Active.Import.Register", "Energy.Active.Export.Register"
OF_THE_BEGINNING = ("Transaction.Begin", "Interruption.Begin")
"""Contexts of values that were overtaken when others of the same kind stand beside them."""
ROUGH_WH = 100.0
"""Of a register that is told in Wh here and in tenths of a kWh there; one that falls by more has begun anew."""


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
    if kind != "SoC" and unit not in UNITS:
        return None
    try:
        number = float(str(value)) * 10.0**power_of_10 * UNITS.get(unit, 1.0)
    except (ValueError, OverflowError):
        return None
    return Sample(kind, (phase or "").removesuffix("-N"), number) if math.isfinite(number) else None


def is_at_outlet(measurand: str | None, location: str | None, form: str | None = None) -> bool:
    """Whether a sampled value is of what the vehicle gets: not of the charger's inlet, not a signature."""
    return form != "SignedData" and (measurand == "SoC" or location in (None, "Outlet"))


def newest_last(sampled: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Sampled values of one instant: some chargers say with each what its register was at the beginning as well."""
    return sorted(sampled, key=lambda one: one.get("context") not in OF_THE_BEGINNING)


class Connector:
    """One connector, as its charger tells it."""

    def __init__(self, options: OcppOptions) -> None:
        self.options = options
        self.status: str | None = None
        self.error = ""
        self.of_charger = ""
        """What is wrong with the charger as a whole."""
        self.transaction: int | str | None = None
        self.last_transaction: int | str | None = None
        """The same, also when it is over."""
        self.obedience = Obedience(options.follows_within_s)
        self.needs: VehicleNeeds | None = None
        """As its vehicle said them last."""
        self._needs_from_wh: float | None = None
        """What the register had counted then."""
        self._values: dict[str, dict[str, float]] = {}
        self._phases: int | None = None
        """That the vehicle was seen to use."""
        self._imported_wh: float | None = None
        self._exported_wh = 0.0
        self._beginnings = Beginnings(ROUGH_WH)
        self._sampled_at: float | None = None
        self._changed_at: float | None = None
        self._heard_at: float | None = None
        self.clock_behind = timedelta()
        """Its charger's clock, behind ours, in whole minutes: a departure does not change with every message."""

    def alive(self, now: float) -> None:
        """Its charger has said something, whatever it was."""
        self._heard_at = now

    def be(self, status: str, error: str, now: float) -> None:
        """A status, and the error code that came with it."""
        if (status, error) != (self.status, self.error):
            self._changed_at = now
        self.status, self.error = status, error
        if status not in PLUGGED:
            self._values = {kind: of for kind, of in self._values.items() if kind.startswith("Energy")}
            self.obedience.forget()
            if status not in UNCLEAR:
                self.transaction = self._phases = None
                self._gone()
        self.alive(now)

    def charger_is(self, status: str, error: str, now: float) -> None:
        """How the charger as a whole is: of a vehicle that tells nothing."""
        self.of_charger = _fault_of(status, error)
        self._changed_at = now
        self.alive(now)

    def begin(self, transaction: int | str, at: float, now: float) -> None:
        """A vehicle is served since an instant."""
        if transaction != self.last_transaction:
            self._phases = None
            if self.needs is None and self.options.arrives_pct is not None:
                self.need(VehicleNeeds(soc_pct=self.options.arrives_pct))
        self.transaction = self.last_transaction = transaction
        self._changed_at = at
        self.alive(now)

    def end(self, now: float) -> None:
        """It is not any more."""
        self.transaction = None
        self._gone()
        if self.status == "Charging":
            self.status = "Finishing"
        self.alive(now)

    def meter(self, samples: Iterable[Sample], at: float, now: float) -> None:
        """Meter values of one instant; those that were overtaken count no more."""
        self.alive(now)
        found: dict[str, dict[str, float]] = {}
        for one in samples:
            found.setdefault(one.measurand, {})[one.phase] = one.value
        if not found or (self._sampled_at is not None and at < self._sampled_at):
            return
        self._values |= found
        self._sampled_at = at
        used = sum(found.get("Current.Import", {}).get(phase, 0.0) >= FLOWS_A for phase in PHASES)
        self._phases = used or self._phases
        self._count(
            {kind: wh for kind in (IMPORTED, EXPORTED) if kind in found and (wh := self._sum(kind)) is not None}
        )
        if IMPORTED in found and self._needs_from_wh is None:
            self._needs_from_wh = self.register_wh
        if (power_w := self.power_w) is not None:
            self.obedience.meter(power_w, at)

    def need(self, needs: VehicleNeeds, register_wh: float | None = None) -> None:
        """What its vehicle needs. `register_wh`: what the register had counted then; None: now."""
        self.needs = needs
        self._needs_from_wh = self.register_wh if register_wh is None else register_wh

    def _gone(self) -> None:
        self.needs = self._needs_from_wh = None

    def _count(self, shown: Mapping[str, float]) -> None:
        """One that shows a little less is rounded otherwise there."""
        times = self._beginnings.times
        self._beginnings.note(shown)
        is_new = self._beginnings.times > times
        if IMPORTED in shown:
            before_wh = self._imported_wh
            self._imported_wh = shown[IMPORTED] if is_new or before_wh is None else max(before_wh, shown[IMPORTED])
        if EXPORTED in shown:
            self._exported_wh = shown[EXPORTED] if is_new else max(self._exported_wh, shown[EXPORTED])

    @property
    def phases(self) -> int:
        """On how many phases it charges; while none was seen, on as many as it can."""
        return self._phases or self.options.phases

    @property
    def follows(self) -> bool:
        """Whether its vehicle follows set-points, in both directions."""
        return self.options.discharges and self.needs is not None and self.needs.both_ways

    @property
    def least_w(self) -> int:
        """What it cannot follow a power below now."""
        needs = self.needs
        return _least_w(needs) if self.follows and needs is not None else self.options.least_w(self.phases)

    @property
    def power_w(self) -> float | None:
        """At the outlet, signed, + = import."""
        taken_w, given_w = self._sum("Power.Active.Import"), self._sum("Power.Active.Export")
        if taken_w is None and given_w is None:
            return None
        return (taken_w or 0.0) - (given_w or 0.0)

    @property
    def plugged(self) -> bool | None:
        return None if self.status is None or self.status in UNCLEAR else self.status in PLUGGED

    @property
    def _is_served(self) -> bool:
        return self.status not in UNCLEAR and (self.transaction is not None or self.status == "Charging")

    def reading(self, now: float) -> DeviceReading | None:
        """What is known now. While a vehicle is served only meter values, and what changes, show that it is so: a heartbeat
        alone does not; and of its register only meter values tell. None before the first status."""
        if self.status is None or self._heard_at is None:
            return None
        at, register_wh = self._heard_at, self.register_wh
        if self._is_served:
            sampled_at, changed_at = self._sampled_at or -math.inf, self._changed_at or -math.inf
            at = max(sampled_at, changed_at)
            register_wh = register_wh if sampled_at >= changed_at else None
        power_w = 0.0 if self.plugged is False else self.power_w
        needs = self._needs_now() if self.plugged else None
        soc_pct = self._sum("SoC") if self.plugged else None
        return DeviceReading(
            age_s=max(0.0, now - at),
            plugged=self.plugged,
            soc_pct=needs.soc_pct if soc_pct is None and needs is not None else soc_pct,
            power_w=None if power_w is None else round(power_w),
            register_wh=register_wh,
            register_step_wh=self.options.register_step_wh,
            most_charge_w=None if needs is None else _charges_w(needs),
            most_discharge_w=_discharges_w(needs) if self.follows and needs is not None else 0,
            least_w=self.least_w,
            departs_at=None if needs is None or needs.departs_at is None else needs.departs_at + self.clock_behind,
            wanted_wh=None if needs is None or needs.wanted_wh is None else round(needs.wanted_wh),
            fault=_fault_of(self.status, self.error) or self.of_charger or self.obedience.fault(),
        )

    def _needs_now(self) -> VehicleNeeds | None:
        if self.needs is None:
            return None
        register_wh, from_wh = self.register_wh, self._needs_from_wh
        moved_wh = None if register_wh is None or from_wh is None else register_wh - from_wh
        if moved_wh is not None and abs(moved_wh) >= ANEW_WH / 2:
            moved_wh = None
        return self.needs.after(moved_wh, self.options.capacity_wh)

    @property
    def register_wh(self) -> float | None:
        """Since ever, imported less exported."""
        if self._imported_wh is None:
            return None
        return self._imported_wh - self._exported_wh + self._beginnings.anew_wh

    def _sum(self, kind: str) -> float | None:
        """Of all phases together."""
        of = self._values.get(kind)
        if not of:
            return None
        return of[""] if "" in of else sum(value for phase, value in of.items() if phase in PHASES)


def _fault_of(status: str, error: str) -> str:
    if status == "Faulted":
        return error or "faulted"
    return "taken out of service" if status == "Unavailable" else ""


def _charges_w(needs: VehicleNeeds) -> int | None:
    if needs.most_wh is not None and needs.most_wh <= 0:
        return 0
    return None if needs.most_charge_w is None else round(needs.most_charge_w)


def _discharges_w(needs: VehicleNeeds) -> int | None:
    if needs.least_wh is not None and needs.least_wh >= 0:
        return 0
    return None if needs.most_discharge_w is None else round(needs.most_discharge_w)


def _least_w(needs: VehicleNeeds) -> int:
    return math.ceil(max(needs.least_charge_w or 0.0, needs.least_discharge_w or 0.0))
