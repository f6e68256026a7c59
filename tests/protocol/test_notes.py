"""Notes have a model each: same bytes both ways, frozen names, units in the keys, a page that says so."""

from collections.abc import Mapping, Sequence
from dataclasses import FrozenInstanceError
from datetime import datetime
from pathlib import Path
from typing import Any, get_type_hints

import paths
import pytest
from hunter import hunt
from hypothesis import given
from hypothesis import strategies as st
from message_strategies import instants, names, powers, texts
from noted import strange_notes

from agents.cli.app import call
from agents.runtime.files.scenario import load_scenario
from agents.tools.run.simulate import build_simulation
from protocol import notes
from protocol.actor import Note
from protocol.entries import decode_effects, encode_effects
from protocol.note_model import MODELS, NoteModel, note_of
from protocol.note_reading import read_note
from protocol.notes_page import notes_page
from protocol.plan import Plan

PLANS = st.lists(powers, max_size=4).map(tuple)
VALUES: dict[object, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**53), 2**53),
    int | None: st.none() | st.integers(-(2**53), 2**53),
    bool: st.booleans(),
    str: texts,
    str | None: texts | st.none(),
    datetime: instants,
    Plan: PLANS,
    Plan | None: st.none() | PLANS,
    Sequence[int]: st.lists(st.integers(0, 2**53), max_size=3),
    Sequence[int] | None: st.none() | st.lists(st.integers(0, 2**53), max_size=3),
    Sequence[str]: st.lists(texts, max_size=3),
    Sequence[str | None]: st.lists(texts | st.none(), max_size=3),
    Mapping[str, Plan]: st.dictionaries(texts, PLANS, max_size=3),
    Mapping[str, Sequence[int]] | None: st.none()
    | st.dictionaries(texts, st.lists(st.integers(0, 2**53), max_size=3), max_size=3),
}


@st.composite
def models(draw: st.DrawFn) -> NoteModel:
    model = draw(st.sampled_from(list(MODELS.values())))
    hints = get_type_hints(model)
    return model(**{key: draw(VALUES[hints[key]]) for key in model.keys})


@pytest.mark.parametrize("path", paths.EVENINGS, ids=lambda path: path.stem)
def test_every_note_of_a_shipped_scenario_has_a_model(path: Path) -> None:
    simulation = build_simulation(load_scenario(path), seed=1)
    simulation.run()
    assert simulation.notes
    assert strange_notes(note for _, _, note in simulation.notes) == []


def test_every_note_of_many_seeds_has_a_model() -> None:
    told = [note for seed in range(60) for _, _, note in hunt(seed)[1].notes]
    assert strange_notes(told) == []
    assert len({note.name for note in told}) > 35


@given(models(), names)
def test_note_is_read_back_from_memory_and_from_a_journal(model: NoteModel, event_id: str) -> None:
    note = model.note(event_id)
    assert read_note(note.name, note.step, note.data) == model
    [kept] = decode_effects(encode_effects([note]))
    assert isinstance(kept, Note)
    again = read_note(kept.name, kept.step, kept.data)
    assert again is not None
    assert encode_effects([again.note(event_id)]) == encode_effects([note])


def test_note_of_another_version_is_passed_over() -> None:
    assert read_note("sung", "", {"power_w": [1]}) is None
    assert read_note("can_meet", "S99", {"power_w": [1]}) is None
    assert read_note("can_meet", "S36", {"power_w": "much"}) is None
    assert read_note("can_meet", "S36", {}) is None
    assert read_note("can_meet", "S36", {"power_w": [1], "since": 1}) == notes.CanMeet(power_w=(1,))


def test_key_without_a_value_is_left_out() -> None:
    assert notes.EventClosed(outcome="expired").note("e") == Note("closed", "e", "", {"outcome": "expired"})
    refused = notes.MessageRefused(edge="a/b", reason="malformed", text="?").note()
    assert list(refused.data) == ["edge", "reason", "text"]


def test_note_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        notes.CanMeet(power_w=(1,)).power_w = (2,)  # type: ignore[misc]


def test_name_and_step_stand_for_one_model() -> None:
    with pytest.raises(TypeError, match="can_meet S36 has a model: CanMeet"):
        note_of("can_meet", "S36")(type("CanMeetTwice", (NoteModel,), {"__slots__": ()}))


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.__name__)
def test_powers_energies_shares_and_instants_say_so_in_their_keys(model: type[NoteModel]) -> None:
    hints = get_type_hints(model)
    for key in model.keys:
        if hints[key] in (Plan, Plan | None):
            assert key.endswith("_w")
        if hints[key] is datetime:
            assert key.endswith(("_by", "_at")) or key == "start"
    assert model.__doc__
    assert "\n" not in model.__doc__


def test_page_is_what_the_models_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["schema", "--notes"]) == 0
    told = capsys.readouterr().out
    assert told == notes_page()
    assert told == (paths.DOCS / "notes.md").read_text()
