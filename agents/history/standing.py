"""Where a party stands in an event, in the words and figures that every reader has in common.

A reader that cannot know one of them says why, out of a closed list; it never says another figure instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from protocol.plan import Plan, least


class PartyStage(StrEnum):
    """The stages of all parties; those of their actors, in one list."""

    ASKED = "asked"
    """Only for who listens to the wire: it was sent a request, and nothing shows that it has it."""
    CONSIDERING = "considering"
    """A DER whose resident is asked."""
    COLLECTING = "collecting"
    RELAXING = "relaxing"
    JUDGING = "judging"
    OFFERED = "offered"
    """It has answered with an offer."""
    OPTED_OUT = "opted_out"
    """It takes no part: a DER, or a party above them that has answered with nothing."""
    PROPOSED = "proposed"
    STANDBY = "standby"
    """The deal stands, its first slot is to come."""
    DELIVERING = "delivering"
    CLOSED = "closed"


class WhyUnknown(StrEnum):
    """Why a reader cannot know a figure or a stage."""

    ON_ITS_WAY = "on_its_way"
    """From the wire: a message of this moment may not have arrived."""
    DUE_NOW = "due_now"
    """The stage changes at this very instant, and no note tells whether it has."""
    STILL_ANSWERING = "still_answering"
    """Answers come in, and are told when they are summed up."""
    STILL_METERING = "still_metering"
    """A slot is reported by some, and not summed up."""
    NOT_NOTED = "not_told"
    """It is not told: by a status, or in a word of another version."""
    NOT_ON_THE_WIRE = "not_on_the_wire"
    """Own storage, and what is held back, do not travel."""
    JOINED_LATE = "joined_late"
    """The reader joined later than it was said."""


StageOr: TypeAlias = PartyStage | WhyUnknown
PlanOr: TypeAlias = Plan | WhyUnknown | None
EnergyOr: TypeAlias = int | WhyUnknown


@dataclass(frozen=True, slots=True)
class Standing:
    """One party in one event at an instant."""

    stage: StageOr
    available_w: PlanOr
    """Of what is requested, in each slot at most all of it: what it answered its parent; before that, or when it
    answered with nothing, the sum of what it can count on. None: nothing was asked yet, or nothing summed up."""
    secured_w: PlanOr
    """The deal that stands, less what was stated to be lost; None: there is none."""
    delivered_wh: EnergyOr
    """In the event's direction, of the slots that are summed up."""

    def as_json(self) -> dict[str, Any]:
        """What is known; under `unknown` why each of the others is not."""
        found = {key: getattr(self, key) for key in FIGURES}
        unknown = {key: why for key, why in found.items() if isinstance(why, WhyUnknown)}
        return {**found, **dict.fromkeys(unknown), "unknown": unknown}


FIGURES = ("stage", "available_w", "secured_w", "delivered_wh")
"""Of a standing."""

GOOD_ENDS = frozenset({"concluded", "completed_unknown", "completed"})
"""Outcomes after which a deal has stood; after the others nothing does."""
LOST = "lost"
"""How an event is told whose deal was concluded, and of which nothing is left: its parties call that `concluded`."""
OF_DERS = {"awarded": PartyStage.STANDBY, "active": PartyStage.DELIVERING}
"""What an actor of a DER calls its stages."""


BEFORE_THE_DEAL = (
    PartyStage.COLLECTING,
    PartyStage.RELAXING,
    PartyStage.OFFERED,
    PartyStage.OPTED_OUT,
    PartyStage.PROPOSED,
)
"""While the status of an actor counts what is available; then it counts what it holds."""


def secured(deal_w: Plan | None, outcome: str | None) -> Plan | None:
    """The deal that stands; None when there is none, or the event ended without one."""
    return deal_w if deal_w is not None and any(deal_w) and (not outcome or outcome in GOOD_ENDS) else None


def ending(outcome: str, deal_w: Plan | None) -> str:
    """An outcome as it is told: `lost` where nothing is left of the deal that was concluded."""
    return LOST if outcome == "concluded" and is_given_back(deal_w) else outcome


def is_given_back(deal_w: Plan | None) -> bool:
    """Whether a deal stood, and nothing of it is left."""
    return deal_w is not None and not any(deal_w)


def capped(available_w: Plan | None, requested_w: Plan | None) -> Plan | None:
    """What counts of it for the request; plans of other lengths are of another request."""
    if available_w is None or requested_w is None or len(available_w) != len(requested_w):
        return None
    return least(available_w, requested_w)


def stage_word(actors: str) -> StageOr:
    """A stage in an actor's own word; one of another version is not known."""
    try:
        return OF_DERS.get(actors) or PartyStage(actors)
    except ValueError:
        return WhyUnknown.NOT_NOTED


def of_status(event: Mapping[str, Any]) -> Standing:
    """An event in the status of an actor (JSON types)."""
    stage, requested_w = stage_word(str(event.get("stage"))), _plan(event.get("requested_w"))
    deal_w = _plan(event["deal_w"] if "deal_w" in event else event.get("awarded_w"))
    available_w: PlanOr = WhyUnknown.NOT_NOTED
    if "available_w" in event and stage in BEFORE_THE_DEAL:
        available_w = capped(_plan(event["available_w"]), requested_w)
    return Standing(
        stage, available_w, secured(deal_w, event.get("outcome")), event.get("delivered_wh", WhyUnknown.NOT_NOTED)
    )


def _plan(value: Any) -> Plan | None:
    return None if value is None else tuple(value)
