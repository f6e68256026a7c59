"""A home in Home Assistant: it appears there by itself (MQTT discovery), shows what is asked, what its devices do and why, and
can be told yes, no and stop. The same state is a retained card for others' planners.

Topics below `gridpact/home/NAME/`: `state` (what a home's page has as data), `event` (the event that is open, expiring with it),
`availability` (of its agent), and `command` (`accept`, `decline`, `stop`), which is heard.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import structlog

from agents.pages.home.as_data import event_json, told_json
from agents.pages.home.state import ResidentState
from agents.pages.home.view import TAKES_PART, HomeEvent
from agents.pages.web.figures import Clockface, zone_of
from agents.runtime.daemon.commands import CommandRefusal
from agents.runtime.software import software
from broker.address import Address
from broker.bus import Arrival, Post
from broker.mqtt import MqttBus
from protocol.codec import to_json

PREFIX = "homeassistant"
LOOK_S, WAITS_S, WITHIN_S = 1.0, 0.02, 10.0
COMMANDS = ("accept", "decline", "stop")
log = structlog.get_logger("gridpact.home")


def base_of(name: str) -> str:
    """Where a home's topics are."""
    return f"gridpact/home/{name}"


def configs_of(name: str) -> str:
    """The filter of all that makes a home appear."""
    return f"{PREFIX}/+/gridpact_{name}/+/config"


def discovery(name: str, devices: Sequence[str], version: str) -> dict[str, dict[str, Any]]:
    """By topic, what makes a home appear: entities of one device. One without a value is unknown there."""
    base, node = base_of(name), f"gridpact_{name}"
    about = {
        "identifiers": [node], "name": f"gridpact {name}", "manufacturer": "gridpact", "sw_version": version,
    }  # fmt: skip
    common = {"device": about, "availability_topic": f"{base}/availability", "origin": {"name": "gridpact"}}
    found: dict[str, dict[str, Any]] = {}

    def entity(component: str, key: str, title: str, **more: Any) -> None:
        unique = f"{node}_{key}"
        found[f"{PREFIX}/{component}/{node}/{key}/config"] = common | {"name": title, "unique_id": unique} | more

    state = {"state_topic": f"{base}/state"}
    entity("sensor", "event", "Event", **state, value_template="{{ (value_json.event or {}).stage | default('none') }}",
           json_attributes_topic=f"{base}/event", icon="mdi:transmission-tower")  # fmt: skip
    entity("sensor", "start", "Event starts", **state, device_class="timestamp",
           value_template="{{ (value_json.event or {}).start | default(none) }}")  # fmt: skip
    entity("sensor", "answer_by", "Answer by", **state, device_class="timestamp",
           value_template="{{ (value_json.event or {}).answer_by | default(none) }}")  # fmt: skip
    entity("binary_sensor", "asks", "Asks its resident", **state,
           value_template="{{ 'ON' if (value_json.event or {}).answer_by | default(none) else 'OFF' }}")  # fmt: skip
    for command, title in (("accept", "Take part"), ("decline", "Not this time"), ("stop", "Stop this now")):
        entity("button", command, title, command_topic=f"{base}/command", payload_press=command)
    for number, device in enumerate(devices):
        own = f"value_json.devices[{number}]"
        entity("sensor", f"power_{device}", f"{device} power", **state, device_class="power", unit_of_measurement="W",
               value_template=f"{{{{ {own}.power_w }}}}")  # fmt: skip
        entity("sensor", f"reason_{device}", f"{device} reason", **state,
               value_template=f"{{{{ {own}.trouble or {own}.because }}}}")  # fmt: skip
    return found


class HomeAssistant:
    """The connection of one home."""

    def __init__(self, state: ResidentState, address: Address) -> None:
        self._state, self._base = state, base_of(state.name)
        will = f"{self._base}/availability"
        self._bus = MqttBus(
            address, f"gridpact-home-{state.name}", (f"{self._base}/command", configs_of(state.name)),
            presence=lambda online: (Post(will, _availability(online and state.reached), True),),
            on_connected=lambda _: self._last.clear(), session_expiry_s=0, whole=True,
        )  # fmt: skip
        self._last: dict[str, bytes] = {}
        """What was told on this connection: a broker that was away may have lost it."""
        self._standing: set[str] = set()
        """Topics by which the home appears at the broker, also those of a page of before."""

    async def run(self) -> None:
        """Until cancelled. Raises LinkDenied."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._bus.run(self._deliver))
            tasks.create_task(self._tell())

    async def _tell(self) -> None:
        while True:
            for post in self.posts(self._state.now()):
                await self._bus.publish(post)
            await asyncio.sleep(LOOK_S)

    def posts(self, now: datetime) -> list[Post]:
        """What is other than it was told last."""
        events = self._state.events()
        devices = self._state.devices(events)
        current = next((one for one in events if one.is_open(now)), None)
        found: dict[str, tuple[bytes, int | None]] = {
            f"{self._base}/availability": (_availability(self._state.reached), None)
        }
        configs = discovery(self._state.name, [one.resource_id for one in devices], software())
        found |= {topic: (to_json(config), None) for topic, config in configs.items()}
        clock, payment = Clockface(zone_of(self._state.choices.zone)), self._state.payment
        told = told_json(self._state.name, events, devices, now, clock, payment)
        del told["at"]  # it changes always, and says nothing
        found[f"{self._base}/state"] = to_json(told), None
        card = b"" if current is None else to_json(event_json(current, payment))
        found[f"{self._base}/event"] = card, _expires_s(current, now, self._state.sockets.time.speed)
        posts = []
        if self._state.specs:  # of a home whose settings are not read yet nobody knows what it has
            posts += [Post(topic, b"", True) for topic in sorted(self._standing - configs.keys())]
            self._standing = set(configs)
        for topic, (payload, expires_in_s) in found.items():
            if self._last.get(topic, b"") != payload:
                self._last[topic] = payload
                posts.append(Post(topic, payload, True, expires_in_s))
        return posts

    async def _deliver(self, arrivals: Sequence[Arrival]) -> None:
        for arrival in arrivals:
            arrival.acknowledge()
            if arrival.topic.startswith(f"{PREFIX}/"):
                if arrival.payload and arrival.retained:
                    self._standing.add(arrival.topic)
                continue
            command = arrival.payload.decode(errors="replace").strip()
            if arrival.retained or command not in COMMANDS:
                continue
            try:
                await self._follow(command)
            except CommandRefusal as refusal:
                log.warning("not_decided", text=str(refusal))

    async def _follow(self, command: str) -> None:
        now = self._state.now()
        for event in self._state.events():
            if not event.is_open(now):
                continue
            if command == "stop" and event.stage in TAKES_PART:
                await self._state.decide(event.event_id, False)
            elif command != "stop" and event.answer_by is not None:
                await self._state.decide(event.event_id, command == "accept")


async def forget(name: str, address: Address) -> int:
    """Take back all by which a home appears at a household's broker, and its state; how many topics. Raises
    CommandRefusal while its page runs or no broker answers, LinkDenied."""
    base, mark, found, heard_all = base_of(name), uuid4().bytes, dict[str, bytes](), asyncio.Event()

    async def hear(arrivals: Sequence[Arrival]) -> None:
        for arrival in arrivals:
            arrival.acknowledge()
            if arrival.retained:
                found[arrival.topic] = arrival.payload
            elif arrival.payload == mark:  # behind all that stood there
                heard_all.set()

    filters = configs_of(name), f"{base}/#"
    bus = MqttBus(address, f"gridpact-home-{name}-forgets", filters, session_expiry_s=0, whole=True)
    running = asyncio.create_task(bus.run(hear))
    try:
        await bus.publish(Post(f"{base}/forgets", mark))
        hearing = asyncio.create_task(heard_all.wait())
        done, _ = await asyncio.wait((running, hearing), timeout=WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        hearing.cancel()
        if running.done():
            running.result()
        if not done:
            raise CommandRefusal("the household's broker does not answer: look at what --home-assistant names")
        if found.get(f"{base}/availability") == b"online":
            raise CommandRefusal(f"the page of {name} runs, and tells it again: stop it first")
        for topic in found:
            await bus.publish(Post(topic, b"", True))
        while bus.waiting:
            await asyncio.sleep(WAITS_S)
    finally:
        running.cancel()
        await asyncio.wait((running,))
    return len(found)


def _availability(online: bool) -> bytes:
    return b"online" if online else b"offline"


def _expires_s(current: HomeEvent | None, now: datetime, speed: float) -> int | None:
    """Real seconds until the card is over."""
    if current is None:
        return None
    return max(1, round((current.end - now).total_seconds() / max(speed, 0.001)))
