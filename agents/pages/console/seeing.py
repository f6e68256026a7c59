"""The views that show one thing: what is under way, an event, why it came out so, the tree, one home."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from agents.history.narrate import words as note_words
from agents.history.narrate import worth_a_line
from agents.history.party import DER
from agents.history.standing import PartyStage
from agents.pages.chronicle import Chronicle
from agents.pages.console import fleet_view
from agents.pages.console.decisions import open_decisions
from agents.pages.console.event_view import EventView, unknown
from agents.pages.console.message_line import summary
from agents.pages.console.orders import said
from agents.pages.console.projection import doubts, projection
from agents.pages.console.slot_table import columns
from agents.pages.web.accounts import PageSession
from agents.pages.web.chart import SlotChart, slot_chart
from agents.pages.web.figures import Clockface, kwh, plan, words
from agents.pages.web.site import clockface
from agents.settings.daemon import Role
from agents.settings.parties import AggregatorSettings, CoordinatorSettings, DerSettings, UtilitySettings
from agents.tools.explain.passages import passages
from agents.tools.explain.read import NothingKnown, read
from agents.tools.explain.sources import JournalSources

if TYPE_CHECKING:
    from agents.pages.console.app import Console

MOST_REASONS = 200
RECENT = 12
MOST_MESSAGES = 10
"""On an event's page; all of them have a page of their own."""


@dataclass(frozen=True, slots=True)
class ReasonLine:
    """A note in words."""

    at: object
    party: str
    step: str
    text: str


async def now(console: "Console", request: Request, session: PageSession) -> Response:
    """What is under way."""
    state = console.state
    views = state.views()
    open_ = [one for one in views if one.open]
    clock = clockface(request)
    return console.show(
        "now", request, session, title="Now", events=open_, charts={one.event_id: chart(one, clock) for one in open_},
        closed=[one for one in views if not one.open][:RECENT],
        decisions=open_decisions(open_, state.chronicle, state.sockets), said=said, unknown=unknown,
        known=state.sockets.time.known,
    )  # fmt: skip


async def event(console: "Console", request: Request, session: PageSession) -> Response:
    """One event, slot by slot."""
    found = event_of(console, request)
    state = console.state
    return console.show(
        "event", request, session, title=found.event_id, said=said, unknown=unknown, base="",
        **event_values(found, state.chronicle, clockface(request), state.now()),
    )  # fmt: skip


def event_values(found: EventView, chronicle: Chronicle, clock: Clockface, now: datetime) -> dict[str, object]:
    """What the template of an event is given; a replay gives it the same."""
    record, event = chronicle.records.get(found.event_id), chronicle.event(found.event_id)
    assert event is not None
    doubted = doubts(record.lines) if record is not None and found.open else ()
    last = list(islice(reversed(record.messages), MOST_MESSAGES)) if record is not None else []
    return {
        "view": found, "chart": chart(found, clock), "columns": columns(found), "counts": found.counts(),
        "reasons": reasons(chronicle, found, clock), "projected": projection(found, event, doubted, now), "doubts": doubted,
        "said_last": [(one, summary(one, found.slots, clock)) for one in last],
    }  # fmt: skip


async def why(console: "Console", request: Request, session: PageSession) -> Response:
    """The whole story, from all journals."""
    event_id = str(request.path_params["event_id"])

    def told() -> object:
        return read(JournalSources(console.state.follower.folders).evidence(event_id))

    try:
        story = await asyncio.to_thread(told)
    except NothingKnown:
        raise HTTPException(404, f"The journals have no request of {event_id}.") from None
    return console.show(
        "why", request, session, title=f"Why {event_id}", story=story, event_id=event_id,
        passages=passages(story), live=False,  # type: ignore[arg-type]
    )  # fmt: skip


async def tree(console: "Console", request: Request, session: PageSession) -> Response:
    """Who stands under whom."""
    chronicle = console.state.chronicle
    stopped = [(name, left) for name, left in chronicle.left.items() if left.member.kind == "aggregator"]
    return console.show("tree", request, session, title="Tree", roots=branches(chronicle, console), stopped=stopped)


@dataclass(frozen=True, slots=True)
class Branch:
    """A party with those below it; homes are counted."""

    name: str
    role: str
    stage: str
    homes: int
    capacity_w: tuple[int, int]
    """To decrease and to increase load, as contracted."""
    below: "tuple[Branch, ...]"
    under_contract: bool


def branches(chronicle: Chronicle, console: "Console") -> tuple[Branch, ...]:
    """The tree by the settings of its parties, from the top."""
    settings = chronicle.settings
    children: dict[str, list[str]] = {}
    for one in settings.values():
        if isinstance(one, UtilitySettings):
            children[one.name] = [child for child in one.children if child in settings]
        elif isinstance(one, CoordinatorSettings | AggregatorSettings):
            children[one.name] = [member.name for member in one.members if member.kind == "aggregator"]
    below = {child for found in children.values() for child in found}
    stages = _stages(console)

    def branch(name: str, depth: int = 0) -> Branch:
        one = settings.get(name)
        members = one.members if isinstance(one, CoordinatorSettings | AggregatorSettings) else ()
        homes = [member for member in members if member.kind == "der"]
        capacity_w = sum(member.decrease_load_w for member in members), sum(one.increase_load_w for one in members)
        role = type(one).__name__.removesuffix("Settings").lower() if one is not None else "not known here"
        parts = tuple(branch(child, depth + 1) for child in children.get(name, ())) if depth < 12 else ()
        return Branch(name, role, stages.get(name, ""), len(homes), capacity_w, parts, name in below)

    return tuple(branch(name) for name in children if name not in below and name not in chronicle.left)


def _stages(console: "Console") -> dict[str, str]:
    """Where each party stands in the newest event that is open."""
    found: dict[str, str] = {}
    for one in console.state.views():
        if one.open:
            for row in one.rows:
                if row.standing.stage is not PartyStage.CLOSED:
                    found.setdefault(row.party.name, f"{words(row.standing.stage)} in {one.event_id}")
    return found


async def support(console: "Console", request: Request, session: PageSession) -> Response:
    """One home, for those who help its resident; who looked at which is logged."""
    name = request.query_params.get("home", "").strip()
    if not name:
        return console.show("support", request, session, title="Support", home=None, name="", live=False)
    console.audit.log(session.user, "looked at home", home=name)
    settings = console.state.chronicle.settings.get(name)
    member = next((row for row in fleet_view.books(console.state.chronicle) if row[1].name == name), None)
    if member is None and not isinstance(settings, DerSettings):
        raise HTTPException(404, f"No book here has a home {name}.")
    known = console.state.sockets.party(name)
    seen = [
        (one.event_id, edge, one)
        for one in console.state.views()
        for edge in one.edges
        if edge.edge.child == name
    ]  # fmt: skip
    return console.show(
        "support", request, session, title=f"Support: {name}", name=name, home=settings, member=member, seen=seen,
        status=known[1] if known is not None else None, live=False,
    )  # fmt: skip


def event_of(console: "Console", request: Request) -> EventView:
    """The event that a path names. Raises HTTPException."""
    event_id = str(request.path_params["event_id"])
    found = console.state.view(event_id)
    if found is None:
        raise HTTPException(404, f"Nothing is known of an event {event_id}.")
    return found


def chart(found: EventView, clock: Clockface) -> SlotChart | None:
    """Slot by slot; None while nothing is asked."""
    if not found.slots or found.start is None:
        return None
    start = found.start
    labels = [clock.slot(start, found.slot_s, slot) for slot in range(found.slots)]
    parts = [(part.name, part.power_w) for part in found.parts]
    length = timedelta(seconds=found.slot_s)
    delivered = {
        slot: round(wh * timedelta(hours=1) / length) for slot, wh in found.delivered_wh.items() if slot < found.slots
    }
    sent = [f"requested {plan(found.requested_w)}", *(f"{name} {plan(power_w)}" for name, power_w in parts)]
    sent += [f"awarded {plan(found.secured_w)}"] if found.secured_w else []
    sent += [f"short by {plan(found.shortfall_w)}"] if found.shortfall_w and any(found.shortfall_w) else []
    sent += [f"slot {slot + 1} delivered {kwh(wh)}" for slot, wh in found.delivered_wh.items()]
    deal_w = found.secured_w if found.secured_w is not None and len(found.secured_w) == found.slots else None
    return slot_chart(labels, found.requested_w, parts, deal_w, delivered, "; ".join(sent), found.shortfall_w)


def reasons(chronicle: Chronicle, found: EventView, clock: Clockface) -> list[ReasonLine]:
    """What the parties above homes told, the newest first; instants on the clocks of the viewer."""
    record = chronicle.records.get(found.event_id)
    if record is None:
        return []
    event = chronicle.event(found.event_id)
    roles = {name: party.role for name, party in event.parties.items()} if event is not None else {}
    told = [one for one in record.lines if worth_a_line(one, None if roles.get(one.party) == DER else Role.AGGREGATOR)]
    return [
        ReasonLine(
            one.at,
            one.party,
            one.step if one.step.startswith("S") else "",
            note_words(one._replace(data=_local(one.data, clock)), found.slots),
        )
        for one in reversed(told[-MOST_REASONS:])
    ]


def _local(data: Mapping[str, Any], clock: Clockface) -> dict[str, Any]:
    """A note's instants in the viewer's zone; they are texts where a journal was read."""
    return {
        key: clock.local(datetime.fromisoformat(str(value)))
        if key.endswith(("_by", "_at")) or key == "start"
        else value
        for key, value in data.items()
    }
