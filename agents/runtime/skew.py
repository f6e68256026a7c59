"""Peers' clocks against ours, from the `sent_at` of what they say.

A message that waited somewhere looks old, so a peer counts as behind only when even the freshest of its last messages
is old; one that is from the future has no such excuse.
"""

from datetime import datetime

from protocol.actor import Received
from protocol.edges import Edge

LIMIT_S = 30
"""In real seconds: with a scaled clock the network's delays are scaled as well."""
LAST = 5


class Skew:
    """What is known of the clocks of a party's peers."""

    def __init__(self) -> None:
        self._lags: dict[Edge, tuple[float, ...]] = {}
        """The last ones of those whose last message was off. Of a crowd these are few, or all when it has to wait."""

    def hear(self, received: Received, now: datetime, speed: float, retained: bool) -> None:
        """Note how long ago (real s, negative: in the future) a message says it was sent; `speed` is the clock's."""
        if retained or received.message.kind == "presence":
            return
        lag = (now - received.message.sent_at).total_seconds() / speed
        if -LIMIT_S <= lag <= LIMIT_S:
            if self._lags:
                self._lags.pop(received.edge, None)
        else:
            self._lags[received.edge] = (*self._lags.get(received.edge, ()), lag)[-LAST:]

    def found(self) -> dict[str, float]:
        """Peers' edges whose clock is off, with our lead over them in real s."""
        off = {}
        for edge, lags in self._lags.items():
            if min(lags) < -LIMIT_S or len(lags) == LAST:
                off[f"{edge.parent}/{edge.child}"] = min(lags)
        return off
