"""One message of any kind is lost, comes late, or comes twice: what is told is what flowed, and the deal is delivered."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from checker import violations
from spare_evening import evening, flowed_wh
from worlds import START, T0, Story, World, dropping

from agents.runtime.behaviour import Intercept
from broker.bus import Post
from protocol import messages as m
from protocol.actor import Decided
from protocol.codec import encode
from protocol.units import Direction

MINUTE = timedelta(minutes=1)
WORLDS = [(2, Direction.DECREASE_LOAD), (3, Direction.INCREASE_LOAD)]
Way = list[tuple[Post, timedelta]]


def nth(kind: str, number: int, way: Callable[[Post], Way]) -> Intercept:
    """The message of a kind with this number, of all that are said, goes another way."""
    said = 0

    def out(sender: str, post: Post) -> Way:
        nonlocal said
        said += post.topic.startswith(f"dr/{kind}/")
        return way(post) if post.topic.startswith(f"dr/{kind}/") and said == number else [(post, timedelta())]

    return out


def played(world: World, intercept: Intercept, *withdraws: timedelta) -> Story:
    simulation = world.build()
    simulation.run(until=T0)
    for name in simulation.nodes:
        simulation.intercept(name, intercept)
    for after in withdraws:
        simulation.give(START + after, "ra-1-h0", Decided("e1", False))
    simulation.run()
    return Story(simulation, world)


def check(story: Story) -> None:
    """18 kWh are delivered, told as they flowed, and no promise is broken."""
    awarded_wh, delivered_wh = story.notes("settled", "utility")[-1].data["awarded_wh"], story_delivered(story)
    assert (awarded_wh, delivered_wh) == (18_000, pytest.approx(18_000, abs=60))
    assert flowed_wh(story.simulation, story.world) == pytest.approx(18_000, abs=60)
    assert violations(story.simulation.trace) == []


def story_delivered(story: Story) -> object:
    return story.notes("settled", "utility")[-1].data["delivered_wh"]


@pytest.mark.parametrize(("tiers", "direction"), WORLDS)
@pytest.mark.parametrize("number", [1, 4])
@pytest.mark.parametrize("kind", ["request", "offer", "award", "confirm", "dispatch", "report"])
def test_message_that_is_lost_costs_nothing(kind: str, number: int, tiers: int, direction: Direction) -> None:
    check(played(evening(tiers, direction, answers_dispatch=True), nth(kind, number, lambda post: [])))


def first(edge: str, count: int, *kinds: str) -> Intercept:
    """The first messages of these kinds on an edge, so many of each, are lost."""
    topics = {f"dr/{kind}/{edge}": count for kind in kinds}

    def out(sender: str, post: Post) -> Way:
        kept = next((topic for topic in topics if post.topic.startswith(topic) and topics[topic]), None)
        if kept is None:
            return [(post, timedelta())]
        topics[kept] -= 1
        return []

    return out


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("edge", ["utility/ac", "ac/ra-up", "ra-up/ra-1"])
@pytest.mark.parametrize("kinds", [("offer", "alternative"), ("request",)])
def test_answer_of_who_answers_late_is_asked_for_until_it_comes(kinds: tuple[str, ...], edge: str, count: int) -> None:
    check(played(evening(3, Direction.DECREASE_LOAD, answers_dispatch=True), first(edge, count, *kinds)))


@pytest.mark.parametrize(("tiers", "direction"), WORLDS)
@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("kind", ["offer", "award", "confirm", "dispatch", "report"])
@pytest.mark.parametrize("minutes", [20])
def test_message_that_comes_late_or_twice_costs_nothing(
    minutes: int, kind: str, twice: bool, tiers: int, direction: Direction
) -> None:
    late = timedelta(minutes=minutes)
    way = nth(kind, 2, lambda post: [(post, timedelta()), (post, late)] if twice else [(post, late)])
    check(played(evening(tiers, direction, answers_dispatch=True), way))


@pytest.mark.parametrize(("tiers", "direction"), WORLDS)
@pytest.mark.parametrize("minutes", [0, 2, 90])
def test_withdrawal_in_a_slot_is_made_up_for_however_its_first_word_travels(
    minutes: int, tiers: int, direction: Direction
) -> None:
    late = timedelta(minutes=minutes)
    way = nth("withdraw", 1, lambda post: [(post, late)] if minutes else [])
    story = played(evening(tiers, direction, answers_dispatch=True), way, 5 * MINUTE)
    lost_wh = 3_000 * 3 // 60  # it is said again after three minutes
    assert 18_000 - 2 * lost_wh - 60 <= flowed_wh(story.simulation, story.world) <= 18_060
    assert story_delivered(story) == pytest.approx(flowed_wh(story.simulation, story.world), abs=60)


@pytest.mark.parametrize(("tiers", "direction"), WORLDS)
@pytest.mark.parametrize("minutes", [-54.9, -54, -48, -35, -0.2, 10])
def test_withdrawals_under_a_mandate_are_never_sold(tiers: int, direction: Direction, minutes: float) -> None:
    world = evening(tiers, direction, pct=100)
    world.utility = {"mandate": True}
    world.events[0] = world.events[0].model_copy(update={"power_w": (24_000, 24_000)})
    simulation = world.build()
    for place, home in enumerate(("ra-1-h0", "ra-2-h1")):
        at = START + timedelta(minutes=minutes, seconds=place)
        simulation.give(at, home, Decided("e1", False))
    simulation.run()
    story = Story(simulation, world)
    account = story.notes("settled", "utility")[-1].data
    flowed = flowed_wh(simulation, world)
    assert account["delivered_wh"] == pytest.approx(flowed, abs=60)
    assert int(str(account["awarded_wh"])) <= flowed + 60
    assert violations(simulation.trace) == []


@pytest.mark.parametrize(("tiers", "direction"), WORLDS)
@pytest.mark.parametrize("minutes", [25, 13, 5, 0.5])
def test_withdrawal_before_the_first_slot_is_made_up_for(minutes: float, tiers: int, direction: Direction) -> None:
    check(played(evening(tiers, direction), nth("none", 0, lambda post: []), -minutes * MINUTE))


def cancellations(story: Story) -> list[Post]:
    return [post for _, _, post in story.simulation.posts if post.topic == "dr/award/ra-1/ra-1-h0"]


def unconfirmed() -> World:
    """An award had less than a second to be confirmed in; a quarter of that stood between two cancellations."""
    world = World()
    world.simple("ra-1", 2)
    world.event(9_000, issue_at=START - timedelta(seconds=2))
    world.intercepts["ra-1-h0"] = dropping("confirm", "e1.1.1")
    return world


def test_home_that_dies_behind_an_award_of_the_last_moment_is_told_less_and_less_often() -> None:
    assert 10 < len(cancellations(unconfirmed().run())) < 30


def test_home_that_comes_back_is_told_at_once_what_it_has_not_confirmed() -> None:
    world, back = unconfirmed(), START + 20 * MINUTE
    simulation = world.build()
    presence = encode(m.Presence(message_id="ra-1-h0.presence.2", sent_at=back, online=True))
    simulation.publish(back, "ra-1-h0", Post("dr/presence/ra-1/ra-1-h0", presence, retain=True))
    simulation.run()
    told = [at for at, _, post in simulation.posts if post.topic == "dr/award/ra-1/ra-1-h0"]
    assert any(back <= at < back + MINUTE / 60 for at in told)
