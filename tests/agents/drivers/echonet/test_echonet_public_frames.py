"""Frames of another's making, as public programs and notes quote them, written down anew as hex digits; the values by the Appendix
(0x0288: 0xE7 in W, 0xE0 in 0xE1; 0x0279: 0xE0 in W, 0xE1 in 0.001 kWh).

| frame | as quoted for |
|---|---|
| 0xE7 | the answer that most readers of the B-route show |
| 0x82 to 0xE2 | a home's smart meter (Release F), captured by a reader of its own on 2026-05-20; it shows its clock, and the day 11 days before |
| 0xE7, 0xE8, 0xE0 at once | the log of a B-route reader, which shows 929 W and 4757.5 kWh for it |
| 0x0279 | a solar plant that one can buy, put together anew by the reader that asked it: 749 W, 7828.523 kWh |
| 0x027D | an example of a public codec: a battery at 50 % |
"""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from agents.drivers.echonet import EchonetOptions, codes
from agents.drivers.echonet.discovery import INSTANCES, node_of
from agents.drivers.echonet.frame import Service, decoded
from agents.drivers.echonet.history import clock_of, counts_of, kept_of, up_to
from agents.drivers.echonet.meaning import Meaning

METER, SOLAR = 0x028801, 0x027901
FROM_METER = "1081000102880105FF01"
TOKYO = ZoneInfo("Asia/Tokyo")
DAY_KEPT = """
0000F7660000F7680000F76A0000F76C0000F76D0000F76F0000F7700000F7720000F7740000F7760000F7770000F7790000F77A0000F77C0000F77E0000F780
0000F7810000F7830000F7840000F7860000F7880000F7890000F78B0000F78D0000F78E0000F7900000F7920000F7930000F7950000F7960000F7980000F79A
0000F79C0000F79D0000F79F0000F7A00000F7A20000F7A40000F7A60000F7A70000F7A90000F7AB0000F7AD0000F7AF0000F7B00000F7B20000F7B40000F7B6
"""


def told(properties: str) -> dict[int, bytes]:
    """What the captured meter answers."""
    return decoded(bytes.fromhex(FROM_METER + properties)).values()


def meaning(kind: str, **more: str) -> Meaning:
    return Meaning(EchonetOptions.model_validate({"host": "127.0.0.2", "object": kind, **more}))


@pytest.mark.parametrize(
    ("frame", "power_w"),
    [
        ("1081000102880105FF017201E704000001F8", 504),  # the answer that most B-route readers show as their example
        ("1081000102880105FF017201E704000004A5", 1_189),
        ("1081000102880105FF017201E704000002AE", 686),
        ("1081000102880105FF017201E704FFFFFCB8", -840),  # the house feeds in
    ],
)
def test_power_of_a_meter_has_unit_and_sign(frame: str, power_w: int) -> None:
    read = decoded(bytes.fromhex(frame))
    assert (read.source, read.service) == (METER, Service.GET_RES)
    assert meaning("meter").reading(read.values()).power_w == power_w
    assert read.encoded() == bytes.fromhex(frame)


def test_node_of_a_meter_lists_it() -> None:
    node = node_of("127.0.0.2", decoded(bytes.fromhex("108100010EF00105FF017201D60401028801")))
    assert node.objects == (METER,)
    assert node.readable() == (("meter", 1),)


def test_announcement_of_a_meter_s_instances_is_read() -> None:
    told = decoded(bytes.fromhex("108100000EF0010EF0017301D50401028801"))
    assert (told.service, told.source, told.values()) == (Service.INF, 0x0EF001, {0xD5: bytes.fromhex("01028801")})
    assert INSTANCES not in told.values()  # it is the list that is announced, not the one that is asked for


def test_register_of_a_meter_is_what_its_reader_shows() -> None:
    read = decoded(bytes.fromhex("1081020002880105FF017203E704000003A1E80400460028E0040000B9D7"))
    reading = meaning("meter").reading({**read.values(), codes.UNIT: b"\x01"})  # its reader has asked for that before
    assert (reading.power_w, reading.register_wh, reading.register_step_wh) == (929, 4_757_500, 100)


def test_day_that_a_meter_has_kept_leads_to_what_it_shows_now() -> None:
    clock = clock_of(told("7201980407EA0514") | told("720197020E1A"), TOKYO)
    assert clock == datetime(2026, 5, 20, 14, 26, tzinfo=TOKYO)
    counts = counts_of(told(f"7201E2C2000B{DAY_KEPT}"), codes.KEPT_IMPORTED, 11)
    assert counts is not None
    kept = kept_of(date(2026, 5, 9), TOKYO, counts, None)
    assert (kept[0].at, kept[0].imported) == (datetime(2026, 5, 8, 15, tzinfo=UTC), 63_334)
    assert (kept[-1].at, kept[-1].imported) == (datetime(2026, 5, 9, 14, 30, tzinfo=UTC), 63_414)
    now = int.from_bytes(told("7201E0040000FE73")[codes.IMPORTED], "big")
    assert up_to(kept, now, 0) == kept
    assert len(kept) == 48


def test_meter_has_what_it_is_asked_for_and_lets_its_day_be_set() -> None:
    readable = codes.codes_of(told("72019F111941414160404000624300414040430202")[0x9F])
    assert len(readable) == 0x19
    kept = {codes.DATE, codes.TIME, codes.KEPT_IMPORTED, codes.KEPT_EXPORTED}
    assert {*codes.ASKED["meter"], *kept} - readable == {codes.FAULT_CODE}  # it is sound, and says no more of that
    assert codes.KEPT_DAY in codes.codes_of(told("72019E040381E5ED")[codes.SET_MAP])


def test_meter_that_does_not_say_which_node_it_is_says_nothing_there() -> None:
    refused = decoded(bytes.fromhex(FROM_METER + "52018300"))
    assert (refused.service, refused.values()) == (Service.GET_SNA, {})


def test_solar_plant_exports_what_it_makes() -> None:
    read = decoded(bytes.fromhex("1081001002790105FF017202E00202EDE1040077742B"))
    reading = meaning("solar").reading(read.values())
    assert (read.source, reading.power_w, reading.register_wh) == (SOLAR, -749, -7_828_523)


def test_battery_tells_its_share() -> None:
    read = decoded(bytes.fromhex("10810001027D0105FF017201E40132"))
    assert meaning("battery", memory="found").reading(read.values()).soc_pct == 50
