"""A blocking connection for questions about a broker (`gridpact doctor`, `gridpact broker check`): no party talks
through it."""

import threading
from collections import deque
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from broker.link import Door, LinkDenied, LinkLost
from broker.refusal import shut

WITHIN_S = 10.0


class Probe:
    """A blocking connection for questions. What it hears is acknowledged by whoever asks, as a slow party would."""

    def __init__(self, door: Door, identifier: str) -> None:
        """Connect. Raises LinkLost, LinkDenied."""
        self._v5 = door.protocol == "5"
        protocol = mqtt.MQTTv5 if self._v5 else mqtt.MQTTv311
        options: dict[str, Any] = {} if self._v5 else {"clean_session": True}
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, identifier, protocol=protocol, manual_ack=True, **options
        )
        self.connack: Any = None
        self.reason: Any = None
        self.received: deque[mqtt.MQTTMessage] = deque()
        self._reasons: dict[int, Any] = {}
        self._connected, self._idle, self._told = threading.Event(), threading.Event(), threading.Event()
        self.client.on_connect = self._on_connect
        self.client.on_message = self._on_message
        self.client.on_publish = self._on_publish
        self.client.on_disconnect = lambda *_: self._connected.set()
        used = door.credentials
        if used.username is not None:
            self.client.username_pw_set(used.username, used.password)
        if used.tls is not None:
            self.client.tls_set_context(used.tls)
        if used.tls is not None and (reason := shut(door)) is not None:
            raise reason
        try:
            self._connect(door)
        except LinkDenied:
            self.client.loop_stop()
            raise
        except LinkLost as error:
            self.client.loop_stop()
            raise shut(door) or error from None

    def _connect(self, door: Door) -> None:
        properties = None
        if self._v5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.ReceiveMaximum = 1
        try:
            self.client.connect(door.host, door.port, clean_start=True if self._v5 else 3, properties=properties)
        except TimeoutError:  # its text is a place in the library
            raise LinkLost("it says nothing") from None
        except OSError as error:
            raise LinkLost(error.strerror or str(error)) from None
        self.client.loop_start()
        if not self._connected.wait(WITHIN_S):
            raise LinkLost(f"no answer within {WITHIN_S:.0f} s")
        if self.reason is None:
            raise LinkLost("it closed the connection without an answer")
        if self.reason.is_failure:
            who = door.credentials.username or "us"
            raise LinkDenied(
                f"the broker at {door.where} does not let {who} in: check user and password ({self.reason})"
            )

    def _on_connect(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        self.connack, self.reason = properties, reason
        self._connected.set()

    def _on_message(self, client: Any, userdata: Any, message: mqtt.MQTTMessage) -> None:
        self.received.append(message)
        self._idle.set()

    def _on_publish(self, client: Any, userdata: Any, packet_id: int, reason: Any, properties: Any) -> None:
        self._reasons[packet_id] = reason
        self._told.set()

    def may_publish(self, topic: str) -> bool:
        """Whether the broker takes a post on a topic (MQTT 5; 3.1.1 tells nobody). Raises TimeoutError."""
        packet_id = self.client.publish(topic, b"probe", qos=1).mid
        while packet_id not in self._reasons:
            if not self._told.wait(WITHIN_S):
                raise TimeoutError(f"no answer within {WITHIN_S:.0f} s")
            self._told.clear()
        return not self._reasons.pop(packet_id).is_failure

    def take(self) -> int:
        """Acknowledge all that is heard (the library's thread goes on adding to it); how many there were."""
        count = 0
        while self.received:
            message = self.received.popleft()
            count += 1
            if message.qos:
                self.client.ack(message.mid, message.qos)
        return count

    def until_heard(self, quiet_s: float = 3.0) -> bool:
        """Return when something has come, or nothing for a while (longer than a pause of this process)."""
        while not self.received and self._idle.wait(quiet_s):
            self._idle.clear()
        return bool(self.received)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
