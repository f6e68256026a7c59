"""What a party can rely on: late, repeated, refused, cancelled, overlapping, withdrawn, three tiers."""

from datetime import timedelta

import pytest
from checker import violations
from worlds import START, T0, Story, World, battery, late, silent, thrice

from agents.settings.members import Member
from agents.settings.parties import Consent
from broker.bus import Post
from broker.chance import Faults
from broker.simulated_broker import Intercept
from protocol import messages as m
from protocol.actor import Cancel, Decided, Issue, Received
from protocol.codec import decode, encode
from protocol.edges import Edge
from protocol.errors import RejectReason
from protocol.units import Direction

MINUTE = timedelta(minutes=1)


def small_world(count: int = 3, **settings: object) -> World:
    world = World()
    world.simple("ra-1", count, **settings)  # type: ignore[arg-type]
    world.event(6_000 * count, 6_000 * count)
    return world


def outcome(story: Story, who: str = "utility") -> object:
    return story.notes("closed", who)[-1].data["outcome"]


def test_silent_der_is_counted_and_the_stage_ends_at_its_deadline() -> None:
    world = small_world()
    world.intercepts["ra-1-h0"] = silent
    story = world.run()
    note = story.notes("offers_summed", "ra-1")[0]
    assert (note.data["yes"], note.data["silent"]) == (2, 1)
    assert violations(story.simulation.trace) == []


def test_late_offer_is_recorded_and_not_counted() -> None:
    world = small_world()
    world.utility["accept_share_pct"] = 0
    world.intercepts["ra-1-h0"] = late(30 * MINUTE)
    story = world.run()
    assert story.note("late_answer_recorded", "ra-1").data["child"] == "ra-1-h0"
    assert story.notes("offers_summed", "ra-1")[0].data["available_w"] == (12_000, 12_000)


def test_late_offer_hears_that_it_is_not_needed() -> None:
    world = small_world()
    world.utility["accept_share_pct"] = 0
    world.intercepts["ra-1-h0"] = late(30 * MINUTE)
    awards = [a for a in world.run().to("award", "ra-1", "ra-1-h0") if isinstance(a, m.Award)]
    assert {award.outcome for award in awards} == {m.Outcome.NOT_NEEDED}


def test_everything_said_three_times_changes_no_deal() -> None:
    plain, thrice_said = small_world(), small_world()
    thrice_said.intercepts = {f"ra-1-h{n}": thrice for n in range(3)}
    awards = [
        [(a.message_id, a.power_w) for a in w.run().sent("award") if isinstance(a, m.Award)]
        for w in (plain, thrice_said)
    ]
    assert awards[0] == awards[1]


def test_repeated_award_is_confirmed_again_and_bound_once() -> None:
    story = small_world().run(seed=3, faults=Faults(repeat_pct=100))
    assert len(story.notes("standing_by", "ra-1-h0")) == 1
    assert len(story.to("confirm", "ra-1-h0", "ra-1-h0")) > 1


def garbage_story() -> Story:
    world = small_world()
    simulation = world.build()
    for minute, payload in enumerate((b"\xff\xfe", b"{", b"[]", b'{"version":"9"}', b"NaN", b"x" * 200_000)):
        simulation.publish(T0 + 5 * MINUTE + timedelta(seconds=minute), "foe", Post("dr/offer/ra-1/ra-1-h0", payload))
        simulation.publish(T0 + 5 * MINUTE + timedelta(seconds=minute), "foe", Post("dr/award/ra-1/ra-1-h0", payload))
    simulation.run()
    return Story(simulation, world)


def test_no_bytes_stop_a_negotiation_and_each_is_answered_with_a_reject() -> None:
    story = garbage_story()
    assert outcome(story) == "concluded"
    refused = [r for r in story.sent("reject", "ra-1") if isinstance(r, m.Reject)]
    assert [r.reason for r in refused[:6]] == [
        RejectReason.MALFORMED,
        RejectReason.MALFORMED,
        RejectReason.MALFORMED,
        RejectReason.UNSUPPORTED_VERSION,
        RejectReason.MALFORMED,
        RejectReason.TOO_LARGE,
    ]


def offer_of(story: Story, sender: str) -> m.Offer:
    return next(offer for offer in story.sent("offer", sender) if isinstance(offer, m.Offer))


def tampered(**changes: object) -> Story:
    """A world in which ra-1-h0 sends, besides its own, an offer that is changed in some way."""
    model = offer_of(small_world().run(), "ra-1-h0")
    world = small_world()
    simulation = world.build()
    offer = m.Offer.model_validate({**dict(model), "message_id": "foreign", **changes})
    simulation.publish(T0 + 5 * MINUTE + timedelta(seconds=5), "foe", Post("dr/offer/ra-1/ra-1-h0", encode(offer)))
    simulation.run()
    return Story(simulation, world)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"request_id": "e1.1.9"}, RejectReason.STALE),
        ({"event_id": "e9"}, RejectReason.UNKNOWN_EVENT),
        ({"message_id": "ra-1-h0.offer.own.e1.1.1", "power_w": (1, 1)}, RejectReason.CONFLICT),
        (
            {
                "resources": (m.Resource(resource_id="ev-ra-1-1", kind=m.ResourceKind.VEHICLE, power_w=(1, 1)),),
                "revision": 2,
            },
            RejectReason.RESOURCE_CLAIMED,
        ),
    ],
)
def test_offer_that_does_not_belong_is_refused_with_its_reason(
    changes: dict[str, object], reason: RejectReason
) -> None:
    story = tampered(**changes)
    late_ones = story.notes("late_answer_recorded", "ra-1")
    refused = [r.reason for r in story.sent("reject", "ra-1") if isinstance(r, m.Reject)]
    decided = late_ones or refused == [RejectReason.STALE]
    assert refused == [reason] or (reason is RejectReason.RESOURCE_CLAIMED and decided)
    assert outcome(story) == "concluded"


def test_stranger_is_rejected() -> None:
    model = offer_of(small_world().run(), "ra-1-h0")
    world = small_world()
    simulation = world.build()
    simulation.publish(T0 + 6 * MINUTE, "foe", Post("dr/offer/ra-1/stranger", encode(model)))
    simulation.run()
    reject = Story(simulation, world).sent("reject", "ra-1")[0]
    assert isinstance(reject, m.Reject)
    assert reject.reason is RejectReason.UNKNOWN_PARTY


def test_reject_is_never_answered_with_a_reject() -> None:
    world = small_world()
    simulation = world.build()
    simulation.publish(T0 + MINUTE, "foe", Post("dr/reject/ra-1/ra-1-h0", b"garbage"))
    simulation.run()
    assert Story(simulation, world).sent("reject") == []


# -- time


def test_award_after_valid_until_is_refused_as_expired() -> None:
    world = small_world()
    simulation = world.build(faults=Faults(delay_ms=(10_000, 10_000)))
    simulation.run(until=T0 + 5 * MINUTE + timedelta(seconds=35))
    der = world.actors["ra-1-h0"]
    event = der.events["e1"]
    offer = event.offers[m.Basis.OWN]
    award = m.Award(
        message_id="late-award",
        sent_at=T0,
        event_id="e1",
        request_id=offer.request_id,
        round=1,
        revision=1,
        award_id="a",
        accepts=offer.message_id,
        outcome=m.Outcome.CONCLUDED,
        power_w=offer.power_w,
        confirm_by=START,
    )
    effects = der.receive(Received(Edge("ra-1", "ra-1-h0"), award), offer.valid_until + timedelta(seconds=1))
    confirm = next(effect.message for effect in effects if hasattr(effect, "message"))
    assert not confirm.accepted
    assert "expired" in confirm.reason


def test_offer_frees_itself_at_valid_until() -> None:
    world = small_world()
    simulation = world.build(faults=Faults(delay_ms=(10_000, 10_000)))
    simulation.run(until=T0 + 5 * MINUTE + timedelta(seconds=35))
    der = world.actors["ra-1-h0"]
    at = der.events["e1"].offers[m.Basis.OWN].valid_until
    der.wake(at)
    assert der.events["e1"].outcome == "expired"
    assert der.ledger.but("other") == {}


def test_unconfirmed_award_is_said_again_and_at_last_cancelled_and_replaced() -> None:
    world = World()
    world.simple("ra-1", 3, storage=(battery("bat-1", 6_000),), over_request=False)
    world.event(18_000, 18_000)
    first = {"said": False}

    def deaf_after_offer(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        if "/offer/" in post.topic:
            first["said"] = True
        return [] if first["said"] and "/offer/" not in post.topic else [(post, timedelta())]

    world.intercepts["ra-1-h0"] = deaf_after_offer
    story = world.run()
    awards = [a for a in story.to("award", "ra-1", "ra-1-h0") if isinstance(a, m.Award)]
    assert awards[-1].outcome is m.Outcome.CANCELLED
    assert len([a for a in awards if a.revision == 1]) >= 3
    assert story.note("own_storage_replaces", "ra-1").data["storage_w"] == (6_000, 6_000)
    assert violations(story.simulation.trace) == []


# -- the operator changes his mind


def test_cancellation_goes_down_to_the_last_device_and_nobody_stays_bound() -> None:
    world = small_world()
    simulation = world.build()
    simulation.give(START + 40 * MINUTE, "utility", Cancel("e1"))
    simulation.run()
    assert all(world.actors[f"ra-1-h{n}"].events["e1"].outcome == "cancelled" for n in range(3))
    reserved = [s for n in range(3) for parts in world.actors[f"ra-1-h{n}"].ledger.but("x").values() for s in parts]
    assert all(segment.end <= START + 41 * MINUTE for segment in reserved)


def test_cancellation_during_collection_reaches_those_who_were_only_asked() -> None:
    world = small_world()
    world.homes = [home.model_copy(update={"consent": Consent.ASK}) for home in world.homes]
    simulation = world.build()
    simulation.give(T0 + 6 * MINUTE, "utility", Cancel("e1"))
    simulation.run()
    assert all(world.actors[f"ra-1-h{n}"].events["e1"].outcome == "cancelled" for n in range(3))


def test_changed_event_supersedes_whatever_stood() -> None:
    world = small_world()
    simulation = world.build()
    simulation.give(T0 + 30 * MINUTE, "utility", Issue("e1", "dr", Direction.DECREASE_LOAD, START, (3_000, 6_000)))
    simulation.run()
    story = Story(simulation, world)
    assert story.notes("settled", "utility")[-1].data["delivered_wh"] == 4_500
    assert violations(simulation.trace) == []


@pytest.mark.parametrize("power_w", [(1,), (1, 1)], ids=["other slots", "the same slots"])
def test_offer_on_its_way_when_the_event_was_changed_does_not_count_where_nobody_asks_for_it_any_more(
    power_w: tuple[int, ...],
) -> None:
    world = small_world()
    world.intercepts["ra-1-h2"] = late(timedelta(seconds=30))
    world.intercepts["ra-1-h0"] = late(timedelta(seconds=60))
    simulation = world.build()
    simulation.give(
        T0 + 5 * MINUTE + timedelta(seconds=10), "utility", Issue("e1", "dr", Direction.DECREASE_LOAD, START, power_w)
    )
    simulation.run()
    heard = [
        message.reason
        for _, _, post in simulation.posts
        if post.topic == "dr/reject/ra-1/ra-1-h2"
        and isinstance(message := decode(post.topic, post.payload)[1], m.Reject)
    ]
    assert heard == [RejectReason.STALE]
    assert violations(simulation.trace) == []
    assert outcome(Story(simulation, world)) == "concluded"


# -- consent


def test_resident_decides_in_time() -> None:
    world = small_world()
    world.homes[0] = world.homes[0].model_copy(update={"consent": Consent.ASK, "stored_rule": True})
    story = world.run(decide=lambda name, question: (Decided(question.event_id, False), timedelta(seconds=3)))
    assert offer_of(story, "ra-1-h0").opt is m.Opt.OUT


@pytest.mark.parametrize(("rule", "opt"), [(True, m.Opt.IN), (False, m.Opt.OUT)])
def test_stored_rule_decides_when_nobody_answers(rule: bool, opt: m.Opt) -> None:
    world = small_world()
    world.homes[0] = world.homes[0].model_copy(update={"consent": Consent.ASK, "stored_rule": rule})
    assert offer_of(world.run(), "ra-1-h0").opt is opt


def test_never_means_opt_out() -> None:
    world = small_world()
    world.homes[0] = world.homes[0].model_copy(update={"consent": Consent.NEVER})
    assert offer_of(world.run(), "ra-1-h0").opt is m.Opt.OUT


def test_residents_override_withdraws_and_another_replaces_it() -> None:
    world = World()
    world.simple("ra-1", 3, storage=(battery("bat-1", 6_000),))
    world.event(18_000, 18_000)
    simulation = world.build()
    simulation.give(START - 10 * MINUTE, "ra-1-h1", Decided("e1", False))
    simulation.run()
    story = Story(simulation, world)
    assert story.note("own_storage_replaces", "ra-1").data["storage_w"] == (6_000, 6_000)
    assert story.note("settled", "utility").data["delivered_wh"] == 18_000


def lossy(kind: str, count: int) -> Intercept:
    """An intercept: the first so many messages of a kind are lost."""
    lost: list[Post] = []

    def drop(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        if f"/{kind}/" in post.topic and len(lost) < count:
            lost.append(post)
            return []
        return [(post, timedelta())]

    return drop


def test_withdrawal_that_is_lost_is_said_again_until_it_is_answered() -> None:
    world = World()
    world.simple("ra-1", 3, storage=(battery("bat-1", 6_000),))
    world.event(18_000, 18_000)
    world.intercepts["ra-1-h1"] = lossy("withdraw", 2)
    simulation = world.build()
    simulation.give(START - 10 * MINUTE, "ra-1-h1", Decided("e1", False))
    simulation.run()
    story = Story(simulation, world)
    assert len(story.to("withdraw", "ra-1-h1", "ra-1-h1")) == 3
    assert story.note("own_storage_replaces", "ra-1").data["storage_w"] == (6_000, 6_000)
    assert violations(simulation.trace) == []


def test_aggregators_withdrawal_that_is_lost_is_said_again() -> None:
    world = small_world()
    world.intercepts["ra-1"] = lossy("withdraw", 2)
    simulation = world.build()
    simulation.give(START - 10 * MINUTE, "ra-1-h1", Decided("e1", False))
    simulation.run()
    story = Story(simulation, world)
    assert story.note("shortfall_stated", "utility").data["shortfall_w"] == (6_000, 6_000)
    assert violations(simulation.trace) == []


def test_firm_offer_counts_on_where_the_answer_to_the_re_request_is_lost() -> None:
    world = World()
    world.simple("ra-1", 6, scale_w=20_000)
    world.simple("ra-2", 3, scale_w=25_000)
    world.event(45_000, 45_000)
    first_only: list[Post] = []

    def deaf_to_the_second_round(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        if "/offer/" in post.topic and first_only:
            return []
        if "/offer/" in post.topic:
            first_only.append(post)
        return [(post, timedelta())]

    world.intercepts["ra-1-h0"] = deaf_to_the_second_round
    story = world.run()
    rounds = story.notes("offers_summed", "ra-1")
    assert [(note.data["yes"], note.data["silent"]) for note in rounds[:2]] == [(6, 0), (6, 1)]
    awards = [a for a in story.to("award", "ra-1", "ra-1-h0") if isinstance(a, m.Award)]
    assert any(map(any, (award.power_w for award in awards)))
    assert {award.accepts for award in awards if any(award.power_w)} == {"ra-1-h0.offer.own.e1.1.1"}
    assert violations(story.simulation.trace) == []


def test_what_cannot_be_replaced_is_stated_upward() -> None:
    world = small_world()
    simulation = world.build()
    simulation.give(START - 10 * MINUTE, "ra-1-h1", Decided("e1", False))
    simulation.run()
    story = Story(simulation, world)
    assert story.note("shortfall_stated", "utility").data["shortfall_w"] == (6_000, 6_000)
    settled = story.note("settled", "utility").data
    assert (settled["awarded_wh"], settled["delivered_wh"]) == (12_000, 12_000)


# -- overlapping events


def overlapping(direction: Direction = Direction.DECREASE_LOAD) -> Story:
    world = World()
    world.simple("ra-1", 2)
    world.event(8_000, 8_000)
    world.event(8_000, 8_000, event_id="e2", issue_at=T0 + 15 * MINUTE, direction=direction)
    world.utility["accept_share_pct"] = 0
    return world.run()


def test_power_on_offer_in_one_event_is_not_offered_in_another() -> None:
    story = overlapping()
    by_event: dict[str, int] = {}
    for offer in story.sent("offer", "ra-1-h0"):
        assert isinstance(offer, m.Offer)
        by_event[offer.event_id] = offer.power_w[0]
    assert by_event == {"e1": 4_000, "e2": 2_000}


def test_overlapping_events_are_metered_apart() -> None:
    settled = {note.event_id: note.data["delivered_wh"] for note in overlapping().notes("settled", "utility")}
    assert settled == {"e1": 8_000, "e2": 4_000}


def test_opposite_event_over_the_same_slots_gets_nothing() -> None:
    story = overlapping(Direction.INCREASE_LOAD)
    offers = [o for o in story.sent("offer", "ra-1-h0") if isinstance(o, m.Offer) and o.event_id == "e2"]
    assert offers[0].opt is m.Opt.OUT
    assert offers[0].binding == (m.Restriction.COMMITTED, m.Restriction.COMMITTED)


def test_energy_promised_in_an_earlier_event_is_gone_in_the_next() -> None:
    world = World()
    home = world.home("ra-1-h0", "ra-1", battery("bat-home", 6_000, soc_wh=4_000))
    world.aggregator("ra-1", [home])
    world.event(6_000, 6_000)
    world.event(6_000, event_id="e2", issue_at=T0 + 15 * MINUTE, start=START + 60 * MINUTE)
    world.utility["accept_share_pct"] = 0
    story = world.run()
    offer = next(o for o in story.sent("offer", "ra-1-h0") if isinstance(o, m.Offer) and o.event_id == "e2")
    assert offer.power_w == (0,)
    assert offer.binding == (m.Restriction.RESERVE_SOC,)


# -- tiers


def three_tiers() -> World:
    world = World()
    world.simple("sub-1", 3, parent="ra-1")
    world.simple("sub-2", 3, parent="ra-1")
    members = [
        Member(name=f"sub-{n}", kind="aggregator", increase_load_w=18_000, decrease_load_w=18_000) for n in (1, 2)
    ]
    world.aggregator("ra-1", members=members, storage=(battery("bat-1", 4_000),), scale_w=40_000)
    world.event(40_000, 40_000)
    return world


def test_aggregator_of_aggregators_climbs_its_ladder_on_top_of_theirs() -> None:
    story = three_tiers().run()
    assert story.note("own_storage_added", "ra-1").data["storage_w"] == (4_000, 4_000)
    assert story.note("settled", "utility").data["delivered_wh"] == 40_000
    assert violations(story.simulation.trace) == []


def test_relax_from_above_reaches_the_rung_that_was_kept_for_it() -> None:
    world = World()
    changes = {"reserve_wh": 28_000, "relaxations": [{"restriction": "reserve_soc", "steps": [8_000]}]}
    world.simple("sub-1", 3, parent="ra-1", vehicle_changes=changes, relax_from_above=True)
    member = Member(name="sub-1", kind="aggregator", decrease_load_w=18_000, relaxations=(m.Restriction.RESERVE_SOC,))
    world.aggregator("ra-1", members=[member], scale_w=16_000)
    world.event(16_000, 16_000)
    world.utility["accept_share_pct"] = 100
    story = world.run()
    assert story.note("relax_asked", "ra-1").step == "S28"
    assert story.note("event_awarded", "utility").data["power_w"] == (16_000, 16_000)
