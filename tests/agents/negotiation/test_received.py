"""What is kept of what was heard: sixteen bytes a message, by which a repeat and another body under its id are known."""

from other_processes import told_in_other_processes

from agents.negotiation.received import HALF, MARK, ReceivedMarks, mark_of


def test_a_repeat_and_another_body_under_the_same_id_are_told_apart() -> None:
    received = ReceivedMarks()
    first, second = mark_of("a.offer.1", b"first"), mark_of("a.offer.2", b"second")
    assert received.same_id("a", first) is None
    received.keep("a", first)
    received.keep("a", second)
    assert received.same_id("a", first) == first
    assert received.same_id("a", mark_of("a.offer.2", b"other")) == second
    assert received.same_id("a", mark_of("a.offer.3", b"first")) is None
    assert received.count("a") == 2


def test_what_was_heard_in_one_place_is_unknown_in_another() -> None:
    received = ReceivedMarks()
    mark = mark_of("offer.1", b"body")
    received.keep("a", mark)
    assert received.same_id("b", mark) is None
    assert received.count("b") == 0


def test_an_id_is_not_found_in_the_middle_of_other_marks() -> None:
    received = ReceivedMarks()
    first, second = bytes(range(MARK)), bytes(range(100, 100 + MARK))
    received.keep("a", first)
    received.keep("a", second)
    whole = first + second
    for place in range(1, MARK):
        between = whole[place : place + HALF] + bytes(HALF)
        assert received.same_id("a", between) is None
    behind = ReceivedMarks()
    behind.keep("a", bytes([9, 9, *range(MARK - 2)]))
    behind.keep("a", bytes(range(MARK)))
    assert behind.same_id("a", bytes(range(HALF)) + bytes(HALF)) == bytes(range(MARK))


def test_what_was_heard_is_the_same_after_a_snapshot() -> None:
    received = ReceivedMarks()
    for number in range(4):
        received.keep("a", mark_of(f"a.{number}", b"body"))
    received.keep("b", mark_of("b.1", b"body"))
    again = ReceivedMarks.of(received.state())
    assert (again.count("a"), again.count("b")) == (4, 1)
    again.keep("b", mark_of("b.2", b"body"))
    assert again.same_id("b", mark_of("b.1", b"other")) == mark_of("b.1", b"body")
    assert again.same_id("b", mark_of("b.2", b"body")) == mark_of("b.2", b"body")


def test_marks_are_the_same_in_every_process() -> None:
    program = "from agents.negotiation.received import mark_of; print(mark_of('a.offer.1', b'body').hex())"
    assert told_in_other_processes(program) == {mark_of("a.offer.1", b"body").hex()}
