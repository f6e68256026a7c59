"""Somebody with a connection, through plain paho-mqtt and sockets: honest or not, nothing of our carriers."""

import queue
import socket
import threading
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from broker.address import Address
from broker.credentials import read_credentials

WITHIN_S = 10.0


class Refused(Exception):
    """The broker does not let this one in."""


class Attacker:
    """One connection. `address` says by which credentials; the client id is what the attacker likes."""

    def __init__(
        self, address: Address, client_id: str, will: tuple[str, bytes, bool] | None = None, session_s: int = 0
    ) -> None:
        """Raises Refused."""
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv5)
        self._answer: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.gone = threading.Event()
        self._reasons: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._granted: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.heard: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.client.on_connect = lambda c, u, f, reason, p: self._answer.put("refused" if reason.is_failure else "in")
        self.client.on_disconnect = self._disconnected
        self.client.on_socket_open = lambda c, u, sock: sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client.on_publish = lambda c, u, mid, reason, p: self._reasons.put(reason)
        self.client.on_subscribe = lambda c, u, mid, reasons, p: self._granted.put(reasons)
        self.client.on_message = lambda c, u, message: self.heard.put(message.topic)
        used = read_credentials(address)
        if used.username is not None:
            self.client.username_pw_set(used.username, used.password)
        if used.tls is not None:
            self.client.tls_set_context(used.tls)
        if will is not None:
            self.client.will_set(will[0], will[1], 1, will[2])
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = session_s
        try:
            self.client.connect(address.host, address.port, clean_start=True, properties=properties)
        except OSError as error:
            raise Refused from error
        self.client.loop_start()
        if self._answer.get(timeout=WITHIN_S) != "in":
            self.close()
            raise Refused

    def _disconnected(self, *_: Any) -> None:
        self._answer.put("refused")
        self.gone.set()

    def publish(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> bool:
        """Whether the broker takes it."""
        self.client.publish(topic, payload, 1, retain)
        return not self._reasons.get(timeout=WITHIN_S).is_failure

    def subscribe(self, *filters: str) -> None:
        self.client.subscribe([(one, 1) for one in filters])
        self._granted.get(timeout=WITHIN_S)

    def until(self, fence: str) -> list[str]:
        """The topics that were heard before the fence."""
        found = []
        while (topic := self.heard.get(timeout=WITHIN_S)) != fence:
            found.append(topic)
        return found

    def vanish(self) -> None:
        """End without a word, so that the will is published."""
        sock = self.client.socket()
        assert sock is not None
        sock.shutdown(socket.SHUT_RDWR)
        self.gone.wait(WITHIN_S)
        self.client.disconnect()
        self.client.loop_stop()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
