"""What users write becomes a model, or one sentence: types, instants, numbers, and keys that there are not."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from agents.settings.checked import ConfigError, checked, known
from agents.settings.daemon import DaemonConfig

FIRST = datetime(2026, 1, 14, 17, tzinfo=UTC)
EAST = timezone(timedelta(hours=9))
BATTERY: dict[str, Any] = {
    "kind": "storage",
    "resource_id": "bat-1",
    "capacity_wh": 10_000,
    "soc_wh": 5_000,
    "state_at": FIRST,
    "max_charge_w": 5_000,
    "max_discharge_w": 5_000,
}
EVENT: dict[str, Any] = {
    "event_id": "e1",
    "issue_at": FIRST,
    "direction": "decrease_load",
    "start": FIRST + timedelta(hours=1),
    "power_w": [5_000],
}


def home(**changes: Any) -> dict[str, Any]:
    return {"ders": [{"name": "hems-1", "parent": "ra-1", "devices": [BATTERY | changes]}]}


def utility(**changes: Any) -> dict[str, Any]:
    return {"utility": {"children": ["ac"], "events": [EVENT | changes]}}


def sentence(data: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        checked(DaemonConfig, data, "x.toml")
    text = str(caught.value)
    assert text.startswith("x.toml: ")
    assert "\n" not in text
    return text.removeprefix("x.toml: ")


def test_what_is_right_is_taken() -> None:
    assert checked(DaemonConfig, home() | {"clock": {"speed": 60}}, "x.toml").ders[0].devices[0].kind == "storage"
    assert checked(DaemonConfig, utility(), "x.toml").role() == "utility"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (home(capasity_wh=1), "ders[0].devices[0].capasity_wh: there is no such key (did you mean capacity_wh?)"),
        ({"clok": {}}, "clok: there is no such key (did you mean clock?)"),
        ({"broker": {"hots": "x"}}, "broker.hots: there is no such key (did you mean host?)"),
        ({"broker": {"zzz": "x"}}, "broker.zzz: there is no such key"),
        (
            {"aggregator": {"name": "ra-1", "parent": "ac", "storage": [BATTERY | {"socwh": 1}]}},
            "aggregator.storage[0].socwh: there is no such key (did you mean soc_wh?)",
        ),
        (
            {"aggregator": {"name": "ra-1", "parent": "ac", "members": [{"name": "a", "merrit": 5}]}},
            "aggregator.members[0].merrit: there is no such key (did you mean merit?)",
        ),
        (
            home(kind="storag"),
            "ders[0].devices[0].kind: there is no 'storag' (did you mean storage?); there are vehicle, storage, solar, load, climate",
        ),
    ],
)
def test_key_that_there_is_not_is_said_with_the_nearest_one(data: dict[str, Any], text: str) -> None:
    assert sentence(data) == text


def test_misspelt_key_is_said_before_the_one_that_is_missing_for_it() -> None:
    battery = {key: value for key, value in BATTERY.items() if key != "soc_wh"}
    data = {"aggregator": {"name": "ra-1", "parent": "ac", "storage": [battery | {"soc_kwh": 5}]}}
    assert sentence(data) == "aggregator.storage[0].soc_kwh: there is no such key (did you mean soc_wh?)"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (home(soc_wh=True), "ders[0].devices[0].soc_wh: a number is needed, not true"),
        (utility(power_w=[1, False]), "utility.events[0].power_w[1]: a number is needed, not false"),
        ({"clock": {"speed": True}}, "clock.speed: a number is needed, not true"),
        (home(soc_wh=float("nan")), "ders[0].devices[0].soc_wh: input should be a finite number (it is nan)"),
        (home(soc_wh=0.85), "ders[0].devices[0].soc_wh: input should be a valid integer"),
        ({"clock": {"speed": float("nan")}}, "clock.speed: input should be less than or equal to 100000 (it is nan)"),
        ({"clock": {"speed": float("inf")}}, "clock.speed: input should be less than or equal to 100000 (it is inf)"),
        (home(capacity_wh=10**30), "ders[0].devices[0].capacity_wh: is too large: 1000000000000000 is the most"),
        (
            {"journal": {"archive_after": 2**63}},
            "journal.archive_after: is too large: 9223372036854775807 is the most (it is 9223372036854775808)",
        ),
        (
            {"aggregator": {"name": "ra-1", "parent": "ac", "report_grace_s": 10**9}},
            "aggregator.report_grace_s: is too large: 31622400 is the most (it is 1000000000)",
        ),
        ({"broker": {"host": "a host"}}, "broker.host: 'a host' is no name of a host"),
        ({"journal": {"path": "a\0b"}}, "journal.path: no file has such a name"),
    ],
)
def test_number_that_cannot_be_meant_is_refused(data: dict[str, Any], text: str) -> None:
    assert sentence(data).startswith(text)


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (datetime(2026, 1, 14, 17), "an instant needs its offset from UTC, as in 2026-01-14T17:00:00Z"),
        (date(2026, 1, 14), "an instant needs its offset from UTC, as in 2026-01-14T17:00:00Z"),
        (1_768_410_000, "an instant is needed, as in 2026-01-14T17:00:00Z (it is 1768410000)"),
        (True, "input should be a valid datetime"),
        (FIRST.replace(year=3026), "lies in the year 3026; the years 2000 to 2199 are taken"),
        (FIRST.replace(year=1999), "lies in the year 1999; the years 2000 to 2199 are taken"),
        (datetime(1, 1, 1, tzinfo=EAST), "lies in the year 1; the years 2000 to 2199 are taken"),
    ],
)
def test_instant_that_cannot_be_meant_is_refused(instant: object, text: str) -> None:
    assert sentence(home(state_at=instant)).startswith(f"ders[0].devices[0].state_at: {text}")


def test_text_of_an_instant_beyond_the_calendar_is_refused() -> None:
    text = "ders[0].devices[0].state_at: lies in the year 1; the years 2000 to 2199 are taken"
    assert sentence(home(state_at="0001-01-01T00:00:00+09:00")) == text


def test_instant_with_an_offset_is_converted() -> None:
    config = checked(DaemonConfig, home(state_at="2026-01-15T02:00:00+09:00"), "x.toml")
    assert config.ders[0].devices[0].state_at == FIRST  # type: ignore[union-attr]


def test_what_a_journal_has_kept_is_read_without_the_rules() -> None:
    data = home(soc_wh=11_000)
    assert sentence(data) == "ders[0].devices[0].soc_wh: 11000 is above capacity_wh (10000)"
    assert known(DaemonConfig, data, "x.journal").ders[0].devices[0].resource_id == "bat-1"
