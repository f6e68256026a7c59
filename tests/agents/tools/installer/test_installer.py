"""An installer finds devices over their real frames, reads them and tries one; a mistake is one sentence."""

import asyncio
import json
import socket
import sys
from pathlib import Path

import pytest
from one_vehicle import HOME
from played_charger import PlayedCharger
from played_charger2 import PlayedCharger2
from played_node import IDENTITY, PROFILE, SETC, VEHICLE, PlayedNode

from agents.cli.app import call
from agents.drivers.echonet.discovery import FoundNode, found_nodes
from agents.drivers.echonet.options import OwnAddress
from agents.drivers.mqtt.discovery import heard_topics
from agents.drivers.ocpp.discovery import FoundCharger, hear_chargers
from agents.runtime.files.config import build_config
from agents.runtime.files.toml import read_toml
from agents.settings.checked import ConfigError
from agents.tools.installer.installed import Installed
from broker.address import Address
from broker.aiomqtt_link import AiomqttLink
from broker.bus import Post
from broker.entrance import Entrance
from broker.link import Greeting
from broker.mosquitto import private_broker

pytestmark = pytest.mark.live
CAR = {0x88: "42", 0xC7: "43", 0xD3: "00000000", 0xDA: "44", 0xDB: "00", 0xE4: "32", 0xD8: "00001388", 0xD6: "00000000"}
CAR_SET = {0xEB: "000003E8", 0xEC: "000003E8", 0xDC: "01", 0xDD: "02"}


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def home_of(node: PlayedNode, folder: Path) -> str:
    """A daemon's file with one vehicle at a node."""
    options = (
        f'driver = "echonet"\n[ders.devices.options]\nhost = "127.0.0.2"\nport = {node.port}\nobject = "vehicle"\n'
        f'memory = "found"\nbind = "127.0.0.1"\nown_port = {free_port()}\nsettles_s = 0\n'
    )
    (folder / "home.toml").write_text(HOME + options + f'[control]\ndir = "{folder}"\n')
    return str(folder / "home.toml")


async def opened() -> PlayedNode:
    """A node with a vehicle that follows."""
    node = await PlayedNode.open({VEHICLE: CAR | CAR_SET})
    node.can_set(VEHICLE, 0xDA, *CAR_SET)
    return node


async def test_node_is_found_with_its_objects() -> None:
    node = await opened()
    node.objects[PROFILE] |= {0xD6: bytes.fromhex("02027e010288ff"), 0x8A: bytes.fromhex("000077")}
    found = await found_nodes(OwnAddress("127.0.0.1", free_port()), ["127.0.0.2"], node.port, 0.2)
    assert found == [FoundNode("127.0.0.2", IDENTITY.hex(), "000077", (0x027E01, 0x0288FF))]
    assert found[0].readable() == (("vehicle", 1), ("meter", 255))
    node.close()


async def test_chargers_that_call_in_are_found_in_each_version() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found: dict[str, FoundCharger] = {}
    finding = asyncio.create_task(hear_chargers("127.0.0.1", port, found))
    old = await PlayedCharger.open_once_heard(f"ws://127.0.0.1:{port}/old")
    await old.boot()
    await old.be("Available")
    new = await PlayedCharger2.open(f"ws://127.0.0.1:{port}/ocpp/new")
    await new.boot()
    await new.is_connected()
    assert "error" in await new.call("Authorize", idToken={"idToken": "", "type": "NoAuthorization"})
    assert {name: (one.version, one.model, one.connectors) for name, one in found.items()} == {
        "old": ("ocpp1.6", "v m", {1: "Available"}),
        "new": ("ocpp2.1", "v m", {1: "Occupied"}),
    }
    for charger in (old, new):
        await charger.close()
    finding.cancel()
    await asyncio.gather(finding, return_exceptions=True)


async def test_topics_are_found_with_what_is_said_on_them() -> None:
    async with private_broker() as broker:
        address = Address(port=broker.port)
        link = AiomqttLink(Entrance(address.named("x")).next(), Greeting("x", None, 0))
        await link.open()
        said = asyncio.Event()
        link.publish(Post("meter/7/total", b"12.5", True), "", said.set)
        await said.wait()
        await link.close()
        assert await heard_topics(address, "meter/#", 0.2) == {"meter/7/total": b"12.5"}


async def test_devices_of_a_file_are_read_in_our_units(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    node = await opened()
    code = await asyncio.to_thread(call, ["devices", "read", "--config", home_of(node, tmp_path), "--json"])
    reading = json.loads(capsys.readouterr().out)["reading"]
    assert (code, reading["plugged"], reading["power_w"], reading["soc_pct"]) == (0, True, 0, 50)
    assert reading["register_wh"] == 5_000
    node.close()


async def test_device_that_says_nothing_is_one_line_and_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node = await opened()
    node.swallows = 1_000
    command = ["devices", "read", "--config", home_of(node, tmp_path), "--seconds", "0"]
    assert await asyncio.to_thread(call, command) == 1
    assert "has not answered" in " ".join(capsys.readouterr().out.split())
    node.close()


@pytest.mark.parametrize(("flows", "code"), [("FFFFF448", 0), ("00000000", 1)])
async def test_power_is_tried_and_given_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flows: str, code: int
) -> None:
    node = await opened()
    node.objects[VEHICLE][0xD3] = bytes.fromhex(flows)
    command = ["devices", "set", "ev", "-3000", "--config", home_of(node, tmp_path), "--lasts", "1"]
    assert await asyncio.to_thread(call, command) == code
    assert ("did not follow" in capsys.readouterr().out) is bool(code)
    written = [values for service, _, values in node.asked if service == SETC and 0xDA in values]
    assert written[0][0xDA] == "43"
    assert written[-1][0xDA] == node.objects[VEHICLE][0xDA].hex() == "44"
    assert not (tmp_path / "found").exists()
    node.close()


async def test_device_that_refuses_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    node = await opened()
    node.refuses = {0xDA}
    command = ["devices", "set", "ev", "-3000", "--config", home_of(node, tmp_path), "--lasts", "1"]
    assert await asyncio.to_thread(call, command) == 1
    told = capsys.readouterr().err
    assert "refuses" in told
    assert "gridpact watchdog --once --config" in told  # nor is it given back
    node.close()


async def killed_while_it_tries(config: str, node: PlayedNode) -> None:
    """`gridpact devices set`, ended by the system in the middle of its minute."""
    command = ("-m", "agents.cli", "devices", "set", "ev", "-3000", "--config", config)
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert (await process.stdout.readline()).startswith(b"before: ")
        assert (await process.stdout.readline()).startswith(b"ev: ")
    process.kill()
    await process.wait()
    assert node.objects[VEHICLE][0xDA] == b"\x43"


@pytest.mark.parametrize("answers", [True, False])
async def test_device_that_a_killed_run_still_holds_is_told_with_what_gives_it_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], answers: bool
) -> None:
    node = await opened()
    config = home_of(node, tmp_path)
    await killed_while_it_tries(config, node)
    node.swallows = 0 if answers else 1_000
    read = ["devices", "read", "--config", config, "--seconds", "0"]
    assert await asyncio.to_thread(call, read) == 1
    said = capsys.readouterr().out
    assert f"gridpact watchdog --once --config {config} gives it back" in said
    assert "ev: an earlier run, which was killed, has not given it back" in said
    node.swallows = 0
    assert await asyncio.to_thread(call, ["watchdog", "--once", "--config", config]) == 0
    assert node.objects[VEHICLE][0xDA] == b"\x44"
    capsys.readouterr()
    assert await asyncio.to_thread(call, read) == 0
    assert "earlier run" not in capsys.readouterr().out
    node.close()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["set", "ev", "9000"], "ev may have -3,000 W to 6,000 W (it is 9,000 W)"),
        (["set", "car", "0"], "no real device is called car: ev"),
        (["read", "car"], "no real device is called car: ev"),
        (["set", "ev", "0", "--lasts", "0"], "--lasts: has to lie between 1 and 600"),
    ],
)
async def test_mistake_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    node = await opened()
    assert await asyncio.to_thread(call, ["devices", *arguments, "--config", home_of(node, tmp_path)]) == 2
    assert text in capsys.readouterr().err
    assert node.asked == []
    node.close()


def test_power_of_a_water_heater_is_held_to_its_rating(tmp_path: Path) -> None:
    heater = """
kind = "load"
resource_id = "eq"
rated_w = 1500
schedule_w = 0
store_wh = 6000
level_wh = 3000
state_at = 2026-01-14T17:00:00Z
driver = "echonet"
options = { host = "127.0.0.2", object = "water_heater", memory = "found" }
"""
    tables = HOME.partition("kind =")[0] + heater
    (tmp_path / "home.toml").write_text(tables)
    installed = Installed(build_config(read_toml(tmp_path / "home.toml"), tmp_path / "home.toml"), "home.toml")
    installed.allowed("eq", 1_500)
    with pytest.raises(ConfigError, match="eq may have 0 W to 1,500 W"):
        installed.allowed("eq", 1_600)


def test_file_with_simulated_devices_only_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "home.toml").write_text(HOME)
    assert call(["devices", "read", "--config", str(tmp_path / "home.toml")]) == 2
    assert "all devices are simulated: name a driver" in capsys.readouterr().err


def test_file_without_homes_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ac.toml").write_text('[utility]\nchildren = ["ac"]\n')
    assert call(["devices", "read", "--config", str(tmp_path / "ac.toml")]) == 2
    assert "there is no device here: give the file of a home's daemon" in capsys.readouterr().err


async def test_devices_of_a_daemon_that_runs_are_left_to_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    node = await opened()
    gone = asyncio.Event()

    async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()
        gone.set()

    server = await asyncio.start_unix_server(hangs_up, tmp_path / "home-14.sock")
    command = ["devices", "set", "ev", "-3000", "--config", home_of(node, tmp_path)]
    assert await asyncio.to_thread(call, command) == 2
    assert "its daemon runs: stop it first" in capsys.readouterr().err
    assert node.asked == []
    await gone.wait()
    server.close()
    await server.wait_closed()
    node.close()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["ocpp", "192.168.1.20"], "addresses are asked by echonet only"),
        (["echonet", "wallbox"], "wallbox: an IPv4 address is needed"),
        (["mqtt", "--port", "1"], "127.0.0.1:1"),
        (
            ["ocpp", "--host", "192.0.2.1"],
            "192.0.2.1:9000: Cannot assign requested address: is that an address of this",
        ),
        (
            ["echonet", "--host", "192.0.2.1"],
            "192.0.2.1:3610: Cannot assign requested address: is that an address of this",
        ),
        (["echonet", "--host", "house"], "--host: 'house' is no IPv4 address"),
        (["ocpp", "--host", "192.168.1.2:9000"], "--host: '192.168.1.2:9000' is no name of a host"),
        (["mqtt", "--host", "a b"], "--host: 'a b' is no name of a host"),
        (["mqtt", "--topics", "a/#/b"], "--topics: 'a/#/b' is no filter of topics"),
        (["mqtt", "--topics", "a+/b"], "--topics: 'a+/b' is no filter of topics"),
        (["mqtt", "--topics", ""], "--topics: '' is no filter of topics"),
    ],
)
def test_discovery_that_cannot_be_is_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    assert call(["devices", "discover", *arguments, "--seconds", "0.1"]) in (2, 3)
    told = capsys.readouterr().err
    assert text in told
    assert "Traceback" not in told
