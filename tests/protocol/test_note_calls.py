"""Every note that the code tells has a model, and its keys: read off the calls, whether a test comes by them or not."""

import ast
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from pathlib import Path

import pytest
from paths import ROOT

import protocol.notes  # noqa: F401 - the models enter themselves
from protocol.note_model import MODELS

BY_PLACE = {
    "Note": ("name", "event_id", "step", "data"),
    "self.tell": ("name", "event_id", "step", "data"),
    "self.party.tell": ("name", "event_id", "step", "data"),
    "self._sum_up": ("name", "step"),
    "out.tell": ("name", "step"),
    "tell": ("name", "step"),
}
"""How a call that makes a note ends, and what stands at which of its places. Without `data` its words are the data."""
ALONE = ("tell",)
"""With nothing before it: `alerts.tell` and the like tell something else."""
PASSED_ON = {
    "self.party.tell(name, self.event_id, step, data)",
    "Note(name, event_id, step, data or {})",
    "Note(self.name, event_id, self.step, data)",
    "a.Note(**fields)",
    "self.event.out.tell(name, step, requested_w=self.asked_w, available_w=available, shortfall_w=short, enough=not any(short), **self.event.children.count())",
}
"""Calls whose name and data are their caller's, a model's, or a journal's."""
COUNTED = {"self._sum_up": ("requested_w", "available_w", "shortfall_w", "enough", "asked", "yes", "no", "silent")}
"""Keys that a function adds to what it is called with."""


@dataclass(frozen=True)
class Told:
    """One of the notes that a call may make."""

    where: str
    name: str
    step: str
    keys: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.where} {self.name}"


def texts(node: ast.expr | None) -> tuple[str, ...]:
    """The text that is written out, or both of a choice."""
    match node:
        case None:
            return ("",)
        case ast.Constant(value=str(text)):
            return (text,)
        case ast.IfExp(body=one, orelse=other):
            return (*texts(one), *texts(other))
    raise ValueError(f"{ast.unparse(node)} is not written out")


def keys_of(data: ast.expr | None, function: ast.AST) -> tuple[str, ...]:
    """The keys of a dict that is written out, there or as a name of the same function."""
    if isinstance(data, ast.Name):
        assigned = [node for node in ast.walk(function) if isinstance(node, ast.Assign)]
        (data,) = [node.value for node in assigned if [ast.unparse(one) for one in node.targets] == [data.id]]
    if isinstance(data, ast.Dict):
        return tuple(text for key in data.keys for text in texts(key))
    if data is None:
        return ()
    raise ValueError(f"{ast.unparse(data)} is not written out")


def notes_of(call: ast.Call, function: ast.AST, where: str) -> Iterator[Told]:
    """The notes that a call may make."""
    called = ast.unparse(call.func)
    ending = next((one for one in BY_PLACE if called == one or called.endswith(f".{one}")), None)
    if ending is None or (ending in ALONE and called != ending) or ast.unparse(call) in PASSED_ON:
        return
    places = BY_PLACE[ending]
    words = dict(zip(places, call.args, strict=False)) | {word.arg: word.value for word in call.keywords if word.arg}
    if "data" in places:
        keys = keys_of(words.get("data"), function)
    else:
        keys = COUNTED.get(called) or tuple(word for word in words if word not in places)
    for name in texts(words["name"]):
        for step in texts(words.get("step")):
            yield Told(where, name, step, keys)


def calls(node: ast.AST, function: ast.AST) -> Iterator[tuple[ast.Call, ast.AST]]:
    """All calls in a piece of code, each with the function that it stands in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield child, function
        yield from calls(child, child if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function)


def notes_in(text: str, place: str) -> Iterator[Told]:
    """The notes that a file makes."""
    tree = ast.parse(text)
    for call, function in calls(tree, tree):
        yield from notes_of(call, function, f"{place}:{call.lineno}")


def files() -> Iterator[Path]:
    """All but tools and commands, which only read notes."""
    for folder in ("protocol", "broker", "agents"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not path.is_relative_to(ROOT / "agents" / "tools") and not path.is_relative_to(ROOT / "agents" / "cli"):
                yield path


ALL = [note for path in files() for note in notes_in(path.read_text(), str(path.relative_to(ROOT)))]


@pytest.mark.parametrize("told", ALL, ids=str)
def test_note_of_a_call_has_a_model_with_its_keys(told: Told) -> None:
    model = MODELS[told.name, told.step]
    needed = [field.name for field in fields(model) if field.default is MISSING]  # type: ignore[arg-type]
    assert set(needed) <= set(told.keys) <= set(model.keys)
    assert list(told.keys) == [key for key in model.keys if key in told.keys]  # in the order in which it is written


RETIRED = {("late_report_recorded", "")}
"""Told by released versions only: their journals have it."""


def test_every_model_is_told_by_a_call_or_was() -> None:
    assert {(told.name, told.step) for told in ALL} | RETIRED == set(MODELS)
    assert not RETIRED & {(told.name, told.step) for told in ALL}


@pytest.mark.parametrize(
    "call",
    [
        'event.out.tell("can_meet", "S3", power_w=1)',  # no such step
        'tell("can_met", power_w=1)',
        'self.event.out.tell("can_meet", "S36")',
        'self.tell("order_refused", "e1", data={"reasons": "late"})',
        'Note("closed", "e1", data={"reason": "late"})',
        'Note("closed", "e1", data={"outcome": "expired", "by": 1})',
        'a.Note("clock_set_back", data={"by_s": 1, "to_at": at})',
    ],
)
def test_call_that_tells_what_no_model_has_is_noticed(call: str) -> None:
    (told,) = notes_in(call, "x.py")
    with pytest.raises((KeyError, AssertionError)):
        test_note_of_a_call_has_a_model_with_its_keys(told)


@pytest.mark.parametrize(
    "call", ['Note(name, "e1")', 'self.tell("closed", "e1", data=made)', "out.tell(name, power_w=1)"]
)
def test_call_that_is_not_written_out_is_noticed(call: str) -> None:
    with pytest.raises(ValueError, match=r"is not written out|values to unpack"):
        list(notes_in(call, "x.py"))
