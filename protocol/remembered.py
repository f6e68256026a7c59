"""State as frozen models: what a part of an actor remembers, written at a clean stop and read by the next version.

A model's fields are named as the part's attributes; `version` says which form it is. A later form adds a model with the
next version and a function that makes it of the earlier one; a form that was released is never changed.

It is written piece by piece: as one piece the JSON of 100,000 children would take a hundred megabytes for a moment.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Generic, TypeVar, overload

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from protocol.actor import Send
from protocol.codec import decode_body, encode
from protocol.edges import Edge
from protocol.messages import Message

S = TypeVar("S")
T = TypeVar("T")

PIECE = 1_000
"""Entries of a list or a table, or characters of a text, that are written at once."""


class UnknownState(ValueError):
    """Bytes that are no state of a form that this version knows."""


@dataclass(frozen=True, slots=True)
class SentState:
    """A message that was sent (or is kept), in its bytes on the wire."""

    kind: str
    body: str
    parent: str = ""
    child: str = ""

    @classmethod
    def of(cls, message: Message) -> "SentState":
        """Of a message by itself."""
        return cls(message.kind, encode(message).decode())

    @classmethod
    def of_send(cls, send: Send) -> "SentState":
        """Of a message on its edge."""
        return cls(send.message.kind, send.body.decode(), send.edge.parent, send.edge.child)

    @classmethod
    def of_some(cls, message: Message | None) -> "SentState | None":
        """Of a message where there is one."""
        return None if message is None else cls.of(message)

    def message(self) -> Any:
        """The message; whoever stored it knows its type. Raises RefusedMessage."""
        return decode_body(self.kind, self.body.encode())

    def send(self) -> Send:
        """The message on its edge. Raises RefusedMessage."""
        return Send(Edge(self.parent, self.child), self.message())


def message_of(stored: SentState | None) -> Any:
    """The message where there is one. Raises RefusedMessage."""
    return None if stored is None else stored.message()


def state_of(model: type[S], part: object, **given: object) -> S:
    """The model's fields as the part has them now; `given` are those that it has in another form."""
    names = [field.name for field in fields(model) if field.name != "version"]  # type: ignore[arg-type]
    return model(**{name: given[name] if name in given else getattr(part, name) for name in names})


def restore(part: object, state: object, but: tuple[str, ...] = (), **given: object) -> None:
    """Let a part remember a state, `but` for some fields; `given` are attributes that it has in another form."""
    for field in fields(state):  # type: ignore[arg-type]
        if field.name != "version" and field.name not in but:
            value = given[field.name] if field.name in given else getattr(state, field.name)
            setattr(part, field.name, value)


class StateColumn(Sequence[T]):
    """One value of each of many things, read when it is written: a list of them would be as long as there are things."""

    def __init__(self, things: Sequence[S], read: Callable[[S], T]) -> None:
        self._things, self._read = things, read

    def __len__(self) -> int:
        return len(self._things)

    def __iter__(self) -> Iterator[T]:
        return map(self._read, self._things)

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> "StateColumn[T]": ...
    def __getitem__(self, place: int | slice) -> "T | StateColumn[T]":
        if isinstance(place, slice):
            return StateColumn(self._things[place], self._read)
        return self._read(self._things[place])


class StateForm(Generic[S]):
    """A model as JSON bytes, and back."""

    def __init__(self, model: type[S]) -> None:
        self._model = model

    @cached_property
    def _adapter(self) -> TypeAdapter[S]:
        """Made when the first state is read: of all parties' forms a process reads its own ones only."""
        return TypeAdapter(self._model)

    def dump(self, state: S) -> bytes:
        """The same state always gives the same bytes."""
        return b"".join(self.pieces(state))

    def pieces(self, state: S) -> Iterator[bytes]:
        """The same bytes, one small piece after the other."""
        return _pieces(state)

    def load(self, body: bytes) -> S:
        """The state of some bytes. Raises UnknownState."""
        try:
            return self._adapter.validate_json(body)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise UnknownState(f"{place}: {first['msg']}") from None


def _pieces(value: object) -> Iterator[bytes]:
    """A value as JSON."""
    if _has_parts(value):
        yield from _object((to_json(field.name), getattr(value, field.name)) for field in fields(value))  # type: ignore[arg-type]
    elif isinstance(value, Mapping):
        yield from _table(value)
    elif isinstance(value, list | tuple | StateColumn):
        yield from _list(value)
    elif type(value) is str and len(value) > PIECE:
        yield b'"' + to_json(value[:PIECE])[1:-1]
        yield from (to_json(value[at : at + PIECE])[1:-1] for at in range(PIECE, len(value), PIECE))
        yield b'"'
    else:
        yield to_json(value)


def _has_parts(value: object) -> bool:
    """Whether it is a state of its own: what has no version is small."""
    return is_dataclass(value) and hasattr(value, "version")


def _object(parts: Iterator[tuple[bytes, object]]) -> Iterator[bytes]:
    opening = b"{"
    for name, value in parts:
        yield opening + name + b":"
        yield from _pieces(value)
        opening = b","
    yield b"}" if opening == b"," else b"{}"


def _list(values: Sequence[Any]) -> Iterator[bytes]:
    if values and _has_parts(values[0]):
        opening = b"["
        for value in values:
            yield opening
            yield from _pieces(value)
            opening = b","
        yield b"]"
    else:
        yield from _slices(values, b"[", b"]", list)


def _table(table: Mapping[Any, Any]) -> Iterator[bytes]:
    first = next(iter(table.values()), None)
    if _has_parts(first) or isinstance(first, Mapping):
        yield from _object((to_json({name: None})[1 : -len(b":null}")], value) for name, value in table.items())
    else:
        yield from _slices(table.items(), b"{", b"}", dict)


def _slices(values: Collection[Any], opening: bytes, closing: bytes, kind: type) -> Iterator[bytes]:
    rest = iter(values)
    while some := list(islice(rest, PIECE)):
        yield opening + to_json(kind(some))[1:-1]
        opening = b","
    yield closing if opening == b"," else opening + closing
