"""OCPP 2.0.1."""

from ocpp.v201 import ChargePoint

from agents.drivers.ocpp.v2 import Session2


class Session201(Session2, ChargePoint):  # type: ignore[misc]  # the library has no types
    """One connection of a charger."""

    _no_plan = "Rejected"
