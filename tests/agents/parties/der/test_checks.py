"""A DER looks at a relaxation and an award before it answers."""

from datetime import datetime, timedelta

import pytest
from der_cases import AWARD, REQUEST, TERMS
from worlds import T0

from agents.parties.der.checks import accepted_basis, award_problem, keeps_firm, relax_refusal
from agents.parties.der.event import TRANSITIONS, DerStage, DerTimer, first_timer, moved
from protocol import messages as m
from protocol.errors import RejectReason
from protocol.plan import Plan

LATE = timedelta(hours=1)
OWN: dict[m.Basis, Plan] = {m.Basis.OWN: (1_000, 0)}


def relax(slots: int = 2) -> m.Relax:
    ids = {"event_id": "e1", "request_id": REQUEST.request_id, "round": 2, "revision": 1}
    fields = {"shortfall_w": (1,) * slots, "restrictions": (m.Restriction.RESERVE_SOC,), "reply_by": T0}
    return m.Relax(message_id="x", sent_at=T0, **ids, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stage", "offered_w", "slots", "now", "reason"),
    [
        (DerStage.OFFERED, OWN, 2, T0, None),
        (DerStage.AWARDED, OWN, 2, T0, RejectReason.UNKNOWN_OFFER),
        (DerStage.OFFERED, {}, 2, T0, RejectReason.UNKNOWN_OFFER),
        (DerStage.OFFERED, OWN | {m.Basis.RELAXED: (1, 1)}, 2, T0, RejectReason.UNKNOWN_OFFER),
        (DerStage.OFFERED, OWN, 3, T0 + LATE, RejectReason.EXPIRED),
        (DerStage.OFFERED, OWN, 3, T0, RejectReason.WRONG_SLOTS),
    ],
)
def test_relaxation_is_refused_with_a_reason(
    stage: DerStage, offered_w: dict[m.Basis, Plan], slots: int, now: datetime, reason: RejectReason | None
) -> None:
    refusal = relax_refusal(stage, TERMS, offered_w, relax(slots), now)
    assert (None if refusal is None else refusal.reason) is reason


@pytest.mark.parametrize(
    ("stage", "offered_w", "now", "first", "problem"),
    [
        (DerStage.OFFERED, (500, 0), T0, True, ""),
        (DerStage.OFFERED, (499, 0), T0, True, "the award is above the offer"),
        (DerStage.OFFERED, None, T0, True, f"{AWARD.accepts} does not stand"),
        (DerStage.OFFERED, (500, 0), T0 + LATE, True, "the offer has expired"),
        (DerStage.AWARDED, (500, 0), T0 + LATE, False, ""),
        (DerStage.CLOSED, None, T0, True, "the event is expired"),
    ],
)
def test_award_that_cannot_be_kept_has_a_problem(
    stage: DerStage, offered_w: Plan | None, now: datetime, first: bool, problem: str
) -> None:
    outcome = "expired" if stage is DerStage.CLOSED else ""
    assert award_problem(stage, outcome, TERMS, offered_w, AWARD, now, first=first) == problem


def test_award_accepts_the_offer_of_its_basis() -> None:
    relaxed: dict[m.Basis, Plan] = {m.Basis.RELAXED: (1, 1)}
    assert accepted_basis("h", REQUEST.request_id, relaxed | OWN, AWARD) is m.Basis.OWN
    assert accepted_basis("h", REQUEST.request_id, relaxed, AWARD) is None
    assert accepted_basis("h", "another", OWN, AWARD) is None


def test_loosened_answer_keeps_what_is_firm_in_every_slot() -> None:
    assert keeps_firm((2, 2), (2, 1))
    assert not keeps_firm((3, 0), (2, 1))


def test_stage_follows_by_the_table_only() -> None:
    assert moved("e1", DerStage.OFFERED, DerStage.AWARDED) is DerStage.AWARDED
    assert moved("e1", DerStage.OFFERED, DerStage.OFFERED) is DerStage.OFFERED
    with pytest.raises(RuntimeError, match="opted_out -> active is not in the table"):
        moved("e1", DerStage.OPTED_OUT, DerStage.ACTIVE)
    assert set(TRANSITIONS) == set(DerStage)


def test_stage_names_what_is_due_in_it() -> None:
    assert first_timer(DerStage.OFFERED, TERMS) == (DerTimer.VALID, TERMS.valid_until)
    assert first_timer(DerStage.AWARDED, TERMS) == (DerTimer.SLOT, TERMS.period.slot_start(1))
    assert first_timer(DerStage.CLOSED, TERMS) is None
