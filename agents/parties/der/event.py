"""One event at a DER: its stages, what it offered, what it was awarded.

    considering -> offered | opted_out -> [offered] -> awarded -> active -> closed

`offered -> considering` on a re-request; an event closes as completed, not_needed, no_deal, cancelled, withdrawn or
expired.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from agents.parties.der.held import Held
from protocol import messages as m
from protocol.actor import Measured
from protocol.edges import Edge


class Stage(StrEnum):
    CONSIDERING = "considering"
    OFFERED = "offered"
    OPTED_OUT = "opted_out"
    AWARDED = "awarded"
    ACTIVE = "active"
    CLOSED = "closed"


TRANSITIONS: Mapping[Stage, tuple[Stage, ...]] = {
    Stage.CONSIDERING: (Stage.OFFERED, Stage.OPTED_OUT, Stage.CLOSED),
    Stage.OFFERED: (Stage.CONSIDERING, Stage.AWARDED, Stage.CLOSED),
    Stage.OPTED_OUT: (Stage.CONSIDERING, Stage.CLOSED),
    Stage.AWARDED: (Stage.CONSIDERING, Stage.ACTIVE, Stage.CLOSED),
    Stage.ACTIVE: (Stage.CONSIDERING, Stage.CLOSED),
    Stage.CLOSED: (Stage.CONSIDERING,),
}
"""Which stage may follow which. Back to considering: a re-request, or a change of the event from above."""


@dataclass(slots=True)
class DerEvent:
    """One event at the DER."""

    edge: Edge
    request: m.Request
    stage: Stage = Stage.CONSIDERING
    superseded: tuple[str, ...] = ()
    """Earlier requests of this event."""
    outcome: str = ""
    answers: dict[m.Basis, Held] = field(default_factory=dict)
    offers: dict[m.Basis, m.Offer] = field(default_factory=dict)
    award: m.Award | None = None
    accepted: Held | None = None
    withdrawal: m.Withdraw | None = None
    timers: dict[str, datetime] = field(default_factory=dict)
    slot: int = 0
    measured: dict[int, dict[str, Measured]] = field(default_factory=dict)

    def go(self, stage: Stage) -> None:
        if stage is not self.stage and stage not in TRANSITIONS[self.stage]:
            raise RuntimeError(f"{self.request.event_id}: {self.stage} -> {stage} is not in the table")
        self.stage = stage

    @property
    def slots(self) -> int:
        return len(self.request.power_w)

    def slot_start(self, slot: int) -> datetime:
        return self.request.interval_period.slot_start(slot)

    def is_over(self, now: datetime) -> bool:
        """Whether nothing can come of it any more: its last slot is past, and it is closed, or was never offered to
        (whoever opts out hears of the event again only when it is asked anew, or cancelled)."""
        return self.stage in (Stage.CLOSED, Stage.OPTED_OUT) and self.slot_start(self.slots) <= now
