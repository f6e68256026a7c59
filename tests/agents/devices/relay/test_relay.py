"""The choice of closed slots of a relay against every choice that there is."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.devices.relay import choice as relay
from agents.devices.relay.choice import Choice, operations
from agents.devices.relay.labels import AGAIN, NOTHING, settle, work_space


def settled(choice: Choice, each: int = 1) -> tuple[int, tuple[bool, ...]]:
    """What is chosen, with more and more work space."""
    closed = [False] * choice.slots
    found = settle(choice, work_space(choice.slots, each, choice.most), each, closed)
    return settled(choice, 2 * each) if found == AGAIN else (found, tuple(closed))


def worth(choice: Choice, closed: tuple[bool, ...]) -> tuple[int, int] | None:
    """The sum and the closed slots of those asked; None where it cannot be kept."""
    slots = range(choice.slots)
    if not all(choice.may_close[s] if closed[s] else choice.may_open[s] for s in slots):
        return None
    full = operations(choice.slots, choice.before, closed, choice.recovery) > choice.most
    if full and operations(choice.slots, choice.before, closed, False) > choice.most:
        return None
    paid = list(itertools.accumulate(closed[s] and choice.draws[s] for s in slots))
    rooms = [max(0, room - choice.draw_uwh * n) for room, n in zip(choice.room_uwh, paid, strict=False)]
    if full:
        rooms[-1] = min(rooms[-1], max(0, choice.room_uwh[-1] - choice.draw_uwh * paid[-1]))
    firm = list(itertools.accumulate(0 if closed[s] else choice.cheap_uwh[s] for s in slots))
    if any(must > room + choice.slots for must, room in zip(firm, rooms, strict=True)):
        return None
    least = list(itertools.accumulate(reversed(rooms), min))[::-1]
    cheap = total = 0
    for s, room in enumerate(least):
        cheap = min(room, cheap + choice.cheap_uwh[s])
        total = min(room, total + (choice.total_uwh[s] if closed[s] else choice.cheap_uwh[s]))
    return 10_000 * cheap + choice.worth * (total - cheap), sum(
        c and w for c, w in zip(closed, choice.wanted, strict=True)
    )


@st.composite
def choices(draw: st.DrawFn) -> Choice:
    slots = draw(st.integers(1, 7))

    def row(values: st.SearchStrategy[int]) -> list[int]:
        return draw(st.lists(values, min_size=slots, max_size=slots))

    base, plugged = row(st.sampled_from([0, 0, 0, 1, 2])), row(st.sampled_from([1, 1, 1, 0]))
    wanted = [bool(w and p) for w, p in zip(row(st.sampled_from([1, 1, 0])), plugged, strict=True)]
    cheap = [draw(st.integers(1, 6)) if b == 1 and w else 0 for b, w in zip(base, wanted, strict=True)]
    dear = [draw(st.integers(0, 8)) if w else 0 for w in wanted]
    before, after = draw(st.booleans()), draw(st.booleans())
    own = operations(slots, before, [b != 0 for b in base], after)
    return Choice(
        slots=slots,
        cheap_uwh=[1000 * c for c in cheap],
        total_uwh=[1000 * (c + d) for c, d in zip(cheap, dear, strict=True)],
        room_uwh=[1000 * r for r in [*row(st.integers(-3, 30)), draw(st.integers(-3, 30))]],
        draws=row(st.sampled_from([True, True, False])),
        may_open=[b == 0 or c > 0 for b, c in zip(base, cheap, strict=True)],
        may_close=[b != 0 or bool(p) for b, p in zip(base, plugged, strict=True)],
        wanted=wanted,
        draw_uwh=draw(st.sampled_from([0, 0, 500, 1000, 4000])),
        worth=draw(st.sampled_from([10_000, 9_025, 2_500])),
        before=before,
        recovery=after or draw(st.booleans()),
        most=max(own, draw(st.integers(0, 6))),
    )


@settings(max_examples=600, deadline=None)
@given(choices())
def test_no_other_choice_gives_more_or_as_much_with_more_slots_closed(choice: Choice) -> None:
    found, closed = settled(choice)
    all_of_them = [worth(choice, other) for other in itertools.product([False, True], repeat=choice.slots)]
    best = max((w for w in all_of_them if w is not None), default=(0, 0))
    if found == NOTHING:
        assert not any(choice.wanted) or best == (0, 0)
    else:
        assert found == (operations(choice.slots, choice.before, closed, choice.recovery) > choice.most)
        assert worth(choice, closed) == best


def test_operations_are_counted_until_the_departure() -> None:
    assert relay.operations(3, False, [False, True, False], False) == 2
    assert relay.operations(3, True, [True, True, False], False) == 1
    assert relay.operations(3, False, [False, True, True], True) == 2
    assert relay.operations(3, False, [True, False, False], True) == 4
