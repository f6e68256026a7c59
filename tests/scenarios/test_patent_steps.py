"""One test per step of JP7740177B2, named after it: what the step has to do, seen on the bus."""

from datetime import timedelta

import pytest
from worlds import START, T0, Story, World, battery, vehicle

from agents.settings.parties import Rung
from protocol import messages as m
from protocol.plan import covers, total

RELAXABLE = {"reserve_wh": 28_000, "relaxations": [{"restriction": "reserve_soc", "steps": [8_000]}]}
"""A vehicle that by itself gives 2 kWh, and 22 kWh when its owner's reserve is relaxed."""


def ladder_world() -> World:
    """ra-1 meets its request with offers, ra-2 with its storage, ra-3 by relaxing, ra-4 falls short."""
    world = World()
    world.simple("ra-1", 6, scale_w=20_000)
    world.simple("ra-2", 3, scale_w=20_000, storage=(battery("bat-2"),))
    world.simple("ra-3", 3, scale_w=15_000, vehicle_changes=RELAXABLE)
    world.simple("ra-4", 3, scale_w=25_000)
    world.event(80_000, 80_000)
    return world


@pytest.fixture(scope="module")
def story() -> Story:
    return ladder_world().run()


def test_s1_coordinator_sends_a_plan_to_each_aggregator_that_sums_to_the_request(story: Story) -> None:
    plans = [story.to("request", "ac", f"ra-{n}")[0] for n in range(1, 5)]
    assert all(isinstance(plan, m.Request) for plan in plans)
    assert total([plan.power_w for plan in plans if isinstance(plan, m.Request)], 2) == (80_000, 80_000)
    assert story.note("plan_sent", "ac").step == "S1"


def test_s2_coordinator_hears_who_can_meet_its_plan(story: Story) -> None:
    assert {note.data["aggregator"] for note in story.notes("can_meet_received", "ac")} == {"ra-1", "ra-2", "ra-3"}


def test_s3_coordinator_receives_the_alternative_of_the_one_that_cannot(story: Story) -> None:
    note = story.note("alternative_received", "ac")
    assert (note.step, note.data["aggregator"], note.data["proposed_w"]) == ("S3", "ra-4", (18_000, 18_000))


def test_s4_alternative_is_judged_by_its_share_and_by_what_others_have_over(story: Story) -> None:
    note = story.notes("alternative_judged", "ac")[0]
    assert note.step == "S4"
    assert note.data["share_pct"] == 72
    assert note.data["accepted"] is True


def test_s5_residual_is_what_the_accepted_alternative_leaves(story: Story) -> None:
    assert story.note("plan_revised", "ac").data["shortfall_w"] == (7_000, 7_000)


def test_s6_rerequest_goes_to_the_one_with_a_surplus_and_raises_its_round(story: Story) -> None:
    note = story.note("rerequest_sent", "ac")
    assert (note.step, note.data["aggregator"], note.data["round"]) == ("S6", "ra-1", 2)
    assert story.to("request", "ac", "ra-1")[-1].round == 2


def test_s7_every_aggregator_hears_that_the_deal_is_concluded(story: Story) -> None:
    notes = story.notes("deal_concluded", "ac")
    assert [note.data["aggregator"] for note in notes] == ["ra-1", "ra-2", "ra-3", "ra-4"]
    assert total([note.data["power_w"] for note in notes], 2) == (80_000, 80_000)  # type: ignore[misc]


def test_s20_aggregator_runs_again_on_a_rerequest(story: Story) -> None:
    assert [note.data["round"] for note in story.notes("request_received", "ra-1")] == [1, 2]


def test_s21_s22_every_der_hears_its_own_value_within_its_capability(story: Story) -> None:
    values = [story.to("request", "ra-1", f"ra-1-h{n}")[0] for n in range(6)]
    plans = [value.power_w for value in values if isinstance(value, m.Request)]
    assert covers(total(plans, 2), (20_000, 20_000))
    assert all(max(plan) <= 6_000 for plan in plans)


def test_s23_s24_offers_are_summed_when_all_have_answered(story: Story) -> None:
    note = story.notes("offers_summed", "ra-4")[0]
    assert (note.step, note.data["available_w"], note.data["silent"]) == ("S24", (18_000, 18_000), 0)


def test_s25_enough_in_every_slot_goes_straight_to_s36(story: Story) -> None:
    steps = story.steps("ra-1")
    assert steps[: steps.index("S36") + 1] == ["S20", "S22", "S24", "S36"]


def test_s26_s27_own_storage_fills_exactly_what_is_missing(story: Story) -> None:
    added, summed = story.note("own_storage_added", "ra-2"), story.note("storage_summed", "ra-2")
    assert (added.step, added.data["storage_w"]) == ("S26", (2_000, 2_000))
    assert (summed.step, summed.data["enough"]) == ("S27", True)


def test_s28_only_participating_vehicles_are_asked_to_relax() -> None:
    world = World()
    homes = [
        world.home("h-car", "ra-1", vehicle("ev-1", **RELAXABLE)),
        world.home("h-battery", "ra-1", battery("bat-home", 2_000)),
        world.home("h-away", "ra-1", vehicle("ev-2", plugs_in_at=START + timedelta(hours=3), **RELAXABLE)),
        world.home("h-strict", "ra-1", vehicle("ev-3", reserve_wh=28_000)),
    ]
    world.aggregator("ra-1", homes, scale_w=20_000)
    world.event(20_000, 20_000)
    story = world.run()
    asked = {message.message_id.split(".")[2] for message in story.sent("relax", "ra-1")}
    assert asked == {"h-car"}


def test_s29_s30_relaxed_answers_replace_the_earlier_ones_in_the_sum(story: Story) -> None:
    before, after = story.note("offers_summed", "ra-3"), story.note("relaxed_offers_summed", "ra-3")
    relaxed = [offer for offer in story.sent("offer") if isinstance(offer, m.Offer) and offer.basis is m.Basis.RELAXED]
    assert after.data["available_w"] == total([offer.power_w for offer in relaxed], 2)
    assert covers(after.data["available_w"], before.data["available_w"])  # type: ignore[arg-type]


def test_s31_covered_after_relaxing_goes_to_s36(story: Story) -> None:
    steps = story.steps("ra-3")
    assert steps[: steps.index("S36") + 1] == ["S20", "S22", "S24", "S28", "S30", "S36"]


def test_s32_s33_alternative_is_what_can_be_met_and_is_proposed(story: Story) -> None:
    alternative = story.sent("alternative", "ra-4")[0]
    assert isinstance(alternative, m.Alternative)
    assert alternative.options[0].shape is m.Shape.TRUNCATED
    assert alternative.options[0].power_w == (18_000, 18_000)
    assert story.note("alternative_proposed", "ra-4").step == "S33"


def test_s34_s35_every_der_that_said_yes_hears_its_part_and_the_parts_sum_to_the_deal(story: Story) -> None:
    awards = [award for award in story.sent("award", "ra-4") if isinstance(award, m.Award)]
    assert total([award.power_w for award in awards], 2) == (18_000, 18_000)
    assert story.note("award_received", "ra-4").step == "S34"


def test_s36_can_meet_is_an_offer_of_the_whole_request(story: Story) -> None:
    offer = story.sent("offer", "ra-2")[0]
    assert isinstance(offer, m.Offer)
    assert offer.power_w == (20_000, 20_000)


def test_s50_s51_der_answers_with_one_joint_profile_and_why_no_more(story: Story) -> None:
    offer = next(o for o in story.sent("offer", "ra-3-h0") if isinstance(o, m.Offer) and o.basis is m.Basis.OWN)
    assert offer.binding == (m.Restriction.RESERVE_SOC, m.Restriction.RESERVE_SOC)
    assert offer.resources[0].relaxable


def test_s52_s53_der_answers_anew_under_what_its_owner_agreed_to_relax(story: Story) -> None:
    own, relaxed = (offer for offer in story.sent("offer", "ra-3-h0") if isinstance(offer, m.Offer))
    assert relaxed.basis is m.Basis.RELAXED
    assert sum(relaxed.power_w) > sum(own.power_w)


def test_s54_der_notes_the_contract_confirms_and_stands_by(story: Story) -> None:
    assert len(story.notes("standing_by", "ra-4-h0")) == 1
    confirm = story.sent("confirm", "ra-4-h0")[0]
    assert isinstance(confirm, m.Confirm)
    assert confirm.accepted


def test_claim_1_every_slot_is_dispatched_as_a_signed_change_of_load(story: Story) -> None:
    dispatches = [d for d in story.to("dispatch", "ra-4", "ra-4-h0") if isinstance(d, m.Dispatch)]
    assert [(d.slot, d.power_w) for d in dispatches] == [(0, -6_000), (1, -6_000)]


def test_claim_2_own_storage_is_part_of_what_is_delivered(story: Story) -> None:
    assert story.note("awards_sent", "ra-2").data["storage_w"] == (2_000, 2_000)
    assert story.note("delivered", "ra-2").data["delivered_wh"] == 20_000


def test_claim_3_a_relaxed_recomputation_raises_the_alternative() -> None:
    world = World()
    world.simple("ra-1", 3, scale_w=40_000, vehicle_changes=RELAXABLE)
    world.event(40_000, 40_000)
    story = world.run()
    proposed = story.note("alternative_proposed", "ra-1")
    assert proposed.data["basis"] == (m.OptionBasis.OFFERS, m.OptionBasis.RELAXED)
    assert proposed.data["options"]["truncated"] == (18_000, 18_000)  # type: ignore[index]


def test_meter_values_reach_the_aggregator_and_the_utility(story: Story) -> None:
    settled = story.note("settled", "utility").data
    assert settled["meters"] == 15
    assert settled["delivered_wh"] == settled["awarded_wh"] == 80_000
    assert settled["metered_directly_wh"] == 78_000  # the 2 kWh of ra-2's own storage are no home's


# -- the variants that the patent allows, each a setting


def short_world(*ladder: Rung, **settings: object) -> World:
    """One aggregator that needs everything it has: 3 vehicles, a battery, relaxable reserves."""
    world = World()
    world.simple(
        "ra-1",
        3,
        scale_w=30_000,
        vehicle_changes=RELAXABLE,
        storage=(battery("bat-1", 3_000),),
        ladder=ladder,
        **settings,
    )
    world.event(30_000, 30_000)
    world.utility["accept_share_pct"] = 0
    world.coordinator["accept_share_pct"] = 0
    return world


def basis_of(world: World) -> tuple[object, object]:
    note = world.run().note("alternative_proposed", "ra-1")
    options = note.data["options"]
    assert isinstance(options, dict)
    return note.data["basis"], options["truncated"]


OFFERS, STORAGE, RELAXED = m.OptionBasis.OFFERS, m.OptionBasis.STORAGE, m.OptionBasis.RELAXED


def test_variant_without_s26_s27_no_storage_is_added() -> None:
    assert basis_of(short_world(Rung.RELAX, Rung.ALTERNATIVE)) == ((OFFERS, RELAXED), (18_000, 18_000))


def test_variant_without_s28_s31_nobody_is_relaxed() -> None:
    basis, plan = basis_of(short_world(Rung.OWN_STORAGE, Rung.ALTERNATIVE))
    assert (basis, plan) == ((OFFERS, STORAGE), (8_700, 8_700))


def test_variant_without_both_the_offers_alone_count() -> None:
    assert basis_of(short_world(Rung.ALTERNATIVE)) == ((OFFERS,), (5_700, 5_700))


def test_variant_relaxation_before_storage() -> None:
    story = short_world(Rung.RELAX, Rung.OWN_STORAGE, Rung.ALTERNATIVE).run()
    steps = [step for step in story.steps("ra-1") if step in ("S24", "S26", "S27", "S28", "S30", "S33")]
    assert steps == ["S24", "S28", "S30", "S26", "S27", "S33"]
    assert story.note("alternative_proposed", "ra-1").data["basis"] == (OFFERS, RELAXED, STORAGE)


@pytest.mark.parametrize(
    ("basis", "expected"), [(OFFERS, (5_700, 5_700)), (STORAGE, (8_700, 8_700)), (RELAXED, (21_000, 21_000))]
)
def test_variant_alternative_stands_on_s24_s26_or_s30(basis: m.OptionBasis, expected: tuple[int, ...]) -> None:
    world = short_world(Rung.OWN_STORAGE, Rung.RELAX, Rung.ALTERNATIVE, alternative_basis=basis)
    assert basis_of(world)[1] == expected


def test_variant_without_s32_the_deal_dies() -> None:
    world = short_world(Rung.OWN_STORAGE)
    story = world.run()
    assert story.note("closed", "utility").data["outcome"] == "no_deal"


def test_variant_without_s5_s6_an_unacceptable_alternative_ends_without_a_deal() -> None:
    world = ladder_world()
    world.coordinator["max_rerequests"] = 0
    story = world.run()
    assert story.notes("rerequest_sent") == []
    award = story.sent("award", "ac")[-1]
    assert isinstance(award, m.Award)
    assert next(a.outcome for a in story.to("award", "ac", "ra-4") if isinstance(a, m.Award)) is not m.Outcome.CONCLUDED


def test_variant_s5_asks_the_short_one_for_its_proposal_less_a_margin() -> None:
    world = ladder_world()
    world.coordinator |= {"accept_if_covered": False, "margin_pct": 10}
    story = world.run()
    again = [r for r in story.to("request", "ac", "ra-4") if isinstance(r, m.Request) and r.round == 2]
    assert again[0].power_w == (16_200, 16_200)
    concluded = {note.data["aggregator"]: note.data["power_w"] for note in story.notes("deal_concluded", "ac")}
    assert concluded["ra-4"] == (16_200, 16_200)


def test_variant_same_plan_to_all_does_not_buy_twice() -> None:
    world = World()
    world.simple("ra-1", 4)
    world.simple("ra-2", 4)
    world.coordinator["plan"] = "same"
    world.event(20_000, 20_000)
    story = world.run()
    plans = [r.power_w for n in (1, 2) for r in story.to("request", "ac", f"ra-{n}") if isinstance(r, m.Request)]
    assert plans == [(20_000, 20_000)] * 2
    concluded = [a.power_w for a in story.sent("award", "ac") if isinstance(a, m.Award) and any(a.power_w)]
    assert total(concluded, 2) == (20_000, 20_000)


def test_variant_vehicle_answers_by_itself() -> None:
    world = World()
    lone = world.home("vehicle-50a", "ra-1", vehicle("ev-50a"))
    world.aggregator("ra-1", [lone])
    world.event(5_000)
    assert world.run().note("settled", "utility").data["delivered_wh"] == 2_500


def test_variant_mandate_concludes_one_aggregator_while_another_is_rerequested() -> None:
    world = World()
    world.simple("ra-1", 2, scale_w=12_000)
    world.simple("ra-2", 2, scale_w=20_000)
    world.utility |= {"mandate": True, "accept_share_pct": 0}
    world.coordinator["accept_if_covered"] = False
    world.event(32_000)
    story = world.run()
    order = [note.name for _, who, note in story.simulation.notes if who == "ac"]
    assert order.index("deal_concluded") < order.index("rerequest_sent")
    assert order.index("deal_concluded") < order.index("award_received")


def test_plan_that_cannot_be_met_at_all_ends_with_an_answer_to_everyone() -> None:
    world = World()
    world.simple("ra-1", 2, scale_w=12_000, vehicle_changes={"plugs_in_at": T0 + timedelta(hours=12)})
    world.event(12_000)
    story = world.run()
    assert story.note("closed", "utility").data["outcome"] == "no_deal"
