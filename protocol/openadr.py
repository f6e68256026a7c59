"""Messages as OpenADR 3.1 objects and back, without loss (design.md section 8).

What travels down an edge is an EVENT, what travels up a REPORT; `reject` and `presence` have no counterpart there
(an answer's status and a VEN's subscription stand for them). Of the standard only its JSON properties are used;
what it lacks is a payload of a private type `VPP_...`. `openadr_columns` is the whole mapping: both directions and the
table of docs/openadr.md come from it.

A message is laid out as a sheet: one row an interval (its slots, or its readings), one column a payload type. What
belongs to the whole message stands in the first row. An offer has one more sheet for each of its resources.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from protocol.codec import decode_body
from protocol.edges import ROUTES, Way
from protocol.errors import RefusedMessage, RejectReason
from protocol.messages import Message, Offer, Request
from protocol.openadr_columns import COLUMNS, KIND, RESOURCE, Column, Form, Per
from protocol.units import Direction, printed

Json = dict[str, Any]
Sheet = dict[str, Any]
"""Field path -> value as in the message's JSON; per-interval fields are lists with one entry an interval."""

AGGREGATED = "AGGREGATED_REPORT"
"""OpenADR's resource name for what is reported over all of a VEN's resources."""


def to_openadr(message: Message, child: str, program_id: str) -> Json:
    """The EVENT or REPORT object of a message on the edge to `child`.

    Power becomes signed kW (+ = more load) in a request and a dispatch and a magnitude elsewhere, energy kWh.
    A request's own program goes before `program_id`. Raises ValueError for kinds without a counterpart.
    """
    columns = COLUMNS.get(message.kind)
    if columns is None:
        raise ValueError(f"OpenADR 3.1 has no object for {message.kind!r}")
    body = json.loads(message.model_dump_json())
    sheet, ids = _flat(message.kind, body), _interval_ids(message.kind, body)
    intervals = _intervals(columns, sheet, ids)
    if ROUTES[message.kind].way is Way.DOWN:
        event: Json = {
            "objectType": "EVENT",
            "programID": body.get("program_id", program_id),
            "eventName": body["event_id"],
            "targets": [child],
            "payloadDescriptors": _descriptors("EVENT", columns, sheet),
        }
        if isinstance(message, Request):
            event["intervalPeriod"] = body["interval_period"]
        return event | {"intervals": intervals}
    resources = [{"resourceName": body.get("resource_id", AGGREGATED), "intervals": intervals}]
    if isinstance(message, Offer):
        resources += [
            {"resourceName": resource["resource_id"], "intervals": _intervals(RESOURCE, resource, ids)}
            for resource in body["resources"]
        ]
    return {
        "objectType": "REPORT",
        "eventID": body["event_id"],
        "clientName": child,
        "payloadDescriptors": _descriptors("REPORT", columns, sheet),
        "resources": resources,
    }


def from_openadr(obj: Json) -> Message:
    """The message of an EVENT or REPORT object; payload types that are not ours are passed over.

    Raises RefusedMessage(MALFORMED) for what has no message in it, and as `codec.decode_body` for a wrong one.
    """
    try:
        kind, body = _body(obj)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        text = f"no message in this OpenADR object: {type(error).__name__}: {error}"
        raise RefusedMessage(RejectReason.MALFORMED, printed(text[:400])) from None
    return decode_body(kind, json.dumps(body).encode())


def _body(obj: Json) -> tuple[str, Json]:
    is_event = obj["objectType"] == "EVENT"
    first, *others = [obj] if is_event else obj["resources"]
    intervals = first["intervals"]
    kind = _sheet([KIND], intervals)["kind"]
    if (ROUTES[kind].way is Way.DOWN) is not is_event:
        raise ValueError(f"{kind} travels as the other object type")
    body = {"event_id": obj["eventName" if is_event else "eventID"], **_nested(kind, _sheet(COLUMNS[kind], intervals))}
    if kind == "request":
        body |= {"program_id": obj["programID"], "interval_period": obj["intervalPeriod"]}
    elif kind == "dispatch":
        body["slot"] = intervals[0]["id"]
    elif kind == "report":
        body["resource_id"] = first["resourceName"]
        slots = [interval["id"] for interval in intervals]
        if "state" in body:
            body |= {"slot": slots[0], "readings": []}
        else:
            numbered = zip(slots, body["readings"], strict=True)
            body["readings"] = [{"slot": slot, **reading} for slot, reading in numbered]
    elif kind == "offer":
        body["resources"] = [
            {"resource_id": other["resourceName"], **_sheet(RESOURCE, other["intervals"])} for other in others
        ]
    return kind, body


def _flat(kind: str, body: Json) -> Sheet:
    """The message's JSON as a sheet: what is nested or a list of objects becomes columns; a request gets its sign."""
    sheet = {"kind": kind, **body}
    match kind:
        case "request":
            sheet |= {f"terms.{field}": value for field, value in body["terms"].items()}
            sign = Direction(body["direction"]).sign
            sheet["power_w"] = [sign * power_w for power_w in body["power_w"]]
        case "alternative":
            options = body["options"]
            sheet |= {f"options.{field}": [option[field] for option in options] for field in options[0]}
            sheet["options.power_w"] = [list(slot) for slot in zip(*sheet["options.power_w"], strict=True)]
        case "report":
            readings = body["readings"]
            fields = readings[0] if readings else ()
            sheet |= {f"readings.{field}": [reading[field] for reading in readings] for field in fields}
    return sheet


def _nested(kind: str, sheet: Sheet) -> Json:
    """The message's JSON of a sheet: `_flat` undone."""
    body = {field: value for field, value in sheet.items() if "." not in field and field != "kind"}
    parts = {field.partition(".")[2]: value for field, value in sheet.items() if "." in field}
    match kind:
        case "request":
            sign = Direction(body["direction"]).sign
            body |= {"terms": parts, "power_w": [sign * power_w for power_w in body["power_w"]]}
        case "alternative":
            parts["power_w"] = [list(option) for option in zip(*parts["power_w"], strict=True)]
            body["options"] = _objects(parts)
        case "report":
            body["readings"] = _objects(parts)
    return body


def _objects(parts: dict[str, list[Any]]) -> list[Json]:
    return [dict(zip(parts, values, strict=True)) for values in zip(*parts.values(), strict=True)]


def _interval_ids(kind: str, body: Json) -> list[int]:
    match kind:
        case "dispatch":
            return [body["slot"]]
        case "report":
            return [reading["slot"] for reading in body["readings"]] or [body["slot"]]
        case "alternative":
            return list(range(len(body["options"][0]["power_w"])))
        case _:
            plan: list[int] = body.get("power_w") or body.get("shortfall_w") or [0]
            return list(range(len(plan)))


def _intervals(columns: Iterable[Column], sheet: Sheet, ids: list[int]) -> list[Json]:
    return [{"id": number, "payloads": list(_payloads(columns, sheet, row))} for row, number in enumerate(ids)]


def _payloads(columns: Iterable[Column], sheet: Sheet, row: int) -> Iterator[Json]:
    for column in columns:
        value = sheet.get(column.field)
        if value in (None, [], {}):
            continue
        match column.per:
            case Per.MESSAGE | Per.MESSAGE_LIST if row:
                continue
            case Per.MESSAGE:
                values = [value]
            case Per.MESSAGE_LIST:
                values = value
            case Per.INTERVAL:
                values = [value[row]]
            case Per.INTERVAL_LIST:
                values = value[row]
        if column.form is Form.OR_NONE or values != [None]:
            yield {"type": column.payload_type, "values": [column.form.write(each) for each in values]}


def _sheet(columns: Iterable[Column], intervals: list[Json]) -> Sheet:
    """The values that the intervals carry; what none of them carries is left out."""
    sheet: Sheet = {}
    for column in columns:
        rows = [_values(interval, column) for interval in intervals]
        if all(row is None for row in rows):
            continue
        match column.per:
            case Per.MESSAGE:
                [sheet[column.field]] = rows[0] if rows[0] is not None else []
            case Per.MESSAGE_LIST:
                sheet[column.field] = rows[0]
            case Per.INTERVAL:
                sheet[column.field] = [None if row is None else row[0] for row in rows]
            case Per.INTERVAL_LIST:
                sheet[column.field] = rows
    return sheet


def _values(interval: Json, column: Column) -> list[Any] | None:
    for payload in interval["payloads"]:
        if payload["type"] == column.payload_type:
            return [column.form.read(value) for value in payload["values"]]
    return None


def _descriptors(object_type: str, columns: Iterable[Column], sheet: Sheet) -> list[Json]:
    """What the numbers mean: one descriptor for every payload type with a unit."""
    descriptors = []
    for column in columns:
        if column.form.unit is None or sheet.get(column.field) in (None, []):
            continue
        descriptor = {
            "objectType": f"{object_type}_PAYLOAD_DESCRIPTOR",
            "payloadType": column.payload_type,
            "units": column.form.unit,
        }
        if column.form is Form.PRICE and sheet.get("terms.currency"):
            descriptor["currency"] = sheet["terms.currency"]
        types = set(sheet.get("readings.reading_type", ()))
        if column.field == "readings.energy_wh" and len(types) == 1:
            descriptor["readingType"] = types.pop()
        descriptors.append(descriptor)
    return descriptors
