"""Hypothesis strategies: any valid message of any kind, at the edges of its ranges as well."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from protocol import messages as m
from protocol.errors import RejectReason
from protocol.units import FIRST_AT, LAST_AT, MAX_ENERGY_WH, MAX_POWER_W, Direction

instants = st.datetimes(
    min_value=FIRST_AT.replace(tzinfo=None), max_value=LAST_AT.replace(tzinfo=None) - timedelta(microseconds=1)
).map(lambda at: at.replace(tzinfo=UTC))
starts = st.datetimes(min_value=datetime(2001, 1, 1), max_value=datetime(2199, 12, 1)).map(
    lambda at: at.replace(tzinfo=UTC)
)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
names = st.text(LETTERS, min_size=1, max_size=64)
refs = st.text(LETTERS + ".:", min_size=1, max_size=300)
stems = st.text(LETTERS + ".:", min_size=1, max_size=210)
letters = st.characters(
    exclude_categories=("Cs", "Cc"),
    exclude_characters="\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
)
texts = st.text(letters, max_size=500)
keys = st.text(letters, max_size=64)
powers = st.integers(0, MAX_POWER_W) | st.integers(0, 20_000)
signed_powers = st.integers(-MAX_POWER_W, MAX_POWER_W)
energies = st.integers(0, MAX_ENERGY_WH)
signed_energies = st.integers(-MAX_ENERGY_WH, MAX_ENERGY_WH)
slots = st.integers(1, 6)
scalars = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts
)
extensions = st.dictionaries(keys, scalars, max_size=3)


def plans(count: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(powers, min_size=count, max_size=count).map(tuple)


def head() -> dict[str, st.SearchStrategy[object]]:
    return {
        "message_id": refs,
        "sent_at": instants,
        "extensions": extensions,
        "event_id": names,
        "request_id": stems,
        "round": st.integers(1, 1000),
        "revision": st.integers(1, 10**6),
    }


@st.composite
def requests(draw: st.DrawFn) -> m.Request:
    start = draw(starts)
    decide_by = start - timedelta(microseconds=draw(st.integers(0, 10**10)))
    terms = st.builds(
        m.Terms,
        least_share_pct=st.integers(0, 100),
        mandate=st.booleans(),
        price_milli_per_kwh=st.none() | st.integers(0, 10**12),
        currency=st.none() | st.from_regex(r"\A[A-Z]{3}\Z"),
        obliged=st.none() | st.booleans(),
    )
    return draw(
        st.builds(
            m.Request,
            **head(),
            program_id=names,
            direction=st.sampled_from(Direction),
            interval_period=st.builds(
                m.IntervalPeriod,
                start=st.just(start),
                duration=st.integers(1, 86_400).map(lambda s: timedelta(seconds=s)),
            ),
            power_w=slots.flatmap(plans),
            reply_by=st.just(decide_by - timedelta(microseconds=draw(st.integers(0, 10**10)))),
            decide_by=st.just(decide_by),
            terms=terms,
        )
    )


@st.composite
def offers(draw: st.DrawFn) -> m.Offer:
    count, opt = draw(slots), draw(st.sampled_from(m.Opt))
    power_w = (0,) * count if opt is m.Opt.OUT else draw(plans(count))
    available_w = tuple(draw(st.integers(least, MAX_POWER_W)) for least in power_w)
    binding = st.lists(st.none() | st.sampled_from(m.Restriction), min_size=count, max_size=count).map(tuple)
    resource = st.builds(
        m.Resource,
        resource_id=names,
        kind=st.sampled_from(m.ResourceKind),
        power_w=plans(count),
        relaxable=st.booleans(),
    )
    return draw(
        st.builds(
            m.Offer,
            **head(),
            opt=st.just(opt),
            opt_reason=st.sampled_from(m.OptReason),
            power_w=st.just(power_w),
            available_w=st.just(available_w),
            binding=st.just(()) | binding,
            basis=st.sampled_from(m.Basis),
            resources=st.lists(resource, max_size=3).map(tuple),
            valid_until=instants,
        )
    )


@st.composite
def alternatives(draw: st.DrawFn) -> m.Alternative:
    count = draw(slots)
    option = st.builds(
        m.Option,
        option_id=names,
        power_w=plans(count),
        basis=st.lists(st.sampled_from(m.OptionBasis), min_size=1, max_size=3).map(tuple),
        shape=st.sampled_from(m.Shape),
    )
    options = st.lists(option, min_size=1, max_size=8, unique_by=lambda each: each.option_id).map(tuple)
    return draw(st.builds(m.Alternative, **head(), options=options, valid_until=instants))


@st.composite
def awards(draw: st.DrawFn) -> m.Award:
    count, outcome = draw(slots), draw(st.sampled_from(m.Outcome))
    concluded = outcome is m.Outcome.CONCLUDED
    return draw(
        st.builds(
            m.Award,
            **head(),
            award_id=stems,
            accepts=refs if concluded else st.none() | refs,
            outcome=st.just(outcome),
            power_w=plans(count) if concluded else st.just((0,) * count),
            reason=texts,
            confirm_by=instants,
        )
    )


readings = st.builds(
    m.Reading,
    slot=st.integers(0, 335),
    energy_wh=signed_energies,
    baseline_wh=signed_energies,
    soc_wh=st.none() | energies,
    state=st.sampled_from(m.EventStatus),
    reading_type=st.sampled_from(m.ReadingType),
)
restrictions = st.lists(st.sampled_from(m.Restriction), min_size=1, max_size=10).map(tuple)

BY_KIND: dict[str, st.SearchStrategy[m.Message]] = {
    "request": requests(),
    "offer": offers(),
    "relax": st.builds(
        m.Relax, **head(), shortfall_w=slots.flatmap(plans), restrictions=restrictions, reply_by=instants
    ),
    "alternative": alternatives(),
    "award": awards(),
    "confirm": st.builds(m.Confirm, **head(), award_id=stems, accepted=st.booleans(), reason=texts),
    "dispatch": st.builds(
        m.Dispatch,
        **head(),
        award_id=stems,
        slot=st.integers(0, 335),
        power_w=signed_powers,
        valid_for_s=st.integers(1, 7 * 86400),
        fallback=st.sampled_from(m.Fallback),
        answer=st.sampled_from((None, True)),
        telemetry_s=st.none() | st.integers(10, 3600),
    ),
    "report": st.builds(
        m.Report, **head(), resource_id=names, readings=st.lists(readings, min_size=1, max_size=6).map(tuple)
    )
    | st.builds(
        m.Report,
        **head(),
        resource_id=names,
        readings=st.just(()),
        slot=st.integers(0, 335),
        state=st.sampled_from(m.EventStatus),
    )
    | st.builds(
        m.Report,
        **head(),
        resource_id=names,
        readings=st.just(()),
        slot=st.integers(0, 335),
        state=st.sampled_from(m.EventStatus),
        measured_at=instants,
        energy_wh=signed_energies,
        baseline_wh=signed_energies,
        power_w=st.none() | signed_powers,
    ),
    "withdraw": st.builds(
        m.Withdraw,
        **head(),
        award_id=stems,
        from_slot=st.integers(0, 335),
        power_w=slots.flatmap(plans),
        cause=texts,
    ),
    "reject": st.builds(
        m.Reject,
        message_id=refs,
        sent_at=instants,
        extensions=extensions,
        refused_id=st.none() | refs,
        refused_kind=keys,
        refused_by=st.sampled_from(m.Side),
        reason=st.sampled_from(RejectReason),
        text=texts,
    ),
    "presence": st.builds(
        m.Presence,
        message_id=refs,
        sent_at=instants,
        extensions=extensions,
        online=st.booleans(),
        software=texts,
        capability=st.dictionaries(keys, st.integers(-(2**63), 2**63 - 1), max_size=4),
    ),
}
bands_of_two = st.tuples(
    *[st.tuples(*[powers] * 3).map(sorted) for _ in range(2)], st.tuples(*[energies] * 3).map(sorted)
).map(
    lambda drawn: m.PowerBand(
        p10_w=(drawn[0][0], drawn[1][0]), p50_w=(drawn[0][1], drawn[1][1]), p90_w=(drawn[0][2], drawn[1][2]),
        p10_wh=drawn[2][0], p50_wh=drawn[2][1], p90_wh=drawn[2][2],
    )
)  # fmt: skip
seconds = st.integers(0, 7 * 86_400)
BY_KIND["capability"] = st.builds(
    m.Capability,
    message_id=refs,
    sent_at=instants,
    extensions=extensions,
    interval_period=st.builds(m.IntervalPeriod, start=starts),
    increase_load=bands_of_two,
    decrease_load=bands_of_two,
    notice_s=seconds,
    least_run_s=seconds,
    most_run_s=st.none() | seconds,
    calls_left=st.none() | st.integers(0, 10**6),
    told_by=st.integers(0, 10),
    counted=st.integers(10, 10**6),
    valid_until=instants,
)
BY_KIND["progress"] = slots.flatmap(
    lambda count: st.builds(
        m.Progress,
        message_id=refs,
        sent_at=instants,
        extensions=extensions,
        party=names,
        event_id=names,
        parent=st.none() | names,
        direction=st.sampled_from(Direction),
        interval_period=st.builds(m.IntervalPeriod, start=starts),
        stage=keys,
        outcome=keys,
        round=st.integers(1, 1_000),
        requested_w=plans(count),
        available_w=st.none() | plans(count),
        secured_w=st.none() | plans(count),
        delivered_wh=signed_energies,
        metered=st.integers(0, count),
        asked=st.integers(0, 10**6),
        waiting=st.integers(0, 10**6),
        valid_until=instants,
    )
)
any_message = st.one_of(*(strategy for kind, strategy in BY_KIND.items() if kind != "progress"))
