"""All of one event. Its fields are the JSON of `gridpact explain --json`."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agents.tools.explain.story.answer import AskedStory
from agents.tools.explain.story.climb import ClimbStory
from agents.tools.explain.story.deal import (
    AwardChange,
    AwardStory,
    Ending,
    MissingEnergy,
    Settled,
    SharedOut,
    SlotDelivery,
    Trouble,
)
from agents.tools.explain.story.device import DeviceStory
from agents.tools.explain.story.planning import Issued, Planning
from protocol.plan import Plan

FORMAT = "gridpact.explain/1"


@dataclass(slots=True)
class Story:
    """All of it."""

    format: str
    event_id: str
    program_id: str
    direction: str
    start: datetime
    slot_s: int
    slots: int
    requested_w: Plan
    outcome: str
    reason: str
    deal_w: Plan
    summary: list[str] = field(default_factory=list)
    roles: dict[str, str] = field(default_factory=dict)
    standing: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Where each party stands when the journals end, in the words and figures that every reader has."""
    asks: list[AskedStory] = field(default_factory=list)
    issued: list[Issued] = field(default_factory=list)
    plannings: list[Planning] = field(default_factory=list)
    climbs: list[ClimbStory] = field(default_factory=list)
    awards: list[AwardStory] = field(default_factory=list)
    shared: list[SharedOut] = field(default_factory=list)
    changes: list[AwardChange] = field(default_factory=list)
    delivery: list[SlotDelivery] = field(default_factory=list)
    accounts: dict[str, tuple[int, int]] = field(default_factory=dict)
    """What parties told behind the last slot: awarded as it stood when, and delivered, Wh, each rounded once."""
    settled: Settled | None = None
    missing: list[MissingEnergy] = field(default_factory=list)
    """What was awarded and not delivered, every Wh of it by its cause."""
    endings: list[Ending] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    devices: dict[str, DeviceStory] = field(default_factory=dict)
    missing_journals: list[str] = field(default_factory=list)
    """Parties of the event whose journals are not there."""

    def account(self, party: str) -> tuple[int, int]:
        """Awarded and delivered, Wh: as the party told it behind the last slot, or of the slots that are summed up so far."""
        if party in self.accounts:
            return self.accounts[party]
        slots = {one.slot: one for one in self.delivery if one.party == party}.values()
        return sum(one.awarded_wh for one in slots), sum(one.delivered_wh for one in slots)
