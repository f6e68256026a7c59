"""A recording without names and dates: nothing of them is left, and it is still the same negotiation."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import orjson
import paths
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import vehicle

from agents.cli.app import call
from agents.runtime.files.scenario import load_scenario
from agents.settings.daemon import PartiesConfig
from agents.tools.anonymise import Anonymiser
from agents.tools.replay.source import RecordingSource
from agents.tools.replay.verify import verify
from agents.tools.run.simulate import build_simulation
from broker.recording_file import Header, RecordedMessage, RecordingFile, Step
from protocol.actor import Planned, PlannedStay
from protocol.codec import decode
from protocol.entries import decode_input, encode_input
from protocol.messages import Offer

SHIPPED = sorted(path.stem for path in paths.EVENINGS)
AT = datetime(2026, 1, 14, 17, 5, tzinfo=UTC)
OFFER = {
    "version": "1.0", "message_id": "hems-0042.offer.e1.1.1.1", "sent_at": "2026-01-14T17:05:00Z", "extensions": {"owner": "x"},
    "event_id": "e1", "request_id": "e1.1.1", "round": 1, "revision": 1, "opt": "opt_in", "power_w": [3000],
    "available_w": [3000], "resources": [{"resource_id": "ev-9", "kind": "vehicle", "power_w": [3000]}],
    "valid_until": "2026-01-14T18:00:00Z",
}  # fmt: skip


@pytest.mark.parametrize("scenario", SHIPPED)
def test_recording_of_steps_is_without_names_and_is_still_verified(tmp_path: Path, scenario: str) -> None:
    call(["simulate", scenario, "--journals", str(tmp_path), "--json"])
    out = tmp_path / "evening.jsonl"
    assert call(["journal", "export", str(tmp_path), "--out", str(out), "--anonymise", "--salt", "pepper"]) == 0
    loaded = load_scenario(Path(scenario))
    names = {home.name for home in loaded.homes} | {settings.name for settings in loaded.aggregators}
    names |= {device.resource_id for home in loaded.homes for device in home.devices}
    data = out.read_bytes()
    assert [name for name in names if f'"{name}' in data.decode() or f".{name}." in data.decode()] == []
    assert str(loaded.start_at.date()).encode() not in data
    result = verify(RecordingSource(out))
    assert result.divergence is None
    assert result.entries > 100


def test_heard_message_keeps_its_energies_and_loses_names_dates_and_free_texts() -> None:
    hidden = Anonymiser("pepper")
    line = hidden.line(
        RecordedMessage(1, AT, "dr/offer/ra-1/hems-0042", orjson.dumps(OFFER), properties={"UserProperty": ["x"]})
    )
    assert isinstance(line, RecordedMessage)
    _, offer = decode(line.topic, line.payload)
    assert isinstance(offer, Offer)
    assert offer.power_w == (3000,)
    assert offer.extensions == {}
    assert line.properties == {}
    parent, child = line.topic.split("/")[2:]
    assert offer.message_id.startswith(f"{child}.offer.")
    assert not any(word in line.payload.decode() for word in ("hems-0042", "ev-9", "ra-1", "2026-01-14", "owner"))
    assert parent != child


def test_dates_move_by_whole_weeks_and_the_time_of_day_stays() -> None:
    line = Anonymiser("pepper").line(RecordedMessage(1, AT, "dr/offer/ra-1/hems-0042", orjson.dumps(OFFER)))
    assert line.at < AT
    assert (AT - line.at) % timedelta(weeks=1) == timedelta(0)


def test_same_salt_gives_the_same_pseudonyms_and_another_salt_others() -> None:
    made = [
        Anonymiser(salt).line(RecordedMessage(1, AT, "dr/offer/ra-1/hems-0042", orjson.dumps(OFFER)))
        for salt in ("a", "a", "b")
    ]
    assert made[0] == made[1] != made[2]


def test_bytes_of_a_stranger_are_not_kept() -> None:
    line = Anonymiser("pepper").line(RecordedMessage(1, AT, "dr/offer/ra-1/hems-0042", b"\xffhems-0042"))
    assert isinstance(line, RecordedMessage)
    assert line.payload == b"?" * 10


def test_party_that_is_named_like_a_key_or_a_kind_leaves_the_format_whole() -> None:
    hidden = Anonymiser("pepper")
    settings = {"utility": {"name": "utility", "children": ["offer"]}}
    header = hidden.header(Header("journal", "gridpact", AT, (settings,)))
    (changed,) = (PartiesConfig.model_validate(one) for one in header.configurations)
    assert changed.utility is not None
    assert changed.utility.name != "utility"
    assert header.anonymised
    note = b'[{"effect":"note","name":"plan_sent","event_id":"","step":"S1","data":{"plans":{"utility":[1]}}}]'
    step = hidden.line(Step(1, AT, "utility", b"null", note))
    assert isinstance(step, Step)
    assert orjson.loads(step.effects)[0]["name"] == "plan_sent"
    assert b"utility" not in step.effects


def test_existing_recording_is_anonymised(tmp_path: Path) -> None:
    call(["simulate", "evening_peak", "--journals", str(tmp_path), "--json"])
    call(["journal", "export", str(tmp_path), "--out", str(tmp_path / "a.jsonl.gz")])
    assert call(["journal", "anonymise", str(tmp_path / "a.jsonl.gz"), "--out", str(tmp_path / "b.jsonl.gz")]) == 0
    assert RecordingFile(tmp_path / "b.jsonl.gz").header.anonymised
    assert verify(RecordingSource(tmp_path / "b.jsonl.gz")).divergence is None


def test_messages_are_without_names_one_after_the_other_as_while_recording() -> None:
    """Nothing is known in advance, and every one is still a message."""
    loaded, hidden, count = load_scenario(Path("evening_peak")), Anonymiser("pepper"), 0
    simulation = build_simulation(loaded, loaded.seed)
    simulation.run(until=loaded.ends_at)
    names = {device.resource_id for home in loaded.homes for device in home.devices}
    names |= {home.name for home in loaded.homes} | {settings.name for settings in loaded.aggregators}
    names |= {loaded.coordinator.name, loaded.utility.name, *(event.event_id for event in loaded.utility.events)}
    for at, _, post in simulation.posts:
        line = hidden.received(RecordedMessage(0, at, post.topic, post.payload))
        if line.payload:
            decode(line.topic, line.payload)
        words = set(re.findall(r"[A-Za-z0-9_-]+", f"{line.topic} {line.payload.decode()}"))
        assert words & names == set()
        assert "2026-01-1" not in line.payload.decode()
        count += 1
    assert count > 300


PRESENCE = (
    b'{"message_id":"m","sent_at":"2026-01-14T17:00:00Z","online":true,"software":"by tanaka",'
    b'"capability":{"tanaka":1},"extensions":{"who":"tanaka 2026-99-99T00:00"}}'
)


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("dr/offer/ra-1/h1", b'{"owner":"tanaka"}'),
        ("dr/tanaka/of the/hill", b"tanaka"),
        ("dr/presence/ra-1/tanaka", PRESENCE),
    ],
)
def test_what_a_stranger_wrote_is_not_repeated(topic: str, payload: bytes) -> None:
    line = Anonymiser("pepper").received(RecordedMessage(0, AT, topic, payload))
    assert not any(word in line.topic for word in ("tanaka", "hill"))
    assert not any(word in line.payload for word in (b"tanaka", b"2026-"))


@given(topic=st.text(max_size=40), payload=st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_no_topic_and_no_payload_stops_it(topic: str, payload: bytes) -> None:
    Anonymiser("pepper").received(RecordedMessage(0, AT, topic, payload))


@given(text=st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d", fullmatch=True))
def test_no_date_stops_it(text: str) -> None:
    step = Step(1, AT, "ra-1", orjson.dumps({"input": "cancel", "event_id": "e1", "reason": text}), b"[]")
    assert isinstance(Anonymiser("pepper").line(step), Step)


def test_header_does_not_tell_where_the_broker_is() -> None:
    header = Header("bus", "gridpact", AT, about={"broker": "tanaka.example:1883"})
    assert "tanaka" not in repr(Anonymiser("pepper").header(header))


def test_owners_plan_keeps_its_times_and_loses_its_days_and_where_it_is() -> None:
    departures = [{"days": ["mon"], "at": "07:30"}]
    plan = {"zone": "Europe/Oslo", "departures": departures, "exceptions": [{"on": "2026-01-15"}]}
    car = vehicle("ev-9", plan=plan).model_dump(mode="json")
    home = {"name": "hems-0042", "parent": "ra-1", "devices": [car]}
    hidden = Anonymiser("pepper")
    header = hidden.header(Header("bus", "test", AT, ({"ders": [home]},)))
    (settings,) = header.configurations
    shown = settings["ders"][0]["devices"][0]["plan"]  # type: ignore[index]
    day = date.fromisoformat(shown["exceptions"][0]["on"])
    assert shown["zone"] == "UTC"
    assert shown["departures"][0]["at"] == "07:30:00"
    assert (day - date(2026, 1, 15)).days % 7 == 0
    assert day != date(2026, 1, 15)
    planned = Planned("ev-9", AT, (PlannedStay(AT, 30_000),), ("2026-01-15",))
    line = hidden.line(Step(1, AT, "hems-0042", encode_input(planned), b"[]"))
    assert isinstance(line, Step)
    again = decode_input(line.input)
    assert isinstance(again, Planned)
    assert again.skipped == (str(day),)
    assert again.resource_id != "ev-9"
    assert again.stays[0].soc_wh == 30_000
