"""The connections of a process: one a party, what it subscribes to, what it tells of its presence."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from agents.runtime.address import address_of
from agents.runtime.behaviour import intercept
from agents.runtime.daemon.served import ServedParty
from agents.runtime.intercepted import InterceptedBus
from agents.runtime.opening import verifier_of
from agents.runtime.software import software
from agents.settings.behaviour import Behaviour
from agents.settings.daemon import DaemonConfig
from broker.bus import Bus, Post
from broker.clock import Clock
from broker.entrance import unreached
from broker.mqtt import MqttBus
from broker.names import WITHOUT_PARENT
from protocol.actor import Actor
from protocol.codec import encode
from protocol.edges import Edge, subscriptions, topic
from protocol.messages import Presence

if TYPE_CHECKING:
    from agents.runtime.signing import Signer


class BrokerUnreachable(RuntimeError):
    """The broker was not reached in time after the start."""


class Connections:
    """By party. `now` is its time, also before its clock runs."""

    def __init__(self, config: DaemonConfig, now: Callable[[], datetime]) -> None:
        """Raises ConfigError."""
        self.config, self._now = config, now
        self.buses: dict[str, MqttBus] = {}
        self._instance = uuid4().hex
        self._signer, self.verifier = _signer(config), verifier_of(config.signing, "signing")

    def open(self, parties: Sequence[ServedParty]) -> None:
        """Make them; they connect when they run."""
        self.buses.update({party.actor.name: self._bus(party) for party in parties})
        self.buses[parties[0].actor.name].watch_broker = True

    async def all_connected(self, parties: Sequence[ServedParty]) -> None:
        """Return when every party is. Raises BrokerUnreachable."""
        broker = self.config.broker
        try:
            async with asyncio.timeout(broker.connect_within_s):
                for party in parties:
                    await party.connected.wait()
        except TimeoutError:
            entrances, within = (bus.entrance for bus in self.buses.values()), f" within {broker.connect_within_s} s"
            raise BrokerUnreachable(unreached(address_of(broker), entrances, within)) from None

    def way_out(self, name: str, clock: Clock) -> Bus:
        """Of what a party says: through a demonstrated misbehaviour, and signed, where that is configured."""
        bus = self.buses[name]
        changed = intercept(self.config.behaviours.get(name, Behaviour.NORMAL))
        out = bus if changed is None else InterceptedBus(bus, name, clock, changed)
        return out if self._signer is None else self._signer.before(out)

    def _bus(self, party: ServedParty) -> MqttBus:
        actor = party.actor
        filters = subscriptions(actor.name, as_parent=actor.is_parent(), as_child=bool(actor.parents()))

        def on_connected(connected: bool) -> None:
            if connected:
                party.connected.set()

        address, presence = address_of(self.config.broker), partial(self._presence, actor)
        return MqttBus(address, actor.name, filters, presence, on_connected, self._instance, crowd=actor.is_parent())

    def _presence(self, actor: Actor, online: bool) -> Sequence[Post]:
        word = "online" if online else "offline"
        message = Presence(
            message_id=f"{actor.name}.presence.{self._instance}.{word}",
            sent_at=self._now(),
            online=online,
            software=software(),
        )
        topics = [topic("presence", Edge(above, actor.name)) for above in actor.parents()]
        return [Post(one, encode(message), True) for one in topics or [WITHOUT_PARENT + actor.name]]


def _signer(config: DaemonConfig) -> "Signer | None":
    """By what we sign. Raises ConfigError."""
    if config.signing.key is None:
        return None
    from agents.runtime.signing import Signer  # it takes 10 MB: only for those who sign or verify

    return Signer.read(config.folder / config.signing.key)
