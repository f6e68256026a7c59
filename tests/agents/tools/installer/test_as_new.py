"""What somebody who has just come meets: one sentence for each mistake, and what is found can be copied as it stands."""

import asyncio
import json
import socket
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from charging_physics import ChargingCharger
from charging_physics2 import BothWaysCharger
from one_vehicle import HOME
from physical_node import SOLAR, PhysicalNode
from played_node import PROFILE, VEHICLE

from agents.cli.app import call
from agents.runtime.files.config import load_config
from agents.settings.daemon import Role
from agents.tools.installer import found
from agents.tools.installer.words import options_lines

pytestmark = pytest.mark.live


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def home(folder: Path, lines: str) -> str:
    """A daemon's file with one vehicle."""
    (folder / "home.toml").write_text(f'{HOME}{lines}\n[control]\ndir = "{folder}"\n')
    return str(folder / "home.toml")


def ocpp(folder: Path, port: int, **more: object) -> str:
    options = {"charge_point": "CP-1", "port": port, "follows_within_s": 1} | more
    said = ", ".join(f"{key} = {json.dumps(value)}" for key, value in options.items())
    return home(folder, f'driver = "ocpp"\noptions = {{ {said} }}')


@asynccontextmanager
async def calling(made: ChargingCharger) -> AsyncIterator[None]:
    """A charger that calls in until the test is over."""
    task = asyncio.create_task(made.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def done(*command: str) -> int:
    return await asyncio.to_thread(call, ["devices", *command])


@pytest.mark.parametrize(
    ("made", "power_w", "text"),
    [
        (ChargingCharger, 500, "ev: it follows 0 W, or 1,380 W and more (it is 500 W): nothing was set"),
        (ChargingCharger, -2_000, "ev: this charger cannot discharge now"),
        (BothWaysCharger, -2_000, "ev: this charger cannot discharge now"),
    ],
)
async def test_power_that_a_charger_cannot_follow_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], made: type[ChargingCharger], power_w: int, text: str
) -> None:
    port = free_port()
    charger = made(f"ws://127.0.0.1:{port}/CP-1", 1.0, most_w=3_000)
    async with calling(charger):
        assert await done("set", "ev", str(power_w), "--config", ocpp(tmp_path, port), "--lasts", "1") == 1
    told = capsys.readouterr()
    assert text in told.err
    assert told.err.count("\n") == 1
    assert charger.limits_a == []


async def test_nothing_is_set_where_no_vehicle_is_plugged_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node = await PhysicalNode.begun("127.0.0.2", 1.0)
    node.objects[VEHICLE][0xC7] = b"\x30"
    assert await done("set", "ev", "2000", "--config", echonet(tmp_path, node), "--lasts", "1") == 1
    assert capsys.readouterr().err == "gridpact: ev: no vehicle is plugged in: nothing was set\n"
    assert node.modes[VEHICLE] == []
    node.close()


async def test_charger_that_is_not_there_is_one_line_that_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert await done("read", "--config", ocpp(tmp_path, port), "--seconds", "1", "--json") == 1
    told = capsys.readouterr()
    (line,) = told.out.splitlines()  # no log among it
    said = json.loads(line)
    assert said["reading"] is None
    assert said["trouble"].startswith("charger CP-1 is not connected: none can call in: 127.0.0.1:")
    assert told.err == ""


def echonet(folder: Path, node: PhysicalNode, **more: object) -> str:
    own: dict[str, object] = {
        "host": "127.0.0.2",
        "port": node.port,
        "patience_s": 1,
        "bind": "127.0.0.1",
        "own_port": free_port(socket.SOCK_DGRAM),
    } | more
    said = ", ".join(f"{key} = {json.dumps(value)}" for key, value in own.items())
    vehicle = f'driver = "echonet"\noptions = {{ object = "vehicle", memory = "found", settles_s = 0, {said} }}\n'
    return home(folder, f'{vehicle}meter = {{ driver = "echonet", options = {{ object = "meter", {said} }} }}')


async def test_meter_of_a_device_is_read_as_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    node = await PhysicalNode.begun("127.0.0.2", 0.0)
    node.meter_step_wh = 100
    node.reset_registers(50_000)
    assert await done("read", "--config", echonet(tmp_path, node), "--json") == 0
    device, meter = map(json.loads, capsys.readouterr().out.splitlines())
    assert (device["device"], device["of_meter"], device["reading"]["plugged"]) == ("ev", False, True)
    assert (meter["device"], meter["of_meter"], meter["reading"]["register_step_wh"]) == ("ev", True, 100)
    node.close()


async def test_node_that_answers_elsewhere_is_told_with_the_port_that_was_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node = await PhysicalNode.begun("127.0.0.2", 1.0)
    config = echonet(tmp_path, node, port=1)
    assert await done("set", "ev", "0", "--config", config, "--seconds", "0") == 1
    told = "gridpact: ev: node 127.0.0.2:1 has not answered within 2 times 1 s: nothing was set\n"
    assert capsys.readouterr().err == told
    node.close()


async def test_socket_of_another_program_is_told_by_its_devices(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node = await PhysicalNode.begun("127.0.0.2", 1.0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        config = echonet(tmp_path, node, own_port=other.getsockname()[1])
        assert await done("set", "ev", "0", "--config", config, "--seconds", "0") == 1
    assert "Address already in use: another program has that port" in capsys.readouterr().err
    node.close()


async def test_what_is_found_of_nodes_is_copied_as_it_stands(tmp_path: Path) -> None:
    node = await PhysicalNode.begun("127.0.0.2", 1.0)
    node.objects[PROFILE][0xD6] = bytes.fromhex(f"02{VEHICLE}{SOLAR}")
    lines = await found.nodes("127.0.0.1", node.port, ["127.0.0.2"], 0.2)
    vehicle, solar = (str(line["in a daemon's file"]) for line in lines)
    options = copied(tmp_path, vehicle)
    assert options == {"host": "127.0.0.2", "object": "vehicle", "port": node.port, "bind": "127.0.0.1", "memory": "vehicle.found"}  # fmt: skip
    assert "memory" not in solar
    node.close()


async def test_what_is_found_of_chargers_is_copied_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    async with calling(ChargingCharger(f"ws://127.0.0.1:{port}/CP-1", 1.0, most_w=3_000)):
        (line,) = await found.chargers("127.0.0.1", port, 1)
    assert copied(tmp_path, line["in a daemon's file"]) == {"charge_point": "CP-1", "host": "127.0.0.1", "port": port}


def test_what_strangers_call_themselves_stays_a_text() -> None:
    said = options_lines("ocpp", [("charge_point", 'a", host = "b'), ("port", 9_000)])
    assert tomllib.loads(said.partition("   ")[2])["options"] == {"charge_point": 'a", host = "b', "port": 9_000}


def copied(folder: Path, text: str) -> dict[str, Any]:
    """The options, from a file that is loaded as a daemon's."""
    driver, _, options = text.partition("   ")
    load_config(Path(home(folder, f"{driver}\n{options}")), Role.DER)
    found_options: dict[str, Any] = tomllib.loads(options)["options"]
    return found_options


async def test_what_is_copied_is_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    from agents.cli.devices import _print_found

    _print_found([{"payload": "x" * 200, "in a daemon's file": "y" * 200}], json=False)
    told = "".join(capsys.readouterr().out.split())
    assert ("x" * 78 in told, "y" * 200 in told.replace("│", "")) == (False, True)
