"""A charger's clock, by the instants that it gives with what it says. Pure: instants come in.

It takes our time when it starts, or with a heartbeat, or never. What it kept while it was away comes later than it was
said: that shows as old, a clock that is behind does not.
"""

from datetime import UTC, datetime

OLD_S = 10.0
"""What is told so much later than it was is old; less is the way that it took, or a rounded second."""
STEADY_S, ROUGH_S = 5.0, 2.0
"""An instant that is behind by the same, within 2 s, for 5 s and more is of a clock that is."""


class ChargerClock:
    """How far it is behind ours."""

    def __init__(self) -> None:
        self.behind_s = 0.0
        """Below 0: ahead."""
        self._anchor: tuple[float, datetime] | None = None
        """How far the instants of late were behind, and since when."""

    def start(self) -> None:
        """The charger has started anew, and was told our time."""
        self.behind_s, self._anchor = 0.0, None

    def age_s(self, said: str | None, now: datetime) -> float:
        """How old is what comes with an instant; 0 where it gives none that can be read."""
        at = instant(said)
        if at is None:
            return 0.0
        lag_s = (now - at).total_seconds()
        if self._anchor is None or abs(lag_s - self._anchor[0]) > ROUGH_S:
            self._anchor = lag_s, now
        steady = (now - self._anchor[1]).total_seconds() >= STEADY_S
        if steady or lag_s < self.behind_s - ROUGH_S:  # nothing is told before it was
            self.behind_s = lag_s if abs(lag_s) >= OLD_S else 0.0
        age_s = lag_s - self.behind_s
        return age_s if age_s >= OLD_S else 0.0


def instant(text: str | None) -> datetime | None:
    """Of the wire; without a zone it is UTC. None for what is no instant."""
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
