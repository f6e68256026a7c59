"""What a vehicle needs, as its charger hands it on from it (NotifyEVChargingNeeds of 2.0.1 and 2.1). Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from agents.drivers.ocpp.clock import instant

BOTH_WAYS = "BPT"
"""In the name of each energy transfer that goes both ways."""
PHASES = ("", "_l2", "_l3")


@dataclass(frozen=True, slots=True)
class VehicleNeeds:
    """Energies are from now to a state of charge, Wh at the vehicle: below 0 it is above that state."""

    both_ways: bool = False
    """It has asked for an energy transfer that goes both ways."""
    departs_at: datetime | None = None
    """By the charger's clock."""
    soc_pct: float | None = None
    target_pct: float | None = None
    capacity_wh: float | None = None
    wanted_wh: float | None = None
    """To what it wants at its departure."""
    least_wh: float | None = None
    """To the least from which it may discharge."""
    most_wh: float | None = None
    """To the most to which it may charge."""
    least_charge_w: float | None = None
    most_charge_w: float | None = None
    least_discharge_w: float | None = None
    most_discharge_w: float | None = None

    def after(self, moved_wh: float | None, capacity_wh: int | None) -> "VehicleNeeds":
        """The same when so much has flowed into it since; None: nobody knows how much. `capacity_wh`: of a vehicle that
        does not say it."""
        if moved_wh is None:
            return replace(self, soc_pct=None, wanted_wh=None, least_wh=None, most_wh=None)
        soc_pct, capacity = self.soc_pct, self.capacity_wh or capacity_wh
        if soc_pct is None and None not in (self.target_pct, self.wanted_wh, capacity):
            soc_pct = self.target_pct - 100 * self.wanted_wh / capacity  # type: ignore[operator]  # none of them is None
        if soc_pct is not None and capacity:
            soc_pct = min(100.0, max(0.0, soc_pct + 100 * moved_wh / capacity))
        elif moved_wh:
            soc_pct = None
        left = [None if wh is None else wh - moved_wh for wh in (self.wanted_wh, self.least_wh, self.most_wh)]
        return replace(self, soc_pct=soc_pct, wanted_wh=left[0], least_wh=left[1], most_wh=left[2])


def needs_of(said: Mapping[str, Any]) -> VehicleNeeds:
    """Of the wire's `chargingNeeds`, keys in snake case."""
    ac, dc, v2x = (said.get(f"{kind}_charging_parameters") or {} for kind in ("ac", "dc", "v2x"))
    return VehicleNeeds(
        both_ways=BOTH_WAYS in str(said.get("requested_energy_transfer", "")),
        departs_at=instant(said.get("departure_time")),
        soc_pct=_number(dc, "state_of_charge"),
        target_pct=_number(v2x, "target_soc"),
        capacity_wh=_number(dc, "ev_energy_capacity") or None,
        wanted_wh=_first((v2x, "ev_target_energy_request"), (dc, "energy_amount"), (ac, "energy_amount")),
        least_wh=_most(v2x, "ev_min_energy_request", "ev_min_v2x_energy_request"),
        most_wh=_first((v2x, "ev_max_energy_request")),
        least_charge_w=_of_phases(v2x, "min_charge_power"),
        most_charge_w=_of_phases(v2x, "max_charge_power") or _number(dc, "ev_max_power"),
        least_discharge_w=_of_phases(v2x, "min_discharge_power"),
        most_discharge_w=_of_phases(v2x, "max_discharge_power"),
    )


def _number(of: Mapping[str, Any], key: str) -> float | None:
    value = of.get(key)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _first(*places: tuple[Mapping[str, Any], str]) -> float | None:
    return next((value for of, key in places if (value := _number(of, key)) is not None), None)


def _most(of: Mapping[str, Any], *keys: str) -> float | None:
    return max((value for key in keys if (value := _number(of, key)) is not None), default=None)


def _of_phases(of: Mapping[str, Any], key: str) -> float | None:
    """Of all phases, or where the others are told beside it, of the first one."""
    found = [value for phase in PHASES if (value := _number(of, key + phase)) is not None]
    return sum(found) if found else None
