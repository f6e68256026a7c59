"""What is heard in a trial: read, looked at, remembered."""

from collections.abc import Callable
from datetime import datetime

from agents.tools.conform.bench import Heard, Overheard, TrialBench
from agents.tools.conform.book import TrialBook
from agents.tools.conform.looks import looks
from agents.tools.conform.outcome import Outcomes
from agents.tools.conform.power import TrialMeter
from agents.tools.conform.profile import DeviceFeature, DeviceProfile
from agents.tools.conform.strictly import faults
from protocol.codec import decode_body
from protocol.edges import ROUTES, Way, place_of
from protocol.errors import RefusedMessage


class TrialEars:
    """Of one trial."""

    def __init__(self, profile: DeviceProfile, bench: TrialBench) -> None:
        self.profile, self.bench = profile, bench
        self.book, self.outcomes = TrialBook(), Outcomes(profile.features)
        self.meter = TrialMeter() if DeviceFeature.METER in profile.features else None

    async def first(self, wanted: Callable[[Heard], bool], since: int, until: datetime) -> Heard | None:
        """The first message that is wanted, of those heard since a mark and until an instant."""
        place = since
        while True:
            for heard in self.book.heard[place:]:
                if wanted(heard):
                    return heard
            place = len(self.book.heard)
            overheard = await self.bench.next(until)
            if overheard is None:
                return None
            self._take(overheard)

    async def until(self, at: datetime) -> None:
        await self.first(lambda heard: False, len(self.book.heard), at)

    def _take(self, overheard: Overheard) -> None:
        """Remember what was heard, and look at it."""
        if overheard.topic == self.profile.meter_topic and self.meter is not None:
            self.meter.tell(overheard.at, overheard.payload)
            return
        heard, fault = self.read(overheard)
        if heard is None:
            return
        for look in looks(heard, self.book, self.profile, fault):
            self.outcomes.look(*look)
        self.book.hear(heard)

    def read(self, overheard: Overheard) -> tuple[Heard | None, str]:
        """What the device said, and why it is no message where it is none, or none to other parsers than ours; None for what
        is not the device's."""
        at, where, payload, qos = overheard.at, overheard.topic, overheard.payload, overheard.qos
        place = place_of(where)
        if place is None:
            return Heard(at, where, payload, "", None, qos), "is no topic of ours"
        kind, _ = place
        if not payload or overheard.retained or ROUTES[kind].way is Way.DOWN:
            return None, ""
        try:
            message = decode_body(kind, payload)
        except RefusedMessage as refusal:
            return Heard(at, where, payload, kind, None, qos), refusal.text
        if message.message_id in self.book.rejects:
            return None, ""
        return Heard(at, where, payload, kind, message, qos), faults(payload)
