"""What a party itself adds to a deal, beside its children."""

from datetime import datetime
from typing import Protocol

from agents.negotiation.subject import Subject
from protocol.plan import Plan


class OwnPower(Protocol):
    """A part of an event: power of the party's own."""

    @property
    def resource_ids(self) -> tuple[str, ...]:
        """Of the devices whose meter values belong to the event."""
        ...

    def power_w(self) -> Plan:
        """Its part of the deal, W."""
        ...

    def add(self, missing_w: Plan, now: datetime) -> Plan:
        """Take as much of what is missing upon itself as it can; returns what it took, W."""
        ...

    def cut(self, over_w: Plan) -> None:
        """Give so much of its part of the deal back as it has of it, W."""
        ...


class NoOwnPower:
    """Of a party that has none."""

    resource_ids: tuple[str, ...] = ()

    def __init__(self, subject: Subject) -> None:
        self.subject = subject

    def power_w(self) -> Plan:
        """0 W in each slot."""
        return self.subject.nothing_w

    def add(self, missing_w: Plan, now: datetime) -> Plan:
        """It can take nothing."""
        return (0,) * len(missing_w)

    def cut(self, over_w: Plan) -> None:
        """It has nothing to give back."""
