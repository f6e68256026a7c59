"""Every name that stands in files and messages of released versions: `python tests/support/frozen_names.py`.

It adds what is new to tests/support/data/frozen.txt, and refuses to while a name of the list is gone or reads otherwise.
Names are those that are written, by their place in the JSON or TOML: how a class is called does not matter.
"""

import dataclasses
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import orjson
from pydantic import AwareDatetime, BaseModel

import protocol.notes  # noqa: F401 -- makes the models
from agents.drivers.remote import RemoteState
from agents.drivers.state import SimulatedState
from agents.parties.aggregator.state import AggregatorState
from agents.parties.der.state import DerState
from agents.parties.state import CoordinatorState, UtilityState
from agents.runtime.fleet.memory import AwakeHomeState, FleetState
from agents.runtime.snapshot import Snapshot
from agents.settings.daemon import DaemonConfig
from agents.settings.forecast import ForecastSettings
from agents.settings.members import Members
from agents.settings.scenario import ScenarioFile
from protocol import actor as a
from protocol.edges import ROUTES, Edge
from protocol.entries import EFFECT_TAGS, INPUT_TAGS, encode_effects, encode_input
from protocol.messages import Presence
from protocol.note_model import MODELS

FILE = Path(__file__).parent / "data" / "frozen.txt"
SETTINGS: dict[str, type] = {
    "daemon": DaemonConfig,
    "scenario": ScenarioFile,
    "members": Members,
    "forecast": ForecastSettings,
}
STATES: dict[str, type] = {
    "snapshot": Snapshot,
    "utility": UtilityState,
    "coordinator": CoordinatorState,
    "aggregator": AggregatorState,
    "der": DerState,
    "device": SimulatedState,
    "fleet": FleetState,
    "fleet home": AwakeHomeState,
    "remote": RemoteState,
}
PLAIN: dict[Any, str] = {
    types.NoneType: "null",
    str: "text",
    Path: "text",
    int: "whole",
    float: "number",
    bool: "yes/no",
    datetime: "instant",
    AwareDatetime: "instant",
    date: "day",
    time: "time of day",
    timedelta: "duration",
    Any: "anything",
    object: "anything",
}


def listing() -> str:
    """All frozen names, one a line, sorted."""
    return "\n".join([*sorted({*_notes(), *_entries(), *_messages(), *_settings(), *_states()}), ""])


def problems(listed: str, found: str) -> list[str]:
    """What keeps the list from being that of the code; one sentence each, what is gone first."""
    return [
        *gone(listed, found),
        *(f"{line!r} is new: python tests/support/frozen_names.py" for line in _new(listed, found)),
    ]


def gone(listed: str, found: str) -> list[str]:
    """What stands in the list only. One sentence each."""
    now = {_name(line): line for line in _new(listed, found)}
    told = []
    for line in sorted(set(listed.splitlines()) - set(found.splitlines())):
        reads = f"reads {now[_name(line)]!r} now" if _name(line) in now else "is gone"
        told.append(f"{line!r} {reads}, but files and peers of released versions have it: leave it, add another name")
    return told


def _new(listed: str, found: str) -> list[str]:
    return sorted(set(found.splitlines()) - set(listed.splitlines()))


def _name(line: str) -> str:
    return line.partition(": ")[0]


# -- what is frozen


def _notes() -> Iterator[str]:
    for (name, step), model in MODELS.items():
        place = f"note {name} ({step})" if step else f"note {name}"
        yield place
        yield from _fields(place, model)


def _entries() -> Iterator[str]:
    """Inputs and effects; a message stands in both in the bytes in which it travels."""
    edge = Edge("a", "b")
    message = Presence(message_id="1", sent_at=datetime(2026, 1, 1, tzinfo=UTC), online=True, software="1")
    received = orjson.loads(encode_input(a.Received(edge, message)))
    (sent,) = orjson.loads(encode_effects([a.Send(edge, message)]))
    yield from (f"input received.{name}" for name in received)
    yield from (f"effect send.{name}" for name in sent)
    for sort, tags in (("input", INPUT_TAGS), ("effect", EFFECT_TAGS)):
        for item, tag in tags.items():
            yield f"{sort} {tag}"
            if item not in (a.Received, a.Send):
                yield from _fields(f"{sort} {tag}", item)


def _messages() -> Iterator[str]:
    for kind, route in ROUTES.items():
        yield f"kind {kind}: {route.way.value}{', retained' if route.retained else ''}"
        yield from _fields(f"kind {kind}", route.model)


def _settings() -> Iterator[str]:
    for name, model in SETTINGS.items():
        yield from _fields(f"setting {name}", model)


def _states() -> Iterator[str]:
    for name, model in STATES.items():
        yield from _fields(f"state {name}", model)


# -- models of any sort


def _fields(place: str, model: Any) -> Iterator[str]:
    """A model's fields, and what stands in them. Of a named tuple, which is written as an array, the places."""
    for name, annotation, default in _declared(model):
        inner = f"{place}.{name}"
        yield f"{inner}: {shape(annotation)}{default}"
        yield from _inside(inner, annotation)


def _declared(model: Any) -> Iterator[tuple[str, Any, str]]:
    if issubclass(model, BaseModel):
        for name, one in model.model_fields.items():
            yield name, one.annotation, "" if one.is_required() else _default(one.default, one.default_factory)
        return
    hints = get_type_hints(model, include_extras=True)
    if dataclasses.is_dataclass(model):
        for field in dataclasses.fields(model):
            if field.init:
                yield field.name, hints[field.name], _of_field(field)
        return
    yield from ((f"{place} {name}", hints[name], "") for place, name in enumerate(model._fields))


def _of_field(field: "dataclasses.Field[Any]") -> str:
    if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
        return ""
    return _default(field.default, None if field.default_factory is dataclasses.MISSING else field.default_factory)


def _default(value: Any, factory: Any) -> str:
    """A default is part of what a file means that leaves the key out."""
    value = factory() if factory is not None else value
    if isinstance(value, BaseModel):
        return ", may be left out"
    return f", else {orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()}"


def _inside(place: str, annotation: Any) -> Iterator[str]:
    """Names in what an annotation allows: fields of models, values of enumerations."""
    if get_origin(annotation) is Annotated:
        yield from _inside(place, get_args(annotation)[0])
    elif annotation is Edge:
        yield from (f"{place}.{name}" for name in Edge._fields)
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        yield from (f"{place} = {one.value}" for one in annotation)
    elif get_origin(annotation) is Literal:
        yield from (f"{place} = {one}" for one in get_args(annotation))
    elif _is_model(annotation):
        yield from _fields(place + _kind(annotation), annotation)
    else:
        for one in get_args(annotation):
            yield from _inside(place, one)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and (
        issubclass(annotation, BaseModel) or dataclasses.is_dataclass(annotation) or hasattr(annotation, "_fields")
    )


def _kind(model: Any) -> str:
    """Of one of several models at a place, that which tells it."""
    kinds = get_args(get_type_hints(model).get("kind"))
    return f"[{kinds[0]}]" if len(kinds) == 1 else ""


def shape(annotation: Any) -> str:
    """What stands at a place, the same on every Python."""
    origin, given = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return shape(given[0])
    if origin in (Union, types.UnionType):
        return " or ".join(sorted({shape(one) for one in given}))
    if origin is Literal:
        return "one of these"
    if origin is tuple:
        return "[" + ", ".join("..." if one is ... else shape(one) for one in given) + "]"
    if origin is not None and issubclass(origin, Mapping):
        return f"{{{shape(given[0])}: {shape(given[1])}}}"
    if origin is not None and issubclass(origin, Sequence):
        return f"[{shape(given[0])}, ...]"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "one of these"
    if _is_model(annotation):
        return "object"
    if annotation in PLAIN:
        return PLAIN[annotation]
    raise TypeError(f"{annotation} has no shape yet: add it to frozen_names.py")


def main() -> int:
    """0 when the list is that of the code now."""
    listed, found = FILE.read_text() if FILE.exists() else "", listing()
    told = gone(listed, found)
    for line in told:
        print(line, file=sys.stderr)
    if not told:
        FILE.write_text(found)
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
