"""What an event reserves of a home when its award is raised again, though another event has taken of what was freed; and the
baseline of an event that was declared beside another one."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypeVar

import pytest
from asked import request
from worlds import START, T0, battery, vehicle

from agents.negotiation.cause import TAKEN
from agents.parties.der.actor import Der
from agents.parties.der.state import der_state, remember_der
from agents.settings.devices import DeviceSpec
from agents.settings.parties import DerSettings
from protocol import messages as m
from protocol.actor import Effect, Measured, Received, Send, Setpoint
from protocol.codec import encode
from protocol.edges import Edge
from protocol.errors import RejectReason

EDGE = Edge("ra", "h")
SLOT = timedelta(minutes=30)
LATER = T0 + timedelta(minutes=1)
M = TypeVar("M", bound=m.Message)


class Asked:
    """A home that offers in two events, slots of half an hour from START on."""

    def __init__(self, device: DeviceSpec) -> None:
        self.der = Der(DerSettings(name="h", parent="ra", devices=(device,)))
        self.now = LATER
        self.revisions: dict[str, int] = {}

    def hear(self, message: m.Message) -> list[Effect]:
        return list(self.der.receive(Received(EDGE, message, encode(message)), self.now))

    def ask(self, event_id: str, *power_w: int, start_min: int = 0) -> tuple[int, ...]:
        """What it offers, W."""
        period = m.IntervalPeriod(start=START + timedelta(minutes=start_min), duration=SLOT)
        wanted = request(*power_w, event_id=event_id, request_id=event_id, interval_period=period)
        return sent(self.hear(wanted), m.Offer)[0].power_w

    def award(self, event_id: str, *power_w: int) -> list[Effect]:
        revision = self.revisions[event_id] = self.revisions.get(event_id, 0) + 1
        return self.hear(
            m.Award(
                message_id=f"award.{event_id}.{revision}", sent_at=T0, event_id=event_id, request_id=event_id, round=1,
                revision=revision, award_id=f"a.{event_id}", accepts=f"h.offer.own.{event_id}",
                outcome=m.Outcome.CONCLUDED, power_w=power_w, confirm_by=START - timedelta(minutes=10),
            )
        )  # fmt: skip

    def dispatch(self, event_id: str, power_w: int, slot: int = 0, revision: int = 1) -> list[Setpoint]:
        dispatch = m.Dispatch(
            message_id=f"dispatch.{event_id}.{slot}", sent_at=T0, event_id=event_id, request_id=event_id, round=1,
            revision=revision, award_id=f"a.{event_id}", slot=slot, power_w=-power_w, valid_for_s=3_600,
        )  # fmt: skip
        return [effect for effect in self.hear(dispatch) if isinstance(effect, Setpoint)]


def sent(effects: list[Effect], kind: type[M]) -> list[M]:
    return [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, kind)]


@pytest.mark.parametrize("device", [vehicle("ev", reserve_wh=0), battery("bat", 6_000)])
def test_raise_is_kept_whole_where_nothing_was_taken(device: DeviceSpec) -> None:
    asked = Asked(device)
    assert asked.ask("e1", 6_000, 3_000) == (6_000, 3_000)
    asked.award("e1", 1_000, 0)
    effects = asked.award("e1", 6_000, 3_000)
    assert sent(effects, m.Withdraw) == []
    assert [setpoint.power_w for setpoint in asked.dispatch("e1", 6_000)] == [-6_000]


@pytest.mark.parametrize("device", [vehicle("ev", reserve_wh=0), battery("bat", 6_000)])
def test_raise_above_what_is_left_is_withdrawn_in_part(device: DeviceSpec) -> None:
    asked = Asked(device)
    asked.ask("e1", 6_000, 3_000)
    asked.award("e1", 2_000, 0)
    assert asked.ask("e2", 3_000) == (3_000,)
    asked.award("e2", 3_000)
    effects = asked.award("e1", 6_000, 3_000)
    assert [confirm.accepted for confirm in sent(effects, m.Confirm)] == [True]
    (withdrawal,) = sent(effects, m.Withdraw)
    assert (withdrawal.power_w, withdrawal.from_slot, withdrawal.cause) == ((3_000, 3_000), 0, TAKEN)
    asked.dispatch("e2", 3_000)
    assert [setpoint.power_w for setpoint in asked.dispatch("e1", 6_000)] == [-6_000]  # of both events together


def test_nothing_is_added_where_another_event_takes_a_part_of_the_slot() -> None:
    asked = Asked(battery("bat", 6_000))
    asked.ask("e1", 6_000, 3_000)
    asked.award("e1", 2_000, 0)
    assert asked.ask("e2", 4_000, start_min=15) == (4_000,)
    asked.award("e2", 4_000)
    (withdrawal,) = sent(asked.award("e1", 6_000, 3_000), m.Withdraw)
    assert withdrawal.power_w == (2_000, 0)
    assert withdrawal.from_slot == 0


def test_withdrawal_of_a_part_is_said_again_until_the_next_award() -> None:
    asked = Asked(vehicle("ev", reserve_wh=0))
    asked.ask("e1", 6_000)
    asked.award("e1", 2_000)
    asked.ask("e2", 3_000)
    asked.award("e2", 3_000)
    (said,) = sent(asked.award("e1", 6_000), m.Withdraw)
    due = asked.der.deadline
    assert due is not None
    assert due == LATER + SLOT / 10
    assert sent(list(asked.der.wake(due)), m.Withdraw) == [said]
    assert sent(asked.award("e1", 3_000), m.Withdraw) == []
    assert asked.der.deadline == START + SLOT


@pytest.mark.parametrize("reason", [RejectReason.WRONG_SLOTS, RejectReason.UNKNOWN_PARTY, RejectReason.OVERLOAD])
def test_withdrawal_that_the_parent_takes_for_none_is_not_said_again(reason: RejectReason) -> None:
    asked = Asked(vehicle("ev", reserve_wh=0))
    asked.ask("e1", 6_000)
    asked.award("e1", 2_000)
    asked.ask("e2", 3_000)
    asked.award("e2", 3_000)
    (said,) = sent(asked.award("e1", 6_000), m.Withdraw)
    asked.hear(
        m.Reject(
            message_id="ra.reject.1", sent_at=LATER, refused_id=said.message_id, refused_kind="withdraw",
            refused_by=m.Side.PARENT, reason=reason,
        )
    )  # fmt: skip
    again = sent(list(asked.der.wake(LATER + SLOT / 10)), m.Withdraw)
    assert again == ([said] if reason is RejectReason.OVERLOAD else [])


def test_lower_award_after_a_raise_is_kept() -> None:
    asked = Asked(vehicle("ev", reserve_wh=0))
    asked.ask("e1", 6_000)
    asked.award("e1", 2_000)
    asked.ask("e2", 4_000)
    asked.award("e2", 4_000)
    asked.award("e1", 6_000)
    assert sent(asked.award("e1", 1_000), m.Withdraw) == []
    assert [setpoint.power_w for setpoint in asked.dispatch("e1", 1_000)] == [-1_000]


def setpoints(effects: Iterable[Effect]) -> list[tuple[int | None, datetime, datetime]]:
    return [(one.power_w, one.at, one.until) for one in effects if isinstance(one, Setpoint)]


def in_its_first_slot(*award_w: int) -> Asked:
    """Ten minutes into a slot in which its battery follows this award."""
    asked = Asked(battery("bat", 6_000))
    asked.ask("e1", 6_000, 3_000)
    asked.award("e1", *award_w)
    asked.dispatch("e1", award_w[0])
    asked.now = START + timedelta(minutes=10)
    return asked


def test_award_lowered_in_a_running_slot_cuts_what_the_device_follows_at_once() -> None:
    asked = in_its_first_slot(6_000, 3_000)
    assert setpoints(asked.award("e1", 1_000, 3_000)) == [(-1_000, asked.now, START + SLOT)]


def test_award_lowered_to_nothing_in_a_running_slot_lets_the_device_go() -> None:
    asked = in_its_first_slot(6_000, 3_000)
    assert setpoints(asked.award("e1", 0, 3_000)) == [(None, asked.now, asked.now)]


@pytest.mark.parametrize("award_w", [(2_000, 0), (6_000, 3_000), (5_000, 3_000)])
def test_award_above_what_is_followed_moves_no_device(award_w: tuple[int, int]) -> None:
    asked = in_its_first_slot(2_000, 3_000)
    assert setpoints(asked.award("e1", *award_w)) == []


def test_slot_that_was_dispatched_ahead_is_cut_too() -> None:
    asked = in_its_first_slot(6_000, 3_000)
    asked.now = START - timedelta(seconds=30)
    assert setpoints(asked.award("e1", 4_000, 0)) == [(-4_000, START, START + SLOT)]


def test_what_flowed_until_an_award_was_lowered_to_nothing_is_told() -> None:
    asked = in_its_first_slot(6_000, 3_000)
    asked.award("e1", 0, 3_000)
    der, end = asked.der, START + SLOT
    metered = Measured("bat", end, 9_000, energy_wh=-1_000, event_id="e1", slot=0)
    (report,) = sent(list(der.receive(metered, end)), m.Report)
    assert (report.readings[0].energy_wh, report.readings[0].baseline_wh) == (-1_000, 0)


def baseline_wh(asked: Asked, soc_wh: int) -> int | None:
    """Of the first slot of e2, after e1: read at its start with so much, Wh, it then did nothing."""
    der, start = asked.der, START + SLOT
    der.receive(Measured("ev", start, soc_wh), start)
    effects = der.receive(Measured("ev", start + SLOT, soc_wh, energy_wh=0, event_id="e2", slot=0), start + SLOT)
    (report,) = sent(list(effects), m.Report)
    return report.readings[0].baseline_wh


def after_another_event() -> Asked:
    """It expects to have been discharged by e1, and to charge when e2 asks for less load."""
    asked = Asked(vehicle("ev"))
    asked.ask("e1", 6_000)
    asked.ask("e2", 3_000, start_min=30)
    asked.award("e2", 3_000)
    return asked


def test_declared_rebound_of_an_event_that_never_was_is_not_told_as_delivered() -> None:
    asked = after_another_event()
    asked.award("e1", 0)
    assert baseline_wh(asked, 30_000) == 0


def test_declared_baseline_stands_where_the_other_event_was_followed() -> None:
    asked = after_another_event()
    asked.award("e1", 6_000)
    asked.dispatch("e1", 6_000)
    assert baseline_wh(asked, 27_000) == 3_000


def test_found_schedule_is_remembered() -> None:
    asked = after_another_event()
    asked.award("e1", 0)
    asked.der.receive(Measured("ev", START + SLOT, 30_000), START + SLOT)
    asked.der.receive(Measured("ev", START + SLOT * 3 / 2, 30_000), START + SLOT * 3 / 2)
    again = Der(asked.der.settings)
    remember_der(again, der_state(asked.der))
    assert again.events["e2"].found_wus == asked.der.events["e2"].found_wus == {0: {"ev": 0}}


def test_raise_in_a_slot_under_way_leaves_another_event_on_its_schedule() -> None:
    """The car charges in the second slot what the first has taken, and the later event stands on that: a kilowatt more of
    the first event would have led it from 3 kW to -4 kW."""
    asked = Asked(vehicle("ev", reserve_wh=0))
    asked.ask("e1", 6_000, 6_000)
    asked.award("e1", 6_000, 0)
    assert asked.ask("e2", 3_000, start_min=30) == (3_000,)
    asked.award("e2", 3_000)
    asked.now = START - timedelta(minutes=1)
    asked.dispatch("e1", 6_000)
    asked.now = START + timedelta(minutes=29)
    assert setpoints(asked.dispatch("e2", 3_000)) == [(3_000, START + SLOT, START + 2 * SLOT)]
    asked.now = START + timedelta(minutes=40)
    (withdrawal,) = sent(asked.award("e1", 6_000, 1_000), m.Withdraw)
    assert (withdrawal.power_w, withdrawal.cause) == ((6_000, 0), TAKEN)
    assert asked.dispatch("e1", 1_000, slot=1, revision=2) == []
