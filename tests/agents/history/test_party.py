"""What the notes of one party come to: stage, available, secured, delivered, and what another request takes away."""

from datetime import UTC, datetime, timedelta

import pytest

from agents.history.fold import History
from agents.history.party import TAKES, PartyHistory
from agents.history.standing import PartyStage, WhyUnknown
from protocol import messages as m
from protocol import notes as n
from protocol.actor import Entry, Note, Received, Send
from protocol.edges import Edge
from protocol.note_model import MODELS, NoteModel

AT = datetime(2026, 1, 14, 17, tzinfo=UTC)
START = AT + timedelta(hours=1)


def summed(kind: type[n.SummedUp], available_w: tuple[int, ...], **counts: int) -> NoteModel:
    figures = {"asked": 5, "yes": 4, "no": 0, "silent": 0} | counts
    return kind(requested_w=(100, 100), available_w=available_w, shortfall_w=(0, 0), enough=False, **figures)


def history(*notes: NoteModel) -> PartyHistory:
    party = PartyHistory("x")
    for note in notes:
        party.take(note)
    return party


ASKED = n.RequestReceived(requested_w=(100, 100), round=1, direction="decrease_load", reply_by=START)
PLANNED = n.PlanSent(requested_w=(100, 100), plan="same", direction="decrease_load", asked=["a", "b"], reply_by=START)
ISSUED = n.EventIssued(direction="decrease_load", requested_w=(100, 100), start=START, reply_by=AT)
BOUGHT = n.AwardReceived(power_w=(90, 80), accepts="o")
METERED = n.SlotMetered(slot=0, delivered_wh=40, awarded_wh=45, reported=3, silent=1)


def test_available_is_not_known_before_it_is_summed_up_and_then_at_most_what_is_requested() -> None:
    party = history(ASKED)
    assert party.available_w is WhyUnknown.STILL_ANSWERING
    party.take(summed(n.OffersSummed, (150, 60)))
    party.take(n.CannotMeet(shortfall_w=(0, 40)))
    assert (party.stage, party.available_w) == (PartyStage.OPTED_OUT, (100, 60))


def test_alternative_is_the_best_of_its_options_whatever_their_order() -> None:
    options = {"flat": (60, 60), "truncated": (100, 60)}
    party = history(ASKED, n.AlternativeProposed(requested_w=(100, 100), options=options, basis=["offers"]))
    assert (party.stage, party.available_w) == (PartyStage.PROPOSED, (100, 60))
    assert party.rounds[-1].rungs[-1].available_w == (100, 60)


def test_silent_members_stay_counted_when_storage_is_summed_up() -> None:
    party = history(ASKED, summed(n.OffersSummed, (50, 50), silent=1), summed(n.StorageSummed, (70, 70)))
    assert (party.answers.yes, party.answers.silent) == (4, 1)


def test_coordinator_adds_up_the_latest_answers_of_its_aggregators() -> None:
    party = history(
        PLANNED,
        n.CanMeetReceived(aggregator="a", power_w=(30, 30), available_w=(90, 90)),
        n.AlternativeReceived(aggregator="b", requested_w=(70, 70), proposed_w=(50, 40)),
    )
    assert (party.available_w, party.answers.yes) == ((80, 70), 2)
    party.take(n.RerequestSent(aggregator="a", requested_w=(50, 60), round=2, reply_by=START))
    assert (party.available_w, party.doing) == ((50, 40), "re-requesting")
    party.take(n.AggregatorOptedOut(aggregator="a"))
    assert (party.available_w, party.answers.no) == ((50, 40), 1)


@pytest.mark.parametrize(
    ("answer", "stage", "available_w"),
    [
        (n.PlanSecured(requested_w=(100, 100), secured_w=(100, 100)), PartyStage.OFFERED, (100, 100)),
        (
            n.PlanNotSecured(requested_w=(100, 100), secured_w=(60, 60), shortfall_w=(40, 40)),
            PartyStage.PROPOSED,
            (60, 60),
        ),
        (
            n.PlanNotSecured(requested_w=(100, 100), secured_w=(0, 0), shortfall_w=(100, 100)),
            PartyStage.OPTED_OUT,
            (0, 0),
        ),
    ],
)
def test_coordinator_answers_with_what_it_secured(
    answer: NoteModel, stage: PartyStage, available_w: tuple[int, ...]
) -> None:
    party = history(PLANNED, answer)
    assert (party.stage, party.available_w) == (stage, available_w)


def test_stated_shortfall_leaves_the_deal_and_a_cancelled_event_leaves_none() -> None:
    party = history(ASKED, BOUGHT, n.ShortfallStated(shortfall_w=(10, 0), cause="unplugged"))
    assert (party.stage, party.secured_w) == (PartyStage.STANDBY, (80, 80))
    party.take(n.EventClosed(outcome="cancelled", reason="by the operator"))
    assert (party.stage, party.secured_w, party.reason) == (PartyStage.CLOSED, None, "by the operator")


def test_later_award_changes_the_deal_and_not_the_stage() -> None:
    party = history(ASKED, BOUGHT, n.DeliveryBegins(power_w=(90, 80)), n.AwardReceived(power_w=(50, 50), accepts="o"))
    assert (party.stage, party.secured_w) == (PartyStage.DELIVERING, (50, 50))


def test_another_request_takes_away_what_came_of_the_one_before() -> None:
    party = history(ASKED, summed(n.OffersSummed, (50, 50)), BOUGHT, METERED, ASKED)
    assert (party.stage, party.secured_w, party.delivered_wh) == (PartyStage.COLLECTING, None, 0)
    assert party.available_w is WhyUnknown.STILL_ANSWERING
    assert len(party.rounds) == 2


def test_utility_delivers_from_its_first_slot_on_though_no_note_tells() -> None:
    party = history(ISSUED, n.EventAwarded(power_w=(90, 80), requested_w=(100, 100)))
    assert party.stage_at(START - timedelta(seconds=1)) is PartyStage.STANDBY
    assert party.stage_at(START) is WhyUnknown.DUE_NOW
    assert party.stage_at(START + timedelta(seconds=1)) is PartyStage.DELIVERING
    party.take(METERED)
    assert (party.stage, party.delivered_wh, party.awarded_wh) == (PartyStage.DELIVERING, 40, 45)


def test_meter_value_of_an_event_that_is_closed_does_not_open_it() -> None:
    party = history(ASKED, BOUGHT, n.EventClosed(outcome="completed_unknown", reason=""), METERED)
    assert (party.stage, party.secured_w, party.delivered_wh) == (PartyStage.CLOSED, (90, 80), 40)


def test_deal_is_cut_when_less_is_asked_and_an_event_that_is_never_issued_is_cancelled() -> None:
    party = history(ISSUED, n.EventAwarded(power_w=(90, 80), requested_w=(100, 100)))
    party.take(n.EventReduced(power_w=(50, 50), requested_w=(50, 60)))
    assert (party.stage, party.requested_w, party.secured_w) == (PartyStage.STANDBY, (50, 60), (50, 50))
    party = history(n.PlannedEventCancelled(reason="no need"))
    assert (party.role, party.stage, party.outcome, party.reason) == (
        "utility", PartyStage.CLOSED, "cancelled", "no need",
    )  # fmt: skip


def test_der_is_followed_from_its_offer_to_its_end() -> None:
    party = history(n.DeviceOffered(power_w=(5, 5), asked_w=(6, 6), binding=[None, None]))
    assert (party.stage, party.available_w) == (PartyStage.OFFERED, (5, 5))
    party.take(n.DeviceStandingBy(power_w=(4, 4), basis="own"))
    party.take(n.DeviceControlled(slot=0, power_w=-4))
    standing = party.standing(AT)
    assert (standing.stage, standing.secured_w) == (PartyStage.DELIVERING, (4, 4))
    assert standing.delivered_wh is WhyUnknown.NOT_NOTED
    assert history(n.DeviceOptedOut(reason="must_run", binding=[])).stage is PartyStage.OPTED_OUT


@pytest.mark.parametrize("model", TAKES, ids=lambda model: model.__name__)
def test_what_a_note_changes_is_told_of_notes_that_there_are(model: type[NoteModel]) -> None:
    assert MODELS[model.name, model.step] is model


def test_fold_of_entries_tells_which_awards_loosen_something() -> None:
    edge = Edge("ra", "h")
    head = {"sent_at": AT, "event_id": "e", "request_id": "r", "round": 1, "revision": 1}
    offer = m.Offer(
        **head, message_id="o", opt=m.Opt.IN, power_w=(5,), available_w=(5,), basis=m.Basis.RELAXED, valid_until=START
    )
    award = m.Award(
        **head, message_id="a", award_id="a", accepts="o", outcome=m.Outcome.CONCLUDED, power_w=(5,), confirm_by=START
    )
    entries = [Entry(AT, "ra", Received(edge, offer), ()), Entry(AT, "ra", None, (Send(edge, award), BOUGHT.note("e")))]
    party = History.of(entries).event("e").parties["ra"]
    assert party.disturbed == 1
    assert History.of(entries, ["others"]).events == {}


def test_note_that_is_not_known_changes_nothing() -> None:
    found = History()
    found.take_note("x", Note("sung", "e", "S99", {"songs": 3}))
    assert found.events == {}


def test_order_that_is_refused_makes_no_event() -> None:
    found = History()
    found.take_note("utility", Note("order_refused", "nope", "", {"reason": "no open event of that id"}))
    assert found.events == {}
    issued = {"direction": "decrease_load", "requested_w": (5,), "start": START, "reply_by": AT, "revision": 1}
    found.take_note("utility", Note("event_issued", "e1", "", issued))
    found.take_note("utility", Note("order_refused", "e1", "", {"reason": "the first slot has begun"}))
    assert list(found.events) == ["e1"]
