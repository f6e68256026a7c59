"""State as frozen models: what a part of an actor remembers, written at a clean stop and read by the next version.

A model's fields are named as the part's attributes; `version` says which form it is. A later form adds a model with the
next version and a function that makes it of the earlier one; a form that was released is never changed.
"""

from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from protocol.actor import Send
from protocol.codec import decode_body, encode
from protocol.edges import Edge
from protocol.messages import Message

S = TypeVar("S")


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


class StateForm(Generic[S]):
    """A model as JSON bytes, and back."""

    def __init__(self, model: type[S]) -> None:
        self._adapter: TypeAdapter[S] = TypeAdapter(model)

    def dump(self, state: S) -> bytes:
        """The same state always gives the same bytes."""
        return self._adapter.dump_json(state)

    def load(self, body: bytes) -> S:
        """The state of some bytes. Raises UnknownState."""
        try:
            return self._adapter.validate_json(body)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise UnknownState(f"{place}: {first['msg']}") from None
