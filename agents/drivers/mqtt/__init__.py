"""The driver `mqtt`: any device that has topics of its own, at whichever broker it is."""

from agents.drivers.mqtt.driver import MqttDriver
from agents.drivers.mqtt.options import MqttOptions

__all__ = ["MqttDriver", "MqttOptions"]
