"""Sentences of the resident's page in both languages."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from worlds import T0, vehicle

from agents.history.standing import PartyStage
from agents.negotiation.cause import GONE, OUTAGE, TAKEN, UNPLUGGED, cause_of
from agents.pages.home import english, japanese, tongue
from agents.pages.home.tongue import Tongue
from agents.pages.home.view import OPEN, HomeDevice, HomeEvent, HomeLimit, home_limits
from agents.pages.web.figures import Clockface
from agents.settings.limits import LIMITS
from protocol import messages as m
from protocol.units import Direction

CLOCK = Clockface(UTC)
FIELD = re.compile(r"\{\w*\}")
LATIN, NOT_ASCII = re.compile(r"[A-Za-z]{2,}"), re.compile(r"[^\x00-\x7f]")
OUTCOMES = ("completed", "withdrawn", "expired", m.Outcome.NOT_NEEDED, m.Outcome.NO_DEAL, m.Outcome.CANCELLED)
CAUSES = tuple({cause_of(text) for text in (OUTAGE, TAKEN, GONE, f"ev-1 {UNPLUGGED}", "it broke")})
"""Why homes end a deal by themselves."""


def event(direction: Direction = Direction.DECREASE_LOAD, terms: m.Terms | None = None, **more: Any) -> HomeEvent:
    period = m.IntervalPeriod(start=T0 + timedelta(hours=1), duration=timedelta(minutes=30))
    request = m.Request(
        message_id="ra.r", event_id="e1", request_id="r", revision=1, round=1, sent_at=T0, program_id="dr",
        direction=direction, interval_period=period, power_w=(2_000, 3_000), reply_by=T0 + timedelta(minutes=5),
        decide_by=T0 + timedelta(minutes=10), terms=terms or m.Terms(),
    )  # fmt: skip
    return HomeEvent("e1", request, PartyStage.CONSIDERING, "", None, more.pop("deal_w", None), False, **more)


def device(**more: Any) -> HomeDevice:
    spec = vehicle("ev-1", relaxations=[{"restriction": "reserve_soc", "steps": [6_000, 4_000]}], relay_ops_left=4)
    known: dict[str, Any] = {
        "resource_id": "ev-1", "kind": "vehicle", "power_w": None, "until": None, "because": "", "trouble": "",
        "soc_wh": 30_000, "capacity_wh": 40_000, "plugged": True, "departs_at": spec.departs_at, "spec": spec,
    }  # fmt: skip
    return HomeDevice(**known | more)


def test_both_languages_say_all_with_the_same_figures() -> None:
    assert english.PHRASES.keys() == japanese.PHRASES.keys()
    assert english.NAMES.keys() == japanese.NAMES.keys()
    for key in english.PHRASES:
        assert set(FIELD.findall(english.PHRASES[key])) == set(FIELD.findall(japanese.PHRASES[key])), key


@pytest.mark.parametrize("words", [m.Restriction, m.OptReason, (*OPEN, PartyStage.CLOSED), OUTCOMES, CAUSES])
def test_each_word_that_a_home_can_meet_is_said_in_both_languages(words: Iterable[str]) -> None:
    for word in words:
        assert str(word) in english.NAMES, word
        assert not LATIN.search(Tongue("ja").name(word)), word


def test_no_japanese_phrase_is_english() -> None:
    for key, text in japanese.PHRASES.items():
        left = FIELD.sub("", text)
        assert NOT_ASCII.search(left), key
        assert not [word for word in LATIN.findall(left) if word not in ("UTC",)], key


def test_each_phrase_is_said_somewhere() -> None:
    """A key is named in a template or in the code, else made of a kind and what follows it."""
    room = Path(tongue.__file__).parent
    told = "".join(
        path.read_text() for path in (*room.glob("*.py"), *room.glob("templates/*")) if path.name != "tongue.py"
    )
    told += Path(tongue.__file__).read_text().partition("class Tongue")[2]
    made = {f"key_{key}" for key in LIMITS} | {
        f"wrong_{key}" for key in re.findall(r'UnsayableForm\([^\n]*"(\w+)"[,)]', told)
    }
    made |= {f"agreed_{way}" for way in ("decrease", "increase")}
    for key in english.PHRASES:
        assert f'"{key}"' in told or f"'{key}'" in told or key in made, key


def test_deal_that_ended_early_says_who_ended_it() -> None:
    left = replace(event(deal_w=(1_000, 0)), outcome="withdrawn", left_because="resident")
    assert Tongue("en").outcome(left) == "you left it"
    unplugged = replace(left, left_because="unplugged")
    assert Tongue("en").outcome(unplugged) == "ended early: the car was unplugged"
    assert Tongue("ja").outcome(unplugged) == "途中で終了:クルマの接続が外れました"
    assert Tongue("en").outcome(replace(left, outcome="completed", left_because="")) == "done"


def test_sentence_says_what_is_asked_what_it_earns_and_what_it_does_to_the_car() -> None:
    priced = event(terms=m.Terms(price_milli_per_kwh=200, currency="EUR"))
    assert Tongue("en").asks(priced, CLOCK, T0, has_car=True) == (
        "From 18:00 to 19:00 your home is asked to use up to 3\u00a0kW less, or to give it back. That earns up to "
        "0.50\u00a0EUR. Your car is charged as you set it when it leaves."
    )
    assert Tongue("ja").asks(event(Direction.INCREASE_LOAD), CLOCK, T0, has_car=False) == (
        "18:00から19:00まで、最大 3\u00a0kW 多く使うこと(充電など)が求められています。報酬は契約で定められています。"
    )


def test_deal_is_told_as_agreed() -> None:
    text = Tongue("en").asks(event(deal_w=(1_000, 0)), CLOCK, T0, has_car=False)
    assert text.startswith("From 18:00 to 19:00 your home uses up to 1\u00a0kW less, or gives it back, as agreed.")


def test_another_day_has_its_date() -> None:
    before = datetime(2026, 1, 13, tzinfo=UTC)
    assert "Wed 14 Jan 18:00" in Tongue("en").asks(event(), CLOCK, before, has_car=False)
    assert "1月14日 18:00" in Tongue("ja").asks(event(), CLOCK, before, has_car=False)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, "follows its own plan"),
        (
            {"power_w": -2_700, "until": T0, "because": "e1"},
            "gives 2.7 kW back until 17:00, because you take part in e1",
        ),
        ({"power_w": 2_700, "until": T0, "because": "e1"}, "draws 2.7 kW until 17:00, because you take part in e1"),
        ({"power_w": 0, "until": T0, "because": "e1"}, "draws nothing until 17:00, because you take part in e1"),
        ({"trouble": "<script>"}, "offers nothing: <script>"),
    ],
)
def test_device_says_what_it_does_and_why(change: dict[str, Any], told: str) -> None:
    assert Tongue("en").does(device(**change), CLOCK) == told


def test_limits_are_told_in_a_households_words_with_what_may_be_loosened() -> None:
    tongue = Tongue("en")
    told = [(tongue.limit(one, CLOCK, T0), tongue.loosened(one)) for one in home_limits([device()])]
    assert told == [
        ("ready at Thu 15 Jan 07:00 with at least 75 % (30\u00a0kWh)", "never loosened"),
        ("never below 20 % (8\u00a0kWh): for you, or for an outage", "loosened to 10 % (4\u00a0kWh) when asked"),
        ("at most 4 switchings of its relay an event", "never loosened"),
    ]
    warm = HomeLimit("heat", "least_c", 20.0, loosened=19.5)
    assert (tongue.limit(warm, CLOCK, T0), tongue.loosened(warm)) == (
        "not below 20\u00a0°C",
        "loosened to 19.5\u00a0°C when asked",
    )


def test_name_that_came_later_is_shown_as_it_is() -> None:
    assert Tongue("ja").name("a_new_stage") == "a new stage"
    assert Tongue("xx").language == "en"
