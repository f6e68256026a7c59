"""A blocking connection for questions about a broker (`gridpact doctor`): no party talks through it."""

import threading
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

WITHIN_S = 10.0


class Probe:
    """A blocking connection for questions."""

    def __init__(self, host: str, port: int, identifier: str, expiry_s: int) -> None:
        """Connect. Raises OSError, TimeoutError."""
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, identifier, protocol=mqtt.MQTTv5)
        self.connack: Any = None
        self.reason: Any = None
        self.heard: list[mqtt.MQTTMessage] = []
        self._connected, self._idle = threading.Event(), threading.Event()
        self.client.on_connect = self._on_connect
        self.client.on_message = self._on_message
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = expiry_s
        self.client.connect(host, port, clean_start=False, properties=properties)
        self.client.loop_start()
        if not self._connected.wait(WITHIN_S):
            self.close()
            raise TimeoutError(f"no answer within {WITHIN_S:.0f} s")

    def _on_connect(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        self.connack, self.reason = properties, reason
        self._connected.set()

    def _on_message(self, client: Any, userdata: Any, message: mqtt.MQTTMessage) -> None:
        self.heard.append(message)
        self._idle.set()

    def until_heard(self, count: int, quiet_s: float = 3.0) -> None:
        """Return when so many messages have come, or none for a while (longer than a pause of this process)."""
        while len(self.heard) < count and self._idle.wait(quiet_s):
            self._idle.clear()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
