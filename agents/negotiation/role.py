"""What a role decides in one event. Everything else of an event is the same for utility, coordinator, aggregator."""

from datetime import datetime
from typing import Protocol

from agents.negotiation.child import Child
from agents.negotiation.stage import Timer
from protocol import messages as m
from protocol.plan import Plan


class EventRole(Protocol):
    """Its decisions, and what its state adds to the event's."""

    def begin(self, now: datetime) -> None:
        """Work on a request, a re-request or a change (S1, S20)."""
        ...

    def answered(self, child: Child, now: datetime) -> None:
        """A child has answered in time."""
        ...

    def taken_back(self, child: Child, now: datetime) -> None:
        """A child gives less than it has answered, after the stage in which it was asked."""
        ...

    def all_in(self, now: datetime) -> None:
        """The stage is over: all have answered, or its time has come."""
        ...

    def bought(self, power_w: Plan, now: datetime) -> None:
        """The parent bought so much, W: award it downward (S7, S35)."""
        ...

    def recount(self) -> None:
        """Take stock of all that the children have answered: what stood before a change is given of it."""
        ...

    def given_before(self, now: datetime) -> None:
        """A child gives what stood before a change that is not decided yet."""
        ...

    def backs(self, power_w: Plan) -> bool:
        """Whether so much of an answer to an earlier round can still be kept, W."""
        ...

    def relax_asked(self, relax: m.Relax, now: datetime) -> None:
        """The parent asks to loosen what owners agreed to."""
        ...

    def bound(self, child: Child, now: datetime) -> None:
        """A child has confirmed its award."""
        ...

    def mended(self, now: datetime) -> None:
        """What stands of the deal was changed: own power under command follows it."""
        ...

    def finished(self, delivered_wh: int, now: datetime) -> None:
        """The last slot is summed up: note what was delivered in all, Wh."""
        ...

    def rang(self, timer: Timer, now: datetime) -> None:
        """A timer that only this role sets has rung."""
        ...

    def stop(self, now: datetime) -> None:
        """The event is superseded or over: nothing of the party's own is reserved or commanded any more."""
        ...

    def available_w(self) -> Plan:
        """What it can count on at present, W: of the children, and of its own where that is on offer."""
        ...

    def status(self) -> dict[str, object]:
        """What there is to tell of its state beside the event's; JSON types only."""
        ...
