"""A node over real datagrams: what is asked and set, what is given back, and what a node that fails costs."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from played_node import BATTERY, GET, IDENTITY, INFC, PROFILE, SETC, VEHICLE, PlayedNode
from running_nodes import Running, free_port, started

from agents.drivers.contract import DeviceTrouble
from agents.drivers.echonet import EchonetDriver, EchonetOptions
from agents.drivers.register import ANEW_WH
from agents.drivers.registry import driver_class
from agents.drivers.remote import RemoteDevice
from agents.drivers.thread import DriverThread
from agents.settings.checked import ConfigError
from broker.clock import Clock
from protocol.actor import Measured

LATER = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(hours=1)
STORE = {0xD3: "00000000", 0xDA: "46", 0xDB: "00", 0xE2: "00001388", 0xA8: "000003E8", 0xA9: "00000064"}
SETTINGS = {0xEB: "00000000", 0xEC: "FFFFFFFF", 0xC1: "01", 0xC2: "02"}
CAR = {0xC7: "43", 0xD3: "00000000", 0xDA: "44", 0xDB: "00", 0xEB: "000003E8", 0xEC: "000003E8", 0xDC: "01", 0xDD: "02"}


def options(node: PlayedNode, kind: str, folder: Path, own_port: int, **more: Any) -> EchonetOptions:
    given = {"host": "127.0.0.2", "port": node.port, "bind": "127.0.0.1", "own_port": own_port, "object": kind}
    patience_s = more.pop("patience_s", 3.0)
    if kind in ("battery", "vehicle"):
        given |= {"memory": folder / f"{kind}.json", "settles_s": 0}
    return EchonetOptions.model_validate(given | more).model_copy(update={"patience_s": patience_s})


@asynccontextmanager
async def storing(
    folder: Path, values: dict[int, str] | None = None, **more: Any
) -> AsyncIterator[tuple[Running, PlayedNode]]:
    """A driver of one battery `bat` that does what it likes (automatic)."""
    node = await PlayedNode.open({BATTERY: {**STORE, **SETTINGS, **(values or {})}})
    node.can_set(BATTERY, 0xDA, 0xEB, 0xEC, 0xC1, 0xC2)
    try:
        async with started({"bat": options(node, "battery", folder, free_port(), **more)}) as found:
            yield found, node
    finally:
        node.close()


async def test_what_a_battery_says_is_told(tmp_path: Path) -> None:
    async with storing(tmp_path, {0xD3: "FFFFF830"}) as (found, _):
        reading = await found.driver.read("bat")
        assert (reading.power_w, reading.soc_wh, reading.register_wh, reading.fault) == (-2_000, 5_000, 900.0, "")


async def test_set_point_is_written_read_back_and_given_back(tmp_path: Path) -> None:
    async with storing(tmp_path) as (found, node):
        before = dict(node.objects[BATTERY])
        await found.driver.set_power("bat", -1_500, LATER)
        assert [one for one in node.asked if one[0] == SETC] == [
            (SETC, BATTERY, {0xEC: "000005dc", 0xC2: "03", 0xDA: "43"})
        ]
        assert node.asked[-1] == (GET, BATTERY, {0xEC: "", 0xC2: "", 0xDA: ""})
        await found.driver.set_power("bat", 0, LATER)
        assert node.objects[BATTERY][0xDA] == b"\x44"
        await found.driver.release("bat")
        after = dict(node.objects[BATTERY])
        assert after.pop(0xEC) == bytes.fromhex("000005DC")  # it had none, and none can be written
        del before[0xEC]
        assert after == before


async def test_release_without_anything_left_changes_nothing(tmp_path: Path) -> None:
    async with storing(tmp_path) as (found, node):
        asked = len(node.asked)
        await found.driver.release("bat")
        assert len(node.asked) == asked


async def test_next_life_gives_back_what_the_first_one_found(tmp_path: Path) -> None:
    node = await PlayedNode.open({BATTERY: {**STORE, **SETTINGS}})
    node.can_set(BATTERY, 0xDA, 0xEB, 0xEC)
    async with started({"bat": options(node, "battery", tmp_path, free_port())}) as first:
        await first.driver.set_power("bat", 1_000, LATER)
    async with started({"bat": options(node, "battery", tmp_path, free_port())}) as second:
        await second.driver.set_power("bat", 2_000, LATER)  # what it finds now is ours
        await second.driver.release("bat")
    assert (node.objects[BATTERY][0xDA], node.objects[BATTERY][0xEB]) == (b"\x46", bytes(4))
    assert not list(tmp_path.iterdir())
    node.close()


async def test_device_found_in_a_mode_that_cannot_be_set_is_given_back_as_standby(tmp_path: Path) -> None:
    async with storing(tmp_path, {0xDA: "48"}) as (found, node):
        await found.driver.set_power("bat", 1_000, LATER)
        await found.driver.release("bat")
        assert node.objects[BATTERY][0xDA] == b"\x44"


async def test_vehicle_charger_that_was_found_idle_is_idle_again(tmp_path: Path) -> None:
    node = await PlayedNode.open({VEHICLE: {**CAR, 0xDA: "47"}})
    node.can_set(VEHICLE, 0xDA, 0xEB, 0xEC, 0xDC, 0xDD)
    async with started({"ev": options(node, "vehicle", tmp_path, free_port())}) as found:
        await found.driver.set_power("ev", 2_000, LATER)
        assert node.objects[VEHICLE][0xDA] == b"\x42"
        await found.driver.release("ev")
        assert node.objects[VEHICLE][0xDA] == b"\x47"
    node.close()


async def test_file_of_what_was_found_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    async with storing(tmp_path) as (found, node):
        (tmp_path / "battery.json").write_text("{")
        for call in (found.driver.release("bat"), found.driver.set_power("bat", 1_000, LATER)):
            with pytest.raises(DeviceTrouble, match=r"battery\.json cannot be read: set the device by hand"):
                await call
        assert all(service == GET for service, _, _ in node.asked)


async def test_lost_request_is_asked_again_under_the_same_number(tmp_path: Path) -> None:
    async with storing(tmp_path, patience_s=0.5) as (found, node):
        node.swallows, begun = 1, len(node.raw)
        assert (await found.driver.read("bat")).soc_wh == 5_000
        first, second = node.raw[begun:]
        assert first == second


async def test_late_answer_is_one(tmp_path: Path) -> None:
    async with storing(tmp_path, patience_s=0.5) as (found, node):
        node.late = 1
        assert (await found.driver.read("bat")).soc_wh == 5_000


async def test_silent_node_is_told(tmp_path: Path) -> None:
    async with storing(tmp_path, patience_s=0.05) as (found, node):
        node.swallows = 2
        with pytest.raises(DeviceTrouble, match=r"node 127\.0\.0\.2:\d+ has not answered within 2 times 0\.05 s"):
            await found.driver.read("bat")


async def test_refusal_is_told(tmp_path: Path) -> None:
    async with storing(tmp_path) as (found, node):
        node.refuses = {0xDA}
        with pytest.raises(DeviceTrouble, match="refuses to set 0xDA"):
            await found.driver.set_power("bat", 1_000, LATER)


async def test_node_that_accepts_and_does_nothing_is_told_as_faulty(tmp_path: Path) -> None:
    async with storing(tmp_path) as (found, node):
        node.does_nothing = True
        with pytest.raises(DeviceTrouble, match="says that it has taken charging, and its mode is automatic"):
            await found.driver.set_power("bat", 1_000, LATER)
        reading = await found.driver.read("bat")
        assert reading.fault == "does not follow: its mode is automatic, it was told charging"
        assert reading.register_wh == 900.0
        await found.driver.release("bat")
        assert (await found.driver.read("bat")).fault == ""


async def test_power_that_is_not_taken_is_told(tmp_path: Path) -> None:
    async with storing(tmp_path, {0xDA: "42"}) as (found, node):
        node.does_nothing = True
        with pytest.raises(DeviceTrouble, match="says that it has taken 0xEB, 0xC1, and has something else there"):
            await found.driver.set_power("bat", 1_000, LATER)


async def test_device_whose_mode_somebody_else_sets_is_faulty(tmp_path: Path) -> None:
    async with storing(tmp_path) as (found, node):
        await found.driver.set_power("bat", 1_000, LATER)
        assert (await found.driver.read("bat")).fault == ""
        node.objects[BATTERY][0xDA] = b"\x43"
        assert "does not follow: its mode is discharging" in (await found.driver.read("bat")).fault


@pytest.mark.parametrize(
    ("grid", "power_w", "why"), [("02", -1_000, "must not feed in"), ("01", 1_000, "apart from the grid")]
)
async def test_grid_that_forbids_it_is_told_and_nothing_is_written(
    tmp_path: Path, grid: str, power_w: int, why: str
) -> None:
    async with storing(tmp_path, {0xDB: grid}) as (found, node):
        with pytest.raises(DeviceTrouble, match=why):
            await found.driver.set_power("bat", power_w, LATER)
        assert all(service == GET for service, _, _ in node.asked)
        assert not list(tmp_path.iterdir())


async def test_device_that_may_not_feed_in_still_charges(tmp_path: Path) -> None:
    async with storing(tmp_path, {0xDB: "02"}) as (found, node):
        await found.driver.set_power("bat", 1_000, LATER)
        assert node.objects[BATTERY][0xDA] == b"\x42"


async def test_vehicle_charger_looks_for_its_vehicle_and_follows_by_modes(tmp_path: Path) -> None:
    node = await PlayedNode.open({VEHICLE: {0xC7: "43", 0xDA: "44", 0xDB: "00"}})
    node.can_set(VEHICLE, 0xDA, 0xCD)
    async with started({"ev": options(node, "vehicle", tmp_path, free_port(), mode_w=3_000)}) as found:
        assert node.asked[1] == (SETC, VEHICLE, {0xCD: "10"})
        assert (await found.driver.read("ev")).plugged is True
        assert [one for one in node.asked if 0xCD in one[2]] == [node.asked[1]]  # not at each reading
        await found.driver.set_power("ev", -3_000, LATER)
        assert node.objects[VEHICLE][0xDA] == b"\x43"
        await found.driver.release("ev")
        assert node.objects[VEHICLE][0xDA] == b"\x44"
    node.close()


async def test_vehicle_discharges_with_the_power_and_not_as_the_load_is(tmp_path: Path) -> None:
    node = await PlayedNode.open({VEHICLE: CAR})
    node.can_set(VEHICLE, 0xDA, 0xDC, 0xDD, 0xEB, 0xEC)
    async with started({"ev": options(node, "vehicle", tmp_path, free_port())}) as found:
        await found.driver.set_power("ev", -2_000, LATER)
        has = node.objects[VEHICLE]
        assert (has[0xDA], has[0xDD], has[0xEC]) == (b"\x43", b"\x03", bytes.fromhex("000007D0"))
        await found.driver.release("ev")
        assert (has[0xDA], has[0xDD], has[0xEC]) == (b"\x44", b"\x02", bytes.fromhex("000003E8"))
    node.close()


async def test_announcement_is_pushed_with_all_that_is_known(tmp_path: Path) -> None:
    async with storing(tmp_path) as (found, node):
        node.objects[BATTERY][0xD3] = bytes.fromhex("000003E8")
        node.tell(BATTERY, 0xD3, "000003E8", found.own)
        reading = await found.until(lambda one: one.power_w == 1_000)
        assert reading.register_wh == 900.0


async def test_announcement_that_wants_an_answer_gets_one(tmp_path: Path) -> None:
    async with storing(tmp_path) as (found, node):
        begun = len(node.raw)
        node.tell(BATTERY, 0xDA, "46", found.own, service=INFC)
        await node.heard(begun + 1)
        assert node.raw[begun] == bytes.fromhex("10810007 05FF01 027D01 7A01DA00")


async def test_node_at_a_new_address_is_the_same_one(tmp_path: Path) -> None:
    async with storing(tmp_path, patience_s=0.05) as (found, node):
        port = node.port
        node.close()
        with pytest.raises(DeviceTrouble, match=r"node 127\.0\.0\.2:\d+ has not answered"):
            await found.driver.read("bat")
        moved = await PlayedNode.open({BATTERY: {**STORE, 0xE2: "00001770"}}, "127.0.0.3", port)
        moved.tell(PROFILE, 0xD5, "01027D01", found.own)  # what a node says when it starts
        assert (await found.until(lambda one: one.soc_wh == 6_000)).fault == ""
        moved.close()


async def test_another_node_at_a_new_address_takes_nothing_over(tmp_path: Path) -> None:
    async with storing(tmp_path, patience_s=0.05) as (found, node):
        port = node.port
        node.close()
        with pytest.raises(DeviceTrouble):
            await found.driver.read("bat")
        other = await PlayedNode.open({BATTERY: STORE}, "127.0.0.3", port)
        other.objects[PROFILE][0x83] = IDENTITY[:-1] + b"\x08"
        other.tell(PROFILE, 0xD5, "01027D01", found.own)
        await other.heard(1)  # it was asked who it is
        with pytest.raises(DeviceTrouble, match=r"node 127\.0\.0\.2:\d+ has not answered"):
            await found.driver.read("bat")
        assert [eoj for _, eoj, _ in other.asked] == [PROFILE]
        other.close()


async def test_requests_to_a_node_are_one_after_the_other(tmp_path: Path) -> None:
    """Two objects of one node: the second one is asked when the first one has answered."""
    node = await PlayedNode.open({BATTERY: STORE, "027901": {0xE0: "0064", 0xE1: "00000064"}})
    own = free_port()
    devices = {
        "bat": options(node, "battery", tmp_path, own, patience_s=0.5),
        "pv": options(node, "solar", tmp_path, own),
    }
    async with started(devices) as found:
        begun = len(node.raw)
        node.late = 1  # its answer comes with the next request: none may come before
        first = asyncio.create_task(found.driver.read("bat"))
        second = asyncio.create_task(found.driver.read("pv"))
        await node.heard(begun + 1)
        assert len(node.raw) == begun + 1
        await asyncio.gather(first, second)
        eojs = [data[7:10].hex() for data in node.raw[begun:]]
        assert eojs == [BATTERY, BATTERY, "027901"]
    node.close()


async def test_solar_is_read_only(tmp_path: Path) -> None:
    node = await PlayedNode.open({"027901": {0xE0: "0064", 0xE1: "00000064"}})
    async with started({"pv": options(node, "solar", tmp_path, free_port())}) as found:
        reading = await found.driver.read("pv")
        assert (reading.power_w, reading.register_wh) == (-100, -100.0)
        with pytest.raises(DeviceTrouble, match="a solar is read only"):
            await found.driver.set_power("pv", 0, LATER)
        await found.driver.release("pv")
        assert all(service == GET for service, _, _ in node.asked)
    node.close()


async def test_devices_and_meters_of_a_process_share_the_socket(tmp_path: Path) -> None:
    meter = {0xD3: "00000001", 0xE1: "02", 0xE0: "00000064", 0xE3: "00000000"}
    node = await PlayedNode.open({BATTERY: STORE, "028801": meter})
    own = free_port()
    async with (
        started({"bat": options(node, "battery", tmp_path, own)}) as devices,
        started({"bat": options(node, "meter", tmp_path, own)}) as meters,
    ):
        assert (await meters.driver.read("bat")).register_wh == 1_000.0
        node.objects["028801"][0xE0] = bytes(4)  # begins anew: told as another one
        assert (await meters.driver.read("bat")).register_wh == ANEW_WH
        assert (await devices.driver.read("bat")).register_wh == 900.0
    node.close()


async def test_devices_and_meters_that_begin_at_once_open_one_socket(tmp_path: Path) -> None:
    node = await PlayedNode.open({BATTERY: STORE, "028801": {0xE1: "02", 0xE0: "00000064"}})
    own = free_port()
    drivers = [EchonetDriver({"bat": options(node, kind, tmp_path, own)}) for kind in ("battery", "meter")]
    tasks = [asyncio.create_task(one.run(lambda name, reading: None)) for one in drivers]
    readings = await asyncio.gather(*(one.read("bat") for one in drivers))
    assert [one.register_wh for one in readings] == [900.0, 1_000.0]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    node.close()


async def test_object_that_the_node_does_not_have_is_told(tmp_path: Path) -> None:
    async with storing(tmp_path) as (found, node):
        del node.objects[BATTERY]
        with pytest.raises(DeviceTrouble, match=r"has no object 0x027D01, or nothing to say of it"):
            await found.driver.read("bat")


async def test_driver_that_does_not_run_says_so(tmp_path: Path) -> None:
    made = EchonetOptions.model_validate({"host": "127.0.0.2", "object": "solar", "own_port": free_port()})
    driver = EchonetDriver({"pv": made})
    with pytest.raises(DeviceTrouble, match="is not open"):
        await driver.read("pv")


async def test_party_hears_of_a_battery_that_does_not_follow_and_gives_it_back_when_it_ends(tmp_path: Path) -> None:
    node = await PlayedNode.open({BATTERY: {**STORE, **SETTINGS}})
    node.can_set(BATTERY, 0xDA, 0xEB, 0xEC)
    driver = driver_class("echonet", "x")({"bat": options(node, "battery", tmp_path, free_port(), poll_s=1)})
    device, told = RemoteDevice("bat", DriverThread("echonet", driver)), asyncio.Queue[Measured]()
    clock = Clock(LATER, speed=20)
    task = asyncio.create_task(device.run(clock, told.put))
    async with asyncio.timeout(20):
        assert (await told.get()).soc_wh == 5_000
        now = clock.now()
        device.set_power(1_000, now, now + timedelta(hours=1))
        while node.objects[BATTERY][0xDA] != b"\x42":
            await node.heard(len(node.raw) + 1)
        node.objects[BATTERY][0xDA], node.does_nothing = b"\x46", True
        while (reading := await told.get()).fault is None:
            pass
        assert "does not follow: its mode is automatic" in reading.fault
        node.does_nothing = False
        task.cancel()
        await asyncio.wait([task])
    assert (node.objects[BATTERY][0xDA], node.objects[BATTERY][0xEB]) == (b"\x46", bytes(4))
    assert not list(tmp_path.iterdir())
    node.close()


async def test_port_that_is_taken_ends_run() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        made = EchonetOptions.model_validate(
            {"host": "127.0.0.2", "object": "solar", "bind": "127.0.0.1", "own_port": other.getsockname()[1]}
        )
        with pytest.raises(OSError, match="in use"):
            await EchonetDriver({"pv": made}).run(lambda name, reading: None)


def test_driver_is_shipped() -> None:
    found: object = driver_class("echonet", "x")
    assert found is EchonetDriver


def test_battery_without_a_memory_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="memory is needed"):
        EchonetOptions.model_validate({"host": "192.168.1.9", "object": "battery"})


def test_path_of_the_memory_begins_at_the_folder(tmp_path: Path) -> None:
    made = EchonetOptions.model_validate({"host": "192.168.1.9", "object": "battery", "memory": "bat.json"})
    assert made.placed(tmp_path).memory == tmp_path / "bat.json"


@pytest.mark.parametrize(
    ("second", "why"),
    [
        ({}, "second: this object of 192.168.1.9 is first already"),
        ({"instance": 2}, "second: memory m is that of first already"),
    ],
)
def test_two_devices_that_are_one_are_a_mistake(second: dict[str, Any], why: str) -> None:
    first = {"host": "192.168.1.9", "object": "battery", "memory": "m"}
    made = [EchonetOptions.model_validate(first | more) for more in ({}, second)]
    with pytest.raises(ConfigError, match=why):
        EchonetDriver({"first": made[0], "second": made[1]})
