"""A recording played to one party, in virtual time: it says what it said, and what it does not is told."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from replay_recordings import evening_peak, on_the_bus, simulated

from agents.cli.app import call
from agents.drivers.build import build_drivers
from agents.runtime.build import build_actor
from agents.runtime.files.scenario import load_scenario
from agents.settings.checked import ConfigError
from agents.tools.replay.cast import Cast
from agents.tools.replay.compared import PlayedResult, by_edge
from agents.tools.replay.onto import Onto
from agents.tools.replay.recorded_parent import RecordedParent
from agents.tools.replay.source import RecordingSource
from agents.tools.replay.wire import WireMessage, on_the_wire
from broker.recording_file import Step
from broker.simulation import SimulatedParty, Simulation
from protocol import messages as m
from protocol.actor import Received, Send
from protocol.edges import Edge
from protocol.entries import encode_effects, encode_input

HOUR, NOT_MOVED = timedelta(hours=1), timedelta()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> RecordingSource:
    return RecordingSource(evening_peak(tmp_path_factory.mktemp("onto")))


@pytest.fixture(scope="module")
def wire(source: RecordingSource) -> list[WireMessage]:
    return on_the_wire(source.lines())


def played(wire: list[WireMessage], cast: Cast, name: str, by: timedelta = NOT_MOVED) -> tuple[PlayedResult, list[str]]:
    """What one party says to the recorded others, and who of them never got to say something."""
    onto = Onto(wire, name)
    others = onto.actors(by)
    settings = cast.settings[name]
    parties = [SimulatedParty(actor) for actor in others] + [
        SimulatedParty(build_actor(settings), build_drivers(settings))
    ]
    simulation = Simulation(parties, onto.origin_at + by, 0)
    simulation.run()
    steps = [Step(0, e.at, e.actor, encode_input(e.input), encode_effects(e.effects)) for e in simulation.trace]
    now = by_edge(on_the_wire(steps), name)
    late = [actor.name for actor in others if not actor.at_rest(onto.ends_at + by)]
    return PlayedResult(name, by_edge(wire, name), now), late


@pytest.mark.parametrize("name", ["ac", "ra-1", "ra-2", "ra-3", "hems-1-1", "hems-3-1"])
def test_same_policy_says_what_it_said(source: RecordingSource, wire: list[WireMessage], name: str) -> None:
    compared, late = played(wire, source.cast, name)
    assert compared.differences() == []
    assert compared.same
    assert not late


@pytest.mark.parametrize(
    ("scenario", "names"),
    [("midday_surplus", ("ac", "ra-1", "sub-north")), ("city", ("ac", "ra-harbour", "ra-hills", "hills-east"))],
)
def test_aggregators_above_and_below_another_say_what_they_said(
    tmp_path: Path, scenario: str, names: tuple[str, ...]
) -> None:
    source = RecordingSource(simulated(tmp_path / "run", load_scenario(Path(scenario))))
    wire = on_the_wire(source.lines())
    for name in names:
        compared, late = played(wire, source.cast, name)
        assert (name, compared.differences(), late) == (name, [], [])


def test_aggregator_says_the_same_a_month_later(source: RecordingSource, wire: list[WireMessage]) -> None:
    compared, late = played(wire, source.cast, "ra-1", 720 * HOUR)
    assert compared.same
    assert not late


def test_other_policy_is_told_apart(source: RecordingSource, wire: list[WireMessage]) -> None:
    settings = source.cast.settings["ra-3"].model_copy(update={"ladder": ()})
    compared, _ = played(wire, Cast({"ra-3": settings}), "ra-3")
    assert not compared.same
    assert any(sign == "-" and text.startswith("relax ") for sign, _, text in compared.differences())


def test_recording_of_the_bus_is_played_as_well(tmp_path: Path, source: RecordingSource) -> None:
    received = RecordingSource(on_the_bus(tmp_path / "bus.jsonl.gz", load_scenario(Path("evening_peak"))))
    compared, _ = played(on_the_wire(received.lines()), source.cast, "ra-1")
    assert compared.same


def test_moved_message_differs_only_in_its_instants(wire: list[WireMessage]) -> None:
    for sent in wire:
        moved = sent.moved(HOUR)
        assert moved.message.sent_at == sent.message.sent_at + HOUR
        assert moved.moved(-HOUR) == sent
    asked = next(sent for sent in wire if isinstance(sent.message, m.Request))
    request, moved = asked.message, asked.moved(HOUR).message
    assert isinstance(request, m.Request)
    assert isinstance(moved, m.Request)
    assert moved.interval_period.start == request.interval_period.start + HOUR
    assert (moved.reply_by, moved.decide_by) == (request.reply_by + HOUR, request.decide_by + HOUR)


def test_award_waits_for_its_offer_and_names_it_by_its_id_of_now(wire: list[WireMessage]) -> None:
    edge = Edge("ac", "ra-1")
    onto = [sent for sent in wire if sent.edge == edge]
    above = RecordedParent("ac", onto)
    end = max(sent.at for sent in onto) + HOUR
    before = above.wake(end)
    assert all(isinstance(one, Send) and one.message.kind == "request" for one in before)
    assert above.deadline is None
    answer = next(sent.message for sent in reversed(onto) if isinstance(sent.message, m.Offer | m.Alternative))
    now = answer.model_copy(update={"message_id": "of-now"})
    after = [one.message for one in above.receive(Received(edge, now), end) if isinstance(one, Send)]
    award = after[0]
    assert isinstance(award, m.Award)
    assert award.accepts == "of-now"
    assert above.at_rest(end)


def test_rejection_that_is_missing_is_no_difference_and_a_new_one_is() -> None:
    edge = Edge("ra-1", "h")
    with_it, without = {edge: Counter({"reject offer: malformed": 1})}, {edge: Counter[str]()}
    assert PlayedResult("ra-1", with_it, without).same
    assert not PlayedResult("ra-1", without, with_it).same


def test_party_to_which_nothing_was_said_is_refused(wire: list[WireMessage]) -> None:
    for name in ("nobody", "utility"):
        with pytest.raises(ConfigError, match=f"nothing was said to {name} from above"):
            Onto(wire, name)


def test_speed_with_moved_instants_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["replay", "onto", "run", "--under-test", "ra-1", "--speed", "60"]) == 2
    assert "give --clock recorded" in capsys.readouterr().err
