"""What a child says is held to its contract: one that lies, or means another event, ends no party and spoils no deal."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest
from worlds import LOOSENS, START, T0, World, battery

from agents.settings.members import Member
from broker.bus import Post
from broker.simulated_broker import Intercept
from broker.simulation import Simulation
from protocol import messages as m
from protocol.actor import Received, Send
from protocol.codec import decode, encode
from protocol.edges import Edge, topic
from protocol.units import MAX_ENERGY_WH, MAX_POWER_W, Direction

Change = Callable[[Any], Iterable[m.Message]]


def saying(kind: str, change: Change) -> Intercept:
    """A party that says something else in the place of each message of a kind."""

    def intercept(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        edge, message = decode(post.topic, post.payload)
        said = change(message) if message.kind == kind else [message]
        return [
            (Post(topic(one.kind, edge), encode(one), post.retain), timedelta(seconds=n)) for n, one in enumerate(said)
        ]

    return intercept


def changed(**fields: Any) -> Change:
    return lambda message: [message.model_copy(update=fields)]


def evening(count: int = 3, *power_w: int, **settings: Any) -> World:
    """An aggregator with so many homes of a 6 kW contract; the event has two slots."""
    world = World()
    world.simple("ra-1", count, **settings)
    world.event(*(power_w or (12_000, 12_000)))
    world.utility["accept_share_pct"] = 0
    return world


def rejects(simulation: Simulation, sender: str) -> list[m.RejectReason]:
    return [
        effect.message.reason
        for entry in simulation.trace
        if entry.actor == sender
        for effect in entry.effects
        if isinstance(effect, Send) and isinstance(effect.message, m.Reject)
    ]


def awarded(world: World, aggregator: str = "ra-1") -> dict[str, tuple[int, ...]]:
    """What stands with each home in the end, W."""
    event = world.actors[aggregator].events["e1"]
    return {child.name: awarded_w for child, awarded_w in event.children.awarded()}


@pytest.mark.parametrize("liars", [1, 2, 3])
def test_homes_that_could_give_a_hundred_gigawatts_count_for_their_contracts(liars: int) -> None:
    world = evening(3)
    lie = saying("offer", lambda offer: [offer.model_copy(update={"available_w": (MAX_POWER_W,) * 2})])
    world.intercepts = {f"ra-1-h{number}": lie for number in range(liars)}
    story = world.run()
    assert story.note("event_awarded", "utility").data["power_w"] == (12_000, 12_000)
    (offer,) = [one for one in story.sent("offer", "ra-1") if isinstance(one, m.Offer)]
    assert max(offer.available_w) <= 18_000 * 110 // 100  # what is stated of a contract's tolerance


def test_rerequest_goes_not_to_the_one_that_claims_most() -> None:
    world = World()
    world.simple("ra-1", 2)
    world.simple("ra-2", 2, scale_w=24_000)
    world.event(30_000, 30_000)
    world.utility["accept_share_pct"] = 0
    world.intercepts = {"ra-1": saying("offer", changed(available_w=(MAX_POWER_W,) * 2))}
    story = world.run()
    assert story.note("event_awarded", "utility").data["power_w"] == (24_000, 24_000)


def test_home_that_proposes_the_whole_plan_is_refused() -> None:
    world = evening(3)

    def propose(offer: m.Offer) -> list[m.Message]:
        option = m.Option(option_id="all", power_w=(12_000,) * 2, basis=(m.OptionBasis.OFFERS,), shape=m.Shape.FLAT)
        head = {name: getattr(offer, name) for name in m.EventMessage.model_fields}
        return [m.Alternative(**head, options=(option,), valid_until=offer.valid_until)]

    world.intercepts = {"ra-1-h0": saying("offer", propose)}
    story = world.run()
    assert rejects(story.simulation, "ra-1")
    assert "ra-1-h0" not in awarded(world)
    assert all(max(power_w) <= 6_000 for power_w in awarded(world).values())


def withdrawing(world: World, child: str, edge: Edge, slots: int) -> Simulation:
    """Run, and let a child withdraw with so many slots when it has an award."""
    simulation = world.build()

    def withdraw() -> None:
        award = next(
            message
            for _, _, post in simulation.posts
            if isinstance(message := decode(post.topic, post.payload)[1], m.Award)
            and edge == decode(post.topic, post.payload)[0]
        )
        said = m.Withdraw(
            message_id=f"{child}.withdraw", sent_at=simulation.now, event_id="e1", request_id=award.request_id,
            round=award.round, revision=1, award_id=award.award_id, from_slot=0, power_w=(0,) * slots, cause="x",
        )  # fmt: skip
        parent = edge.parent
        simulation.give(simulation.now, parent, Received(edge, said, encode(said)))

    simulation.at(START - timedelta(minutes=5), withdraw)
    simulation.run()
    return simulation


@pytest.mark.parametrize("slots", [1, 3, 4, 336])
@pytest.mark.parametrize(("parent", "child"), [("ra-1", "ra-1-h0"), ("ac", "ra-1"), ("utility", "ac")])
def test_withdrawal_of_other_slots_is_refused(parent: str, child: str, slots: int) -> None:
    simulation = withdrawing(evening(3), child, Edge(parent, child), slots)
    assert rejects(simulation, parent) == [m.RejectReason.WRONG_SLOTS]


def below(relax_from_above: bool) -> World:
    """An aggregator that has one of its own below, which cannot meet its request and may loosen."""
    world = World()
    changes = LOOSENS | {"max_discharge_w": 4_000}
    world.simple("sub-1", 3, parent="ra-1", vehicle_changes=changes, relax_from_above=relax_from_above)
    member = Member(name="sub-1", kind="aggregator", decrease_load_w=18_000, relaxations=(m.Restriction.RESERVE_SOC,))
    world.aggregator("ra-1", members=[member], scale_w=16_000)
    world.event(16_000, 16_000)
    world.utility["accept_share_pct"] = 0
    return world


@pytest.mark.parametrize("relax_from_above", [False, True])
def test_relax_of_what_was_proposed_is_answered(relax_from_above: bool) -> None:
    story = below(relax_from_above).run()
    assert story.notes("relax_asked", "ra-1")
    assert {"sub-1", "ra-1"} <= {who for _, who, note in story.simulation.notes if note.name == "closed"}


@pytest.mark.parametrize("relax_from_above", [False, True])
@pytest.mark.parametrize("slots", [1, 3, 336])
def test_relax_of_other_slots_is_refused(relax_from_above: bool, slots: int) -> None:
    world = below(relax_from_above)
    world.intercepts = {"ra-1": saying("relax", lambda relax: [relax.model_copy(update={"shortfall_w": (9,) * slots})])}
    story = world.run()
    assert m.RejectReason.WRONG_SLOTS in rejects(story.simulation, "sub-1")


@pytest.mark.parametrize("change", [{"power_w": (9_000,)}, {"direction": Direction.INCREASE_LOAD}])
def test_later_round_of_the_same_revision_in_other_slots_is_refused(change: dict[str, Any]) -> None:
    """Whom it would not ask again has answered in the slots before."""
    world = evening(3)

    def twice(request: m.Request) -> list[m.Request]:
        ids = {"message_id": "odd", "request_id": "e1.1.21", "round": 21}
        return [request, request.model_copy(update=ids | change)]

    world.intercepts = {"ac": saying("request", twice)}
    story = world.run()
    assert set(rejects(story.simulation, "ra-1")) == {m.RejectReason.WRONG_SLOTS}
    assert story.notes("closed", "ra-1")[-1].data["outcome"] == "concluded"


def test_award_that_comes_while_it_relaxes_for_above_is_answered() -> None:
    world = below(True)
    slow = timedelta(minutes=1)
    world.intercepts = {
        f"sub-1-h{number}": lambda sender, post: [(post, slow if b"relaxed" in post.payload else timedelta())]
        for number in range(3)
    }
    simulation = world.build()

    def award() -> None:
        answers = [
            m_
            for _, who, post in simulation.posts
            if who == "sub-1" and (m_ := decode(post.topic, post.payload)[1]).kind in ("offer", "alternative")
        ]
        answer: Any = answers[0]
        accepts = answer.message_id if answer.kind == "offer" else answer.options[0].option_id
        power_w = answer.power_w if answer.kind == "offer" else answer.options[0].power_w
        said = m.Award(
            message_id="ra-1.award.early", sent_at=simulation.now, event_id="e1", request_id=answer.request_id,
            round=answer.round, revision=1, award_id="early", accepts=accepts, outcome=m.Outcome.CONCLUDED,
            power_w=power_w, confirm_by=START,
        )  # fmt: skip
        simulation.give(simulation.now, "sub-1", Received(Edge("ra-1", "sub-1"), said, encode(said)))

    def watch() -> None:
        if simulation.actor("sub-1").events and simulation.actor("sub-1").events["e1"].stage == "relaxing":  # type: ignore[attr-defined]
            award()
        elif simulation.now < START:
            simulation.at(simulation.now + timedelta(seconds=1), watch)

    simulation.at(T0 + timedelta(minutes=6), watch)
    simulation.run()
    (answer,) = [
        effect.message
        for entry in simulation.trace
        if isinstance(entry.input, Received) and entry.input.message.message_id == "ra-1.award.early"
        for effect in entry.effects
        if isinstance(effect, Send) and isinstance(effect.message, m.Confirm | m.Reject)
    ]
    assert answer.kind in ("confirm", "reject")


def test_home_that_confirms_no_and_then_yes_has_refused() -> None:
    world = World()
    homes = [world.home(f"h{number}", "ra-1") for number in range(4)]
    members = [Member(name=home.name, decrease_load_w=6_000, reliability_pct=50) for home in homes]
    world.aggregator("ra-1", members=members, scale_w=12_000)
    world.event(12_000, 12_000)

    def waver(confirm: m.Confirm) -> list[m.Message]:
        return [
            confirm.model_copy(
                update={"accepted": accepted, "message_id": f"{confirm.message_id}.{number}", "reason": "x"}
            )
            for number, accepted in enumerate((False, True, False, True))
        ]

    world.intercepts = {"h0": saying("confirm", waver)}
    simulation = world.build()
    simulation.run(until=START - timedelta(minutes=5))
    stands = awarded(world)
    assert "h0" not in stands
    assert [sum(slot) for slot in zip(*stands.values(), strict=True)] == [12_000, 12_000]


def lying_meter(**fields: Any) -> Intercept:
    def change(report: m.Report) -> list[m.Message]:
        return [report.model_copy(update={"readings": tuple(r.model_copy(update=fields) for r in report.readings)})]

    return saying("report", change)


@pytest.mark.parametrize("energy_wh", [-MAX_ENERGY_WH, MAX_ENERGY_WH, -(10**9), 12_345_678])
@pytest.mark.parametrize("liars", [1, 2])
def test_reading_beyond_the_contract_is_marked_and_not_settled(energy_wh: int, liars: int) -> None:
    world = evening(3)
    world.intercepts = {f"ra-1-h{number}": lying_meter(energy_wh=energy_wh) for number in range(liars)}
    story = world.run()
    settled = story.note("settled", "utility").data["delivered_wh"]
    assert settled == 12_000 * (3 - liars) // 3


def test_meter_of_a_slot_that_the_event_does_not_have_is_refused() -> None:
    world = evening(3)
    world.intercepts = {"ra-1-h0": lying_meter(slot=300)}
    story = world.run()
    assert m.RejectReason.WRONG_SLOTS in rejects(story.simulation, "utility")


def test_report_that_is_refused_is_not_counted_in_part() -> None:
    world = evening(3)

    def longer(report: m.Report) -> list[m.Message]:
        (reading,) = report.readings
        return [report.model_copy(update={"readings": (reading, reading.model_copy(update={"slot": 300}))})]

    world.intercepts = {"ra-1-h0": saying("report", longer)}
    story = world.run()
    assert story.note("settled", "utility").data["delivered_wh"] == 8_000


def test_two_baselines_of_the_largest_energy_end_nobody() -> None:
    world = evening(3)
    world.intercepts = {
        f"ra-1-h{n}": lying_meter(baseline_wh=MAX_ENERGY_WH, energy_wh=-MAX_ENERGY_WH) for n in range(2)
    }
    world.run()


def test_report_of_slots_that_are_not_over_waits_for_nobody() -> None:
    world = evening(3)

    def early(report: m.Report) -> list[m.Message]:
        (reading,) = report.readings
        if reading.slot:
            return [report]
        return [
            report.model_copy(update={"readings": (reading, reading.model_copy(update={"slot": 1, "energy_wh": 0}))})
        ]

    world.intercepts = {"ra-1-h0": saying("report", early)}
    assert world.run().note("settled", "utility").data["delivered_wh"] == 12_000


def test_relaxed_offer_beyond_the_contract_is_refused() -> None:
    world = evening(2, 16_000, 16_000, vehicle_changes=LOOSENS)

    def relaxed(offer: m.Offer) -> list[m.Message]:
        more = (14_000, 14_000)
        bold = {"power_w": more, "available_w": more, "resources": ()}
        return [offer.model_copy(update=bold)] if offer.basis is m.Basis.RELAXED else [offer]

    world.intercepts = {"ra-1-h0": saying("offer", relaxed)}
    world.run()
    assert all(max(power_w) <= 6_000 for power_w in awarded(world).values())


def test_resource_in_nobodys_contract_is_not_kept_from_who_has_it() -> None:
    world = World()
    homes = [world.home(f"h{number}", "ra-1") for number in range(2)]
    members = [Member(name=home.name, decrease_load_w=6_000) for home in homes]
    world.aggregator("ra-1", members=members, scale_w=12_000)
    world.event(12_000, 12_000)
    part = m.Resource(resource_id="ev-h1", kind=m.ResourceKind.VEHICLE, power_w=(1, 1))
    world.intercepts = {"h0": saying("offer", lambda offer: [offer.model_copy(update={"resources": (part,)})])}
    story = world.run(seed=1)
    assert set(awarded(world)) == {"h0", "h1"}
    assert story.note("event_awarded", "utility").data["power_w"] == (12_000, 12_000)


@pytest.mark.parametrize("name", ["ac", "ra-1"])
def test_a_thousand_rounds_from_above_end_nobody(name: str) -> None:
    world = evening(2)
    simulation = world.build()
    parent = "utility" if name == "ac" else "ac"

    def ask() -> None:
        request: Any = next(
            decode(p.topic, p.payload)[1] for _, who, p in simulation.posts if p.topic == f"dr/request/{parent}/{name}"
        )
        for round_ in range(2, m.MAX_ROUND + 1):
            said = request.model_copy(update={"round": round_, "request_id": f"r{round_}", "message_id": f"m{round_}"})
            simulation.give(simulation.now, name, Received(Edge(parent, name), said, encode(said)))

    simulation.at(T0 + timedelta(minutes=6), ask)
    simulation.run()


def test_open_events_are_bounded() -> None:
    world = evening(1)
    simulation = world.build()

    def ask() -> None:
        request: Any = next(
            decode(p.topic, p.payload)[1] for _, _, p in simulation.posts if p.topic == "dr/request/ac/ra-1"
        )
        for number in range(2_000):
            ids = {"event_id": f"n{number}", "request_id": f"n{number}", "message_id": f"n{number}"}
            said = request.model_copy(update=ids)
            simulation.give(simulation.now, "ra-1", Received(Edge("ac", "ra-1"), said, encode(said)))

    simulation.at(T0 + timedelta(minutes=6), ask)
    simulation.run(until=T0 + timedelta(minutes=7))
    assert m.RejectReason.OVERLOAD in rejects(simulation, "ra-1")


def test_storage_of_its_own_is_no_part_of_what_a_home_says() -> None:
    world = evening(2, 16_000, 16_000, storage=(battery("bat-1", 4_000),))
    world.intercepts = {"ra-1-h0": lying_meter(energy_wh=MAX_ENERGY_WH)}
    world.run()
    assert world.actors["utility"].events["e1"].outcome == "concluded"
