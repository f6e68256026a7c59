"""What the resident of a home is asked about events, and what was decided: by hand, or by the stored rule."""

from datetime import datetime, timedelta

from agents.negotiation.party import Party
from agents.negotiation.plans.timing import WITHIN_PCT
from agents.parties.der.event import DerEvent, DerTimer
from agents.settings.parties import DerSettings
from protocol.actor import Question
from protocol.units import step_instant

ANSWER_PCT = 50
"""A resident has half of the time until reply_by to decide, unless the settings say how long; then the stored rule
does."""


class Resident:
    """Is asked once an event."""

    def __init__(self, party: Party, settings: DerSettings) -> None:
        self.party, self.settings = party, settings

    def open(self, event: DerEvent, now: datetime) -> None:
        """Ask; who was asked in an earlier round and has not answered has until the deadline of then, or the earlier one
        of now."""
        before = event.timers.get(DerTimer.ANSWER)
        answer_by = self._answer_by(now, event.request.reply_by)
        event.timers[DerTimer.ANSWER] = answer_by if before is None else min(answer_by, before)
        if before is None:
            self.ask(event)

    def _answer_by(self, now: datetime, reply_by: datetime) -> datetime:
        within_s = self.settings.answers_within_s
        if within_s is None:
            return step_instant(now, reply_by, ANSWER_PCT)
        return min(now + timedelta(seconds=within_s), step_instant(now, reply_by, WITHIN_PCT))

    def ask(self, event: DerEvent) -> None:
        """The question of an event, until its time to answer."""
        request = event.request
        text = f"{request.direction} from {request.interval_period.start.isoformat()}, {event.slots} slots: take part?"
        self.party.effect(Question(request.event_id, text, event.timers[DerTimer.ANSWER]))

    def decided(self, event: DerEvent, take_part: bool, who: str) -> None:
        """It was decided: nothing is waited for any more."""
        event.timers.pop(DerTimer.ANSWER, None)
        event.consent = take_part
        self.note(event, who)

    def note(self, event: DerEvent, who: str) -> None:
        """Tell what stands."""
        data = {"take_part": event.consent, "by": who}
        self.party.tell("consent_decided", event.request.event_id, "S50", data)
