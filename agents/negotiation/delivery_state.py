"""What the delivery of one event remembers, as frozen models with a version."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from agents.negotiation.delivery import Delivery
from agents.negotiation.dispatches import Dispatches, Unanswered
from agents.negotiation.rebound import Rebound
from agents.negotiation.sources import FourSums
from agents.negotiation.stood import DueEnergy
from protocol import messages as m
from protocol.remembered import state_of


@dataclass(frozen=True, slots=True)
class FirstDeliveryState:
    """Of `Delivery` in 0.1.0."""

    slot: int
    readings: dict[int, dict[str, m.Reading]]
    missing: tuple[str, ...]
    delivered_wh: int
    version: Literal[1] = 1

    def today(self) -> "DeliveryState":
        """The same in the form of today."""
        return DeliveryState(self.slot, self.readings, {}, (), (), self.missing, {}, {}, self.delivered_wh, None)


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """Of `Delivery`, its `DeliveryWatch`, and the dispatches that are not answered."""

    slot: int
    readings: dict[int, dict[str, m.Reading]]
    revisions: dict[int, dict[str, int]]
    corrected: tuple[int, ...]
    impossible: tuple[str, ...]
    missing: tuple[str, ...]
    gives_pct: dict[str, int]
    unanswered: dict[str, Unanswered]
    delivered_wh: int
    stopped_at: datetime | None
    version: Literal[2] = 2
    typical_pct: int = 100
    told_by: dict[str, dict[str, FourSums]] = field(default_factory=dict)
    rebounds: dict[str, Rebound] = field(default_factory=dict)
    ended_ws: dict[int, int] = field(default_factory=dict)
    """W x seconds by slot of deals that do not stand any more."""
    since_at: datetime | None = None
    """Since when the present deal stands, where not since before all slots."""
    steps_wh: dict[str, int] = field(default_factory=dict)
    owed_wh: dict[str, int] = field(default_factory=dict)
    provisional: dict[str, tuple[int, int]] = field(default_factory=dict)
    silent: dict[str, int] = field(default_factory=dict)
    late: tuple[str, ...] = ()
    stated: tuple[str, ...] = ()
    early: dict[str, int] = field(default_factory=dict)
    untold_wh: dict[int, dict[str, int]] = field(default_factory=dict)
    slow: dict[str, int] = field(default_factory=dict)


def delivery_state(delivery: Delivery, dispatches: Dispatches) -> DeliveryState:
    """What they remember now."""
    return state_of(
        DeliveryState,
        delivery,
        readings=delivery.readings.by_slot,
        revisions=delivery.readings.revisions,
        corrected=tuple(delivery.corrected),
        impossible=tuple(delivery.impossible),
        missing=tuple(delivery.owed.missing),
        told_by=delivery.sources.told_by,
        untold_wh=delivery.sources.untold_wh,
        gives_pct=delivery.watch.gives_pct,
        typical_pct=delivery.watch.typical_pct,
        steps_wh=delivery.watch.steps_wh,
        owed_wh=delivery.watch.owed_wh,
        unanswered=dispatches.unanswered,
        provisional=dict(delivery.watch.provisional),
        silent=dict(delivery.watch.silent),
        late=tuple(delivery.watch.late),
        stated=tuple(delivery.watch.stated),
        slow=dict(delivery.watch.slow),
        early=dict(dispatches.early),
        ended_ws=dict(delivery.due.ended_ws),
        since_at=delivery.due.since_at,
    )


def remember_delivery(delivery: Delivery, dispatches: Dispatches, state: FirstDeliveryState | DeliveryState) -> None:
    """Let fresh ones remember a state."""
    if isinstance(state, FirstDeliveryState):
        state = state.today()
        delivery.ask_later(state.slot)
    delivery.slot, delivery.delivered_wh, delivery.stopped_at = state.slot, state.delivered_wh, state.stopped_at
    delivery.readings.by_slot, delivery.readings.revisions = state.readings, state.revisions
    delivery.corrected, delivery.impossible = dict.fromkeys(state.corrected), dict.fromkeys(state.impossible)
    delivery.owed.missing = dict.fromkeys(state.missing)
    delivery.watch.gives_pct, dispatches.unanswered = state.gives_pct, state.unanswered
    delivery.sources.untold_wh = {slot: dict(found) for slot, found in state.untold_wh.items()}
    delivery.sources.told_by, delivery.rebounds = state.told_by, dict(state.rebounds)
    delivery.watch.provisional = dict(state.provisional)
    delivery.watch.silent, delivery.watch.late = dict(state.silent), dict.fromkeys(state.late)
    delivery.watch.stated, delivery.watch.slow = dict.fromkeys(state.stated), dict(state.slow)
    dispatches.early = dict(state.early)
    delivery.due = DueEnergy(dict(state.ended_ws), state.since_at)
    delivery.watch.typical_pct, delivery.watch.judged_slots = state.typical_pct, state.slot
    delivery.watch.steps_wh, delivery.watch.owed_wh = state.steps_wh, state.owed_wh
