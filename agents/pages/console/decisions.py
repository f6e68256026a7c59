"""Every open decision: who has to take it, until when, and what happens if nobody does."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from agents.history.party import AGGREGATOR, PartyHistory
from agents.history.standing import PartyStage
from agents.pages.chronicle import Chronicle
from agents.pages.console.event_view import EventView
from agents.pages.sockets import Sockets
from agents.settings.parties import DerSettings
from protocol import messages as m

MOST_RESIDENTS = 20
LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class OpenDecision:
    """`otherwise`: what happens if nobody decides; `event_id` empty: it is about no event."""

    who: str
    event_id: str
    what: str
    until: datetime | None
    otherwise: str


def open_decisions(views: Iterable[EventView], chronicle: Chronicle, sockets: Sockets) -> list[OpenDecision]:
    """By their deadlines."""
    found = [*_residents(chronicle, sockets), *(one for view in views for one in _parties(view))]
    return sorted(found, key=lambda one: (one.until or LAST, one.who))


def _residents(chronicle: Chronicle, sockets: Sockets) -> Iterator[OpenDecision]:
    asked = sockets.questions()
    for home, question in asked[:MOST_RESIDENTS]:
        settings = chronicle.settings.get(home)
        rule = "its stored rule decides"
        if isinstance(settings, DerSettings):
            rule = f"its stored rule says {'yes' if settings.stored_rule else 'no'}"
        until = datetime.fromisoformat(str(question["answer_by"]))
        yield OpenDecision(f"the resident of {home}", str(question["event_id"]), "whether to take part", until, rule)
    if more := asked[MOST_RESIDENTS:]:
        first = min(datetime.fromisoformat(str(question["answer_by"])) for _, question in more)
        text = f"the residents of {len(more)} more homes"
        yield OpenDecision(
            text, str(more[0][1]["event_id"]), "whether to take part", first, "their stored rules decide"
        )


def _parties(view: EventView) -> Iterator[OpenDecision]:
    for row in view.rows:
        yield from _unconfirmed(view, row.party)
        name, stage = row.party.name, row.standing.stage
        if row.until is None:
            continue
        if stage in (PartyStage.COLLECTING, PartyStage.RELAXING):
            members = "members" if row.party.role == AGGREGATOR else "children"
            rung = f" ({row.party.doing})" if row.party.doing else ""
            yield OpenDecision(
                f"the {members} of {name}", view.event_id, f"their answers{rung}", row.until,
                f"who is silent counts as no, and {name} goes on with what it has",
            )  # fmt: skip
        elif stage in (PartyStage.OFFERED, PartyStage.PROPOSED):
            yield OpenDecision(
                row.parent, view.event_id, f"about the answer of {name}", row.until, f"the answer of {name} lapses"
            )


def _unconfirmed(view: EventView, party: PartyHistory) -> Iterator[OpenDecision]:
    """Those who were awarded something and have not said that they have it."""
    if party.stage is PartyStage.CLOSED:
        return
    waiting = [
        edge.award
        for edge in party.children.values()
        if edge.award is not None and edge.award.outcome is m.Outcome.CONCLUDED and edge.confirmed is None
    ]
    if waiting:
        until = min(award.confirm_by for award in waiting)
        who = f"{len(waiting)} of the children of {party.name}"
        otherwise = f"{party.name} replaces what they were awarded, as far as others can give it"
        yield OpenDecision(who, view.event_id, "whether they confirm their awards", until, otherwise)
