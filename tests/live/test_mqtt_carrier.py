"""The live carrier against a real Mosquitto: both MQTT versions, reconnects, presence, what is ignored."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import aiomqtt
import paths
import pytest
from guarded import guarded_broker
from hostile import odd_properties
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bench.wire import RawClient, frames
from broker.bus import Arrival, Post
from broker.entrance import Entrance
from broker.gmqtt_link import MOST_WAITING, GmqttLink
from broker.link import CONNECT_WITHIN_S, Greeting, Incoming, LinkDenied, LinkLost
from broker.mosquitto import Broker, BrokerFailed, BrokerMissing, adapted, configuration, private_broker, program
from broker.mqtt import Address, MqttBus, PayloadTooLarge
from protocol.edges import Edge

Way = tuple[Literal["5", "3.1.1"], bool]
"""Which MQTT, and whether a crowd is heard, which goes through another library."""
WAYS = pytest.mark.parametrize(
    "way",
    [("5", False), ("3.1.1", False), ("5", True), ("3.1.1", True)],
    ids=["5", "3.1.1", "5-crowd", "3.1.1-crowd"],
)

FILTERS = ("dr/offer/ra/+", "dr/request/+/ra", "dr/reject/ra/+")


class Listener:
    """A bus that runs, and what it has heard."""

    def __init__(self, bus: MqttBus) -> None:
        self.bus = bus
        self.heard: asyncio.Queue[Arrival] = asyncio.Queue()
        self.connected: asyncio.Queue[bool] = asyncio.Queue()

    async def deliver(self, arrivals: Sequence[Arrival]) -> None:
        for arrival in arrivals:
            self.heard.put_nowait(arrival)

    async def up(self) -> None:
        while not await self.connected.get():
            pass


@asynccontextmanager
async def listening(broker: Broker, name: str = "ra", way: Way = ("5", True)) -> AsyncIterator[Listener]:
    listeners: list[Listener] = []
    bus = MqttBus(
        Address(broker.host, broker.port, way[0]),
        name,
        FILTERS,
        presence=lambda online: (Post(f"dr/presence/ac/{name}", b"online" if online else b"offline", retain=True),),
        on_connected=lambda connected: listeners[0].connected.put_nowait(connected),
        crowd=way[1],
    )
    listeners.append(Listener(bus))
    running = asyncio.create_task(bus.run(listeners[0].deliver))
    try:
        async with asyncio.timeout(20):
            await listeners[0].up()
            yield listeners[0]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@WAYS
async def test_what_is_published_arrives_in_order(broker: Broker, way: Way) -> None:
    async with listening(broker, way=way) as ra:
        for number in range(300):
            await ra.bus.publish(Post("dr/offer/ra/der", b"%d" % number))
        heard = [int((await ra.heard.get()).payload) for _ in range(300)]
    assert heard == list(range(300))


@WAYS
async def test_own_refusals_come_back_from_mqtt_3_1_1_alone(broker: Broker, way: Way) -> None:
    async with listening(broker, way=way) as ra, listening(broker, "other", way) as other:
        await ra.bus.publish(Post("dr/reject/ra/der", b"own"))
        own = (await other.heard.get()).payload  # the broker has it
        await other.bus.publish(Post("dr/reject/ra/der", b"a child's"))
        heard = [(await ra.heard.get()).payload for _ in range(1 if way[0] == "5" else 2)]
    assert own == b"own"
    assert heard == ([b"a child's"] if way[0] == "5" else [b"own", b"a child's"])


@WAYS
async def test_retained_offer_is_ignored_and_retained_request_is_heard(broker: Broker, way: Way) -> None:
    async with aiomqtt.Client(broker.host, broker.port) as planter:
        await planter.publish("dr/offer/ra/der", b"planted", qos=1, retain=True)
        await planter.publish("dr/request/ac/ra", b"standing", qos=1, retain=True)
    async with listening(broker, way=way) as ra:
        first = await ra.heard.get()
        await ra.bus.publish(Post("dr/offer/ra/der", b"fresh"))
        second = await ra.heard.get()
    assert (first.payload, first.retained, second.payload) == (b"standing", True, b"fresh")


@WAYS
async def test_broker_that_comes_back_is_found_again_and_subscribed_again(way: Way) -> None:
    async with private_broker() as first:
        port = first.port
        async with listening(first, way=way) as ra:
            os.kill(first.pid, signal.SIGKILL)
            assert await ra.connected.get() is False
            await ra.bus.publish(Post("dr/offer/ra/der", b"while it was away"))
            async with private_broker(port):
                await ra.up()
                assert (await ra.heard.get()).payload == b"while it was away"


@WAYS
async def test_presence_is_online_then_offline_when_it_stops_cleanly(broker: Broker, way: Way) -> None:
    async with aiomqtt.Client(broker.host, broker.port) as watcher:
        await watcher.subscribe("dr/presence/#", qos=1)
        async with listening(broker, way=way):
            pass
        async with asyncio.timeout(10):
            seen = [await anext(watcher.messages) for _ in range(2)]
    assert [message.payload for message in seen] == [b"online", b"offline"]


@WAYS
async def test_last_will_tells_of_a_party_that_was_killed(broker: Broker, tmp_path: Path, way: Way) -> None:
    script = tmp_path / "party.py"
    script.write_text(
        "import asyncio\n"
        "from broker.bus import Post\n"
        "from broker.mqtt import Address, MqttBus\n"
        "def presence(online): return (Post('dr/presence/ac/ra', b'on' if online else b'gone', True),)\n"
        f"bus = MqttBus(Address('{broker.host}', {broker.port}, '{way[0]}'), 'ra', (), presence, crowd={way[1]})\n"
        "async def deliver(arrivals): pass\n"
        "asyncio.run(bus.run(deliver))\n"
    )
    async with aiomqtt.Client(broker.host, broker.port) as watcher, asyncio.timeout(15):
        await watcher.subscribe("dr/presence/#", qos=1)
        root = paths.ROOT
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(script), env={**os.environ, "PYTHONPATH": str(root)}
        )
        assert (await anext(watcher.messages)).payload == b"on"
        process.kill()
        await process.wait()
        assert (await anext(watcher.messages)).payload == b"gone"


@WAYS
async def test_strangers_properties_end_no_connection_and_count_no_loss_beyond_measure(
    broker: Broker, way: Way
) -> None:
    async with listening(broker, way=way) as ra, asyncio.timeout(20):
        async with aiomqtt.Client(broker.host, broker.port, protocol=aiomqtt.ProtocolVersion.V5) as stranger:
            for odd in odd_properties():
                await stranger.publish("dr/offer/ra/der", b"odd", qos=1, properties=odd)
                await stranger.publish("dr/offer/ra/der", b"odd", qos=0, properties=odd)
        heard = [await ra.heard.get() for _ in range(2 * len(odd_properties()))]
        for arrival in heard:
            arrival.acknowledge()
        await ra.bus.publish(Post("dr/offer/ra/der", b"after", expires_in_s=2**40))
        after = await ra.heard.get()
    assert [arrival.payload for arrival in heard] == [b"odd"] * len(heard)
    assert after.payload == b"after"
    assert ra.bus.gaps.lost <= 2 * 10**6


async def test_oversized_post_is_refused_before_it_ends_the_connection(broker: Broker) -> None:
    async with listening(broker) as ra:
        with pytest.raises(PayloadTooLarge, match="the broker takes"):
            await ra.bus.publish(Post("dr/offer/ra/der", b"x" * 200_000))


def test_configuration_keeps_what_was_measured() -> None:
    lines = adapted(configuration(), 4711).splitlines()
    assert "listener 4711 127.0.0.1" in lines
    assert "max_inflight_messages 1000" in lines
    assert "max_packet_size 262144" in lines
    assert not any(line.startswith("message_size_limit") for line in lines)


def test_missing_program_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.mosquitto.SBIN", "")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BrokerMissing, match="apt-get install mosquitto"):
        program()


async def test_port_in_use_is_told_in_the_brokers_own_words(broker: Broker) -> None:
    with pytest.raises(BrokerFailed, match=f"port {broker.port}"):
        async with private_broker(broker.port):
            pass


@WAYS
async def test_who_is_not_let_in_at_its_first_connection_does_not_try_again(tmp_path: Path, way: Way) -> None:
    async with guarded_broker(tmp_path) as port, asyncio.timeout(CONNECT_WITHIN_S):
        bus = MqttBus(Address("127.0.0.1", port, way[0], "device", "of-somebody"), "ra", FILTERS, crowd=way[1])
        with pytest.raises(LinkDenied, match=r"(?i)not authori"):
            await bus.run(Listener(bus).deliver)


@WAYS
async def test_what_is_not_acknowledged_comes_again(broker: Broker, way: Way) -> None:
    async with listening(broker, way=way) as ra, listening(broker, "der", way) as der:
        await der.bus.publish(Post("dr/offer/ra/der", b"first"))
        await der.bus.publish(Post("dr/offer/ra/der", b"second"))
        (await ra.heard.get()).acknowledge()
        assert (await ra.heard.get()).payload == b"second"  # and the process dies with it
    async with listening(broker, way=way) as ra:
        again = await ra.heard.get()
        again.acknowledge()
        assert again.payload == b"second"
        assert ra.heard.empty()


async def test_crowd_that_nobody_takes_stays_with_the_broker_and_stops_no_answer_of_the_broker(broker: Broker) -> None:
    """Mosquitto 2.0.11 minds how many may be unacknowledged only until the first is acknowledged."""
    link = GmqttLink(Entrance(Address(broker.host, broker.port)).next(), Greeting("ra", None, 0))
    await link.open()
    await link.subscribe("dr/offer/ra/+", 1)
    crowd = await RawClient("crowd").connect(broker.host, broker.port)
    posts = frames([(b"dr/offer/ra/der", b"%0200d" % number) for number in range(8_000)])
    # of that length, asyncio reads at most 1,200 at once (256 KiB), however long it was kept from reading

    def taken(heard: list[Incoming]) -> int:
        for one in heard:
            link.acknowledge(one.packet_id)
        return len(heard)

    async with asyncio.timeout(20):
        await crowd.publish_all(posts)
        count = taken(await link.received())
        await crowd.publish_all(posts)  # time enough to send us what we do not take
        heard = await link.received()
        assert len(heard) == MOST_WAITING  # never more at once
        assert len(link._heard) < 2_000
        told = asyncio.Event()
        await crowd.publish_all(posts)
        link.publish(Post("dr/request/ra/der", b"{}"), "", told.set)
        await told.wait()
        count += taken(heard)
        while count < 3 * len(posts):
            count += taken(await link.received())
    crowd.close()
    await link.close()


@pytest.mark.parametrize("crowd", [False, True])
async def test_number_that_was_skipped_is_a_gap_and_a_repeat_is_none(broker: Broker, crowd: bool) -> None:
    async with (
        listening(broker, way=("5", crowd)) as ra,
        aiomqtt.Client(broker.host, broker.port, protocol=aiomqtt.ProtocolVersion.V5) as der,
    ):
        for number in ("a.1", "a.2", "a.2", "a.5", "b.1"):
            properties = Properties(PacketTypes.PUBLISH)
            properties.UserProperty = [("n", number)]
            await der.publish("dr/offer/ra/der", b"x", qos=1, properties=properties)
        for _ in range(5):
            (await ra.heard.get()).acknowledge()
        assert (ra.bus.gaps.lost, ra.bus.gaps.last_topic) == (2, "dr/offer/ra/der")


@pytest.mark.parametrize("crowd", [False, True])
async def test_connection_that_is_reset_before_its_answer_is_tried_again_soon(crowd: bool) -> None:
    tries: asyncio.Queue[None] = asyncio.Queue()

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tries.put_nowait(None)
        writer.transport.abort()

    server = await asyncio.start_server(reset, "127.0.0.1", 0)
    bus = MqttBus(Address("127.0.0.1", server.sockets[0].getsockname()[1]), "ra", FILTERS, crowd=crowd)

    async def deliver(arrivals: Sequence[Arrival]) -> None:
        for arrival in arrivals:
            arrival.acknowledge()

    running = asyncio.create_task(bus.run(deliver))
    async with asyncio.timeout(9):  # the library alone would wait ten seconds for an answer
        for _ in range(2):
            await tries.get()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    server.close()


@WAYS
async def test_own_fault_at_an_acknowledgement_ends_the_carrier(broker: Broker, way: Way) -> None:
    def fault() -> None:
        raise ZeroDivisionError("ours")

    bus = MqttBus(Address(broker.host, broker.port, way[0]), "ra", FILTERS, crowd=way[1])

    async def deliver(arrivals: Sequence[Arrival]) -> None:
        raise AssertionError("nobody said anything")

    async with asyncio.timeout(10):
        running = asyncio.create_task(bus.run(deliver))
        await bus.publish(Post("dr/offer/other/der", b"x", sent=fault))
        with pytest.raises(ZeroDivisionError):
            await running


class Breaking:
    """A link that breaks in the moment in which it is cancelled."""

    window = 1

    def __init__(self) -> None:
        self.listens = asyncio.Event()

    async def open(self) -> None: ...

    async def subscribe(self, topic: str, qos: int, *, others_only: bool = False) -> None: ...

    def publish(self, post: Post, number: str, acknowledged: Callable[[], None]) -> None: ...

    async def received(self) -> list[Incoming]:
        self.listens.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise LinkLost("gone")

    def acknowledge(self, packet_id: int) -> None: ...

    async def close(self) -> None: ...


async def test_carrier_ends_when_it_is_cancelled_while_its_connection_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    bus, link = MqttBus(Address(), "ra", FILTERS), Breaking()
    monkeypatch.setattr(bus, "_link", lambda door: link)

    async def deliver(arrivals: Sequence[Arrival]) -> None: ...

    running = asyncio.create_task(bus.run(deliver))
    await link.listens.wait()
    running.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await running


@pytest.mark.parametrize("way", [("5", True), ("5", False), ("3.1.1", False), ("3.1.1", True)])
async def test_gap_is_noticed_by_numbers_in_the_messages_of_a_sender_without_properties(
    broker: Broker, way: Way
) -> None:
    body, edge = b'{"message_id":"a","extensions":{},"x":1}', Edge("ra", "der")
    der = MqttBus(Address(broker.host, broker.port, "3.1.1", numbers=True), "der", ())
    async with listening(broker, way=way) as ra:
        sending = asyncio.create_task(der.run(ra.deliver))
        for lost in (False, False, True, False):
            if lost:
                der._numbers.next(edge)  # a post that the wire lost
            else:
                await der.publish(Post("dr/offer/ra/der", body))
        heard = [await ra.heard.get() for _ in range(3)]
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    assert [arrival.payload for arrival in heard] == [body] * 3
    assert (ra.bus.gaps.lost, ra.bus.gaps.last_topic) == (1, "dr/offer/ra/der")
