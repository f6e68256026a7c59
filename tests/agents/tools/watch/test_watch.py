"""The picture of a system from its topics: the shipped scenarios at instants read from their golden transcripts,
garbage, strangers, bounds, and the clock."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import paths
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from agents.history.standing import PartyStage, WhyUnknown
from agents.runtime.files.scenario import load_scenario
from agents.tools.run.simulate import build_simulation
from agents.tools.watch.panels import draw
from agents.tools.watch.picture import Picture
from agents.tools.watch.row import WatchRow
from agents.tools.watch.shows import Lines
from agents.tools.watch.surroundings import Surroundings
from agents.tools.watch.wire_clock import FASTEST, WireClock
from protocol import messages as m
from protocol.actor import Recounts
from protocol.codec import encode
from protocol.edges import Edge, progress_topic, topic
from protocol.units import FIRST_AT, LAST_AT

EXAMPLES = paths.EXAMPLES
EVENING = datetime(2026, 1, 14, tzinfo=UTC)
NIGHT = datetime(2026, 5, 3, tzinfo=UTC)
WALL = datetime(2026, 11, 25, 12, tzinfo=UTC)
Posted = list[tuple[datetime, str, bytes]]


@pytest.fixture(scope="module")
def evening() -> Posted:
    return posted("evening_peak")


@pytest.fixture(scope="module")
def night() -> Posted:
    return posted("midday_surplus")


def posted(name: str) -> Posted:
    simulation = build_simulation(load_scenario(EXAMPLES / f"{name}.toml"), seed=1)
    simulation.run()
    return [(at, post.topic, post.payload) for at, _, post in simulation.posts]


def pictured(posts: Posted, until: datetime) -> Picture:
    picture = Picture()
    for at, where, payload in posts:
        if at <= until:
            picture.take(where, payload, at)
    return picture


def rows_at(posts: Posted, at: datetime) -> dict[tuple[str, str], WatchRow]:
    """By the event's first word and the party."""
    return {(row.event_id, row.party): row for row in pictured(posts, at).rows(at)}


def rows_list(posts: Posted, at: datetime) -> list[WatchRow]:
    return pictured(posts, at).rows(at)


def drawn(picture: Picture, now: datetime) -> str:
    console = Console(width=160, file=io.StringIO(), record=True)
    console.print(draw(picture, surroundings(now), 160, 60))
    return console.export_text()


def clock(day: datetime, text: str) -> datetime:
    hours, minutes, seconds = (int(part) for part in text.split(":"))
    return day + timedelta(hours=hours, minutes=minutes, seconds=seconds)


# -- the evening peak: who stands where


def test_first_minute_has_three_that_can_meet_and_two_that_wait(evening: Posted) -> None:
    rows = rows_at(evening, clock(EVENING, "17:06:00"))
    ac, ra_3, ra_4 = (rows["evening-peak", name] for name in ("ac", "ra-3", "ra-4"))
    assert [(row.party, row.depth) for row in rows.values()][:3] == [("utility", 0), ("ac", 1), ("ra-1", 2)]
    assert (ac.stage, ac.asked, ac.yes, ac.waiting) == (PartyStage.COLLECTING, 5, 3, 2)
    assert ac.requested_w == (100_000, 100_000, 100_000, 75_000)
    assert ac.available_w == (58_000, 58_000, 58_000, 43_500)  # 26 + 24 + 8 and 19.5 + 18 + 6
    assert ac.shortfall_w == (42_000, 42_000, 42_000, 31_500)
    assert (ra_3.stage, ra_3.yes, ra_3.waiting) == (PartyStage.COLLECTING, 0, 5)
    assert (ra_4.yes, ra_4.waiting, ra_4.silent) == (4, 1, 0)
    assert ra_4.available_w == (19_529, 19_529, 19_529, 14_912)
    assert (ra_4.next, ra_4.share_pct) == ("replies", 75)


def test_relaxation_is_seen_from_its_request_to_the_offer(evening: Posted) -> None:
    relaxed = [at for at, where, _ in evening if where.startswith("dr/relax/ra-3/")]
    row = rows_at(evening, relaxed[-1])["evening-peak", "ra-3"]
    assert (row.stage, row.relaxed, row.next) == (PartyStage.RELAXING, 5, "relaxed")
    assert row.shortfall_w == (5870, 5870, 5870, 4400)
    later = rows_at(evening, relaxed[-1] + timedelta(seconds=1))["evening-peak", "ra-3"]
    assert (later.stage, later.available_w) == (PartyStage.OFFERED, (16_000, 16_000, 16_000, 12_000))


def test_short_aggregator_proposes_and_the_coordinator_asks_another_again(evening: Posted) -> None:
    again = next(at for at, where, payload in evening if where == "dr/request/ac/ra-1" and b'"round":2' in payload)
    rows = rows_at(evening, again)
    ac, ra_4 = rows["evening-peak", "ac"], rows["evening-peak", "ra-4"]
    assert (ra_4.stage, ra_4.silent, ra_4.available_w) == (PartyStage.PROPOSED, 1, (19_529, 19_529, 19_529, 14_912))
    assert (ac.stage, ac.round, ac.alternatives, ac.yes) == (PartyStage.COLLECTING, 2, 1, 3)


def test_deal_is_awarded_and_confirmed_by_all_and_the_first_slot_is_next(evening: Posted) -> None:
    now = clock(EVENING, "17:30:00")
    rows = rows_at(evening, now)
    given = {party: (row.awards, row.confirmed) for (_, party), row in rows.items()}
    assert given == {"utility": (1, 1), "ac": (5, 5), "ra-1": (12, 12), "ra-2": (4, 4), "ra-3": (5, 5)} | {
        "ra-4": (4, 4),
        "ra-5": (3, 3),
    }
    assert {row.stage for row in rows.values()} == {PartyStage.STANDBY}
    assert rows["evening-peak", "ra-1"].deal_w == (32_471, 32_471, 32_471, 24_088)
    assert {(row.next, row.next_at) for row in rows.values()} == {("slot 1 of 4", clock(EVENING, "18:00:00"))}


def test_delivery_is_counted_in_the_event_s_direction_and_the_event_ends(evening: Posted) -> None:
    one = rows_at(evening, clock(EVENING, "18:31:00"))["evening-peak", "ra-2"]
    assert (one.stage, one.delivered_wh, one.due_wh, one.next) == (PartyStage.DELIVERING, 12_000, 12_000, "slot 3 of 4")
    rows = rows_at(evening, clock(EVENING, "20:00:10"))
    utility = rows["evening-peak", "utility"]
    assert (utility.stage, utility.outcome) == (PartyStage.CLOSED, "concluded")
    assert (utility.delivered_wh, utility.due_wh) == (187_494, 187_500)


def test_answers_always_add_up_to_those_asked(evening: Posted, night: Posted) -> None:
    for posts in (evening, night):
        picture = Picture()
        for at, where, payload in posts:
            picture.take(where, payload, at)
            for row in picture.rows(at)[:3]:
                told = row.yes + row.no + row.alternatives + row.late + row.silent + row.waiting
                assert told == row.asked


def test_three_tiers_and_two_events_are_told_apart(night: Posted) -> None:
    rows = rows_at(night, clock(NIGHT, "02:31:00"))
    first, second = dict.fromkeys(event for event, _ in rows)
    depths = {party: row.depth for (event, party), row in rows.items() if event == first}
    assert depths == {"utility": 0, "ac": 1, "ra-town": 2, "ra-1": 2, "sub-north": 3, "sub-south": 3}
    assert rows[first, "utility"].stage is PartyStage.DELIVERING
    north = rows[second, "sub-north"]
    assert (north.requested_w, north.available_w, north.shortfall_w) == ((13_804,), (12_000,), (1804,))
    assert (north.deal_w, rows[second, "ra-1"].alternatives) == ((12_000,), 1)


# -- what a system should not say, and how much of it


def request(event: str = "e", child: str = "h", number: int = 1, **changed: object) -> m.Request:
    fields: dict[str, object] = {
        "message_id": f"p.request.{event}.{number}.{child}",
        "sent_at": EVENING,
        "event_id": event,
        "request_id": f"{event}.{number}",
        "round": number,
        "revision": 1,
        "program_id": "dr",
        "direction": m.Direction.DECREASE_LOAD,
        "interval_period": m.IntervalPeriod(start=EVENING + timedelta(hours=2)),
        "power_w": (1000, 1000),
        "reply_by": EVENING + timedelta(minutes=10),
        "decide_by": EVENING + timedelta(hours=1),
    }
    return m.Request.model_validate(fields | changed)


def offer(event: str = "e", child: str = "h", opt: m.Opt = m.Opt.IN) -> bytes:
    power_w = (800, 800) if opt is m.Opt.IN else (0, 0)
    return encode(
        m.Offer(
            message_id=f"{child}.offer.{event}",
            sent_at=EVENING,
            event_id=event,
            request_id=f"{event}.1",
            round=1,
            revision=1,
            opt=opt,
            power_w=power_w,
            available_w=power_w,
            valid_until=EVENING + timedelta(hours=2),
        )
    )


def asked(picture: Picture, event: str = "e", child: str = "h", at: datetime = EVENING) -> None:
    picture.take(topic("request", Edge("p", child)), encode(request(event, child)), at)


def test_yes_no_late_and_silent_are_told_apart() -> None:
    picture = Picture()
    for child in ("a", "b", "c", "d"):
        asked(picture, child=child)
    picture.take("dr/offer/p/a", offer(child="a"), EVENING + timedelta(minutes=1))
    picture.take("dr/offer/p/b", offer(child="b", opt=m.Opt.OUT), EVENING + timedelta(minutes=1))
    picture.take("dr/offer/p/c", offer(child="c"), EVENING + timedelta(minutes=11))
    (row,) = picture.rows(EVENING + timedelta(minutes=12))
    assert (row.asked, row.yes, row.no, row.late, row.silent, row.waiting) == (4, 1, 1, 1, 1, 0)
    assert row.available_w == (800, 800)


def test_refused_cancelled_and_withdrawn_awards_are_counted() -> None:
    picture = Picture()
    head = {"sent_at": EVENING, "event_id": "e", "request_id": "e.1", "round": 1, "revision": 1}
    confirm_by = EVENING + timedelta(hours=1)
    for child in ("a", "b", "c"):
        asked(picture, child=child)
        award = m.Award(
            **head,
            message_id=f"p.award.{child}",
            award_id=child,
            accepts=f"{child}.offer.e",
            outcome=m.Outcome.CONCLUDED,
            power_w=(800, 800),
            confirm_by=confirm_by,
        )
        picture.take(f"dr/award/p/{child}", encode(award), EVENING)
        confirm = m.Confirm(**head, message_id=f"{child}.confirm", award_id=child, accepted=child != "a")
        picture.take(f"dr/confirm/p/{child}", encode(confirm), EVENING)
    withdraw = m.Withdraw(**head, message_id="b.w", award_id="b", from_slot=1, power_w=(800, 0), cause="unplugged")
    picture.take("dr/withdraw/p/b", encode(withdraw), EVENING)
    cancel = award.model_copy(
        update={"revision": 2, "outcome": m.Outcome.CANCELLED, "power_w": (0, 0), "message_id": "p.award.c.2"}
    )
    picture.take("dr/award/p/c", encode(cancel), EVENING)
    (row,) = picture.rows(EVENING)
    assert (row.awards, row.confirmed, row.refused, row.cancelled, row.withdrawn) == (2, 1, 1, 1, 1)


def test_a_request_that_is_taken_back_ends_the_event() -> None:
    picture = Picture()
    asked(picture)
    picture.take("dr/request/p/h", b"", EVENING)
    assert [(row.stage, row.outcome) for row in picture.rows(EVENING)] == [(PartyStage.CLOSED, "no_deal")]


# -- what was said before anybody listened


def retained(posts: Posted, until: datetime) -> Posted:
    """What a broker hands to who joins then: the last request of each edge."""
    return list(
        {where: (until, where, body) for at, where, body in posts if "/request/" in where and at <= until}.values()
    )


def joined(posts: Posted, at: datetime, until: datetime) -> Picture:
    picture = Picture()
    for _, where, payload in retained(posts, at):
        picture.take(where, payload, at, standing=True)
    for said_at, where, payload in posts:
        if at < said_at <= until:
            picture.take(where, payload, said_at)
    return picture


def test_who_joins_after_the_deal_says_that_it_does_not_know(evening: Posted) -> None:
    now = clock(EVENING, "17:45:00")
    picture = joined(evening, now, now)
    rows = {row.party: row for row in picture.rows(now, standing=True)}
    assert {row.stage for row in rows.values()} == {WhyUnknown.JOINED_LATE}
    assert {(row.silent, row.deal_w, row.available_w, row.shortfall_w) for row in rows.values()} == {
        (0, None, None, None)
    }
    assert (rows["ac"].asked, rows["ac"].unknown) == (5, 5)
    standing = rows["ac"].standing
    assert standing is not None
    assert standing.as_json()["unknown"] == dict.fromkeys(
        ("stage", "available_w", "secured_w", "delivered_wh"), "joined_late"
    )
    told = drawn(picture, now)
    assert "joined later, unknown" in told
    for wrong in ("no deal", "0/100", "silent"):
        assert wrong not in told


def test_who_joins_late_and_hears_the_delivery_knows_that_a_deal_stands(evening: Posted) -> None:
    now = clock(EVENING, "18:31:00")
    rows = {row.party: row for row in joined(evening, clock(EVENING, "17:58:00"), now).rows(now)}
    assert (rows["ra-2"].stage, rows["ra-2"].delivered_wh) == (PartyStage.DELIVERING, 12_000)


def test_event_of_which_nothing_was_heard_ends_without_a_word_about_its_deal(evening: Posted) -> None:
    at, now = clock(EVENING, "17:45:00"), clock(EVENING, "21:00:00")
    rows = joined(evening, at, at).rows(now)
    assert {(row.stage, row.outcome) for row in rows} == {(PartyStage.CLOSED, "")}


def test_request_that_is_heard_live_is_known_though_others_stand(evening: Posted) -> None:
    at = clock(EVENING, "17:05:00")
    picture = joined(evening, at - timedelta(seconds=1), clock(EVENING, "17:06:00"))
    assert picture.rows(clock(EVENING, "17:06:00")) == rows_list(evening, clock(EVENING, "17:06:00"))


# -- what parties tell who joins late

FIGURES = ("stage", "outcome", "requested_w", "deal_w", "delivered_wh", "due_wh", "asked", "met", "awards", "confirmed")


def figures(row: WatchRow) -> list[object]:
    return [row.yes + row.alternatives if name == "met" else getattr(row, name) for name in FIGURES]


def told_at(name: str, text: str) -> tuple[Picture, Picture, datetime]:
    """An evening until an instant, heard from its beginning on, and by one who joins then."""
    simulation = build_simulation(load_scenario(EXAMPLES / f"{name}.toml"), seed=1)
    now = clock(EVENING, text)
    simulation.run(until=now)
    early, late = Picture(), Picture()
    for at, _, post in simulation.posts:
        early.take(post.topic, post.payload, at)
    for actor in (node.actor for node in simulation.nodes.values()):
        for told in actor.progress(now) if isinstance(actor, Recounts) else ():
            late.take(progress_topic(actor.name, told.event_id), encode(told), now, standing=True)
    return early, late, now


@pytest.mark.parametrize("text", ["17:05:00", "17:20:00", "17:45:00", "18:01:00", "18:33:00", "19:15:00", "20:30:00"])
def test_who_joins_late_sees_what_is_seen_from_the_beginning_on(text: str) -> None:
    early, late, now = told_at("evening_peak", text)
    seen = [{(row.party, row.depth): figures(row) for row in picture.rows(now)} for picture in (early, late)]
    assert seen[1] == seen[0]
    assert len(seen[0]) == (1 if text == "17:05:00" else 7)


def test_late_picture_is_drawn_without_a_wrong_word() -> None:
    _, late, now = told_at("evening_peak", "17:45:00")
    drawing = drawn(late, now)
    assert "standby" in drawing
    for wrong in ("no deal", " 0/100", "silent", "unknown", "joined later"):
        assert wrong not in drawing


def progress(**changes: Any) -> m.Progress:
    period = m.IntervalPeriod(start=EVENING + timedelta(hours=18))
    fields = {
        "message_id": "p.progress.e.1",
        "sent_at": EVENING + timedelta(hours=17),
        "party": "p",
        "event_id": "e",
        "direction": "decrease_load",
        "interval_period": period,
        "stage": "standby",
        "requested_w": (5_000, 5_000),
        "secured_w": (5_000, 4_000),
        "valid_until": EVENING + timedelta(hours=20),
    }
    return m.Progress.model_validate(fields | changes, strict=False)


def test_word_that_says_nothing_any_more_is_not_shown() -> None:
    picture, now = Picture(), EVENING + timedelta(hours=21)
    picture.take("dr/progress/p/e", encode(progress()), now, standing=True)
    assert picture.rows(now) == []
    assert picture.rows(now - timedelta(hours=2)) == []  # it is forgotten


def test_word_in_the_name_of_another_party_or_event_is_refused() -> None:
    picture = Picture()
    for where in ("dr/progress/q/e", "dr/progress/p/f"):
        picture.take(where, encode(progress()), EVENING, standing=True)
    assert picture.rows(EVENING) == []
    assert picture.reasons["unreadable"] == 2


def test_older_word_that_comes_behind_a_newer_one_is_not_taken() -> None:
    picture, now = Picture(), EVENING + timedelta(hours=17)
    picture.take("dr/progress/p/e", encode(progress(sent_at=now)), now, standing=True)
    picture.take("dr/progress/p/e", encode(progress(sent_at=now - timedelta(minutes=1), stage="collecting")), now)
    assert [row.stage for row in picture.rows(now)] == [PartyStage.STANDBY]


def test_word_of_a_stage_that_nobody_knows_yet_is_told_as_unknown() -> None:
    picture, now = Picture(), EVENING + timedelta(hours=17)
    picture.take("dr/progress/p/e", encode(progress(stage="dreaming")), now, standing=True)
    assert [row.stage for row in picture.rows(now)] == [WhyUnknown.NOT_NOTED]
    assert "not told" in drawn(picture, now)


def test_circle_of_parents_ends() -> None:
    picture, now = Picture(), EVENING + timedelta(hours=17)
    for one, above in (("p", "q"), ("q", "p")):
        picture.take(f"dr/progress/{one}/e", encode(progress(party=one, parent=above)), now, standing=True)
    assert picture.rows(now) == []


def test_state_that_is_taken_away_leaves_what_was_told() -> None:
    picture, now = Picture(), EVENING + timedelta(hours=17)
    picture.take("dr/progress/p/e", encode(progress()), now, standing=True)
    assert picture.take("dr/progress/p/e", b"", now) is None
    assert [row.stage for row in picture.rows(now)] == [PartyStage.STANDBY]


@given(st.text(max_size=60), st.binary(max_size=200))
def test_no_bytes_on_any_topic_stop_the_picture(where: str, payload: bytes) -> None:
    picture = Picture()
    for name in (where, "dr/offer/p/h", "dr/request/p/h", "dr/presence/p/h", "dr/progress/p/e"):
        picture.take(name, payload, EVENING)
    picture.rows(EVENING)


def test_garbage_is_counted_and_shown_and_changes_nothing(evening: Posted) -> None:
    now = clock(EVENING, "17:06:00")
    picture = pictured(evening, now)
    before = picture.rows(now)
    for payload in (b"\xff\xfe", b"{}", b"[1]", b'{"message_id": NaN}', b""):
        picture.take("dr/offer/ra-4/hems-4-1", payload, now)
    picture.take("dr/nothing/x", b"", now)
    assert picture.rows(now) == before
    assert picture.reasons["unreadable"] == 6
    assert picture.refusals[-1].reason == "unknown_topic"


def test_rejections_name_who_refused_what_and_cannot_move_the_cursor() -> None:
    picture = Picture()
    told = m.Reject(
        message_id="p.reject",
        sent_at=EVENING,
        refused_kind="offer",
        refused_by=m.Side.PARENT,
        reason=m.RejectReason.STALE,
        text="zero\u200b width",
    )
    picture.take("dr/reject/p/h", encode(told), EVENING)
    picture.take("dr/reject/p/h", encode(told).replace(b"zero", b"\\u001b[2J"), EVENING)
    refusal, unreadable = picture.refusals
    assert (refusal.by, refusal.kind, refusal.reason, refusal.text) == ("p", "offer", "stale", "zero? width")
    assert (unreadable.by, unreadable.kind, unreadable.reason) == ("", "reject", "malformed")
    assert unreadable.text.isprintable()


def test_plan_behind_the_calendar_and_circles_of_edges_are_survived() -> None:
    picture = Picture()
    far = encode(request()).replace(b'"start":"2026', b'"start":"9999')
    picture.take("dr/request/p/h", far, EVENING)
    assert (picture.reasons["unreadable"], picture.rows(EVENING)) == (1, [])
    for edge in (Edge("p", "q"), Edge("q", "r"), Edge("r", "q"), Edge("q", "p")):
        picture.take(topic("request", edge), encode(request(child=edge.child)), EVENING)
    picture.rows(EVENING)


def test_memory_is_bounded_and_what_is_not_followed_is_counted() -> None:
    picture = Picture(most_links=100, most_parties=50, most_events=20)
    for number in range(200):
        asked(picture, child=f"h{number}")
        told = m.Presence(message_id=f"h{number}.presence", sent_at=EVENING, online=True)
        picture.take(f"dr/presence/p/h{number}", encode(told), EVENING)
        picture.take("dr/offer/p/h", b"x", EVENING)
    assert (picture.not_followed, len(picture.roll.parties), picture.roll.unknown) == (100, 50, 150)
    assert len(picture.refusals) == 20
    assert picture.rows(EVENING)[0].asked == 100


def test_closed_events_make_room_for_new_ones_and_are_forgotten_after_a_day() -> None:
    picture = Picture(most_events=5)
    for number in range(50):
        asked(picture, event=f"e{number}")
        picture.take("dr/request/p/h", b"", EVENING)
        picture.rows(EVENING)
    assert (list(picture.events), picture.not_followed) == ([f"e{number}" for number in range(45, 50)], 0)
    assert picture.rows(EVENING + timedelta(hours=25)) == []


def test_presence_knows_who_went_and_since_when() -> None:
    picture = Picture()
    for parent, online, minute in (("p", True, 0), ("q", True, 0), ("p", False, 5)):
        told = m.Presence(message_id=f"h.{minute}", sent_at=EVENING, online=online, software="gridpact 0.1.0")
        picture.take(f"dr/presence/{parent}/h", encode(told), EVENING + timedelta(minutes=minute))
    (party,) = picture.roll.offline
    assert (party.name, party.since_at) == ("h", EVENING + timedelta(minutes=5))
    picture.take("dr/presence/p/h", b"", EVENING)
    assert picture.roll.offline == []


# -- the clock


def test_system_on_the_wall_clock_keeps_it_whatever_is_said() -> None:
    watch = WireClock()
    for second in range(30):
        watch.hear(WALL + timedelta(seconds=second - 1), WALL + timedelta(seconds=second), second)
    assert (watch.now(WALL, 99.0), watch.scaled, watch.speed) == (WALL, False, 1.0)


def test_speed_is_found_from_what_is_said() -> None:
    watch = WireClock()
    for second in range(10):
        watch.hear(EVENING + timedelta(seconds=60 * second), WALL, float(second))
    assert watch.speed == 60
    assert watch.now(WALL, 10.0) == EVENING + timedelta(seconds=600)


def test_given_speed_is_not_estimated() -> None:
    watch = WireClock(220)
    watch.hear(EVENING, WALL, 0.0)
    watch.hear(EVENING + timedelta(seconds=1), WALL, 1.0)
    assert watch.now(WALL, 2.0) == EVENING + timedelta(seconds=221)


def test_request_left_from_another_day_sets_the_clock_until_somebody_speaks() -> None:
    watch = WireClock()
    watch.hear_standing(EVENING, EVENING + timedelta(hours=4), WALL, 0.0)
    assert watch.now(WALL, 2.0) == EVENING + timedelta(seconds=2)
    watch.hear(WALL, WALL, 3.0)
    assert watch.now(WALL, 4.0) == WALL


def test_one_wrong_clock_far_ahead_is_forgotten() -> None:
    watch = WireClock(60)
    watch.hear(EVENING + timedelta(days=3000), WALL, 0.0)
    for second in range(300):
        watch.hear(EVENING + timedelta(seconds=60 * second), WALL, float(second))
    assert watch.now(WALL, 299.0) == EVENING + timedelta(seconds=60 * 299)


def test_parent_that_says_any_time_ends_no_clock() -> None:
    watch = WireClock()
    watch.hear(FIRST_AT, WALL, 0.0)
    watch.hear(LAST_AT - timedelta(seconds=1), WALL, 1.0)
    assert watch.speed == FASTEST
    assert watch.now(WALL, 10.0**9) == LAST_AT


# -- what is shown


def surroundings(now: datetime) -> Surroundings:
    return Surroundings("127.0.0.1:1883", True, now, 60.0, True, 321, [0, 4, 12, 3])


@pytest.mark.parametrize(("width", "height"), [(80, 24), (160, 50), (40, 10), (20, 5)])
def test_drawing_fits_every_size(evening: Posted, width: int, height: int) -> None:
    now = clock(EVENING, "17:06:00")
    console = Console(width=width, height=height, color_system=None, force_terminal=True)
    with console.capture() as captured:
        console.print(draw(pictured(evening, now), surroundings(now), width, height))
    lines = captured.get().splitlines()
    assert max(map(len, lines)) <= width
    assert height < 20 or len(lines) <= height
    if width >= 80:
        assert any("ra-4" in line and "19.5/26" in line and "4/5 1 open" in line for line in lines)


def test_hundreds_of_aggregators_are_cut_to_the_screen_and_counted() -> None:
    picture = Picture()
    for number in range(300):
        picture.take(topic("request", Edge("ac", f"ra-{number}")), encode(request(child=f"ra-{number}")), EVENING)
        picture.take(
            topic("request", Edge(f"ra-{number}", f"h-{number}")), encode(request(child=f"h-{number}")), EVENING
        )
    console = Console(width=80, height=24, color_system=None)
    with console.capture() as captured:
        console.print(draw(picture, surroundings(EVENING), 80, 24))
    lines = captured.get().splitlines()
    assert len(lines) <= 24
    assert any("more" in line for line in lines)


def test_each_change_is_one_json_object(evening: Posted) -> None:
    picture, said = Picture(), list[str]()
    show = Lines(picture, json=True, write=said.append)
    for at, where, payload in evening:
        change = picture.take(where, payload, at)
        if change is not None:
            show.changed(change)
            show.tick(surroundings(at))
    show.tick(surroundings(clock(EVENING, "20:00:10")))
    told = [orjson.loads(line) for line in said]
    stages = [one["stage"] for one in told if one["party"] == "ra-3"]
    assert stages == ["collecting", "relaxing", "offered", "standby", "delivering", "closed"]
    assert told[-1]["outcome"] == "concluded"


def test_of_two_open_events_on_an_edge_it_is_not_known_which_was_taken_back() -> None:
    picture = Picture()
    for event in ("e", "f"):
        asked(picture, event)
    picture.take("dr/request/p/h", b"", EVENING)
    later = EVENING + timedelta(seconds=30)
    told = [row.standing for row in picture.rows(later, standing=True)]
    assert [one and one.stage for one in told] == [WhyUnknown.NOT_ON_THE_WIRE] * 2
