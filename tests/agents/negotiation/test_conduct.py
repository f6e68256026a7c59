"""What is learned of members: it fades by a half-life, and keeps apart what is nobody's fault."""

from datetime import UTC, datetime, timedelta

import pytest

from agents.negotiation.conduct import Answered, Conduct, MemberOutcome, faded, kind_of
from agents.settings.members import Member
from protocol import messages as m

NOW = datetime(2026, 3, 1, 20, 0, tzinfo=UTC)
HOME = Member(name="h1", decrease_load_w=3_000)


@pytest.mark.parametrize("half_life_days", [1, 2, 7, 30, 365, 3_650])
def test_weight_halves_in_every_half_life(half_life_days: int) -> None:
    assert faded(1_000_000, half_life_days, half_life_days) == 500_000
    assert faded(1_000_000, 3 * half_life_days, half_life_days) == 125_000
    assert faded(1_000_000, 0, half_life_days) == 1_000_000
    if half_life_days > 1:
        day_by_day = 1_000_000_000
        for _ in range(half_life_days):
            day_by_day = faded(day_by_day, 1, half_life_days)
        assert 499_990_000 < day_by_day <= 500_000_000


def test_member_of_whom_nothing_is_known_is_expected_to_do_what_its_contract_says() -> None:
    assert Conduct(30, {}).expected_pct(Member(name="h1", reliability_pct=70), NOW) == 70


def test_contract_counts_as_four_events_beside_what_was_seen() -> None:
    conduct = Conduct(30, {})
    for _ in range(4):
        conduct.count("h1", MemberOutcome(Answered.REFUSED), NOW)
    assert conduct.expected_pct(HOME, NOW) == 50


def test_silence_that_we_caused_counts_nowhere_and_is_shown() -> None:
    conduct = Conduct(30, {})
    conduct.count("h1", MemberOutcome(Answered.EXCUSED), NOW)
    assert conduct.expected_pct(HOME, NOW) == 100
    assert conduct.of("h1", NOW).excused == 1_000


@pytest.mark.parametrize("kind", [Answered.REFUSED, Answered.UNPLUGGED, Answered.UNABLE, Answered.SILENT])
def test_causes_of_a_no_are_kept_apart(kind: Answered) -> None:
    conduct = Conduct(30, {})
    conduct.count("h1", MemberOutcome(kind), NOW)
    known = conduct.of("h1", NOW)
    assert {one: getattr(known, one) for one in ("refused", "unplugged", "unable", "silent")} == {
        one: 1_000 if one == kind else 0 for one in ("refused", "unplugged", "unable", "silent")
    }


def test_being_woken_is_counted_and_changes_nothing_of_what_is_expected() -> None:
    conduct, other = Conduct(30, {}), Conduct(30, {})
    conduct.count("h1", MemberOutcome(None, 500, woken=True), NOW)
    other.count("h1", MemberOutcome(None, 500), NOW)
    assert (conduct.of("h1", NOW).woken, other.of("h1", NOW).woken) == (1_000, 0)
    assert conduct.of("h1", NOW + timedelta(days=30)).woken == 500
    assert conduct.expected_pct(HOME, NOW) == other.expected_pct(HOME, NOW) < 100


def test_old_figures_fade_towards_the_contract() -> None:
    conduct = Conduct(10, {})
    for _ in range(4):
        conduct.count("h1", MemberOutcome(Answered.SILENT), NOW)
    found = [conduct.expected_pct(HOME, NOW + timedelta(days=days)) for days in (0, 10, 20, 100)]
    assert found == [50, 66, 80, 99]


def test_delivery_is_counted_against_what_was_firmly_offered() -> None:
    conduct = Conduct(30, {})
    for _ in range(4):
        conduct.count("h1", MemberOutcome(None, 1_000, 2_000, 500, taken_back_wh=2_000), NOW)
    known = conduct.of("h1", NOW)
    assert (known.given, known.not_given, known.withdrawn) == (500, 1_500, 2_000)
    assert known.answers_pct(100) == 100
    assert known.delivers_pct() == 56
    assert conduct.expected_pct(HOME, NOW) == 56


def test_meter_that_was_not_heard_says_nothing_of_the_delivery() -> None:
    conduct = Conduct(30, {})
    conduct.count("h1", MemberOutcome(None, 1_000, 0, 0, unmetered_wh=3_000), NOW)
    assert conduct.expected_pct(HOME, NOW) == 100
    assert conduct.of("h1", NOW).unmetered == 1_000


def opted_out(reason: m.OptReason, *binding: m.Restriction | None) -> m.Offer:
    return m.Offer(
        message_id="h1.offer.1",
        sent_at=NOW,
        event_id="e1",
        request_id="e1.1.1",
        round=1,
        revision=1,
        opt=m.Opt.OUT,
        opt_reason=reason,
        power_w=(0,) * len(binding),
        available_w=(0,) * len(binding),
        binding=binding,
        valid_until=NOW + timedelta(hours=1),
    )


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (opted_out(m.OptReason.OVERRIDE_STATUS, None), Answered.REFUSED),
        (opted_out(m.OptReason.NOT_PARTICIPATING, None), Answered.REFUSED),
        (opted_out(m.OptReason.MUST_RUN, m.Restriction.PLUG_WINDOW), Answered.UNPLUGGED),
        (opted_out(m.OptReason.MUST_RUN, m.Restriction.PLUG_WINDOW, m.Restriction.COMMITTED), Answered.EXCUSED),
        (opted_out(m.OptReason.MUST_RUN, m.Restriction.RESERVE_SOC), Answered.UNABLE),
        (opted_out(m.OptReason.OUTAGE_RUN_STATUS, None), Answered.UNABLE),
    ],
)
def test_answer_says_why_nothing_is_offered(message: m.Offer, kind: Answered) -> None:
    assert kind_of(message) is kind
