"""One process a name, against a real Mosquitto: the established one stays, the newcomer leaves, and a word ends nobody."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import aiomqtt
import paths
import pytest

from broker.aiomqtt_link import AiomqttLink
from broker.bus import Arrival, Post
from broker.gmqtt_link import GmqttLink
from broker.mosquitto import Broker, free_port, private_broker, program
from broker.mqtt import Address, MqttBus
from broker.names import ESTABLISHED_S, WITHOUT_PARENT, SessionTaken

Way = tuple[Literal["5", "3.1.1"], bool]
WAYS = pytest.mark.parametrize("way", [("5", False), ("3.1.1", False), ("5", True)], ids=["5", "3.1.1", "5-crowd"])
TOPICS = ("dr/presence/ac/ra", WITHOUT_PARENT + "ra")
"""Of a party with a parent, and of one without."""


@dataclass
class Process:
    """A party as a daemon would run it, and its connections one after the other."""

    bus: MqttBus
    running: asyncio.Task[None] = field(init=False)
    ups: asyncio.Queue[bool] = field(default_factory=asyncio.Queue)
    acknowledges: bool = True
    heard: asyncio.Queue[Arrival] = field(default_factory=asyncio.Queue)

    async def deliver(self, arrivals: Sequence[Arrival]) -> None:
        for arrival in arrivals:
            self.heard.put_nowait(arrival)
            if self.acknowledges:
                arrival.acknowledge()

    async def up(self) -> None:
        while not await self.ups.get():
            pass

    def established(self) -> None:
        """As if it had been here for long."""
        assert self.bus._guard._held_since is not None
        self.bus._guard._held_since -= ESTABLISHED_S

    def cut(self) -> None:
        """Take its connection away without a word."""
        match self.bus._live:
            case AiomqttLink() as link:
                link._client._client.loop_misc()
                sock = link._client._client.socket()
                assert sock is not None
                sock.shutdown(socket.SHUT_RDWR)
            case GmqttLink() as link:
                link._client._connection._transport.abort()
            case _:
                raise AssertionError("is not connected")


class Processes:
    """Processes of one party on one broker."""

    def __init__(self, broker: Broker, way: Way, topic: str, user: str | None = None) -> None:
        self.address = Address(broker.host, broker.port, way[0], user, user)
        self.way, self.topic = way, topic
        self.all: list[Process] = []

    def start(self, instance: str, *, asks: bool = True) -> Process:
        def presence(online: bool) -> tuple[Post, ...]:
            payload = b'{"message_id":"ra.%s","online":%s}' % (instance.encode(), b"true" if online else b"false")
            return (Post(self.topic, payload, retain=True),)

        told: list[Process] = []
        bus = MqttBus(
            self.address, "ra", ("dr/offer/ra/+",), presence, lambda up: told[0].ups.put_nowait(up),
            instance=instance, crowd=self.way[1],
        )  # fmt: skip
        process = Process(bus)
        told.append(process)
        if not asks:
            ask, first = bus._guard.ask, iter((True,))

            async def rude(door: object) -> None:
                if not next(first, False):
                    await ask()

            bus._guard.ask = rude  # type: ignore[method-assign]
        process.running = asyncio.create_task(bus.run(process.deliver))
        self.all.append(process)
        return process


@asynccontextmanager
async def processes(
    broker: Broker, way: Way, topic: str = TOPICS[0], user: str | None = None
) -> AsyncIterator[Processes]:
    found = Processes(broker, way, topic, user)
    try:
        async with asyncio.timeout(40):
            yield found
    finally:
        for process in found.all:
            process.running.cancel()
        await asyncio.gather(*(process.running for process in found.all), return_exceptions=True)


async def standing(broker: Broker, topic: str) -> bytes:
    """What is retained on a topic."""
    async with aiomqtt.Client(broker.host, broker.port) as watcher:
        await watcher.subscribe(topic, qos=1)
        message = await anext(watcher.messages)
        assert message.retain
        return bytes(message.payload)  # type: ignore[arg-type]


@WAYS
@pytest.mark.parametrize("topic", TOPICS, ids=["child", "root"])
async def test_newcomer_leaves_as_often_as_it_comes_and_the_first_keeps_its_connection(
    broker: Broker, way: Way, topic: str
) -> None:
    async with processes(broker, way, topic) as ra:
        first = ra.start("first")
        await first.up()
        for number in range(3):
            with pytest.raises(SessionTaken, match=r"another process is connected to .* as ra: stop it, or give"):
                await ra.start(f"newcomer-{number}").running
        assert first.ups.empty()  # nothing came after the first connection
        assert not first.running.done()


@WAYS
@pytest.mark.parametrize("topic", TOPICS, ids=["child", "root"])
async def test_of_two_that_come_at_once_exactly_one_stays(broker: Broker, way: Way, topic: str) -> None:
    async with processes(broker, way, topic) as ra:
        two = [ra.start(name) for name in ("one", "other")]
        done, staying = await asyncio.wait([one.running for one in two], return_when=asyncio.FIRST_COMPLETED)
        assert [type(task.exception()) for task in done] == [SessionTaken]
        survivor = next(one for one in two if one.running in staying)
        survivor.established()
        with pytest.raises(SessionTaken):
            await ra.start("third").running
        assert not survivor.running.done()


@WAYS
async def test_what_somebody_else_tells_in_its_name_ends_no_established_party_and_is_told_right_again(
    broker: Broker, way: Way
) -> None:
    forged = (
        b'{"message_id":"ra.forged","online":true}',
        b'{"message_id":"ra.forged","online":false}',
        b'{"message_id":"ra.forged.back","online":true}',
        b"no presence at all",
    )
    async with processes(broker, way) as ra, aiomqtt.Client(broker.host, broker.port) as watcher:
        first = ra.start("first")
        await first.up()
        first.established()
        await watcher.subscribe(TOPICS[0], qos=1)
        for payload in forged:
            for retain in (True, False):
                await watcher.publish(TOPICS[0], payload, qos=1, retain=retain)
                async for message in watcher.messages:
                    if message.payload == payload:
                        break
                async for message in watcher.messages:
                    if b"ra.first" in bytes(message.payload):  # type: ignore[arg-type]
                        break
        assert await standing(broker, TOPICS[0]) == b'{"message_id":"ra.first","online":true}'
        first.cut()  # it comes back while the forged word stands
        await watcher.publish(TOPICS[0], forged[0], qos=1, retain=True)
        await first.up()
        async for message in watcher.messages:
            if message.payload == b'{"message_id":"ra.first","online":true}':
                break
        assert not first.running.done()


@WAYS
async def test_who_took_the_name_while_its_holder_was_away_gives_it_back(broker: Broker, way: Way) -> None:
    async with processes(broker, way) as ra:
        first = ra.start("first")
        await first.up()
        first.established()
        taking = ra.start("taking", asks=False)
        with pytest.raises(SessionTaken):
            await taking.running
        await first.up()
        assert not first.running.done()
        assert await standing(broker, TOPICS[0]) == b'{"message_id":"ra.first","online":true}'


@WAYS
async def test_life_that_ended_without_a_word_is_in_nobodys_way(broker: Broker, way: Way) -> None:
    async with aiomqtt.Client(broker.host, broker.port) as planter:
        await planter.publish(TOPICS[0], b'{"message_id":"ra.before","online":true}', qos=1, retain=True)
    async with processes(broker, way) as ra:
        await ra.start("now").up()
        assert await standing(broker, TOPICS[0]) == b'{"message_id":"ra.now","online":true}'


@WAYS
async def test_lost_connections_of_its_own_are_no_other_process(broker: Broker, way: Way) -> None:
    async with processes(broker, way) as ra:
        one = ra.start("one")
        for _ in range(4):
            await one.up()
            one.cut()
        await one.up()
        assert not one.running.done()


@asynccontextmanager
async def broker_with_a_name_each(folder: Path) -> AsyncIterator[Broker]:
    """Mosquitto's `use_username_as_clientid`: whoever connects with a login throws its holder out."""
    port = free_port()
    (folder / "passwords").touch(0o600)
    making = await asyncio.create_subprocess_exec("mosquitto_passwd", "-b", str(folder / "passwords"), "ra", "ra")
    assert await making.wait() == 0
    making = await asyncio.create_subprocess_exec("mosquitto_passwd", "-b", str(folder / "passwords"), "other", "other")
    assert await making.wait() == 0
    conf = folder / "mosquitto.conf"
    conf.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {folder / 'passwords'}\n"
        "use_username_as_clientid true\n" + ("user root\n" if os.geteuid() == 0 else "")
    )
    process = await asyncio.create_subprocess_exec(program(), "-c", str(conf), stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    try:
        async with asyncio.timeout(10):
            while not (await process.stderr.readline()).rstrip().endswith(b"running"):
                pass
        yield Broker("127.0.0.1", port, process.pid)
    finally:
        process.terminate()
        await process.communicate()


@WAYS
async def test_newcomer_with_the_holders_login_says_and_takes_nothing_in_its_name(tmp_path: Path, way: Way) -> None:
    async with (
        broker_with_a_name_each(tmp_path) as broker,
        processes(broker, way, user="ra") as ra,
        aiomqtt.Client(broker.host, broker.port, username="other", password="other") as other,
    ):
        await other.subscribe("dr/#", qos=1)
        first = ra.start("first")
        first.acknowledges = False  # so it comes again, to whoever is connected next
        await first.up()
        await other.publish("dr/offer/ra/home", b"for the holder", qos=1)
        await first.heard.get()
        newcomer = ra.start("newcomer")
        with pytest.raises(SessionTaken):
            await newcomer.running
        assert not any(newcomer.ups.get_nowait() for _ in range(newcomer.ups.qsize()))
        assert newcomer.heard.qsize() == 0
        await first.up()
        assert (await first.heard.get()).payload == b"for the holder"
        assert not first.running.done()
        await other.publish("dr/offer/ra/home", b"the end", qos=1)
        told = []
        async for message in other.messages:
            if message.payload == b"the end":
                break
            told.append(bytes(message.payload))  # type: ignore[arg-type]
        assert [word for word in told if b"newcomer" in word and b".asks" not in word] == []


@WAYS
async def test_word_that_waited_for_a_login_is_no_other_process(tmp_path: Path, way: Way) -> None:
    async with broker_with_a_name_each(tmp_path) as broker, processes(broker, way, user="ra") as ra:
        async with aiomqtt.Client(
            broker.host, broker.port, identifier="ra", clean_session=False, username="ra", password="ra"
        ) as before:
            await before.subscribe(TOPICS[0], qos=1)
        async with aiomqtt.Client(broker.host, broker.port, username="other", password="other") as other:
            await other.publish(TOPICS[0], b'{"message_id":"ra.before","online":true}', qos=1)
        await ra.start("now").up()


@WAYS
async def test_of_two_with_one_login_that_come_at_once_exactly_one_stays(tmp_path: Path, way: Way) -> None:
    async with broker_with_a_name_each(tmp_path) as broker, processes(broker, way, user="ra") as ra:
        two = [ra.start(name) for name in ("one", "another")]
        done, staying = await asyncio.wait([one.running for one in two], return_when=asyncio.FIRST_COMPLETED)
        assert [type(task.exception()) for task in done] == [SessionTaken]
        survivor = next(one for one in two if one.running in staying)
        await survivor.up()
        survivor.established()
        with pytest.raises(SessionTaken):
            await ra.start("third").running
        assert not survivor.running.done()


# -- whole daemons

MEMBER = '[{name = "below", kind = "aggregator", increase_load_w = 1, decrease_load_w = 1}]'
TABLES = {
    "utility": '[utility]\nchildren = ["below"]\n',
    "coordinator": f'[coordinator]\nname = "ac"\nmembers = {MEMBER}\n',
    "aggregator": f'[aggregator]\nname = "ra"\nparent = "ac"\nmembers = {MEMBER}\n',
    "der": (
        '[[ders]]\nname = "home"\nparent = "ra"\n[[ders.devices]]\nkind = "load"\nresource_id = "l"\nrated_w = 100\n'
        "schedule_w = 50\nstore_wh = 500\nlevel_wh = 250\nstate_at = 2026-01-14T00:00:00Z\n"
    ),
}


async def daemon(folder: Path, role: str, port: int, mqtt: str) -> asyncio.subprocess.Process:
    folder.mkdir()
    config = folder / "daemon.toml"
    config.write_text(
        f'[broker]\nport = {port}\nprotocol = "{mqtt}"\n[control]\ndir = "{folder / "run"}"\n'
        f'[journal]\npath = "{folder / "own.journal"}"\n' + TABLES[role]
    )
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agents.cli", "run", role, "--config", str(config), stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(paths.ROOT)},
    )  # fmt: skip


@pytest.mark.parametrize("mqtt", ["5", "3.1.1"])
@pytest.mark.parametrize("role", TABLES)
async def test_second_daemon_of_every_role_exits_with_3_and_a_sentence(tmp_path: Path, role: str, mqtt: str) -> None:
    async with asyncio.timeout(60), private_broker() as broker:
        first = await daemon(tmp_path / "first", role, broker.port, mqtt)
        assert first.stdout is not None
        assert json.loads(await first.stdout.readline())["event"] == "ready"
        second = await daemon(tmp_path / "second", role, broker.port, mqtt)
        said, errors = await second.communicate()
        assert (second.returncode, errors) == (3, b"")
        (line,) = map(json.loads, said.splitlines())
        assert line["event"] == "session_taken"
        assert line["text"].startswith(f"another process is connected to 127.0.0.1:{broker.port} as ")
        first.send_signal(signal.SIGTERM)
        rest, errors = await first.communicate()
        assert (first.returncode, errors) == (0, b"")
        assert [json.loads(text)["event"] for text in rest.splitlines() if b"broker_lost" in text] == []
