"""Frames of ECHONET Lite, written by hand: what their bytes mean, with unit and sign, and what is written for a power."""

from pathlib import Path
from typing import Any

import pytest

from agents.drivers.contract import DeviceReading, DeviceTrouble
from agents.drivers.echonet import EchonetOptions
from agents.drivers.echonet.codes import codes_of
from agents.drivers.echonet.frame import EchonetFrame, FrameError, Service, decoded
from agents.drivers.echonet.meaning import Meaning
from agents.drivers.echonet.setting import writes_for
from agents.drivers.register import ANEW_WH

GET = "1081 0001 05FF01 027D01 62 02 D3 00 DA 00"
GET_RES = "1081 0001 027D01 05FF01 72 02 D3 04 FFFFF830 DA 01 43"


def options(kind: str, **more: Any) -> EchonetOptions:
    memory = {"memory": Path("m")} if kind in ("battery", "vehicle") else {}
    return EchonetOptions.model_validate({"host": "127.0.0.2", "object": kind, **memory, **more})


def said(kind: str, properties: str, **more: Any) -> DeviceReading:
    """What an object says by `CODE=VALUE ...` in hex digits."""
    values = {int(code, 16): bytes.fromhex(value) for code, value in (one.split("=") for one in properties.split())}
    return Meaning(options(kind, **more)).reading(values)


def test_request_has_the_bytes_of_the_specification() -> None:
    asked = EchonetFrame(1, 0x05FF01, 0x027D01, Service.GET, ((0xD3, b""), (0xDA, b"")))
    assert asked.encoded() == bytes.fromhex(GET)


def test_answer_is_read_and_written_alike() -> None:
    frame = decoded(bytes.fromhex(GET_RES))
    assert (frame.tid, frame.source, frame.target, frame.service) == (1, 0x027D01, 0x05FF01, Service.GET_RES)
    assert frame.values() == {0xD3: bytes.fromhex("FFFFF830"), 0xDA: b"\x43"}
    assert frame.encoded() == bytes.fromhex(GET_RES)


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("51", Service.SETC_SNA),
        ("52", Service.GET_SNA),
        ("71", Service.SET_RES),
        ("73", Service.INF),
        ("74", Service.INFC),
        ("7A", Service.INFC_RES),
    ],
)
def test_service_is_read(service: str, name: Service) -> None:
    assert decoded(bytes.fromhex(f"1081 FFFF 027E01 05FF01 {service} 01 DA 00")).service is name


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "no ECHONET Lite frame"),
        ("1081 0001 027D01 05FF01 72", "no ECHONET Lite frame"),
        ("1082 0001 027D01 05FF01 72 00", "no ECHONET Lite frame"),
        ("1081 0001 027D01 05FF01 99 00", "service 0x99"),
        ("1081 0001 027D01 05FF01 72 01", "ends within"),
        ("1081 0001 027D01 05FF01 72 01 D3 04 0000", "ends within"),
        ("1081 0001 027D01 05FF01 72 01 DA 01 42 00", "goes on behind"),
    ],
)
def test_other_bytes_are_no_frame(data: str, why: str) -> None:
    with pytest.raises(FrameError, match=why):
        decoded(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("kind", "properties", "told"),
    [
        ("battery", "D3=000007D0", {"power_w": 2_000}),  # it charges
        ("battery", "D3=FFFFF830", {"power_w": -2_000}),  # it discharges
        ("battery", "D3=7FFFFFFE", {"power_w": None}),  # it has no value
        ("battery", "E2=00001388 E4=32", {"soc_wh": 5_000, "soc_pct": 50.0}),
        ("battery", "E4=FF", {"soc_pct": None}),
        ("battery", "A8=000F4240 A9=00030D40", {"register_wh": 800_000.0}),  # 1000 kWh less 200 kWh
        ("battery", "A8=000F4240 A9=00030D40 D8=00000000 D6=00000000",
         {"register_wh": 800_000.0}),  # that of the grid side, not that of the cells
        ("battery", "D8=00000064 D6=00000032", {"register_wh": 50.0}),
        ("battery", "A8=000F4240 A9=FFFFFFFE", {"register_wh": None}),
        ("battery", "C8=0000006400000BB8 C9=000000C800000FA0",
         {"most_charge_w": 3_000, "most_discharge_w": 4_000, "least_w": 200}),
        ("battery", "C9=000000C800000FA0 DB=00", {"most_discharge_w": 4_000, "fault": ""}),
        ("battery", "C9=000000C800000FA0 DB=02", {"most_discharge_w": 0, "fault": ""}),  # it must not feed in
        ("battery", "DB=01", {"fault": "runs apart from the grid"}),
        ("battery", "88=42", {"fault": ""}),
        ("battery", "88=41 89=0001", {"fault": "says that it is faulty (0x0001)"}),
        ("vehicle", "C7=30 E2=00001388", {"plugged": False, "soc_wh": None}),
        ("vehicle", "C7=40", {"plugged": True, "most_charge_w": 0, "most_discharge_w": 0}),
        ("vehicle", "C7=41", {"plugged": True, "most_charge_w": None, "most_discharge_w": 0}),
        ("vehicle", "C7=42", {"plugged": True, "most_charge_w": 0, "most_discharge_w": None}),
        ("vehicle", "C7=43 E2=0000EA60 D3=00001770",
         {"plugged": True, "most_charge_w": None, "most_discharge_w": None, "soc_wh": 60_000, "power_w": 6_000}),
        ("vehicle", "C7=44", {"plugged": True, "most_charge_w": None}),
        ("vehicle", "C7=FF", {"plugged": None}),
        ("vehicle", "D8=00002710 D6=00001388", {"register_wh": 5_000.0}),
        ("solar", "E0=0FA0 E1=0001E240", {"power_w": -4_000, "register_wh": -123_456.0}),  # what it makes is exported
        ("solar", "E0=FFFE E1=FFFFFFFE", {"power_w": None, "register_wh": None}),
        ("meter", "D3=00000001 E1=01 E0=00003039 E3=00000001 E7=FFFFFE0C",
         {"register_wh": 1_234_400.0, "register_step_wh": 100.0, "power_w": -500}),  # 0.1 kWh: 1234.5 less 0.1 kWh
        ("meter", "E1=02 E0=00003039", {"register_wh": 123_450.0}),  # without a coefficient it is 1
        ("meter", "D3=0000000A E1=00 E0=00000007 E3=00000000", {"register_wh": 70_000.0, "register_step_wh": 10_000.0}),
        ("meter", "E1=0A E0=00000007", {"register_wh": 70_000.0}),
        ("meter", "E0=00003039", {"register_wh": None}),  # of an unknown unit
        ("meter", "E1=01 E0=FFFFFFFE E3=00000000", {"register_wh": None}),
        ("meter", "E7=7FFFFFFE", {"power_w": None}),
    ],
)  # fmt: skip
def test_values_are_told_in_our_units(kind: str, properties: str, told: dict[str, Any]) -> None:
    reading = said(kind, properties)
    assert {name: getattr(reading, name) for name in told} == told


def test_device_that_may_not_feed_in_discharges_within_the_load_when_allowed() -> None:
    assert said("battery", "C9=000000C800000FA0 DB=02", within_load=True).most_discharge_w == 4_000


def test_register_is_never_put_together_from_two_pairs() -> None:
    """The AC registers do not come once: what the cells took is no continuation of them."""
    meaning = Meaning(options("battery"))
    ac = {0xA8: (9_000).to_bytes(4, "big"), 0xA9: bytes(4)}
    cells = {0xD8: (7_000).to_bytes(4, "big"), 0xD6: bytes(4)}
    assert meaning.reading({**ac, **cells}).register_wh == 9_000
    assert meaning.reading(cells).register_wh is None
    assert meaning.reading(ac).register_wh == 9_000


def test_meter_that_once_told_its_export_tells_no_register_without_it() -> None:
    meaning = Meaning(options("meter"))
    unit, imported, exported = {0xE1: b"\x03"}, {0xE0: (900).to_bytes(4, "big")}, {0xE3: (100).to_bytes(4, "big")}
    assert meaning.reading({**unit, **imported, **exported}).register_wh == 800
    assert meaning.reading({**unit, **imported}).register_wh is None
    assert meaning.reading({**imported, **exported}).register_wh == 800  # the unit is the one that it told


@pytest.mark.parametrize(
    ("told", "codes"),
    [
        ("03 80 DA EB", {0x80, 0xDA, 0xEB}),
        ("00", set()),
        ("", set()),
        ("10 01010000000000000000414000004001", {0x80, 0x81, 0xEA, 0x8A, 0xEB, 0xEE, 0x8F}),
    ],
)
def test_property_map_is_a_list_or_bits(told: str, codes: set[int]) -> None:
    assert codes_of(bytes.fromhex(told)) == codes


ALL = frozenset(range(0x80, 0x100))


@pytest.mark.parametrize(
    ("kind", "power_w", "settable", "written"),
    [
        ("battery", 2_000, ALL, "EB=000007d0 C1=03 DA=42"),
        ("battery", -2_000, ALL, "EC=000007d0 C2=03 DA=43"),
        ("battery", 0, ALL, "DA=44"),
        ("vehicle", 6_000, ALL, "EB=00001770 DC=03 DA=42"),
        ("vehicle", -3_000, ALL, "EC=00000bb8 DD=03 DA=43"),  # not as the load is
        ("vehicle", -3_000, frozenset({0xEC, 0xDA}), "EC=00000bb8 DA=43"),
    ],
)
def test_power_is_written_before_the_mode(kind: str, power_w: int, settable: frozenset[int], written: str) -> None:
    writes = writes_for(power_w, options(kind), settable)
    assert " ".join(f"{code:02X}={value.hex()}" for code, value in writes) == written


def test_device_of_modes_only_is_told_a_mode() -> None:
    only = options("vehicle", mode_w=3_000)
    assert (only.abilities().least_w, only.abilities().step_w) == (3_000, 3_000)
    assert writes_for(-3_000, only, frozenset({0xDA})) == ((0xDA, b"\x43"),)
    with pytest.raises(DeviceTrouble, match="modes only: say in mode_w"):
        writes_for(-3_000, options("vehicle"), frozenset({0xDA}))


def test_register_that_begins_anew_shows_as_another_one() -> None:
    meaning = Meaning(options("meter"))
    unit = {0xE1: b"\x01", 0xE3: (3).to_bytes(4, "big")}
    first, again, more = (meaning.reading({**unit, 0xE0: n.to_bytes(4, "big")}).register_wh for n in (9, 0, 2))
    assert (first, again, more) == (600.0, ANEW_WH - 300, ANEW_WH - 100)


def test_export_register_that_begins_anew_alone_is_another_one_too() -> None:
    meaning = Meaning(options("vehicle"))
    shown = ({0xD8: (n).to_bytes(4, "big"), 0xD6: (m).to_bytes(4, "big")} for n, m in ((900, 300), (900, 0), (900, 20)))
    assert [meaning.reading(one).register_wh for one in shown] == [600.0, ANEW_WH + 900, ANEW_WH + 880]


def test_register_of_a_water_heater_that_begins_anew_is_another_one_too() -> None:
    meaning = Meaning(options("water_heater", memory=Path("m")))
    shown = ({0x85: wh.to_bytes(4, "big")} for wh in (900, 0))
    assert [meaning.reading(one).register_wh for one in shown] == [900.0, ANEW_WH]
