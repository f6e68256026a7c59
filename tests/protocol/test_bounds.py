"""What lies beyond the bounds of a field is refused with a reason, and nothing else is raised."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import paths
import pytest
from jsonschema import Draft202012Validator

from broker.recording_file import RecordingFile, Step
from protocol.codec import decode_body, encode
from protocol.edges import ROUTES
from protocol.errors import RefusedMessage, RejectReason
from protocol.messages import Reject, Side
from protocol.schema import json_schemas
from protocol.units import FIRST_AT, LAST_AT, MAX_ENERGY_WH, MAX_POWER_W, printed

AT = "2026-01-14T09:00:00Z"
HEAD: dict[str, Any] = {"message_id": "m.1", "sent_at": AT}
OF_EVENT = HEAD | {"event_id": "e", "request_id": "e.1.1", "round": 1, "revision": 1}
PERIOD = {"start": AT, "duration": "PT30M"}
BAND = {"p10_w": [1], "p50_w": [2], "p90_w": [3], "p10_wh": 1, "p50_wh": 2, "p90_wh": 3}
READING = {"slot": 0, "energy_wh": 1, "baseline_wh": 1, "state": "active"}
SOUND: dict[str, dict[str, Any]] = {
    "request": OF_EVENT
    | {"program_id": "dr", "direction": "decrease_load", "interval_period": PERIOD, "power_w": [1]}
    | {"reply_by": "2026-01-14T08:00:00Z", "decide_by": "2026-01-14T08:30:00Z"},
    "offer": OF_EVENT | {"opt": "opt_in", "power_w": [1], "available_w": [1], "valid_until": AT},
    "relax": OF_EVENT | {"shortfall_w": [1], "restrictions": ["reserve_soc"], "reply_by": AT},
    "alternative": OF_EVENT
    | {"options": [{"option_id": "o", "power_w": [1], "basis": ["offers"], "shape": "flat"}], "valid_until": AT},
    "award": OF_EVENT | {"award_id": "a", "accepts": "o", "outcome": "concluded", "power_w": [1], "confirm_by": AT},
    "confirm": OF_EVENT | {"award_id": "a", "accepted": True},
    "dispatch": OF_EVENT | {"award_id": "a", "slot": 0, "power_w": 1, "valid_for_s": 1800},
    "report": OF_EVENT | {"resource_id": "r", "readings": [READING]},
    "withdraw": OF_EVENT | {"award_id": "a", "from_slot": 0, "power_w": [1], "cause": "unplugged"},
    "reject": HEAD | {"refused_kind": "offer", "refused_by": "parent", "reason": "stale"},
    "presence": HEAD | {"online": True},
    "capability": HEAD | {"interval_period": PERIOD, "increase_load": BAND, "decrease_load": BAND, "valid_until": AT},
}


def refused(kind: str, **fields: Any) -> RefusedMessage:
    with pytest.raises(RefusedMessage) as refusal:
        decode_body(kind, json.dumps(SOUND[kind] | fields).encode())
    return refusal.value


@pytest.mark.parametrize("kind", ROUTES)
def test_the_sound_message_is_taken(kind: str) -> None:
    assert decode_body(kind, json.dumps(SOUND[kind]).encode()).kind == kind


INSTANTS = [
    (kind, name) for kind, fields in SOUND.items() for name in fields if name.endswith(("_at", "_by", "_until"))
]


@pytest.mark.parametrize("at", [
    "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "2200-01-01T00:00:00Z", "2199-12-31T23:59:59-00:01",
    "1999-12-31T23:59:59Z", "2000-01-01T00:59:59+01:00", "3026-01-14T09:00:00Z", "-0001-01-01T00:00:00Z",
])  # fmt: skip
@pytest.mark.parametrize(("kind", "name"), INSTANTS)
def test_an_instant_beyond_the_calendar_is_refused(kind: str, name: str, at: str) -> None:
    refusal = refused(kind, **{name: at})
    assert (refusal.reason, refusal.message_id) == (RejectReason.MALFORMED, "m.1")
    assert name in refusal.text


@pytest.mark.parametrize(("at", "utc"), [
    ("2200-01-01T08:59:59+09:00", LAST_AT - timedelta(seconds=1)), ("1999-12-31T15:00:00-09:00", FIRST_AT),
])  # fmt: skip
def test_an_instant_counts_in_utc(at: str, utc: datetime) -> None:
    taken = decode_body("presence", json.dumps(SOUND["presence"] | {"sent_at": at}).encode())
    assert (taken.sent_at, taken.sent_at.tzinfo) == (utc, UTC)


@pytest.mark.parametrize(
    ("start", "duration", "slots", "word"),
    [
        (AT, "PT24H1S", 1, "at most a day"),
        (AT, "P1000000D", 1, "at most a day"),
        (AT, "P9999999999D", 1, "interval_period.duration"),
        (AT, "PT24H", 32, "at most 31 days"),
        ("2199-12-31T23:00:00Z", "PT30M", 2, "before 2200-01-01"),
    ],
)
def test_a_plan_beyond_the_calendar_is_refused(start: str, duration: str, slots: int, word: str) -> None:
    period = {"start": start, "duration": duration}
    assert word in refused("request", interval_period=period, power_w=[1] * slots).text


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("request", {"power_w": [MAX_POWER_W + 1]}),
        ("request", {"power_w": [10**400]}),
        ("offer", {"available_w": [MAX_POWER_W + 1]}),
        ("relax", {"shortfall_w": [10**12]}),
        ("dispatch", {"power_w": -MAX_POWER_W - 1}),
        ("report", {"readings": [READING | {"energy_wh": MAX_ENERGY_WH + 1}]}),
        ("report", {"readings": [READING | {"baseline_wh": -(10**15)}]}),
        ("report", {"readings": [READING | {"soc_wh": 10**15}]}),
        ("report", {"readings": [READING] * 337}),
        ("report", {"readings": [READING | {"slot": 336}]}),
        ("withdraw", {"power_w": [1] * 337}),
        ("award", {"round": 1001}),
        ("award", {"revision": 10**6 + 1}),
        ("award", {"award_id": "a" * 211}),
        ("request", {"request_id": "r" * 211}),
        ("confirm", {"message_id": "m" * 301}),
        ("presence", {"capability": {"w": 2**63}}),
        ("presence", {"capability": {str(n): n for n in range(33)}}),
        ("confirm", {"extensions": {"x": [0] * 1_000}}),
        ("confirm", {"extensions": {str(n): n for n in range(17)}}),
    ],
)
def test_a_value_beyond_its_bound_is_refused(kind: str, fields: dict[str, Any]) -> None:
    refusal = refused(kind, **fields)
    assert refusal.reason is RejectReason.MALFORMED
    assert next(iter(fields)) in refusal.text or refusal.message_id is None


TEXTS = [
    ("award", "reason"),
    ("confirm", "reason"),
    ("withdraw", "cause"),
    ("reject", "text"),
    ("presence", "software"),
]
UNPRINTED = ["\x1b[2J", "\x00", "\r", "\n", "\x7f", "\x9b31m", "\u2028", "\u202e", "\u2066"]


@pytest.mark.parametrize("unprinted", UNPRINTED)
@pytest.mark.parametrize(("kind", "name"), [*TEXTS, ("reject", "refused_kind")])
def test_what_moves_a_cursor_is_refused_in_texts(kind: str, name: str, unprinted: str) -> None:
    for text in (unprinted, f"unplugged{unprinted}", f"{unprinted}unplugged"):
        refusal = refused(kind, **{name: text})
        assert refusal.reason is RejectReason.MALFORMED
        assert refusal.text.startswith(f"{kind}: {name}")


@pytest.mark.parametrize(("kind", "name"), [("presence", "capability"), ("confirm", "extensions")])
def test_what_moves_a_cursor_is_refused_in_keys(kind: str, name: str) -> None:
    assert name in refused(kind, **{name: {"x\x1b[2J": 1}}).text


@pytest.mark.parametrize("kind", ROUTES)
@pytest.mark.parametrize("text", ["unplugged", "抜けました", "débranché (1/2) ~", ""])
def test_people_may_write_in_their_language(kind: str, text: str) -> None:
    for _, name in (each for each in TEXTS if each[0] == kind):
        assert getattr(decode_body(kind, json.dumps(SOUND[kind] | {name: text}).encode()), name) == text


@pytest.mark.parametrize("name", ["\x1b[2J", "x" * 10_000, "\u202e", "\n\n"])
def test_a_refusal_of_a_stranger_field_can_be_told(name: str) -> None:
    refusal = refused("confirm", **{name: 1})
    assert refusal.text == printed(refusal.text)
    reject = Reject(
        message_id="r.1", sent_at=FIRST_AT, refused_kind="confirm", refused_by=Side.PARENT,
        reason=refusal.reason, text=refusal.text,
    )  # fmt: skip
    assert decode_body("reject", encode(reject)) == reject


@pytest.mark.parametrize("kind", ROUTES)
def test_a_body_beyond_the_length_of_its_kind_is_too_large(kind: str) -> None:
    most = ROUTES[kind].most_bytes
    with pytest.raises(RefusedMessage) as refusal:
        decode_body(kind, b" " * (most + 1))
    assert refusal.value.reason is RejectReason.TOO_LARGE
    payload = json.dumps(SOUND[kind]).encode()
    assert decode_body(kind, payload + b" " * (most - len(payload))).kind == kind


@pytest.mark.parametrize(
    ("kind", "name", "item"),
    [
        ("report", "readings", {}),
        ("offer", "power_w", "a"),
        ("offer", "resources", {}),
        ("offer", "binding", 1),
        ("relax", "restrictions", "a"),
        ("alternative", "options", {}),
    ],
)
def test_a_list_is_left_at_its_first_fault(kind: str, name: str, item: object) -> None:
    payload = json.dumps(SOUND[kind] | {name: [item] * 3_000}).encode()
    with pytest.raises(ValueError, match=name) as error:
        ROUTES[kind].model.model_validate_json(payload)
    assert error.value.error_count() < 10  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ROUTES)
def test_the_json_schema_knows_the_bounds(kind: str) -> None:
    schema = Draft202012Validator(json_schemas()[kind])
    schema.validate(SOUND[kind])
    assert json_schemas()[kind]["properties"]["sent_at"]["formatExclusiveMaximum"] == f"{LAST_AT:%Y-%m-%dT%H:%M:%SZ}"
    assert json_schemas()[kind]["properties"]["sent_at"]["formatMinimum"] == f"{FIRST_AT:%Y-%m-%dT%H:%M:%SZ}"
    for _, name in (each for each in TEXTS if each[0] == kind):
        assert not schema.is_valid(SOUND[kind] | {name: "x\x1b[2J"})
    for name in ("power_w", "shortfall_w"):
        if isinstance(SOUND[kind].get(name), list):
            assert not schema.is_valid(SOUND[kind] | {name: [MAX_POWER_W + 1]})


class Broken:
    """A validator with a fault of its own."""

    def validate_json(self, payload: bytes) -> None:
        raise OverflowError("date value out of range")


def test_whatever_reading_bytes_raises_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protocol.codec._validator", lambda kind: Broken())
    refusal = refused("confirm")
    assert (refusal.reason, refusal.message_id) == (RejectReason.MALFORMED, "m.1")
    assert refusal.text == "confirm: body: cannot be read: OverflowError: date value out of range"


def figures(value: Any) -> Iterator[int]:
    match value:
        case dict():
            for part in value.values():
                yield from figures(part)
        case list():
            for part in value:
                yield from figures(part)
        case int() if not isinstance(value, bool):
            yield abs(value)


@pytest.mark.parametrize(
    "path", sorted((paths.TESTS / "recordings").glob("*.jsonl.gz")), ids=lambda path: str(path.name)
)
def test_what_was_recorded_lies_far_within_the_bounds(path: Path) -> None:
    steps = [line for line in RecordingFile(path).lines() if isinstance(line, Step)]
    assert len(steps) > 100
    assert max(figures([orjson.loads(step.effects) for step in steps])) < MAX_POWER_W // 10_000
