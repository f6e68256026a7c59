"""A party's journal is deleted, or restored from an older copy, in each stage: everybody is told, and no two sides go on
believing different things."""

from datetime import datetime, timedelta

import pytest
from checker import physics, violations
from worlds import START, T0, Story, World, battery, silent

from agents.runtime.daemon.alerts import Alerts
from broker.bus import Post
from broker.chance import Faults
from broker.node import Crash
from protocol import messages as m
from protocol.actor import Cancel, Issue
from protocol.codec import encode
from protocol.edges import Edge, topic
from protocol.errors import RejectReason
from protocol.units import Direction

MINUTE = timedelta(minutes=1)
ROLES = ("utility", "ac", "ra-1", "ra-1-h0")
EDGES = {
    "utility": ("report", Edge("utility", "ac")),
    "ac": ("report", Edge("ac", "ra-1")),
    "ra-1": ("report", Edge("ra-1", "ra-1-h0")),
    "ra-1-h0": ("dispatch", Edge("ra-1", "ra-1-h0")),
}
"""On which edge each is told something that is no message, so that it passes the point where it dies."""
MS = 1 / 60_000
STAGES = {"asked": 5 + 80 * MS, "answered": 5 + 130 * MS, "bought": 12, "delivering": 62, "last slot": 95}
"""In minutes of the evening: all is asked and bought within a second of minute 5, the slots begin at minute 60."""
STANDBY = {"half an hour before": 30, "two minutes before": 58, "second slot": 92}
COPIES = {"deleted": -1, "before the request": 4.9999, "before the answers": 5.0005}
"""Until which minute the journal knows."""


def world(mandate: bool = False) -> World:
    made = World(utility={"mandate": mandate, "accept_share_pct": 50})
    made.simple("ra-1", 3)
    made.simple("ra-2", 3)
    made.event(20_000, 20_000)
    return made


def minute(number: float) -> datetime:
    return T0 + number * MINUTE


def loses(
    actor: str, at: float, knows: float, mandate: bool = False, orders: tuple[tuple[float, Issue], ...] = ()
) -> Story:
    """An evening in which a party dies at a minute, and begins five seconds later with a journal of another minute."""
    made = world(mandate)
    crash = Crash(actor, "acknowledged", minute(at), timedelta(seconds=5), minute(knows))
    simulation = made.build(faults=Faults(crashes=(crash,)))
    kind, edge = EDGES[actor]
    simulation.publish(minute(at), "stranger", Post(topic(kind, edge), b"{"))
    for when, order in orders:
        simulation.give(minute(when), "utility", order)
    simulation.run()
    assert len(simulation.crashed) == 1
    return Story(simulation, made)


def others_word(story: Story, actor: str) -> list[str]:
    """Broken promises, but for what only the loss itself shows: one id with two bodies, a yes and a no."""
    found = violations(story.simulation.trace) + physics.violations(story.world.homes, story.simulation)
    own = (f"P6: {actor} said", f"P2: {actor} confirmed", "P2: a repeat of")
    return [one for one in found if not one.startswith(own)]


def told(story: Story, actor: str | None = None) -> bool:
    """Whether an alert would stand in anybody's daemon, or in that of one party."""
    alerts = Alerts({}, {}, None)
    for _, who, note in story.simulation.notes:
        if actor in (None, who):
            alerts.note(who, note)
    alerts.look()
    return "memory_lost" in alerts.active


@pytest.mark.parametrize("mandate", [False, True])
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("actor", ROLES)
def test_deleted_journal_leaves_nobody_waiting_and_nothing_told_that_did_not_flow(
    actor: str, stage: str, mandate: bool
) -> None:
    story = loses(actor, STAGES[stage], COPIES["deleted"], mandate)
    assert [name for name, one in story.world.actors.items() if one.deadline is not None] == []
    assert others_word(story, actor) == []
    for name, one in story.world.actors.items():
        assert one.at_rest(minute(24 * 60)), name


@pytest.mark.parametrize("stage", ["bought", "delivering"])
@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("actor", ROLES)
def test_loss_in_mid_event_is_told_and_ends_alike_on_both_sides(actor: str, stage: str, copy: str) -> None:
    story = loses(actor, STAGES[stage], COPIES[copy])
    assert told(story)
    assert [name for name, one in story.world.actors.items() if one.deadline is not None] == []
    settled = [note.data["delivered_wh"] for note in story.notes("settled", "utility")]
    stated = [note.data["shortfall_w"] for note in story.notes("shortfall_stated", "utility")]
    assert settled in ([], [20_000]) or stated, "what is not delivered is stated"


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("actor", ROLES)
def test_daemon_whose_journal_was_lost_has_an_alert_of_its_own(actor: str, copy: str) -> None:
    bought = {stage: STAGES[stage] for stage in ("bought", "delivering", "last slot")}
    for stage, at in (bought | STANDBY).items():
        story = loses(actor, at, COPIES[copy])
        assert told(story, actor), stage


@pytest.mark.parametrize("mandate", [False, True])
@pytest.mark.parametrize("actor", ROLES)
def test_loss_in_the_last_slot_is_told_unless_nothing_came_of_it(actor: str, mandate: bool) -> None:
    for copy in COPIES.values():
        story = loses(actor, STAGES["last slot"], copy, mandate)
        settled = [note.data["delivered_wh"] for note in story.notes("settled", "utility")]
        assert told(story) or settled == [20_000], copy


def test_new_life_of_an_aggregator_asks_again_and_a_deal_comes_of_it() -> None:
    story = loses("ra-1", STAGES["asked"], COPIES["deleted"])
    asked = [r for r in story.sent("request", "ra-1") if isinstance(r, m.Request)]
    assert {request.round for request in asked} == {1, 21}
    assert story.note("settled", "utility").data["delivered_wh"] == 20_000


def test_new_life_of_the_utility_asks_again_with_a_higher_revision() -> None:
    story = loses("utility", STAGES["bought"], COPIES["deleted"])
    asked = [r for r in story.sent("request", "utility") if isinstance(r, m.Request)]
    assert {request.revision for request in asked} == {1, 21}
    assert story.note("own_memory_lost", "utility").data == {"peer": "ac", "kind": "request", "number": 21}
    assert story.note("settled", "utility").data["delivered_wh"] == 20_000


def test_home_that_forgot_is_noticed_at_once_and_replaced() -> None:
    made = World()
    made.simple("ra-1", 4, storage=(battery("bat-1"),))
    made.event(9_000, 9_000)
    crash = Crash("ra-1-h0", "acknowledged", minute(12), timedelta(seconds=5), minute(-1))
    simulation = made.build(faults=Faults(crashes=(crash,)))
    simulation.publish(minute(12), "stranger", Post(topic("dispatch", Edge("ra-1", "ra-1-h0")), b"{"))
    simulation.run()
    story = Story(simulation, made)
    lost = [at for at, _, note in simulation.notes if note.name in ("award_lost", "withdrawn")]
    assert lost
    assert lost[0] < minute(13)  # long before its first slot
    assert story.note("settled", "utility").data["delivered_wh"] == 9_000
    assert story.notes("shortfall_stated") == []


def test_dispatch_that_a_home_does_not_know_is_replaced_in_its_slot() -> None:
    made = World()
    made.simple("ra-1", 4, storage=(battery("bat-1"),))
    made.event(9_000, 9_000)
    crash = Crash("ra-1-h0", "received", minute(58.9), timedelta(seconds=1), minute(-1))
    simulation = made.build(faults=Faults(crashes=(crash,)))
    simulation.run()
    story = Story(simulation, made)
    assert story.notes("shortfall_stated") == []
    delivered = story.note("settled", "utility").data["delivered_wh"]
    assert isinstance(delivered, int)
    assert delivered == 9_000


def test_aggregator_restored_in_mid_delivery_cancels_nobody() -> None:
    story = loses("ra-1", STAGES["last slot"], 62)
    outcomes = {a.outcome for a in story.sent("award", "ra-1") if isinstance(a, m.Award)}
    assert outcomes == {m.Outcome.CONCLUDED}
    assert story.note("settled", "utility").data["delivered_wh"] == 20_000


def test_operator_asks_again_after_a_coordinator_has_lost_its_journal() -> None:
    again = Issue("e1", "dr", Direction.DECREASE_LOAD, START, (20_000, 20_000))
    more = Issue("e1", "dr", Direction.DECREASE_LOAD, START, (20_001, 20_001))
    story = loses("ac", STAGES["bought"], COPIES["deleted"], orders=((14, again), (16, more)))
    assert story.notes("settled", "utility")[-1].data["delivered_wh"] == pytest.approx(20_000, abs=5)


@pytest.mark.parametrize("at", [STANDBY["two minutes before"], STAGES["delivering"], STANDBY["second slot"]])
def test_utility_restored_from_before_the_answers_ends_what_it_does_not_know_at_once(at: float) -> None:
    """Nobody gives for the whole of a slot what nobody has bought, by its own journal."""
    story = loses("utility", at, COPIES["before the answers"])
    back_at = minute(at) + timedelta(seconds=5)
    told_at = [when for when, who, note in story.simulation.notes if (who, note.name) == ("utility", "own_memory_lost")]
    assert back_at < told_at[0] < back_at + timedelta(seconds=1)
    assert others_word(story, "utility") == []
    outcomes = {note.data["outcome"] for note in story.notes("closed") if note.data["outcome"] != "no_deal"}
    assert outcomes == {"cancelled"}


def test_utility_that_comes_back_late_calls_off_with_who_is_silent_and_chases_nobody() -> None:
    made = world()
    made.intercepts["ac"] = silent
    crash = Crash("utility", "acknowledged", minute(5.5), timedelta(minutes=45))
    simulation = made.build(faults=Faults(crashes=(crash,)))
    simulation.publish(minute(5.5), "stranger", Post(topic("report", Edge("utility", "ac")), b"{"))
    simulation.run()
    story = Story(simulation, made)
    awards = [award for award in story.sent("award", "utility") if isinstance(award, m.Award)]
    assert {award.outcome for award in awards} == {m.Outcome.CANCELLED}
    assert len(awards) < 5
    assert all(actor.deadline is None for actor in made.actors.values())


def homes_lose_all(lost: int, again: Issue) -> Story:
    """So many of six homes lose their journals half an hour before the event; the operator orders a minute later."""
    made = world()
    names = [home.name for home in made.homes][:lost]
    crashes = tuple(Crash(name, "acknowledged", minute(30), timedelta(seconds=5), minute(-1)) for name in names)
    simulation = made.build(faults=Faults(crashes=crashes))
    for name in names:
        parent = name.rpartition("-")[0]
        simulation.publish(minute(30), "stranger", Post(topic("dispatch", Edge(parent, name)), b"{"))
    simulation.give(minute(31), "utility", again)
    simulation.run()
    assert len(simulation.crashed) == lost
    return Story(simulation, made)


@pytest.mark.parametrize("lost", [1, 6])
def test_homes_that_lost_their_journals_are_asked_again_and_give_the_whole(lost: int) -> None:
    again = Issue("e1", "dr", Direction.DECREASE_LOAD, START, (20_000, 20_000), asks_again=True)
    story = homes_lose_all(lost, again)
    assert [note.data["power_w"] for note in story.notes("event_reduced")] == []
    assert story.note("settled", "utility").data["delivered_wh"] == 20_000
    assert physics.violations(story.world.homes, story.simulation) == []


def test_same_order_of_an_older_journal_asks_nobody_again() -> None:
    again = Issue("e1", "dr", Direction.DECREASE_LOAD, START, (20_000, 20_000))
    story = homes_lose_all(6, again)
    assert [note.data["power_w"] for note in story.notes("event_reduced")] == [(0, 0)]


def test_same_order_of_a_whole_deal_leaves_it() -> None:
    again = Issue("e1", "dr", Direction.DECREASE_LOAD, START, (20_000, 20_000), asks_again=True)
    story = homes_lose_all(0, again)
    assert {request.revision for request in story.sent("request", "utility") if isinstance(request, m.Request)} == {1}
    assert story.note("settled", "utility").data["delivered_wh"] == 20_000


def test_peer_that_refuses_for_ever_is_not_asked_for_ever() -> None:
    """Whoever refuses each request as known in another form gets at most ten."""
    made = world()
    made.intercepts["ra-1-h0"] = silent
    simulation = made.build()
    edge = Edge("ra-1", "ra-1-h0")
    for second in range(600):
        number = 1 + 20 * second
        reject = m.Reject(
            message_id=f"ra-1-h0.reject.{second}",
            sent_at=minute(5.1),
            refused_id=f"ra-1.request.ra-1-h0.e1.1.{number}",
            refused_kind="request",
            refused_by=m.Side.CHILD,
            reason=RejectReason.CONFLICT,
        )
        simulation.publish(
            minute(5.1) + second * timedelta(milliseconds=100), "ra-1-h0", Post(topic("reject", edge), encode(reject))
        )
    simulation.run()
    asked = {r.round for r in Story(simulation, made).to("request", "ra-1", "ra-1-h0")}
    assert max(asked) <= 200


@pytest.mark.parametrize(("parent", "child"), [("ac", "ra-1"), ("ra-1", "ra-1-h0")])
def test_confirm_that_is_of_no_award_is_not_said_for_ever(parent: str, child: str) -> None:
    """A child names another award in each confirm, is refused, says its offer again and is awarded again."""
    made = world()

    def of_another(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        confirms = post.topic == f"dr/confirm/{parent}/{child}"
        payload = post.payload.replace(b'"award_id":"', b'"award_id":"other.') if confirms else post.payload
        return [(post._replace(payload=payload), timedelta())]

    made.intercepts[child] = of_another
    simulation = made.build()
    simulation.run()
    confirms = [post for _, who, post in simulation.posts if who == child and "/confirm/" in post.topic]
    assert 5 < len(confirms) < 50
    assert {name for name, actor in made.actors.items() if actor.deadline is not None} == set()


@pytest.mark.parametrize("reason", [RejectReason.UNKNOWN_AWARD, RejectReason.WRONG_SLOTS, RejectReason.STALE])
def test_withdrawal_of_what_the_parent_does_not_know_is_not_said_again(reason: RejectReason) -> None:
    """A stranger awards what is over; its refusal is refused as an earlier life's yes, so the award is withdrawn."""
    made = world()

    def refuse_so(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        return [(post._replace(payload=post.payload.replace(b'"unknown_award"', f'"{reason}"'.encode())), timedelta())]

    made.intercepts["utility"] = refuse_so
    for home in made.homes:
        made.intercepts[home.name] = silent
    simulation, edge = made.build(), Edge("utility", "ac")
    award = m.Award(
        message_id="utility.award.odd", sent_at=minute(50), event_id="e1", request_id="e1.1.1", round=1, revision=1,
        award_id="odd", accepts="odd", outcome=m.Outcome.CONCLUDED, power_w=(1, 1), confirm_by=minute(55),
    )  # fmt: skip
    reject = m.Reject(
        message_id="utility.reject.odd", sent_at=minute(51), refused_id="ac.confirm.odd.1", refused_kind="confirm",
        refused_by=m.Side.PARENT, reason=RejectReason.CONFLICT,
    )  # fmt: skip
    for message in (award, reject):
        simulation.publish(message.sent_at, "utility", Post(topic(message.kind, edge), encode(message)))
    simulation.run()
    story = Story(simulation, made)
    assert story.notes("closed", "utility")[-1].data["outcome"] == "no_deal"
    assert len([post for _, who, post in simulation.posts if who == "ac" and "/withdraw/" in post.topic]) == 1


@pytest.mark.parametrize("child", ["ra-1", "ra-1-h0"])
def test_child_that_comes_back_hears_that_its_event_is_cancelled(child: str) -> None:
    story = forgets_the_cancellation(child, lost_until=T0)
    assert [one for one in story.to("report", child, child) if one.sent_at > START] == []
    assert story.notes("closed", child)[-1].data["outcome"] == "cancelled"


def test_home_that_delivers_what_was_cancelled_hears_it_again_at_its_first_report() -> None:
    story = forgets_the_cancellation("ra-1-h0", lost_until=START)
    at, home = START + timedelta(minutes=30), "ra-1-h0"
    reported = [one.sent_at - at for one in story.to("report", home, home) if one.sent_at > START]
    assert reported
    assert max(reported) < timedelta(seconds=1)
    assert story.notes("closed", home)[-1].data["outcome"] == "cancelled"


def forgets_the_cancellation(child: str, lost_until: datetime) -> Story:
    """The deal is cancelled ten minutes before its start, and three minutes later a child is restored from a copy in which it
    stands; what its parent says of awards then is lost until an instant."""
    made, dies = world(), START - timedelta(minutes=7)
    crash = Crash(child, "acknowledged", dies, timedelta(seconds=5), minute(30))
    simulation = made.build(faults=Faults(crashes=(crash,)))

    def way_out(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        lost = post.topic.startswith("dr/award/") and dies <= simulation.now < lost_until
        return [] if lost else [(post, timedelta())]

    simulation.intercept("ac" if child == "ra-1" else "ra-1", way_out)
    simulation.give(START - timedelta(minutes=10), "utility", Cancel("e1"))
    kind, edge = EDGES[child]
    simulation.publish(dies, "stranger", Post(topic(kind, edge), b"{"))
    simulation.run()
    return Story(simulation, made)
