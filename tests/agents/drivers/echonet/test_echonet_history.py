"""A smart meter that nobody heard for a while is asked for what it has kept of each half hour."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from played_node import GET, SETC, PlayedNode
from running_nodes import Running, free_port, started

from agents.drivers.contract import DeviceReading
from agents.drivers.echonet import EchonetOptions, codes
from agents.drivers.echonet.history import (
    HALF_AN_HOUR,
    KeptCount,
    clock_of,
    counts_of,
    days_since,
    is_off,
    kept_of,
    up_to,
)
from agents.drivers.echonet.meaning import Meaning
from agents.drivers.echonet.meter import EchonetMeter
from agents.drivers.register import ANEW_WH

METER, TOKYO = "028801", ZoneInfo("Asia/Tokyo")
NONE = 0xFFFFFFFE
MIDNIGHT = datetime(2026, 1, 13, 15, tzinfo=UTC)
"""Of the 14th at Tokyo."""


def day_of(day: int, counts: list[int]) -> bytes:
    """A day as a meter tells it; half hours to come have no value."""
    told = [*counts, *[NONE] * (48 - len(counts))]
    return day.to_bytes(2, "big") + b"".join(count.to_bytes(4, "big") for count in told)


class KeepingMeter(PlayedNode):
    """Tells the day that it was told to tell."""

    days: Mapping[int, list[int]]
    exported: Mapping[int, list[int]]

    def _get(self, eoj: str, asked: Mapping[int, bytes]) -> tuple[int, dict[int, bytes]]:
        has = self.objects[METER]
        day = has[0xE5][0]
        for code, days in ((0xE2, self.days), (0xE4, self.exported)):
            if days:
                has[code] = day_of(day, list(days.get(day, [])))
        return super()._get(eoj, asked)


async def meter(
    days: Mapping[int, list[int]], exported: Mapping[int, list[int]] | None = None, **more: Any
) -> KeepingMeter:
    """In steps of 0.1 kWh; its clock is right, and shows Tokyo's time."""
    now = datetime.now(TOKYO)
    values = {0xD3: "00000001", 0xE1: "01", 0xE0: f"{more.get('imported', 1_000):08X}", 0xE5: "00"}
    values |= {0x98: f"{now.year:04X}{now.month:02X}{now.day:02X}", 0x97: f"{now.hour:02X}{now.minute:02X}"}
    if exported is not None:
        values[0xE3] = "00000000"
    node = await KeepingMeter.open({METER: values})
    node.days, node.exported = days, exported or {}
    node.can_set(METER, 0xE5)
    return node


def options(node: PlayedNode, **more: Any) -> EchonetOptions:
    given = {"host": "127.0.0.2", "port": node.port, "bind": "127.0.0.1", "own_port": free_port(), "object": "meter"}
    return EchonetOptions.model_validate(given).model_copy(update={"patience_s": 3.0, **more})


async def kept(found: Running) -> DeviceReading:
    return await found.until(lambda reading: bool(reading.kept))


async def test_meter_is_asked_at_the_first_contact_for_what_it_has_kept_since_a_day() -> None:
    node = await meter({1: list(range(900, 948)), 0: list(range(948, 996))})
    async with started({"m": options(node)}) as found:
        reading = await kept(found)
    node.close()
    assert [value[0xE5] for service, _, value in node.asked if service == SETC] == ["01", "00"]
    yesterday = datetime.now(TOKYO).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    assert all((wh - 90_000) / 100 == (at - yesterday) / HALF_AN_HOUR for at, wh in reading.kept)
    assert reading.kept[-1][0] == yesterday.astimezone(UTC) + 95 * HALF_AN_HOUR
    assert reading.register_wh == 100_000.0


async def test_both_directions_are_told_as_one_register() -> None:
    node = await meter({0: [900, 900]}, exported={0: [0, 0]})
    async with started({"m": options(node)}) as found:
        reading = await kept(found)
    node.close()
    assert [wh for _, wh in reading.kept] == [90_000.0, 90_000.0]
    assert (GET, METER, {0xE4: ""}) in node.asked


async def test_meter_that_is_heard_again_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.drivers.echonet.meter.AGAIN_S", 0.0)
    monkeypatch.setattr("agents.drivers.echonet.driver.APART_S", 0.0)
    node = await meter({1: [], 0: [950]})
    async with started({"m": options(node)}) as found:
        await kept(found)
        asked = len(node.asked)
        device = found.driver._devices["m"]
        assert isinstance(device, EchonetMeter)
        while (await found.driver.read("m")).kept:
            pass  # it is told a few times, as one may be lost
        assert all(service == GET for service, _, _ in node.asked[asked:])
        device._heard_at = datetime.now(UTC) - timedelta(days=1)
        found.told.clear()
        await found.driver.read("m")
        assert [wh for _, wh in (await kept(found)).kept] == [95_000.0]
    node.close()


@pytest.mark.parametrize("wrong", ["clock", "no clock", "refuses", "another day", "too much"])
async def test_meter_whose_half_hours_nobody_can_trust_is_read_on_without_them(wrong: str) -> None:
    node = await meter({0: [950]} if wrong != "too much" else {0: [1_050]})
    match wrong:
        case "clock":
            node.objects[METER][0x98] = bytes.fromhex("07E00101")
        case "no clock":
            del node.objects[METER][0x97]
        case "refuses":
            node.can_set(METER)
        case "another day":
            node.does_nothing = True
            node.objects[METER][0xE5] = b"\x07"
    async with started({"m": options(node)}) as found:
        await found.until(lambda reading: reading.register_wh == 100_000.0)
        assert not any(reading.kept for _, reading in found.told)
        assert (await found.driver.read("m")).register_wh == 100_000.0
    node.close()


def test_zone_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="Asia/Tokio is no time zone"):
        EchonetOptions.model_validate({"host": "127.0.0.2", "object": "meter", "zone": "Asia/Tokio"})


def test_clock_of_a_meter_is_read_in_its_zone() -> None:
    told = {codes.DATE: bytes.fromhex("07EA010E"), codes.TIME: bytes.fromhex("0C1E")}
    assert clock_of(told, TOKYO) == MIDNIGHT + timedelta(hours=12.5)
    assert clock_of({**told, codes.TIME: b"\x19\x00"}, TOKYO) is None
    assert clock_of({codes.DATE: told[codes.DATE]}, TOKYO) is None


def test_clock_that_is_off_by_minutes_is_off() -> None:
    assert not is_off(MIDNIGHT, MIDNIGHT + timedelta(seconds=119))
    assert is_off(MIDNIGHT, MIDNIGHT + timedelta(minutes=3))
    assert is_off(MIDNIGHT + timedelta(minutes=3), MIDNIGHT)


def test_days_are_numbered_back_from_the_meter_s_today() -> None:
    noon = MIDNIGHT + timedelta(hours=12)
    assert list(days_since(MIDNIGHT, noon, TOKYO)) == [0]
    assert list(days_since(MIDNIGHT - timedelta(minutes=1), noon, TOKYO)) == [1, 0]


def test_answer_of_another_day_or_length_is_none() -> None:
    told = {0xE2: day_of(1, [5, NONE, 7])}
    assert counts_of(told, 0xE2, 1) == [5, None, 7, *[None] * 45]
    assert counts_of(told, 0xE2, 0) is None
    assert counts_of({0xE2: told[0xE2][:-4]}, 0xE2, 1) is None
    assert counts_of({}, 0xE2, 1) is None


def test_half_hours_are_instants_and_one_without_both_values_is_left_out() -> None:
    day = datetime(2026, 1, 14, tzinfo=TOKYO).date()
    taken, given = [5, 6, None, *[None] * 45], [0, None, 1, *[None] * 45]
    assert kept_of(day, TOKYO, taken, given) == [KeptCount(MIDNIGHT, 5, 0)]
    assert kept_of(day, TOKYO, taken, None) == [KeptCount(MIDNIGHT, 5, 0), KeptCount(MIDNIGHT + HALF_AN_HOUR, 6, 0)]


def test_what_was_counted_by_a_register_before_is_left_out() -> None:
    before, after = KeptCount(MIDNIGHT, 9_000, 0), KeptCount(MIDNIGHT + HALF_AN_HOUR, 3, 0)
    assert up_to([before, after], 8, 0) == [after]
    assert up_to([before, after], 2, 0) == []
    assert up_to([after], 8, 0) == [after]


def test_kept_counts_are_energies_of_the_register_as_it_is_told_now() -> None:
    meaning = Meaning(EchonetOptions.model_validate({"host": "127.0.0.2", "object": "meter"}))
    assert meaning.kept_wh([KeptCount(MIDNIGHT, 5, 0)]) == ()
    values = {0xD3: b"\0\0\0\x02", 0xE1: b"\x01", 0xE0: b"\0\0\0\x0a", 0xE3: b"\0\0\0\x04"}
    assert meaning.reading(values).register_wh == 1_200.0
    assert meaning.kept_wh([KeptCount(MIDNIGHT, 8, 3)]) == ((MIDNIGHT, 1_000.0),)
    meaning.reading({**values, 0xE0: b"\0\0\0\x05"})  # begins anew
    assert meaning.kept_wh([KeptCount(MIDNIGHT, 4, 4)]) == ((MIDNIGHT, ANEW_WH),)
