"""Every message in every stage of a DER has an answer, whatever its values: nothing is raised, nobody is left waiting."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from worlds import LOOSENS, START, T0, vehicle

from agents.parties.der.actor import Der
from agents.parties.der.event import DerStage
from agents.settings.parties import Consent, DerSettings
from protocol import messages as m
from protocol.actor import Decided, Effect, Measured, Received, Send, Setpoint
from protocol.codec import decode_body, encode
from protocol.edges import Edge
from protocol.units import MAX_POWER_W, MAX_SLOTS, Direction

EDGE = Edge("ra", "h")
SLOTS = 3
NOW = T0 + timedelta(minutes=5)


def request(round_: int = 1, **fields: Any) -> m.Request:
    given: dict[str, Any] = {
        "message_id": f"ra.request.{round_}", "sent_at": NOW, "event_id": "e", "request_id": f"e.1.{round_}",
        "round": round_, "revision": 1, "program_id": "p", "direction": Direction.DECREASE_LOAD,
        "interval_period": m.IntervalPeriod(start=START), "power_w": (3_000,) * SLOTS,
        "reply_by": START - timedelta(minutes=30), "decide_by": START - timedelta(minutes=20),
    }  # fmt: skip
    return m.Request(**given | fields)


def about(kind: type[m.EventMessage], name: str, **fields: Any) -> m.EventMessage:
    given: dict[str, Any] = {
        "message_id": f"ra.{kind.kind}.{name}", "sent_at": NOW, "event_id": "e", "request_id": "e.1.1", "round": 1,
        "revision": 1,
    }  # fmt: skip
    return kind(**given | fields)


def relax(name: str, **fields: Any) -> m.EventMessage:
    given: dict[str, Any] = {"shortfall_w": (500,) * SLOTS, "restrictions": (m.Restriction.RESERVE_SOC,)}
    return about(m.Relax, name, **given | {"reply_by": START - timedelta(minutes=25)} | fields)


def award(name: str, **fields: Any) -> m.EventMessage:
    given: dict[str, Any] = {
        "award_id": "a", "accepts": "h.offer.own.e.1.1", "outcome": m.Outcome.CONCLUDED,
        "power_w": (1_000, 1_200, 0), "confirm_by": START,
    }  # fmt: skip
    return about(m.Award, name, **given | fields)


def dispatch(name: str, **fields: Any) -> m.EventMessage:
    return about(m.Dispatch, name, **{"award_id": "a", "slot": 0, "power_w": -1_000, "valid_for_s": 1_800} | fields)


class Home(Der):
    """A home, and what it says to a message."""

    def given(self, message: m.Message, now: datetime = NOW, edge: Edge = EDGE) -> list[Effect]:
        body = encode(message)
        return self.receive(Received(edge, decode_body(message.kind, body), body), now)


def home(stage: DerStage) -> Home:
    """In one of its stages."""
    consent = (
        Consent.ASK
        if stage is DerStage.CONSIDERING
        else Consent.NEVER
        if stage is DerStage.OPTED_OUT
        else Consent.ALWAYS
    )
    der = Home(DerSettings(name="h", parent="ra", devices=(vehicle("ev", **LOOSENS),), consent=consent))
    der.receive(Measured("ev", NOW, 30_000), NOW)
    der.given(request())
    if stage in (DerStage.AWARDED, DerStage.ACTIVE):
        der.given(award("first"))
    if stage is DerStage.ACTIVE:
        der.given(dispatch("first"))
    if stage is DerStage.CLOSED:
        der.given(about(m.Award, "none", award_id="a", outcome=m.Outcome.NOT_NEEDED, power_w=(0,), confirm_by=START))
    assert der.events["e"].stage is stage
    return der


def slots(name: str, make: Any, plan: str) -> Iterator[m.EventMessage]:
    for count in (1, SLOTS - 1, SLOTS + 1, MAX_SLOTS):
        yield make(f"{name}.{count}", **{plan: (1,) * count})
    for power_w in (0, 1, MAX_POWER_W):
        yield make(f"{name}.{power_w}w", **{plan: (power_w,) * SLOTS})


def messages() -> Iterator[m.EventMessage]:
    """Of every kind that a DER hears, right and odd ones."""
    yield request(2)
    yield request(2, interval_period=m.IntervalPeriod(start=START + timedelta(days=60_000)))
    yield request(2, interval_period=m.IntervalPeriod(start=START, duration=timedelta(seconds=1)))
    yield request(2, reply_by=T0, decide_by=T0)
    yield request(2, reply_by=NOW, decide_by=NOW, interval_period=m.IntervalPeriod(start=NOW))
    yield request(2, direction=Direction.INCREASE_LOAD)
    yield request(2, request_id="r" * 210, round=1_000, revision=10**6)
    yield request(1, message_id="again")
    yield request(2, event_id="another", request_id="another")
    yield from slots("request", lambda name, **fields: request(2, message_id=name, **fields), "power_w")
    yield relax("right")
    yield relax("late", reply_by=T0)
    yield relax("all", restrictions=tuple(m.Restriction) + (m.Restriction.RELAY_OPS,) * 3)
    yield from slots("relax", relax, "shortfall_w")
    yield award("right")
    yield award("newer", revision=7)
    yield award("other", award_id="b")
    yield award("long", award_id="a" * 210)
    yield award("stranger", accepts="nobodys")
    yield award("relaxed", accepts="h.offer.relaxed.e.1.1")
    for outcome in (m.Outcome.NO_DEAL, m.Outcome.NOT_NEEDED, m.Outcome.CANCELLED):
        for sent_at in (NOW, T0, START):
            for count in (SLOTS, 1, MAX_SLOTS):
                name = f"{outcome}.{sent_at:%H%M}.{count}"
                yield award(name, outcome=outcome, sent_at=sent_at, power_w=(0,) * count, revision=9)
    yield from slots("award", award, "power_w")
    yield dispatch("right")
    yield dispatch("other", award_id="b")
    yield dispatch("hold", fallback=m.Fallback.HOLD, valid_for_s=7 * 86_400)
    for slot in (0, 1, 2, 3, MAX_SLOTS - 1):
        for power_w in (0, -1, 1, -1_000, -MAX_POWER_W, MAX_POWER_W):
            yield dispatch(f"{slot}.{power_w}", slot=slot, power_w=power_w)
    yield about(m.Confirm, "up", award_id="a", accepted=True)
    yield about(m.Withdraw, "up", award_id="a", from_slot=0, power_w=(0,), cause="x")
    yield about(m.Offer, "up", opt=m.Opt.IN, power_w=(1,), available_w=(1,), valid_until=START)
    plan = m.Option(option_id="o", power_w=(1,), basis=(m.OptionBasis.OFFERS,), shape=m.Shape.FLAT)
    yield about(m.Alternative, "up", options=(plan,), valid_until=START)
    reading = m.Reading(slot=0, energy_wh=0, baseline_wh=0, state=m.EventStatus.ACTIVE)
    yield about(m.Report, "up", resource_id="r", readings=(reading,))


def about_others() -> Iterator[m.EventMessage]:
    """The same, of another event or an earlier request."""
    for message in messages():
        yield message.model_copy(update={"event_id": "unknown"})
        yield message.model_copy(update={"request_id": "e.0.0"})


def lived_on(der: Home) -> None:
    """Everything that is due is done, and nothing is left waiting."""
    for _ in range(3 * MAX_SLOTS):
        if der.deadline is None:
            return
        at = der.deadline
        for effect in der.wake(at):
            if type(effect).__name__ == "Measure":
                der.receive(Measured("ev", at, 20_000, 500, effect.event_id, effect.slot), at)  # type: ignore[union-attr]
    raise AssertionError(f"still waits for {der.deadline}")


@pytest.mark.parametrize("stage", DerStage)
@pytest.mark.parametrize("edge", [EDGE, Edge("h", "ra"), Edge("stranger", "h")], ids=["ra/h", "h/ra", "stranger/h"])
def test_every_message_is_answered_in_every_stage(stage: DerStage, edge: Edge) -> None:
    for message in (*messages(), *(about_others() if edge == EDGE else ())):
        der = home(stage)
        effects = der.given(message, edge=edge)
        asked = der.events["e"].stage is DerStage.CONSIDERING and message.kind == "request"
        left_alone = isinstance(message, m.Dispatch) and not message.power_w
        assert asked or left_alone or any(isinstance(effect, Send | Setpoint) for effect in effects), message
        der.given(message, edge=edge)
        der.receive(Decided("e", True), NOW)
        lived_on(der)


@pytest.mark.parametrize("stage", DerStage)
def test_every_message_is_survived_at_every_time(stage: DerStage) -> None:
    for now in (START - timedelta(minutes=15), START, START + timedelta(hours=9)):
        for message in messages():
            der = home(stage)
            der.receive(Decided("e", False), now)
            der.given(message, now)
            lived_on(der)


@pytest.mark.parametrize("stage", [DerStage.OFFERED, DerStage.AWARDED, DerStage.ACTIVE])
def test_change_that_is_heard_too_late_leaves_what_stands(stage: DerStage) -> None:
    der = home(stage)
    (refused,) = [effect for effect in der.given(request(2, reply_by=T0)) if isinstance(effect, Send)]
    assert isinstance(refused.message, m.Reject)
    assert refused.message.reason is m.RejectReason.EXPIRED
    assert (der.events["e"].stage, der.events["e"].request.round) == (stage, 1)
    assert der.ledger.but("other")


def test_reading_of_a_deal_that_does_not_stand_any_more_is_kept_for_nobody() -> None:
    der = home(DerStage.ACTIVE)
    der.given(request(2))
    at = START + timedelta(minutes=30)
    assert der.receive(Measured("ev", at, 20_000, -1_000, "e", 0), at - timedelta(hours=1)) == []


def test_events_that_stay_open_are_bounded() -> None:
    der = Home(DerSettings(name="h", parent="ra", devices=(vehicle("ev"),), consent=Consent.ASK))
    effects: list[Effect] = []
    for number in range(Der.MOST_OPEN + 5):
        effects = der.given(request(event_id=f"e{number}", message_id=f"m{number}"))
    assert len(der.events) == Der.MOST_OPEN
    (refused,) = [effect.message for effect in effects if isinstance(effect, Send)]
    assert isinstance(refused, m.Reject)
    assert refused.reason is m.RejectReason.OVERLOAD
