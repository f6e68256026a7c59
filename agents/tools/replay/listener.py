"""What a live party says to those whom a recording plays, ticked off against what it said then."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

from agents.tools.replay.compared import REJECT, by_edge, in_short
from agents.tools.replay.wire import WireMessage, sender_of
from broker.bus import Arrival
from protocol import messages as m
from protocol.codec import decode_body
from protocol.edges import Edge, parse_topic
from protocol.errors import RefusedMessage


class Listener:
    """All who are played listen with them."""

    def __init__(self, under_test: str, then: Mapping[Edge, Counter[str]]) -> None:
        """`then`: what it said in the recording, in short."""
        self.online, self.spoke = asyncio.Event(), asyncio.Event()
        """Set once it has come online; set by each thing that it says."""
        self._under_test = under_test
        self._missing = Counter(
            {
                (edge, text): number
                for edge, sent in then.items()
                for text, number in sent.items()
                if not text.startswith(REJECT)
            }
        )
        self._left = self._missing.total()
        self._heard: dict[tuple[str, Edge, str], WireMessage] = {}

    @property
    def complete(self) -> bool:
        """Whether it has said all that it said then."""
        return not self._left

    def received(self) -> dict[Edge, Counter[str]]:
        """All that it has said, in short."""
        return by_edge(self._heard.values(), self._under_test)

    def hear(self, arrival: Arrival) -> None:
        """A repeat counts once; bytes that are no message count for nothing, so that something is missing in the end."""
        try:
            kind, edge = arrival.place or parse_topic(arrival.topic)
            message = decode_body(kind, arrival.payload)
        except RefusedMessage:
            return
        if isinstance(message, m.Presence):
            if message.online:
                self.online.set()
            return
        if isinstance(message, m.Capability):
            return
        key = (kind, edge, message.message_id)
        if key in self._heard or sender_of(kind, edge, message) != self._under_test:
            return
        self._heard[key] = WireMessage(datetime.now(UTC), self._under_test, kind, edge, message)
        expected = (edge, in_short(message))
        if self._missing[expected] > 0:
            self._missing[expected] -= 1
            self._left -= 1
        self.spoke.set()
