"""What of the arrivals on a party's connection is given to it: not what is nobody's, was taken before, or comes from a
sender in quarantine."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime

from agents.runtime.journal.journal import Journal
from agents.runtime.net import Net
from agents.runtime.opening import Opener, read
from agents.runtime.senders import Senders
from agents.runtime.skew import Skew
from broker.bus import Arrival
from protocol.actor import Input, Received, Refused
from protocol.edges import ROUTES, parse_topic
from protocol.errors import RefusedMessage, RejectReason
from protocol.messages import Presence, Reject, Side


class Intake:
    """Of one party. `knows`: whether it has an event in its memory; `speed`: of its clock."""

    def __init__(
        self, name: str, knows: Callable[[str], bool], journal: Journal | None, net: Net, speed: float
    ) -> None:
        self._name, self._knows, self._journal, self._net, self._speed = name, knows, journal, net, speed
        self.senders: Senders | None = None
        """Of a parent: how its children behave."""
        self.verifier: Opener | None = None
        self.counts: Counter[str] = Counter()
        """Of what was left out, and why."""
        self.skew = Skew()

    def item(self, arrival: Arrival, now: datetime) -> Input | None:
        """The input that it is; None where it is none, or was one before."""
        try:
            kind, edge = arrival.place or parse_topic(arrival.topic)
        except RefusedMessage:
            self.counts["foreign_topic"] += 1
            return None
        if arrival.retained and not ROUTES[kind].retained:
            self.counts["retained_ignored"] += 1
            return None
        if not arrival.payload:
            return None  # a retained message was cleared
        senders = self.senders if edge.parent == self._name else None
        if senders is not None and (why := senders.heard(edge.child, len(arrival.payload))) is not None:
            return Refused(edge, kind, RejectReason.OVERLOAD, why) if why else None
        item = read(kind, edge, arrival, self.verifier)
        if isinstance(item, Refused):
            if senders is not None:
                senders.refuse(edge.child, item.reason)
            return item
        self.skew.hear(item, now, self._speed, arrival.retained)
        if arrival.retained and isinstance(item.message, Presence):
            return None  # it was told before: only who connects now is told its awards again
        if isinstance(item.message, Reject) and (item.message.refused_by is Side.PARENT) is (edge.parent == self._name):
            return None  # our own word, which MQTT 3.1.1 gives back to us: nothing follows from it
        return None if self._archived(item) else self._net.refusal(item) or item

    def _archived(self, received: Received) -> bool:
        journal = self._journal
        if journal is None:
            return False
        known = journal.repeats_archived(self._name, received, self._knows)
        self.counts["repeated_archived"] += known
        return known
