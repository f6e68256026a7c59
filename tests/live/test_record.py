"""`gridpact record` beside a real broker: everything is heard, kept over a restart, and nothing can be written."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import aiomqtt
import pytest
from guarded import guarded_broker
from hostile import BODIES, odd_properties
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agents.tools.record import Counter, Recorder
from broker.mosquitto import Broker, BrokerFailed, free_port, private_broker
from broker.mqtt import Address
from broker.recording_file import Header, RecordedMessage, RecordingFile, RecordingWriter


class Recording:
    """A recorder that runs, and what it tells."""

    def __init__(self, path: Path, address: Address) -> None:
        self.path = path
        self.counters: asyncio.Queue[Counter] = asyncio.Queue()
        writer = RecordingWriter(path, Header("bus", "gridpact", datetime.now(UTC)))
        self.recorder = Recorder(address, writer, lambda line: line)
        self.running = asyncio.create_task(self.recorder.run(self.counters.put_nowait, 0.05))

    async def counted(self, messages: int, reconnects: int = 0) -> None:
        """Wait until the recorder tells so much."""
        while True:
            counter = await self.counters.get()
            if counter.messages >= messages and counter.reconnects >= reconnects:
                return

    def lines(self) -> list[RecordedMessage]:
        return [line for line in RecordingFile(self.path).lines() if isinstance(line, RecordedMessage)]


@asynccontextmanager
async def recording(path: Path, address: Address) -> AsyncIterator[Recording]:
    """Ends as Ctrl-C does."""
    async with asyncio.timeout(40):
        found = Recording(path, address)
        await found.counters.get()
        yield found
        os.kill(os.getpid(), signal.SIGINT)
        await found.running


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_everything_on_the_bus_is_recorded_as_it_was(
    broker: Broker, tmp_path: Path, protocol: Literal["5", "3.1.1"]
) -> None:
    async with aiomqtt.Client(broker.host, broker.port) as device:
        await device.publish("dr/offer/ra/h1", b"retained", qos=1, retain=True)
        async with recording(tmp_path / "r.jsonl", Address(broker.host, broker.port, protocol)) as found:
            await found.counted(1)
            await device.publish("dr/offer/ra/h1", b"\xff\x00", qos=0)
            await device.publish("dr/anything/else", b"", qos=1)
            await device.publish("other/topic", b"not ours", qos=1)
            for number in range(500):
                await device.publish("dr/report/ra/h1", b"%d" % number, qos=1)
            await found.counted(503)
    lines = found.lines()
    assert [(line.topic, line.payload, line.qos, line.retain) for line in lines[:3]] == [
        ("dr/offer/ra/h1", b"retained", 1, True),
        ("dr/offer/ra/h1", b"\xff\x00", 0, False),
        ("dr/anything/else", b"", 1, False),
    ]
    assert [int(line.payload) for line in lines[3:]] == list(range(500))
    assert [line.mono_ns for line in lines] == sorted(line.mono_ns for line in lines)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_strangers_bodies_and_properties_are_recorded_and_read_back(
    broker: Broker, tmp_path: Path, protocol: Literal["5", "3.1.1"]
) -> None:
    posted = [(f"dr/{kind}/ra/h1", body) for kind, bodies in BODIES.items() for body in bodies]
    async with (
        aiomqtt.Client(broker.host, broker.port, protocol=aiomqtt.ProtocolVersion.V5) as stranger,
        recording(tmp_path / "r.jsonl", Address(broker.host, broker.port, protocol)) as found,
    ):
        for topic, body in posted:
            await stranger.publish(topic, body, qos=1)
        for properties in odd_properties():
            await stranger.publish("dr/offer/ra/h1", b"{}", qos=1, properties=properties)
        await found.counted(len(posted) + len(odd_properties()))
        assert found.recorder.counter.lost <= 2 * 10**6
    heard = [(line.topic, line.payload) for line in found.lines()]
    assert heard == posted + [("dr/offer/ra/h1", b"{}")] * len(odd_properties())


async def test_restart_of_the_broker_is_noted_and_recording_goes_on(tmp_path: Path) -> None:
    port = free_port()
    async with private_broker(port), asyncio.timeout(40):
        found = Recording(tmp_path / "r.jsonl", Address("127.0.0.1", port))
        async with aiomqtt.Client("127.0.0.1", port) as device:
            await found.counters.get()
            await device.publish("dr/report/ra/h1", b"before", qos=1)
            await found.counted(1)
    async with private_broker(port), asyncio.timeout(60):
        await found.counted(1, reconnects=1)
        async with aiomqtt.Client("127.0.0.1", port) as device:
            await device.publish("dr/report/ra/h1", b"after", qos=1)
            await found.counted(2)
        os.kill(os.getpid(), signal.SIGTERM)
        assert (await found.running).reconnects == 1
    assert [line.payload for line in found.lines()] == [b"before", b"after"]


async def test_what_senders_numbered_and_never_came_is_told_as_lost(broker: Broker, tmp_path: Path) -> None:
    async with (
        recording(tmp_path / "r.jsonl", Address(broker.host, broker.port)) as found,
        aiomqtt.Client(broker.host, broker.port, protocol=aiomqtt.ProtocolVersion.V5) as device,
    ):
        for number in ("a.1", "a.4"):
            properties = Properties(PacketTypes.PUBLISH)
            properties.UserProperty = [("n", number)]
            await device.publish("dr/report/ra/h1", b"x", qos=1, properties=properties)
        await found.counted(2)
    assert (await found.running).lost == 2
    assert [line.properties["UserProperty"] for line in found.lines()] == [[["n", "a.1"]], [["n", "a.4"]]]


async def test_user_of_the_recorder_reads_everything_and_writes_nothing(tmp_path: Path) -> None:
    async with guarded_broker(tmp_path) as port:
        own = Address("127.0.0.1", port, "5", "recorder", "of-recorder")
        device = aiomqtt.Client("127.0.0.1", port, username="device", password="of-device")
        async with recording(tmp_path / "r.jsonl", own) as found, device:
            async with aiomqtt.Client("127.0.0.1", port, username="recorder", password="of-recorder") as forger:
                await forger.publish("dr/offer/ra/h1", b"forged", qos=1)
            await device.publish("dr/offer/ra/h1", b"honest", qos=1)
            await found.counted(1)
        assert [line.payload for line in found.lines()] == [b"honest"]


async def test_wrong_password_is_said_in_a_sentence(tmp_path: Path) -> None:
    async with guarded_broker(tmp_path) as port:
        with pytest.raises(BrokerFailed, match="does not let recorder in: check user and password"):
            await Recording(tmp_path / "r.jsonl", Address("127.0.0.1", port, "5", "recorder", "wrong")).running


async def test_file_that_nothing_came_into_is_not_in_the_way(tmp_path: Path) -> None:
    out = tmp_path / "r.jsonl"
    async with guarded_broker(tmp_path) as port, asyncio.timeout(40):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "agents.cli", "record", "--out", str(out), "--port", str(port),
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, told = await process.communicate()
    assert process.returncode == 3
    assert b"check user and password" in told
    assert not out.exists()


async def test_command_records_without_names_into_parts_and_ends_at_sigterm(broker: Broker, tmp_path: Path) -> None:
    out = tmp_path / "r.jsonl"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agents.cli", "record", "--out", str(out), "--port", str(broker.port),
        "--scenario", "evening_peak", "--anonymise", "--compress", "--json",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(40), aiomqtt.Client(broker.host, broker.port) as device:
        await process.stdout.readline()
        await device.publish("dr/offer/ra/tanaka", b"whatever", qos=1)
        line = b""
        while b'"messages":1' not in line:
            line = await process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        said, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    assert str(out.with_name("r.jsonl.gz")).encode() in said
    file = RecordingFile(out.with_name("r.jsonl.gz"))
    assert file.header.anonymised
    assert len(file.header.configurations) == 8
    [only] = file.lines()
    assert isinstance(only, RecordedMessage)
    assert "tanaka" not in only.topic
