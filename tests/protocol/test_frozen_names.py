"""Names in journals, messages and settings of released versions stay as they are; new ones are added to the list."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, NamedTuple, get_args

import frozen_names
import pytest
from pydantic import BaseModel

from protocol.actor import Effect, Taken
from protocol.entries import EFFECT_TAGS, INPUT_TAGS


def test_names_are_those_of_the_list() -> None:
    told = frozen_names.problems(frozen_names.FILE.read_text(), frozen_names.listing())
    assert not told, "\n".join(told)


def test_every_input_and_effect_has_a_tag_of_its_own() -> None:
    for kinds, tags in ((Taken, INPUT_TAGS), (Effect, EFFECT_TAGS)):
        assert set(tags) == set(get_args(kinds))
        assert len(set(tags.values())) == len(tags)


class Colour(StrEnum):
    RED = "red"


class Place(NamedTuple):
    row: int
    name: str


@dataclass
class Part:
    colour: Colour
    places: tuple[Place, ...]
    version: Literal[1] = 1


class Whole(BaseModel):
    part: Part | None = None
    share_pct: int = 70


LISTED = """\
x.part.colour = red
x.part.colour: one of these
x.part.places.0 row: whole
x.part.places.1 name: text
x.part.places: [object, ...]
x.part.version = 1
x.part.version: one of these, else 1
x.part: null or object, else null
x.share_pct: whole, else 70
"""


def listed(model: Any) -> str:
    return "\n".join([*sorted(set(frozen_names._fields("x", model))), ""])


def test_names_in_models_of_every_sort_are_listed_by_their_place() -> None:
    assert listed(Whole) == LISTED


class OtherDefault(BaseModel):
    part: Part | None = None
    share_pct: int = 80


class OtherName(BaseModel):
    part: Part | None = None
    least_pct: int = 70


class OneMore(BaseModel):
    part: Part | None = None
    share_pct: int = 70
    shown: bool = False


SENTENCES = [
    (OtherDefault, "'x.share_pct: whole, else 70' reads 'x.share_pct: whole, else 80' now, but files"),
    (OtherName, "'x.share_pct: whole, else 70' is gone, but files"),
    (OneMore, "'x.shown: yes/no, else false' is new: python tests/support/frozen_names.py"),
]


@pytest.mark.parametrize(("model", "sentence"), SENTENCES)
def test_change_of_a_frozen_name_is_told_in_a_sentence(model: type, sentence: str) -> None:
    assert frozen_names.problems(LISTED, listed(model))[0].startswith(sentence)


def test_command_adds_what_is_new_and_refuses_while_something_is_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(frozen_names, "FILE", tmp_path / "frozen.txt")
    monkeypatch.setattr(frozen_names, "listing", lambda: "a: text\nb: text\n")
    frozen_names.FILE.write_text("a: text\n")
    assert frozen_names.main() == 0
    assert frozen_names.FILE.read_text() == "a: text\nb: text\n"
    frozen_names.FILE.write_text("a: whole\n")
    assert frozen_names.main() == 1
    assert frozen_names.FILE.read_text() == "a: whole\n"
    assert "'a: whole' reads 'a: text' now" in capsys.readouterr().err
