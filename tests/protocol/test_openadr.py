"""OpenADR 3.1 objects: nothing is lost on the way there and back, and the page says what the code does."""

import json
from datetime import UTC, datetime

import paths
import pytest
from hypothesis import given
from hypothesis import strategies as st
from message_strategies import BY_KIND

from protocol import messages as m
from protocol import openadr
from protocol.errors import RefusedMessage, RejectReason
from protocol.openadr import from_openadr, to_openadr
from protocol.openadr_columns import COLUMNS, RESOURCE, Per
from protocol.units import Direction

PAGE = paths.DOCS / "openadr.md"
START = datetime(2026, 8, 3, 8, tzinfo=UTC)
HEAD = {"sent_at": START, "event_id": "ev-1", "request_id": "ev-1.1.1", "round": 1, "revision": 1}
STANDARD = {
    "EVENT": {"objectType", "programID", "eventName", "targets", "payloadDescriptors", "intervalPeriod", "intervals"},
    "REPORT": {"objectType", "eventID", "clientName", "payloadDescriptors", "resources"},
}


@pytest.mark.parametrize("kind", COLUMNS)
@given(data=st.data())
def test_every_message_survives_the_way_to_openadr_and_back(kind: str, data: st.DataObject) -> None:
    message = data.draw(BY_KIND[kind])
    obj = json.loads(json.dumps(to_openadr(message, "ra-1", "program-1"), allow_nan=False))
    assert from_openadr(obj) == message
    assert set(obj) <= STANDARD[obj["objectType"]]


def request(direction: Direction) -> m.Request:
    return m.Request(
        message_id="ev-1.r",
        **HEAD,
        program_id="peak",
        direction=direction,
        interval_period=m.IntervalPeriod(start=START),
        power_w=(100_000, 75_500),
        reply_by=START,
        decide_by=START,
        terms=m.Terms(price_milli_per_kwh=30_500, currency="JPY"),
    )


def test_a_request_is_an_event_with_signed_kw_per_interval() -> None:
    event = to_openadr(request(Direction.DECREASE_LOAD), "ra-1", "unused")
    assert (event["objectType"], event["programID"], event["eventName"]) == ("EVENT", "peak", "ev-1")
    assert event["targets"] == ["ra-1"]
    assert event["intervalPeriod"] == {"start": "2026-08-03T08:00:00Z", "duration": "PT30M"}
    assert [interval["id"] for interval in event["intervals"]] == [0, 1]
    assert {"type": "DISPATCH_SETPOINT_RELATIVE", "values": [-75.5]} in event["intervals"][1]["payloads"]
    assert {"type": "PRICE", "values": [30.5]} in event["intervals"][0]["payloads"]
    price = next(each for each in event["payloadDescriptors"] if each["payloadType"] == "PRICE")
    assert (price["units"], price["currency"]) == ("KWH", "JPY")


def test_an_offer_is_a_report_of_the_whole_and_of_each_resource() -> None:
    offer = m.Offer(
        message_id="home-1.o",
        **HEAD,
        opt=m.Opt.IN,
        power_w=(3_000, 0),
        available_w=(5_000, 0),
        binding=(None, m.Restriction.RESERVE_SOC),
        resources=(m.Resource(resource_id="car", kind=m.ResourceKind.VEHICLE, power_w=(3_000, 0), relaxable=True),),
        valid_until=START,
    )
    report = to_openadr(offer, "home-1", "peak")
    assert (report["objectType"], report["eventID"], report["clientName"]) == ("REPORT", "ev-1", "home-1")
    assert [resource["resourceName"] for resource in report["resources"]] == ["AGGREGATED_REPORT", "car"]
    second = report["resources"][0]["intervals"][1]["payloads"]
    assert {"type": "VPP_BINDING", "values": ["reserve_soc"]} in second


def test_a_report_uses_the_standards_usage_baseline_and_reading_type() -> None:
    readings = (m.Reading(slot=3, energy_wh=-1_500, baseline_wh=500, state=m.EventStatus.ACTIVE),)
    report = to_openadr(m.Report(message_id="r", **HEAD, resource_id="car", readings=readings), "home-1", "peak")
    (resource,) = report["resources"]
    assert (resource["resourceName"], resource["intervals"][0]["id"]) == ("car", 3)
    assert {"type": "USAGE", "values": [-1.5]} in resource["intervals"][0]["payloads"]
    usage = next(each for each in report["payloadDescriptors"] if each["payloadType"] == "USAGE")
    assert (usage["units"], usage["readingType"]) == ("KWH", "DIRECT_READ")


def test_power_against_the_stated_direction_is_refused() -> None:
    event = to_openadr(request(Direction.INCREASE_LOAD), "ra-1", "peak")
    for payload in event["intervals"][0]["payloads"]:
        if payload["type"] == "DISPATCH_SETPOINT_RELATIVE":
            payload["values"] = [-100.0]
    with pytest.raises(RefusedMessage, match="power_w") as refused:
        from_openadr(event)
    assert refused.value.reason is RejectReason.MALFORMED


def test_unknown_payload_types_are_passed_over() -> None:
    event = to_openadr(request(Direction.INCREASE_LOAD), "ra-1", "peak")
    event["intervals"][1]["payloads"].insert(0, {"type": "ALERT_GRID_EMERGENCY", "values": ["soon"]})
    assert from_openadr(event) == request(Direction.INCREASE_LOAD)


@pytest.mark.parametrize(
    "obj",
    [
        {},
        {"objectType": "EVENT", "intervals": []},
        {
            "objectType": "EVENT",
            "eventName": "e",
            "intervals": [{"id": 0, "payloads": [{"type": "SIMPLE", "values": [1]}]}],
        },
        {
            "objectType": "REPORT",
            "eventID": "e",
            "resources": [
                {"resourceName": "r", "intervals": [{"payloads": [{"type": "VPP_MESSAGE_KIND", "values": ["award"]}]}]}
            ],
        },
    ],
)
def test_an_object_without_a_message_is_refused_as_malformed(obj: openadr.Json) -> None:
    with pytest.raises(RefusedMessage, match="no message in this OpenADR object") as refused:
        from_openadr(obj)
    assert refused.value.reason is RejectReason.MALFORMED


def test_kinds_without_a_counterpart_are_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="presence"):
        to_openadr(m.Presence(message_id="p", sent_at=START, online=True), "home-1", "peak")


def table() -> list[str]:
    """The rows of docs/openadr.md from the code."""
    shared = set.intersection(*(set(columns) for columns in COLUMNS.values()))
    sections = {
        "all": [column for column in COLUMNS["request"] if column in shared],
        **{kind: [column for column in columns if column not in shared] for kind, columns in COLUMNS.items()},
    }
    where = {Per.MESSAGE: "first", Per.MESSAGE_LIST: "first", Per.INTERVAL: "interval", Per.INTERVAL_LIST: "option"}
    rows = [
        f"| {kind} | `{column.field}` | `{column.payload_type}` | {column.form.unit or ''} | {where[column.per]} |"
        for kind, columns in sections.items()
        for column in columns
    ]
    return rows + [
        f"| offer | `resources.{column.field}` | `{column.payload_type}` | {column.form.unit or ''} | {where[column.per]} |"
        for column in RESOURCE
    ]


def test_the_page_lists_every_payload_type_that_the_code_uses() -> None:
    text = PAGE.read_text()
    wanted = "\n".join(table())
    assert wanted in text, f"docs/openadr.md lacks this table:\n{wanted}"
