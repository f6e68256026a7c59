"""`gridpact watch` beside parties on a real broker."""

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import aiomqtt
import pytest
from guarded import guarded_broker
from hostile import BODIES, odd_properties
from live_system import LiveSystem
from worlds import T0, World

from agents.cli.app import call
from agents.cli.watch import watch_broker
from agents.history.standing import PartyStage
from agents.runtime import recounting
from agents.tools.watch.live import Watch
from agents.tools.watch.picture import Picture
from agents.tools.watch.received import WatchChange
from agents.tools.watch.shows import Lines
from broker.bus import Arrival, Post
from broker.mosquitto import Broker, BrokerFailed, free_port
from broker.mqtt import Address, MqttBus
from broker.tap import CONNECT_WITHIN_S
from protocol import messages as m
from protocol.codec import encode

START = datetime(2026, 1, 14, 17, tzinfo=UTC)
"""A day that is not today: the system has a clock of its own."""


def request(child: str, sent_at: datetime = START) -> Post:
    message = m.Request(
        message_id=f"p.request.e.{child}",
        sent_at=sent_at,
        event_id="e",
        request_id="e.1",
        round=1,
        revision=1,
        program_id="dr",
        direction=m.Direction.DECREASE_LOAD,
        interval_period=m.IntervalPeriod(start=START + timedelta(hours=2)),
        power_w=(1000,),
        reply_by=START + timedelta(minutes=10),
        decide_by=START + timedelta(hours=1),
    )
    return Post(f"dr/request/p/{child}", encode(message), retain=True)


def presence(online: bool) -> list[Post]:
    message = m.Presence(message_id=f"h1.{online}", sent_at=START, online=online, software="a device")
    return [Post("dr/presence/p/h1", encode(message), retain=True)]


class Told(Lines):
    """Also says when something has changed."""

    def __init__(self, picture: Picture) -> None:
        super().__init__(picture, json=True, write=lambda line: None)
        self.changes: asyncio.Queue[WatchChange] = asyncio.Queue()

    def changed(self, change: WatchChange) -> None:
        super().changed(change)
        self.changes.put_nowait(change)


async def nothing(arrival: Arrival) -> None:
    arrival.acknowledge()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_standing_requests_live_ones_and_who_went_are_seen(broker: Broker, protocol: str) -> None:
    address = Address(broker.host, broker.port, "5" if protocol == "5" else "3.1.1")
    published = asyncio.Event()
    home = MqttBus(address, "h1", (), presence)
    picture = Picture()
    show = Told(picture)
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        at_home = tasks.create_task(home.run(nothing))
        await home.publish(request("h1"))
        await home.publish(Post("dr/presence/p/h2", presence(True)[0].payload, True, sent=published.set))
        await published.wait()
        watching = tasks.create_task(Watch(address, picture).run(show))
        while len(picture.roll.parties) < 2 or "e" not in picture.events:
            await show.changes.get()
        await home.publish(Post("dr/offer/p/h1", b"no message"))
        await home.publish(request("h2", START + timedelta(seconds=30)))
        while (await show.changes.get()).refusal is None:
            pass
        at_home.cancel()
        while (await show.changes.get()).presence != "h1":
            pass
        watching.cancel()
    assert [party.name for party in picture.roll.offline] == ["h1"]
    assert picture.reasons["unreadable"] == 1
    (row,) = picture.rows(START)
    assert (row.stage, row.asked, row.next_at) == (PartyStage.COLLECTING, 2, START + timedelta(minutes=10))


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_strangers_bodies_and_properties_end_no_view(broker: Broker, protocol: str) -> None:
    address = Address(broker.host, broker.port, "5" if protocol == "5" else "3.1.1")
    picture, bus = Picture(), MqttBus(address, "p", ())
    show = Told(picture)
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        speaking = tasks.create_task(bus.run(nothing))
        watching = tasks.create_task(Watch(address, picture).run(show))
        await bus.publish(request("h1"))
        while "e" not in picture.events:
            await show.changes.get()
        async with aiomqtt.Client(broker.host, broker.port, protocol=aiomqtt.ProtocolVersion.V5) as stranger:
            for kind, bodies in BODIES.items():
                for body in filter(None, bodies):
                    await stranger.publish(f"dr/{kind}/p/h1", body, qos=1)
            for odd in odd_properties():
                await stranger.publish("dr/offer/p/h1", b"no message", qos=1, properties=odd)
        await bus.publish(request("h2", START + timedelta(seconds=30)))
        await bus.publish(Post("dr/offer/p/h1", b"the last one"))
        sent = sum(len(list(filter(None, bodies))) for bodies in BODIES.values()) + len(odd_properties()) + 1
        while picture.reasons["unreadable"] < sent:
            await show.changes.get()
        speaking.cancel()
        watching.cancel()
    assert picture.rows(START)[0].asked == 2
    assert all(refusal.text.isprintable() for refusal in picture.refusals)


async def test_once_prints_the_picture_as_one_object(broker: Broker, capsys: pytest.CaptureFixture[str]) -> None:
    published = asyncio.Event()
    address = Address(broker.host, broker.port)
    bus = MqttBus(address, "p", ())
    running = asyncio.create_task(bus.run(nothing))
    post = request("h1")
    await bus.publish(Post(post.topic, post.payload, True, sent=published.set))
    await published.wait()
    assert await watch_broker(address, seconds=3.0, once=True, json=True) == 0
    running.cancel()
    told = json.loads(capsys.readouterr().out)
    assert [(row["party"], row["stage"], row["asked"]) for row in told["rows"]] == [("p", "joined_late", 1)]
    assert told["at"].startswith("2026-01-14T17:00")


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_watch_once_joined_after_the_answers_says_the_truth(
    broker: Broker, protocol: Literal["5", "3.1.1"], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recounting, "EVERY_S", 0.05)
    world = World()
    for name in ("ra-1", "ra-2"):
        world.simple(name, 2)
    world.event(20_000, 20_000)
    built = world.build()
    built.run(until=T0)
    parties = [node.actor.settings for node in built.nodes.values()]
    address = Address(broker.host, broker.port, protocol)
    system = LiveSystem(broker, T0, 60, protocol)
    system.recounts = True
    running = asyncio.create_task(system.run(parties, lambda who, note: note.name == "settled"))
    async with asyncio.timeout(60), aiomqtt.Client(broker.host, broker.port) as early:
        await early.subscribe("dr/progress/#")
        stages: dict[str, str] = {}
        while list(stages.values()) != ["standby"] * 4:
            told = json.loads((await anext(early.messages)).payload)  # type: ignore[arg-type]
            stages[told["party"]] = told["stage"]
    assert await watch_broker(address, seconds=2.0, once=True, json=True) == 0
    running.cancel()
    rows = {row["party"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert {name: (row["stage"], row["depth"], sum(row["deal_w"])) for name, row in rows.items()} == {
        "utility": ("standby", 0, 40_000),
        "ac": ("standby", 1, 40_000),
        "ra-1": ("standby", 2, 20_000),
        "ra-2": ("standby", 2, 20_000),
    }
    assert [rows["ra-1"][key] for key in ("asked", "yes", "silent", "awards", "confirmed")] == [2, 2, 0, 2, 2]


async def test_no_broker_is_said_in_one_sentence() -> None:
    with pytest.raises(BrokerFailed, match=r"no broker answers at .*Connection refused"):
        await Watch(Address(port=free_port()), Picture()).run(Told(Picture()))


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_wrong_password_is_said_at_once(tmp_path: Path, protocol: Literal["5", "3.1.1"]) -> None:
    async with guarded_broker(tmp_path) as port, asyncio.timeout(CONNECT_WITHIN_S):
        address = Address("127.0.0.1", port, protocol, "watcher", "of-somebody")
        with pytest.raises(BrokerFailed, match=r"watcher in: check user and password \(.*[Nn]ot authori"):
            await Watch(address, Picture()).run(Told(Picture()))


async def test_user_of_the_watcher_sees_everything_and_writes_nothing(tmp_path: Path) -> None:
    async with guarded_broker(tmp_path) as port:
        device = aiomqtt.Client("127.0.0.1", port, username="device", password="of-device")
        watcher = aiomqtt.Client("127.0.0.1", port, username="watcher", password="of-watcher")
        asked, forged = request("h1"), request("forged")
        async with device, watcher:
            await watcher.publish(forged.topic, forged.payload, qos=1, retain=True)
            await device.publish(asked.topic, asked.payload, qos=1, retain=True)
        (tmp_path / "pw").write_text("of-watcher\n")
        access = ("--port", str(port), "--user", "watcher", "--password-file", str(tmp_path / "pw"))
        command = (sys.executable, "-m", "agents.cli", "watch", *access, "--once", "--seconds", "3", "--json")
        watching = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        out, _ = await watching.communicate()
    assert watching.returncode == 0
    told = json.loads(out)
    assert [(row["party"], row["asked"]) for row in told["rows"]] == [("p", 1)]


@pytest.mark.parametrize("content", [None, ""])
def test_password_file_that_is_not_there_or_empty_is_a_sentence(
    tmp_path: Path, content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pw"
    if content is not None:
        path.write_text(content)
    assert call(["watch", "--user", "watcher", "--password-file", str(path)]) == 2
    said = "cannot be read: No such file" if content is None else "has no first line with a password"
    assert f"{path}: {said}" in capsys.readouterr().err
