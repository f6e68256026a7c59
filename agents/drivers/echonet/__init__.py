"""The driver `echonet`: storage batteries, vehicle chargers, solar plants and smart meters of ECHONET Lite."""

from agents.drivers.echonet.driver import EchonetDriver
from agents.drivers.echonet.options import EchonetOptions

__all__ = ["EchonetDriver", "EchonetOptions"]
