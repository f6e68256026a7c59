"""A real device between a party and its driver: whatever the driver does, the party's loop goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from played_driver import REFUSES, PlayedDriver

from agents.drivers import commanding, remote, thread
from agents.drivers.contract import Abilities, DeviceReading
from agents.drivers.orders import PowerOrder
from agents.drivers.remote import RemoteDevice
from agents.drivers.state import driver_memory, remember_driver
from agents.drivers.thread import DriverThread
from broker.clock import Clock
from protocol.actor import Measure, Measured

SPEED = 600.0
"""A minute of silence lasts 0.1 s."""
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread, "ANSWER_WITHIN_S", 0.1)
    monkeypatch.setattr(commanding, "LEAVE_WITHIN_S", 0.1)
    monkeypatch.setattr(commanding, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(thread, "END_WITHIN_S", 0.1)


class Party:
    """What a party sees of a device."""

    def __init__(self, device: RemoteDevice, driver: PlayedDriver, clock: Clock) -> None:
        self.device, self.driver, self.clock = device, driver, clock
        self.told: asyncio.Queue[Measured] = asyncio.Queue()

    async def give(self, reading: Measured) -> None:
        self.told.put_nowait(reading)

    async def until(self, **wanted: object) -> Measured:
        """The next reading with these values; a fault may go on behind its first words."""
        while True:
            reading = await self.told.get()
            if all(_is(getattr(reading, key), value) for key, value in wanted.items()):
                return reading

    async def command(self) -> tuple[str, int | None]:
        return await self.driver.command()

    def order(self, power_w: int | None, for_s: float = 3600) -> datetime:
        now = self.clock.now()
        self.device.set_power(power_w, now, now + timedelta(seconds=for_s))
        return now + timedelta(seconds=for_s)


def _is(value: object, wanted: object) -> bool:
    if isinstance(value, str) and isinstance(wanted, str):
        return value.startswith(wanted)
    return value == wanted


@asynccontextmanager
async def running(
    driver: PlayedDriver, device: RemoteDevice | None = None, clock: Clock | None = None
) -> AsyncIterator[Party]:
    clock = clock or Clock(datetime.fromisoformat("2026-01-14T17:00:00Z"), speed=SPEED)
    device = device or RemoteDevice("ev", DriverThread("played", driver), capacity_wh=40_000)
    party = Party(device, driver, clock)
    async with asyncio.timeout(60):
        task = asyncio.create_task(device.run(clock, party.give))
        try:
            yield party
        finally:
            driver.blocks.set()
            task.cancel()
            await asyncio.wait([task])
        assert task.cancelled()


async def test_state_is_told_and_set_point_is_commanded_and_released_at_its_end() -> None:
    driver = PlayedDriver()
    async with running(driver) as party:
        assert (await party.until(soc_wh=20_000)).plugged is True
        assert await party.command() == ("release", None)  # whatever an earlier life has left
        party.order(-2_000, for_s=60)
        assert await party.command() == ("set", -2_000)
        assert party.device.held_w == -2_000
        assert await party.command() == ("release", None)
        party.order(1_000)
        assert await party.command() == ("set", 1_000)
        party.order(None)
        assert await party.command() == ("release", None)


async def test_device_is_released_when_the_party_ends() -> None:
    driver = PlayedDriver()
    async with running(driver) as party:
        await party.command()
        party.order(1_000)
        assert await party.command() == ("set", 1_000)
    assert await driver.command() == ("release", None)
    assert party.device.held_w is None


async def test_set_point_is_repeated_before_the_device_drops_it() -> None:
    driver = PlayedDriver(can=Abilities(falls_back_s=0.15))
    async with running(driver) as party:
        await party.command()
        party.order(1_000, for_s=36_000)
        for _ in range(4):
            assert await party.command() == ("set", 1_000)


@pytest.mark.parametrize("trouble", [REFUSES, ZeroDivisionError("division by zero"), asyncio.CancelledError()])
async def test_driver_that_throws_is_told_as_a_fault_and_asked_on(trouble: Exception) -> None:
    driver = PlayedDriver()
    async with running(driver) as party:
        await party.until(soc_wh=20_000)
        driver.trouble = trouble
        silent = await party.until(fault="silent")
        assert (silent.soc_wh, silent.plugged) == (None, None)
        driver.trouble = None
        assert (await party.until(soc_wh=20_000)).fault is None


async def test_driver_that_does_not_take_its_set_point_is_told_and_asked_again() -> None:
    driver = PlayedDriver()
    async with running(driver) as party:
        await party.command()
        driver.trouble = REFUSES
        party.order(1_000, for_s=36_000)
        driver.state = replace(driver.state)
        assert await party.command() == ("set", 1_000)
        await party.until(fault="")
        driver.trouble = None
        while await party.command() != ("set", 1_000):
            pass
        assert (await party.until(fault=None, soc_wh=20_000)).soc_wh == 20_000


async def test_driver_that_hangs_leaves_the_party_free() -> None:
    driver = PlayedDriver()
    async with running(driver) as party:
        await party.until(soc_wh=20_000)
        driver.hangs = True
        reading = await party.until(fault="silent")
        assert "has not answered" in str(reading.fault)
        driver.hangs = False
        await party.until(soc_wh=20_000, fault=None)


async def test_driver_that_blocks_its_thread_leaves_the_party_free() -> None:
    driver = PlayedDriver()
    async with running(driver) as party:
        await party.until(soc_wh=20_000)
        driver.blocks.clear()
        assert "has not answered" in str((await party.until(fault="silent")).fault)
        driver.blocks.set()
        await party.until(soc_wh=20_000, fault=None)


async def test_state_that_is_old_already_is_none() -> None:
    driver = PlayedDriver()
    driver.state = DeviceReading(age_s=1.0, soc_wh=5_000)
    async with running(driver) as party:
        assert (await party.until(fault="silent")).soc_wh is None


async def test_device_that_tells_by_itself_is_heard_at_once() -> None:
    driver = PlayedDriver(can=Abilities(poll_s=None, silent_after_s=3_600))
    async with running(driver) as party:
        await party.until(plugged=True)
        assert driver.push is not None
        driver.push("ev", DeviceReading(plugged=False))
        await party.until(plugged=False)
        driver.push("ev", DeviceReading(fault="overheated"))
        await party.until(fault="overheated")
        driver.push("ev", DeviceReading(plugged=True))
        await party.until(plugged=True, fault=None)
        assert driver.read_times <= 2


async def test_device_that_flickers_is_told_as_it_was_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "STATES_APART_S", SPEED)
    driver = PlayedDriver(can=Abilities(poll_s=None, silent_after_s=36_000))
    async with running(driver) as party:
        await party.until(plugged=True)
        assert driver.push is not None
        for _ in range(500):
            driver.push("ev", DeviceReading(plugged=False))
            await asyncio.sleep(0)
            driver.push("ev", DeviceReading(plugged=True))
            await asyncio.sleep(0)
        driver.push("ev", DeviceReading(plugged=False, power_w=7))
        told = [await party.until(resource_id="ev")]
        while told[-1].power_w != 7:
            told.append(await party.until(resource_id="ev"))
        assert len(told) < 500  # of a thousand


async def test_slot_is_metered_by_the_register() -> None:
    driver = PlayedDriver(can=Abilities(poll_s=1))
    async with running(driver) as party:
        await party.until(soc_wh=20_000)
        start, times = party.clock.now(), driver.read_times
        while driver.read_times < times + 2:
            await asyncio.sleep(0)
        driver.state = replace(driver.state, register_wh=1_250.0, soc_wh=20_500)
        await party.until(soc_wh=20_500)
        party.device.measure(Measure("ev", "e1", 3, start, party.clock.now()))
        reading = await party.until(event_id="e1")
        assert (reading.slot, reading.energy_wh) == (3, 250)
        assert reading.soc_wh is None  # it was told with the instant of which it is


async def test_device_without_a_register_tells_no_energy() -> None:
    driver = PlayedDriver()
    driver.state = replace(driver.state, register_wh=None)
    async with running(driver) as party:
        await party.until(soc_wh=20_000)
        now = party.clock.now()
        party.device.measure(Measure("ev", "e1", 0, now - HOUR, now))
        assert (await party.until(event_id="e1")).energy_wh is None


async def test_slot_that_began_before_the_first_reading_is_not_metered() -> None:
    driver = PlayedDriver()
    async with running(driver) as party:
        await party.until(soc_wh=20_000)
        now = party.clock.now()
        party.device.measure(Measure("ev", "e1", 0, now - HOUR, now))
        assert (await party.until(event_id="e1")).energy_wh is None


async def test_meter_of_its_own_counts_instead_of_the_device() -> None:
    driver, meter = PlayedDriver(can=Abilities(poll_s=1)), PlayedDriver()
    driver.state = replace(driver.state, register_wh=None)
    meter.state = DeviceReading(register_wh=7_000.0)
    device = RemoteDevice("ev", DriverThread("played", driver), meter=DriverThread("meter", meter))
    async with running(driver, device) as party:
        await party.until(soc_wh=20_000)
        while device._slots.register.read_at is None:
            await asyncio.sleep(0)
        start = party.clock.now()
        driver.state = replace(driver.state, soc_wh=21_000)
        await party.until(soc_wh=21_000)
        device.measure(Measure("ev", "e1", 0, start, party.clock.now()))
        assert (await party.until(event_id="e1")).energy_wh == 0


async def test_orders_of_an_earlier_life_hold_on() -> None:
    first = RemoteDevice("ev", DriverThread("played", PlayedDriver()))
    at = datetime.fromisoformat("2026-01-14T16:00:00Z")
    first.set_power(1_500, at, at + 3 * HOUR)
    memory = driver_memory(first)
    assert memory is not None
    driver = PlayedDriver()
    second = RemoteDevice("ev", DriverThread("played", driver))
    remember_driver(second, memory)
    assert second.orders.all == (PowerOrder(at, at + 3 * HOUR, 1_500),)
    async with running(driver, second) as party:
        assert await party.command() == ("set", 1_500)


async def test_slot_whose_end_lies_in_a_gap_is_told_late_as_a_replacement_value() -> None:
    driver, meter = PlayedDriver(can=Abilities(poll_s=1)), PlayedDriver()
    driver.state = replace(driver.state, register_wh=None)
    meter.state = DeviceReading(register_wh=7_000.0, register_step_wh=100.0)
    device = RemoteDevice("ev", DriverThread("played", driver), meter=DriverThread("meter", meter))
    async with running(driver, device) as party:
        while device._slots.register.read_at is None:
            await asyncio.sleep(0)
        start = party.clock.now()
        while party.clock.now() < start + timedelta(minutes=5):
            await asyncio.sleep(0)
        meter.trouble, times = REFUSES, meter.read_times
        while meter.read_times < times + 2:  # a reading that was under way is in
            await asyncio.sleep(0)
        device.measure(Measure("ev", "e1", 0, start, party.clock.now()))
        missing = await party.until(event_id="e1")
        assert (missing.energy_wh, missing.step_wh, missing.estimated) == (None, None, None)
        meter.state, meter.trouble = replace(meter.state, register_wh=7_600.0), None
        late = await party.until(event_id="e1")
        assert late.energy_wh is not None
        assert 0 <= late.energy_wh < 600  # the rest flowed behind the slot
        assert (late.slot, late.step_wh, late.estimated) == (0, 100, True)


def test_register_of_which_a_part_is_older_than_a_silence_is_no_reading_yet() -> None:
    device = RemoteDevice("ev", DriverThread("played", PlayedDriver(can=Abilities(silent_after_s=60))))
    begun_at = datetime.fromisoformat("2026-01-14T16:00:00Z")

    def hear(at_s: float, register_wh: float, oldest_s: float) -> None:
        at = begun_at + timedelta(seconds=at_s)
        device._time.clock = Clock(at, datetime.now(UTC), 1.0)
        device._hear_meter(DeviceReading(register_wh=register_wh, register_age_s=at_s - oldest_s))

    def flowed_wh() -> int | None:
        return device._slots.register.estimated_wh(begun_at + timedelta(seconds=10), begun_at + timedelta(seconds=310))

    hear(0, 1_000, 0)
    hear(310, 1_600, 0)  # imported alone: exported is as it was before the silence
    assert flowed_wh() is None
    hear(311, 1_000, 310)
    assert flowed_wh() == 0


async def test_slot_of_a_time_in_which_nobody_heard_the_meter_is_told_by_what_it_has_kept() -> None:
    """At first nothing is known, or a replacement value; then what was metered."""
    driver, meter = PlayedDriver(can=Abilities(poll_s=1)), PlayedDriver(can=Abilities(poll_s=1))
    driver.state = replace(driver.state, register_wh=None)
    meter.state = DeviceReading(register_wh=9_000.0, register_step_wh=100.0)
    device = RemoteDevice("ev", DriverThread("played", driver), meter=DriverThread("meter", meter))
    over_at = datetime.now(UTC) - timedelta(minutes=10)
    start = over_at - timedelta(minutes=30)
    async with running(driver, device, Clock()) as party:
        device.measure(Measure("ev", "e1", 0, start, over_at))
        assert (await party.until(event_id="e1")).energy_wh is None
        assert meter.push is not None
        meter.push("ev", replace(meter.state, kept=((start, 7_000.0), (over_at, 8_500.0))))
        known = await party.until(event_id="e1")
        assert (known.slot, known.energy_wh, known.step_wh, known.estimated) == (0, 1_500, 100, None)
        assert meter.push is not None
        meter.push("ev", replace(meter.state, kept=((start, 7_000.0), (over_at, 8_500.0))))
        device.measure(Measure("ev", "e1", 1, over_at, over_at))
        assert (await party.until(event_id="e1")).slot == 1  # it was told once


async def test_slots_shorter_than_a_half_hour_that_nobody_heard_are_told_as_its_even_parts() -> None:
    driver, meter = PlayedDriver(can=Abilities(poll_s=1)), PlayedDriver(can=Abilities(poll_s=1))
    driver.state = replace(driver.state, register_wh=None)
    meter.state = DeviceReading(register_wh=9_000.0)
    device = RemoteDevice("ev", DriverThread("played", driver), meter=DriverThread("meter", meter))
    over_at = datetime.now(UTC) - timedelta(minutes=10)
    quarter = timedelta(minutes=15)
    async with running(driver, device, Clock()) as party:
        for slot in (0, 1):
            begins_at = over_at - (2 - slot) * quarter
            device.measure(Measure("ev", "e1", slot, begins_at, begins_at + quarter))
            assert (await party.until(event_id="e1")).energy_wh is None
        assert meter.push is not None
        state = replace(meter.state, kept=((over_at - 2 * quarter, 7_000.0), (over_at, 8_500.0)))
        meter.push("ev", state)
        told = [await party.until(event_id="e1") for _ in range(2)]
        assert [(one.slot, one.energy_wh, one.estimated) for one in told] == [(0, 750, True), (1, 750, True)]
        nearer = (over_at - quarter, 7_100.0)
        meter.push("ev", replace(state, kept=(*state.kept, nearer)))
        told = [await party.until(event_id="e1") for _ in range(2)]
        assert [(one.slot, one.energy_wh, one.estimated) for one in told] == [(0, 100, None), (1, 1_400, None)]


async def test_values_that_are_kept_count_for_no_other_clock_than_the_world_s() -> None:
    driver = PlayedDriver(can=Abilities(poll_s=1))
    device = RemoteDevice("ev", DriverThread("played", driver))
    async with running(driver, device) as party:
        while device._slots.register.read_at is None:
            await asyncio.sleep(0)
        now = party.clock.now()
        driver.push("ev", replace(driver.state, register_wh=5_000.0, kept=((now - timedelta(minutes=30), 4_000.0),)))
        while device._slots.register._wh[-1] != 5_000.0:
            await asyncio.sleep(0)
        assert 4_000.0 not in device._slots.register._wh
