"""How far a party's effects have left."""

from agents.runtime.journal.outbox import Outbox


def outbox(*marks: tuple[int, int]) -> Outbox:
    made = Outbox()
    for mark in marks:
        made.expect(mark)
    return made


def test_mark_moves_over_what_left_before_its_turn() -> None:
    waiting = outbox((1, 0), (1, 1), (2, 0))
    assert not waiting.done((1, 1))
    assert (waiting.left_until, len(waiting)) == (None, 2)
    assert waiting.done((1, 0))
    assert (waiting.left_until, len(waiting)) == ((1, 1), 1)


def test_what_left_twice_counts_once() -> None:
    waiting = outbox((1, 0), (2, 0), (3, 0))
    for _ in range(2):
        waiting.done((1, 0))
        waiting.done((3, 0))
    assert (waiting.left_until, len(waiting)) == ((1, 0), 1)
    waiting.done((2, 0))
    assert (waiting.left_until, len(waiting)) == ((3, 0), 0)
    assert not waiting.done((3, 0))
    assert len(waiting) == 0
