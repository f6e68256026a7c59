"""What stood with the parent before it changed the event: it stands again where nothing comes of the change."""

from operator import gt

from agents.negotiation.stage import Stage
from agents.negotiation.standing import EventStanding
from protocol import messages as m
from protocol.errors import RefusedMessage, RejectReason


class KeptAbove:
    """The award that stood, until a change of it is decided."""

    def __init__(self, standing: EventStanding) -> None:
        self.standing = standing
        self.award: m.Award | None = None

    def at_change(self, same_slots: bool, award: m.Award | None) -> None:
        """The parent asks again: `award` is kept where it stands; where other slots are asked, nothing."""
        if not same_slots:
            self.award = None
        elif self.standing.deal_w is not None and self.standing.stage is not Stage.CLOSED:
            self.award = award

    @property
    def award_id(self) -> str | None:
        """Of the award that stood."""
        return None if self.award is None else self.award.award_id

    def is_said_again(self, award: m.Award, request: m.Request, latest: m.Award | None) -> bool:
        """Whether an award says again what stood before a change, later than the change was asked by `request`; `latest`: the
        award known since. Raises RefusedMessage."""
        kept = self.award
        if kept is None or award.award_id != kept.award_id or award.sent_at <= request.sent_at:
            return False
        known = max(one.revision for one in (kept, latest) if one is not None and one.award_id == kept.award_id)
        if award.revision <= known:
            raise RefusedMessage(RejectReason.STALE, f"revision {award.revision} of {award.award_id} is not the latest")
        return True

    def problem(self, award: m.Award) -> str:
        """Why what stood before a change cannot stand again; empty when it can."""
        assert self.award is not None
        if self.standing.stage is Stage.CLOSED:
            return f"the event is {self.standing.outcome}"
        most_w = self.award.power_w
        if len(award.power_w) != len(most_w) or any(map(gt, award.power_w, most_w)):
            return "the award is above what stood"
        return ""
