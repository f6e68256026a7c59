"""A party dies at every named point of an evening and comes back: the same deal stands."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from checker import violations
from checker.stages import late_but_counted
from spare_evening import evening as spare_evening
from worlds import START, T0, Story, World, battery

from broker.bus import Post
from broker.chance import Faults
from broker.node import POINTS, Crash
from broker.simulated_broker import Intercept
from protocol import messages as m
from protocol.actor import Cancel, Issue, Resumed
from protocol.errors import RejectReason
from protocol.units import Direction

MINUTE = timedelta(minutes=1)


def evening(mandate: bool = False) -> World:
    """Two aggregators, one of them short: relaxing, own storage and a re-request are all needed."""
    world = World(utility={"mandate": mandate, "accept_share_pct": 50})
    relaxations = [{"restriction": "reserve_soc", "steps": [4_000, 2_000]}]
    changes = {"reserve_wh": 25_000, "relaxations": relaxations}
    world.simple("ra-1", 3, vehicle_changes=changes, storage=(battery("bat-1", 2_000),))
    world.simple("ra-2", 2)
    world.event(20_000, 25_000)
    return world


def awards(story: Story) -> set[tuple[str, tuple[int, ...]]]:
    return {(a.message_id, a.power_w) for a in story.sent("award") if isinstance(a, m.Award)}


def died(actor: str, point: str, minutes: float, down_s: float = 5) -> Faults:
    return Faults(crashes=(Crash(actor, point, T0 + minutes * MINUTE, timedelta(seconds=down_s)),))


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("actor", ["utility", "ac", "ra-1", "ra-2", "ra-1-h0"])
@pytest.mark.parametrize("minutes", [4.9, 5.001, 58.9])
def test_who_dies_at_any_point_concludes_the_same_deal(actor: str, point: str, minutes: float) -> None:
    story = evening().run(faults=died(actor, point, minutes))
    assert len(story.simulation.crashed) == 1
    assert awards(story) == awards(evening().run())
    assert violations(story.simulation.trace, lossless=True) == []


def test_restart_keeps_stage_ids_and_the_original_deadline() -> None:
    story = evening().run(faults=died("ra-1", "committed", 5, down_s=20))
    plain = evening().run()
    ids = [{request.message_id: request for request in s.sent("request", "ra-1")} for s in (story, plain)]
    assert ids[0].keys() == ids[1].keys()
    (resumed,) = [entry for entry in story.simulation.trace if isinstance(entry.input, Resumed)]
    assert resumed.actor == "ra-1"


def test_event_that_ended_while_a_party_was_down_is_unknown_until_reports_settle_it() -> None:
    crash = died("ac", "acknowledged", 45, down_s=4 * 3_600)
    story = evening().run(faults=crash)
    outcomes = [note.data["outcome"] for note in story.notes("closed", "ac")]
    assert outcomes[0] == "completed_unknown"
    assert violations(story.simulation.trace) == []


def test_change_that_is_heard_after_its_reply_by_is_refused_and_binds_nobody() -> None:
    world = evening()
    simulation = world.build(faults=died("ra-1", "received", 29.99, down_s=40 * 60))
    change = Issue("e1", "dr", Direction.DECREASE_LOAD, START, (30_000, 30_000))
    simulation.give(T0 + 30 * MINUTE, "utility", change)
    simulation.run()
    refused = [r for r in Story(simulation, world).sent("reject", "ra-1") if isinstance(r, m.Reject)]
    assert RejectReason.EXPIRED in {reject.reason for reject in refused}
    assert violations(simulation.trace) == []


def test_operator_cannot_cancel_what_is_over() -> None:
    world = evening()
    simulation = world.build()
    simulation.give(START + 60 * MINUTE + timedelta(milliseconds=5), "utility", Cancel("e1"))
    simulation.run()
    story = Story(simulation, world)
    assert story.note("order_refused").data["reason"] == "the last slot is over"
    assert [note.data["outcome"] for note in story.notes("closed", "utility")] == ["concluded"]


def test_silent_child_that_may_have_sold_by_an_earlier_mandate_is_cancelled() -> None:
    world = evening(mandate=True)
    simulation = world.build(faults=died("ac", "acknowledged", 29.9, down_s=31 * 60))
    other = Issue("e1", "dr", Direction.DECREASE_LOAD, START, (24_000,) * 3)  # of the same slots it would stand again
    simulation.give(T0 + 30 * MINUTE, "utility", other)
    simulation.run()
    told = [a for a in Story(simulation, world).to("award", "utility", "ac") if isinstance(a, m.Award)]
    assert told[-1].outcome is m.Outcome.CANCELLED
    assert violations(simulation.trace) == []


def test_entry_that_was_not_durable_is_taken_again() -> None:
    faults = Faults(commit_ms=(5, 20), crashes=died("ra-1", "appended", 5).crashes)
    story = evening().run(faults=faults)
    assert awards(story) == awards(evening().run(faults=Faults(commit_ms=(5, 20))))
    assert violations(story.simulation.trace, lossless=True) == []


def test_confirmations_that_waited_count_before_confirm_by_is_served() -> None:
    world = World()
    world.simple("ra-1", 3)
    world.event(9_000, 9_000)
    plain = world.run()
    given_at = next(a.sent_at for a in plain.sent("award", "ra-1") if isinstance(a, m.Award))
    minutes = (given_at - T0) / MINUTE
    world = World()
    world.simple("ra-1", 3)
    world.event(9_000, 9_000)
    down_s = 0.8 * (START - given_at).total_seconds()  # confirm_by lies at 40 % of that way
    story = world.run(faults=died("ra-1", "acknowledged", minutes, down_s=down_s))
    assert len(story.simulation.crashed) == 1
    outcomes = {a.outcome for a in story.sent("award", "ra-1") if isinstance(a, m.Award)}
    assert outcomes == {m.Outcome.CONCLUDED}
    assert story.note("settled", "utility").data["delivered_wh"] == 9_000
    assert violations(story.simulation.trace) == []


def test_reports_that_waited_count_before_the_grace_of_their_slot_is_served() -> None:
    world = World()
    world.simple("ra-1", 3)
    world.event(9_000, 9_000)
    story = world.run(faults=died("ac", "acknowledged", 80, down_s=14 * 60))
    assert len(story.simulation.crashed) == 1
    assert story.note("settled", "utility").data["delivered_wh"] == 9_000


@pytest.mark.parametrize(
    ("actor", "minutes"),
    [("ac", 8.5), ("ac", 20), ("ac", 27), ("ra-1", 8), ("utility", 20)],
    ids=lambda value: f"{value}",
)
@pytest.mark.parametrize("point", ["committed", "published"])
def test_answers_that_waited_count_for_who_comes_back_after_its_reply_by(
    actor: str, minutes: float, point: str
) -> None:
    """They were said in time, and what follows above is still open."""
    story = evening().run(faults=died(actor, point, 5.0005, down_s=minutes * 60))
    assert story.notes("late_answer_recorded") == []
    assert story.settled_wh() == (22_500, pytest.approx(22_500, abs=2))
    assert violations(story.simulation.trace) == []


def test_answers_that_waited_count_for_who_dies_again_before_it_has_heard_them() -> None:
    """It was down all the time, though its devices were read once meanwhile."""
    again = Crash("ra-1", "received", T0 + 6 * MINUTE, 3 * MINUTE)
    faults = Faults(crashes=(*died("ra-1", "acknowledged", 5.0005, down_s=5 * 60).crashes, again))
    story = evening().run(faults=faults)
    assert len(story.simulation.crashed) == 2
    assert story.notes("late_answer_recorded") == []
    assert story.settled_wh() == (22_500, pytest.approx(22_500, abs=2))
    assert violations(story.simulation.trace) == []


def sent_after(reply_by: datetime) -> Intercept:
    """Of a child that answers just after a deadline."""
    at = reply_by + timedelta(seconds=1)

    def changed(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        if not any(f"/{kind}/" in post.topic for kind in ("offer", "alternative")):
            return [(post, timedelta())]
        body = json.loads(post.payload)
        waits = at - datetime.fromisoformat(body["sent_at"])
        return [(post._replace(payload=json.dumps({**body, "sent_at": at.isoformat()}).encode()), waits)]

    return changed


@pytest.mark.parametrize(
    ("actor", "child", "minutes"), [("ac", "ra-2", 27), ("ra-1", "ra-1-h0", 8), ("utility", "ac", 24)]
)
def test_answer_that_was_sent_too_late_is_late_also_for_who_was_away(actor: str, child: str, minutes: float) -> None:
    """It waited as the others did, but nobody could have counted it."""
    (asked,) = evening().run().to("request", actor, child)[:1]
    assert isinstance(asked, m.Request)
    world = evening()
    world.intercepts = {child: sent_after(asked.reply_by)}
    story = world.run(faults=died(actor, "published", 5.0005, down_s=minutes * 60))
    assert child in [note.data["child"] for note in story.notes("late_answer_recorded", actor)]
    assert late_but_counted(story.simulation.trace) == []


def test_coordinator_back_after_all_time_is_over_asks_nobody_again_and_tells_what_is_firm() -> None:
    world = evening()
    world.coordinator = {"max_rerequests": 3}
    world.intercepts = {"ra-2": lambda sender, post: [] if "/offer/" in post.topic else [(post, timedelta())]}
    story = world.run(faults=died("ac", "published", 5.0005, down_s=29 * 60))
    asked = [request for request in story.sent("request", "ac") if isinstance(request, m.Request)]
    assert {request.round for request in asked} == {1}
    (answer,) = [answer for answer in story.sent("alternative", "ac") if isinstance(answer, m.Alternative)]
    assert max(option.power_w for option in answer.options) == (12_000, 15_000)


def test_offer_that_waited_and_is_not_valid_any_more_is_not_bought() -> None:
    story = evening().run(faults=died("utility", "acknowledged", 5, down_s=45 * 60))
    assert story.notes("event_awarded") == []
    assert [note.data["outcome"] for note in story.notes("closed", "utility")] == ["no_deal"]
    assert violations(story.simulation.trace) == []


def test_aggregator_back_after_all_time_is_over_asks_nobody_to_loosen() -> None:
    story = evening().run(faults=died("ra-1", "committed", 5.0005, down_s=40 * 60))
    questions = [*story.sent("relax", "ra-1"), *story.sent("request", "ra-1")]
    assert all(one.sent_at < one.reply_by for one in questions if isinstance(one, m.Relax | m.Request))


@pytest.mark.parametrize("minutes", [27.2, 34])
def test_award_that_left_after_its_confirm_by_has_time_to_be_confirmed(minutes: float) -> None:
    """It was journalled, and its sender died before it could be sent."""
    story = evening().run(faults=died("utility", "committed", 5.0005, down_s=minutes * 60))
    assert story.notes("award_lost") == []
    assert story.settled_wh() == (22_500, pytest.approx(22_500, abs=2))
    assert violations(story.simulation.trace) == []


@pytest.mark.parametrize("down_s", [60, 140, 280])
def test_homes_that_are_commanded_late_by_our_own_fault_are_not_taken_for_ones_that_give_less(down_s: int) -> None:
    world = spare_evening()
    world.events[0] = world.events[0].model_copy(update={"slot_s": 300})
    story = world.run(faults=died("ra-2", "appended", 59, down_s=60 + down_s))
    assert story.notes("gives_less") == []
    assert story.notes("replaced") == []
    away_wh = 9_000 * down_s // 3_600
    assert story.settled_wh() == (3_000, pytest.approx(3_000 - away_wh, abs=10))


@pytest.mark.parametrize("telemetry_s", [None, 120])
def test_what_homes_take_back_until_they_are_commanded_late_is_not_taken_for_giving_less(
    telemetry_s: int | None,
) -> None:
    """Their aggregator is away from before the second slot until five minutes into it: raised for what they charged again
    until then, they would give too much in the third."""
    world = World()
    world.simple("ra-1", 4)
    asks = {"reliability_pct": 50, "telemetry_s": telemetry_s}
    members = tuple(replace(member, **asks) for member in world.aggregators[0].members)
    world.aggregators = [world.aggregators[0].model_copy(update={"members": members})]
    world.event(10_000, 10_000, 10_000)
    simulation = world.build()
    simulation.at(START + 28 * MINUTE, lambda: simulation.kill("ra-1", 7 * MINUTE))
    simulation.run()
    story = Story(simulation, world)
    assert [story.notes(name, "ra-1") for name in ("gives_less", "gives_so_far", "replaced")] == [[], [], []]
    slots = {note.data["slot"]: int(note.data["delivered_wh"]) for note in story.notes("slot_metered", "utility")}
    assert (slots[0], slots[2]) == (5_000, 5_000)
    assert slots[1] < 5_000 * 25 // 30


@pytest.mark.parametrize(
    ("since_min", "cancelled_min", "metered_wh"),
    [
        (5, 10, [(0, 1_000)]),
        (5, 40, [(0, 2_000), (1, -1_500)]),
        (-0.5, 10, [(0, 1_000)]),
        (-0.5, 40, [(0, 2_000), (1, -1_500)]),
    ],
)
def test_home_that_was_away_meters_what_is_cancelled_slot_by_slot(
    since_min: float, cancelled_min: int, metered_wh: list[tuple[int, int]]
) -> None:
    """It comes back five minutes after the cancellation, which waits for it, and has given 4 kW by its set-point of the first
    slot; then it charges what it gave."""
    world = World()
    world.simple("ra-1", 1)
    world.event(4_000, 4_000)
    simulation = world.build()
    down = (cancelled_min - since_min + 5) * MINUTE
    simulation.at(START + since_min * MINUTE, lambda: simulation.kill("ra-1-h0", down))
    simulation.give(START + cancelled_min * MINUTE, "utility", Cancel("e1"))
    simulation.run()
    reports = [one for one in Story(simulation, world).sent("report", "ra-1-h0") if isinstance(one, m.Report)]
    told = {reading.slot: -reading.energy_wh for report in reports for reading in report.readings}
    assert sorted(told.items()) == metered_wh
    assert violations(simulation.trace) == []
