"""Who knows nothing of our code takes part: two shell commands, a HEMS maker's first file, the thirty lines of docs/devices.md."""

import asyncio
import json
import re
from pathlib import Path

import paths
import pytest
from foreign_clients import Running, listening, listens, owing, program, python, say
from live_system import LiveSystem
from worlds import T0, World, vehicle

from agents.settings.members import Member
from agents.settings.parties import CoordinatorSettings, UtilitySettings
from broker.mosquitto import Broker
from protocol.actor import Note

ROOT = paths.ROOT
DEVICE = ROOT / "examples" / "device_paho.py"
NAME = "hems-42"
SPEED = 900.0
GRACE_S = 1_200
"""A device that has a clock of its own may report a second of real time late."""


def world(*power_w: int) -> World:
    """A home of ours that gives 2 kW, and a member of ra-1 whose device is not of our making."""
    made = World()
    ours = made.home("home-1", "ra-1", vehicle("ev-1", max_discharge_w=2_000))
    foreign = Member(name=NAME, resources=(f"{NAME}-car",), decrease_load_w=3_000)
    made.aggregator("ra-1", [ours], members=[foreign], scale_w=5_000, capacity_w=2_000, report_grace_s=GRACE_S)
    made.event(*power_w)
    made.coordinator["report_grace_s"] = 2 * GRACE_S
    made.utility |= {"accept_share_pct": 0, "report_grace_s": 3 * GRACE_S}
    return made


async def run(broker: Broker, made: World) -> LiveSystem:
    system = LiveSystem(broker, T0, SPEED)
    utility = UtilitySettings(children=("ac",), meters=("home-1",), events=tuple(made.events), **made.utility)
    book = tuple(Member(name="ra-1", kind="aggregator", decrease_load_w=5_000) for _ in made.scales)
    coordinator = CoordinatorSettings(name="ac", members=book, **made.coordinator)
    await listens(broker, f"dr/request/ra-1/{NAME}")
    async with owing(broker, NAME) as owes:
        system.under_way.append(owes)
        await system.run((utility, coordinator, *made.aggregators, *made.homes), over)
    return system


def over(who: str, note: Note) -> bool:
    return who == "utility" and note.name == "closed"


def found(system: LiveSystem, name: str, who: str) -> Note:
    return next(note for _, actor, note in system.notes if (actor, note.name) == (who, name))


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_plain_paho_device_offers_relaxes_gets_award_and_set_points_and_reports(
    broker: Broker, version: str
) -> None:
    options = ("--host", broker.host, "--port", str(broker.port), "--name", NAME, "--parent", "ra-1")
    async with program(*python(str(DEVICE), *options, "--mqtt", version, "--speed", str(SPEED))) as device:
        system = await run(broker, world(5_000, 5_000))
        lines = await device.rest()
    assert lines == [
        "offer (own): [2000, 0] W",
        "offer (relaxed): [3000, 3000] W",
        "award: concluded [3000, 3000] W",
        "dispatch: slot 0, change the load by -3000 W",
        "dispatch: slot 1, change the load by -3000 W",
    ]
    assert found(system, "event_awarded", "utility").data["power_w"] == (5_000, 5_000)
    assert found(system, "settled", "utility").data["delivered_wh"] == 5_000


def test_the_plain_paho_device_stays_one_short_file() -> None:
    assert len(DEVICE.read_text().splitlines()) <= 300


async def shell_home(heard: Running, broker: Broker) -> list[str]:
    """A home made of mosquitto_sub and mosquitto_pub: offers 3 kW, confirms its award; the kinds that it heard."""
    kinds = []
    while True:
        topic, _, text = (await heard.line()).partition(" ")
        if text == "(null)":  # an empty message
            continue
        kinds.append(kind := topic.split("/")[1])
        body = json.loads(text)
        if kind not in ("request", "award"):
            if kind == "dispatch" and body["slot"] == 1:
                return kinds
            continue
        ids = {key: body[key] for key in ("event_id", "request_id", "round")} | {"revision": body["revision"]}
        head = {"message_id": f"{NAME}.{body['message_id']}", "sent_at": body["sent_at"]} | ids
        if kind == "request":
            plan = {"opt": "opt_in", "power_w": [3_000, 3_000], "available_w": [3_000, 3_000]}
            await say(broker, f"dr/offer/ra-1/{NAME}", head | plan | {"valid_until": body["interval_period"]["start"]})
        else:
            confirm = {"award_id": body["award_id"], "accepted": True}
            await say(broker, f"dr/confirm/ra-1/{NAME}", head | confirm)


async def test_two_shell_commands_follow_and_answer_a_request(broker: Broker) -> None:
    topics = (f"dr/{kind}/+/{NAME}" for kind in ("request", "award", "dispatch", "reject"))
    async with program(*listening(broker, *topics)) as heard, asyncio.TaskGroup() as tasks:
        home = tasks.create_task(shell_home(heard, broker))
        system = await run(broker, world(5_000, 5_000))
        assert await home == ["request", "award", "dispatch", "dispatch"]
    assert found(system, "event_awarded", "utility").data["power_w"] == (5_000, 5_000)
    assert found(system, "all_confirmed", "ra-1").data["children"] == 2


async def test_thirty_lines_of_the_devices_page_are_a_device(broker: Broker, tmp_path: Path) -> None:
    (block,) = re.findall(r"```python\n(import json, sys.*?)```", (ROOT / "docs" / "devices.md").read_text(), re.DOTALL)
    script = tmp_path / "device.py"
    script.write_text(block.replace('"hems-0042"', f'"{NAME}"').replace('"127.0.0.1")', f'"127.0.0.1", {broker.port})'))
    async with program(*python(str(script))) as device:
        system = await run(broker, world(5_000, 5_000))
        assert list(dict.fromkeys(await device.rest())) == [
            f"slot {slot}: change the load by -3000 W for 1800 s" for slot in (0, 1)
        ]
    assert found(system, "all_confirmed", "ra-1").data["children"] == 2
