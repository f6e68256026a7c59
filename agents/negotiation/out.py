"""All that a part of an event may do to the outside."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol, TypeVarTuple

from agents.negotiation.announcer import Announcer, Sender
from protocol import messages as m
from protocol.actor import Effect
from protocol.edges import Edge

What = TypeVarTuple("What")


class Outside(Sender, Protocol):
    """What an event needs of its party."""

    name: str
    announcer: Announcer
    counts_waited: bool

    def effect(self, effect: Effect) -> None:
        """Let something happen in this step."""
        ...

    def tell(self, name: str, event_id: str = "", step: str = "", data: Mapping[str, object] | None = None) -> None:
        """Note what is worth telling."""
        ...

    def count(self, name: str) -> None:
        """Count something of a name."""
        ...

    def event_ended(self, event_id: str, now: datetime) -> None:
        """An event is closed."""
        ...

    def counted(self, name: str) -> int:
        """How often something of a name was counted."""
        ...


class Out:
    """The same for one event: its id goes along."""

    def __init__(self, party: Outside, event_id: str) -> None:
        self.party = party
        self.name = party.name
        self.announcer = party.announcer
        self.event_id = event_id

    @property
    def counts_waited(self) -> bool:
        """Whether the party was started again and has judged nothing since, so that what waited for it was said in time."""
        return self.party.counts_waited

    def say(self, child: str, now: datetime, build: Callable[[*What], m.Message], *what: *What) -> None:
        """Send a child what `build` makes of `what`, in this step or in one of the next."""
        self.announcer.say(Edge(self.name, child), now, build, *what)

    def send(self, edge: Edge, message: m.Message) -> None:
        """Send a message in this step."""
        self.party.send(edge, message)

    def sent(self, kind: str) -> int:
        """How many messages of a kind the party has sent."""
        return self.party.counted(f"sent.{kind}")

    def clear(self, child: str, now: datetime) -> None:
        """Take the retained request off a child's edge, behind what is still to be sent on it."""
        self.announcer.clear(Edge(self.name, child), now)

    def ended(self, now: datetime) -> None:
        """The event is closed."""
        self.party.event_ended(self.event_id, now)

    def effect(self, effect: Effect) -> None:
        """Let something else happen."""
        self.party.effect(effect)

    def tell(self, name: str, step: str = "", **data: object) -> None:
        """Note what is worth telling of the event."""
        self.party.tell(name, self.event_id, step, data)
