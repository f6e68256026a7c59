"""What a message may not say, field against field."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from protocol import messages as m
from protocol.units import Direction

START = datetime(2026, 1, 14, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HEAD: dict[str, Any] = {
    "message_id": "m-1",
    "sent_at": START,
    "event_id": "ev-1",
    "request_id": "ev-1.1.1",
    "round": 1,
    "revision": 1,
}


def request(**fields: Any) -> m.Request:
    sound: dict[str, Any] = {
        "program_id": "peak",
        "direction": Direction.DECREASE_LOAD,
        "interval_period": m.IntervalPeriod(start=START),
        "power_w": (1000,),
        "reply_by": START - 20 * MINUTE,
        "decide_by": START - 10 * MINUTE,
    }
    return m.Request(**HEAD | sound | fields)


def offer(**fields: Any) -> m.Offer:
    sound: dict[str, Any] = {"opt": m.Opt.IN, "power_w": (5, 0), "available_w": (5, 5), "valid_until": START}
    return m.Offer(**HEAD | sound | fields)


def option(name: str, *power_w: int) -> m.Option:
    return m.Option(option_id=name, power_w=power_w, basis=(m.OptionBasis.OFFERS,), shape=m.Shape.FLAT)


def alternative(*options: m.Option) -> m.Alternative:
    return m.Alternative(**HEAD, options=options, valid_until=START)


def award(**fields: Any) -> m.Award:
    sound: dict[str, Any] = {"award_id": "a", "accepts": "o", "outcome": m.Outcome.CONCLUDED, "power_w": (5,)}
    return m.Award(**HEAD | sound | {"confirm_by": START} | fields)


@pytest.mark.parametrize("reply_by", [START - 9 * MINUTE, START + MINUTE])
def test_deadlines_of_a_request_nest(reply_by: datetime) -> None:
    with pytest.raises(ValidationError, match="deadlines must nest"):
        request(reply_by=reply_by)


def test_decisions_end_before_the_first_slot() -> None:
    with pytest.raises(ValidationError, match="deadlines must nest"):
        request(decide_by=START + MINUTE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"available_w": (5,)},
        {"binding": (None,)},
        {"resources": (m.Resource(resource_id="r", kind=m.ResourceKind.LOAD, power_w=(1,)),)},
    ],
)
def test_all_plans_of_an_offer_have_the_same_slots(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="one entry a slot"):
        offer(**wrong)


def test_an_offer_is_never_above_what_is_available() -> None:
    with pytest.raises(ValidationError, match="above available_w"):
        offer(power_w=(6, 0))


def test_who_opts_out_offers_nothing() -> None:
    with pytest.raises(ValidationError, match="opt_out offers no power"):
        offer(opt=m.Opt.OUT)


def test_options_differ_by_id_and_agree_in_slots() -> None:
    with pytest.raises(ValidationError, match="option ids must differ"):
        alternative(option("a", 1), option("a", 2))
    with pytest.raises(ValidationError, match="same number of slots"):
        alternative(option("a", 1), option("b", 1, 1))


def test_a_concluded_award_names_its_offer_and_no_other_has_power() -> None:
    with pytest.raises(ValidationError, match="names the offer"):
        award(accepts=None)
    with pytest.raises(ValidationError, match="only a concluded award has power"):
        award(outcome=m.Outcome.NO_DEAL)


@pytest.mark.parametrize("power_w", [(), (-1,), (1.0,), (10**11 + 1,), (True,), (0,) * 337])
def test_a_plan_is_1_to_336_whole_watts_from_0_to_100_gw(power_w: tuple[Any, ...]) -> None:
    with pytest.raises(ValidationError):
        request(power_w=power_w)


def test_messages_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        request().power_w = (2,)  # type: ignore[misc]


def test_an_instant_of_another_zone_is_kept_as_utc() -> None:
    tokyo = (START - 20 * MINUTE).astimezone(tz=ZoneInfo("Asia/Tokyo"))
    taken = request(reply_by=tokyo)
    assert (taken.reply_by.tzinfo, taken.reply_by) == (UTC, tokyo)
