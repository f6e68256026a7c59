"""A crowd is told slice by slice, in its order, by steps that follow at once."""

from datetime import timedelta

import pytest
from worlds import Story, World

from agents.negotiation import announcer
from protocol.actor import Clear, Send

HOMES, SLICE = 25, 4


def evening() -> Story:
    world = World()
    world.simple("ra-1", HOMES)
    world.event(3_000 * HOMES)
    return world.run()


def sent(story: Story, kind: str) -> list[tuple[str, object]]:
    return [(message.message_id, getattr(message, "power_w", None)) for message in story.sent(kind, "ra-1")]


def test_slices_say_what_one_step_would_have_said(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = evening()
    monkeypatch.setattr(announcer, "SLICE", SLICE)
    sliced = evening()
    for kind in ("request", "award", "dispatch"):
        assert len(sent(sliced, kind)) >= HOMES
        assert sent(sliced, kind) == sent(whole, kind)
    assert [note.data["outcome"] for note in sliced.notes("closed")] == [
        n.data["outcome"] for n in whole.notes("closed")
    ]


def test_no_step_says_more_than_a_slice_and_the_next_follows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcer, "SLICE", SLICE)
    steps = [entry for entry in evening().simulation.trace if entry.actor == "ra-1"]
    downward = [
        sum(isinstance(effect, Send | Clear) and effect.edge.parent == "ra-1" for effect in entry.effects)
        for entry in steps
    ]
    assert max(downward) <= SLICE
    asked = [entry.at for entry in steps for effect in entry.effects if _is(effect, "request")]
    assert len(asked) == HOMES
    assert asked[-1] - asked[0] < timedelta(milliseconds=1)


def _is(effect: object, kind: str) -> bool:
    return isinstance(effect, Send) and effect.message.kind == kind
