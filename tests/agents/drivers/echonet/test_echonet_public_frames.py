"""Frames of another's making: answers and announcements of low-voltage smart meters as public programs and notes that read them
over the B-route quote them, written down anew as hex digits; the values by the Appendix (0x0288: 0xE7 in W, 0xE0 in 0xE1)."""

import pytest

from agents.drivers.echonet import EchonetOptions
from agents.drivers.echonet.discovery import INSTANCES, node_of
from agents.drivers.echonet.frame import Service, decoded
from agents.drivers.echonet.meaning import Meaning

METER = 0x028801


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
    options = EchonetOptions.model_validate({"host": "127.0.0.2", "object": "meter"})
    assert Meaning(options).reading(read.values()).power_w == power_w
    assert read.encoded() == bytes.fromhex(frame)


def test_node_of_a_meter_lists_it() -> None:
    node = node_of("127.0.0.2", decoded(bytes.fromhex("108100010EF00105FF017201D60401028801")))
    assert node.objects == (METER,)
    assert node.readable() == (("meter", 1),)


def test_announcement_of_a_meter_s_instances_is_read() -> None:
    told = decoded(bytes.fromhex("108100000EF0010EF0017301D50401028801"))
    assert (told.service, told.source, told.values()) == (Service.INF, 0x0EF001, {0xD5: bytes.fromhex("01028801")})
    assert INSTANCES not in told.values()  # it is the list that is announced, not the one that is asked for
