"""What every message carries, and what every message about an event does."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from protocol.parts import MAX_REVISION, MAX_ROUND, VERSION, Extensions, WireModel, made
from protocol.units import MAX_POWER_W, REF, STEM, Instant, Name, Ref, Stem


class Message(WireModel):
    """What every message carries."""

    kind: ClassVar[str]
    later: ClassVar[tuple[str, ...]] = ()
    """Fields that came after the first release: they are left out while they are None."""
    version: Literal["1.0"] = VERSION
    """Of the messages."""
    message_id: Ref
    """Unique for its sender; a repeat has the same id and the same body."""
    sent_at: Instant
    """When it was said."""
    extensions: Extensions = Field(default_factory=dict)
    """Entries of anybody's own; who does not know one passes over it."""


class EventMessage(Message):
    """What every message about an event carries."""

    event_id: Name
    """The event, the same for all who take part."""
    request_id: Stem
    """The request on this edge that it belongs to."""
    round: Annotated[int, Field(ge=1, le=MAX_ROUND)]
    """1 for the request, n + 1 for a re-request."""
    revision: Annotated[int, Field(ge=1, le=MAX_REVISION)]
    """Of a request: of the event as its issuer changed it. Else: of this answer. The higher one is the truth."""

    def under(self, message_id: str, power_w: tuple[int, ...] | None = None, **refs: str) -> Self:
        """The same message under another id and other references, with another plan, W: to each of a crowd it differs
        in nothing else. These are looked at, the rest was when this one was made: it takes less than half of the time.
        What a kind asks of its fields together has to hold by itself. Raises ValueError."""
        refs["message_id"] = message_id
        for name, ref in refs.items():
            if _REFS.get(name, STEM).match(ref) is None or name not in self.__dict__:
                raise ValueError(f"{name} {ref!r} is no reference")
        own: dict[str, object] = self.__dict__ | refs
        if power_w is not None:
            if len(power_w) != len(self.__dict__["power_w"]) or min(power_w) < 0 or max(power_w) > MAX_POWER_W:
                raise ValueError(f"power_w {power_w!r} is no plan like that of {self.message_id}")
            own["power_w"] = power_w
        return made(type(self), own, self.__pydantic_fields_set__)


_REFS = {"message_id": REF, "accepts": REF}
"""All other references of a message are stems."""
