"""The driver `ocpp`: chargers that connect to us as their central system, OCPP 1.6J, 2.0.1 and 2.1. It needs the extra
`gridpact[ocpp]`."""

from agents.drivers.ocpp.driver import OcppDriver
from agents.drivers.ocpp.options import OcppOptions

__all__ = ["OcppDriver", "OcppOptions"]
