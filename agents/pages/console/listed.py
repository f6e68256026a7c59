"""The views that are lists: the fleet, a step of the funnel, messages, deals, alerts, the audit log."""

import csv
import io
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from agents.history.edge import EdgeHistory
from agents.pages.chronicle import MessageLine
from agents.pages.console import fleet_view
from agents.pages.console.certificates import SOON_DAYS
from agents.pages.console.event_view import FUNNEL, EventView, passed
from agents.pages.console.fleet_view import Cut
from agents.pages.console.message_line import summary
from agents.pages.console.orders import said
from agents.pages.console.seeing import event_of
from agents.pages.web.accounts import PageSession
from agents.pages.web.site import clockface
from agents.settings.members import Member
from protocol.plan import zero

if TYPE_CHECKING:
    from agents.pages.console.app import Console

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for a formula at the beginning of a cell."""


async def fleet(console: "Console", request: Request, session: PageSession) -> Response:
    """Members, a page at a time."""
    chronicle = console.state.chronicle
    text, parent = request.query_params.get("q", "")[:64], request.query_params.get("parent", "")[:64]
    rows = fleet_view.found(chronicle, text, parent)
    cut = Cut.of(len(rows), _number(request))
    online = console.state.online
    part = rows[cut.slice()]
    learned = await _learned(console, part)
    ends = console.state.certificates
    shown = [
        fleet_view.row(
            chronicle, *one, online, learned.get((one[0], one[1].name)),
            ends.days(one[1].name) if ends is not None else None,
        )
        for one in part
    ]  # fmt: skip
    parents = list(dict.fromkeys(above for above, _ in fleet_view.books(chronicle)))
    return console.show(
        "fleet", request, session, title="Fleet", rows=shown, cut=cut, q=text, parent=parent, parents=parents,
        presence=bool(online), certificates=ends is not None, soon_days=SOON_DAYS,
    )  # fmt: skip


async def _learned(console: "Console", part: list[tuple[str, Member]]) -> dict[tuple[str, str], int]:
    """What is expected of the members of a page, asked of their parents."""
    books = list(fleet_view.books(console.state.chronicle))
    found: dict[tuple[str, str], int] = {}
    for parent in dict.fromkeys(above for above, _ in part):
        own = [member.name for above, member in books if above == parent]
        first = own.index(next(member.name for above, member in part if above == parent))
        told = await console.state.sockets.learned(parent, own[first - 1] if first else None)
        found |= {(parent, name): pct for name, pct in told.items()}
    return found


async def funnel(console: "Console", request: Request, session: PageSession) -> Response:
    """Who has come to a step, or who of those before it has not."""
    view, step = event_of(console, request), str(request.path_params["step"])
    if step not in FUNNEL:
        raise HTTPException(404, f"The funnel has no step {step}.")
    text = request.query_params.get("q", "")[:64].lower()
    lost = request.query_params.get("lost") == "1"
    before = FUNNEL[max(0, FUNNEL.index(step) - 1)]
    wanted: Callable[[EdgeHistory], bool]
    wanted = (lambda edge: passed(edge, before) and not passed(edge, step)) if lost else lambda edge: passed(edge, step)
    edges = [edge for edge in view.edges if wanted(edge) and text in edge.edge.child.lower()]
    cut = Cut.of(len(edges), _number(request))
    return console.show(
        "funnel", request, session, title=f"{view.event_id}: {step}", view=view, step=step, edges=edges[cut.slice()],
        cut=cut, q=text, lost=lost, before=before, counts=view.counts(), steps=FUNNEL,
    )  # fmt: skip


async def messages(console: "Console", request: Request, session: PageSession) -> Response:
    """What was sent about an event, the newest first."""
    view = event_of(console, request)
    record = console.state.chronicle.records.get(view.event_id)
    text = request.query_params.get("q", "")[:64].lower()
    lines = [one for one in reversed(record.messages) if _has(one, text)] if record is not None else []
    cut = Cut.of(len(lines), _number(request))
    clock = clockface(request)
    shown = [(one, summary(one, view.slots, clock)) for one in lines[cut.slice()]]
    return console.show(
        "messages", request, session, title=f"Messages of {view.event_id}", view=view, lines=shown, cut=cut, q=text
    )


async def deals(console: "Console", request: Request, session: PageSession) -> Response:
    """What came of every event."""
    views = console.state.views()
    cut = Cut.of(len(views), _number(request))
    return console.show(
        "deals", request, session, title="Deals", rows=[_settled(view) for view in views[cut.slice()]], cut=cut,
        said=said,
    )  # fmt: skip


async def deals_csv(console: "Console", request: Request, session: PageSession) -> Response:
    """The same as a table for others; what is not known is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head = ("event_id", "party", "role", "direction", "start", "slots", "slot_s", "requested_wh", "awarded_wh",
            "delivered_wh", "due_wh", "stage", "outcome", "slots_metered")  # fmt: skip
    writer.writerow(head)
    for view in console.state.views():
        for row in view.rows:
            party = row.party
            start = view.start.isoformat() if view.start is not None else ""
            told, closed = view.metered_wh(party), bool(party.outcome)
            line = (
                view.event_id, party.name, party.role, view.direction or "", start, view.slots, view.slot_s,
                view.total_wh(party.requested_w), view.total_wh(party.secured_w or (zero(view.slots) if closed else None)),
                sum(told.values()) if told else None, party.awarded_wh, row.standing.stage, party.ending, len(told),
            )  # fmt: skip
            writer.writerow([_cell(value) for value in line])
    name = "attachment; filename=gridpact-deals.csv"
    return Response(out.getvalue(), media_type="text/csv", headers={"Content-Disposition": name})


async def alerts(console: "Console", request: Request, session: PageSession) -> Response:
    """What the daemons notice of their own losses."""
    found = sorted(
        console.state.alerts.values(), key=lambda one: (one.over_at is not None, one.since_at), reverse=False
    )
    return console.show("alerts", request, session, title="Alerts", alerts=found)


async def audit(console: "Console", request: Request, session: PageSession) -> Response:
    """Who ordered or looked at what."""
    return console.show("audit", request, session, title="Audit log", lines=console.audit.last(), live=False)


def _has(line: MessageLine, text: str) -> bool:
    return not text or text in line.edge.child.lower() or text in line.edge.parent.lower() or text in line.message.kind


def _settled(view: EventView) -> tuple[EventView, int | None, int | None, int]:
    """Awarded, delivered, and due of the slots that are over, Wh; None: there is none, or no meter told."""
    told = view.delivered_wh
    return view, view.total_wh(view.awarded_w), sum(told.values()) if told else None, view.due_wh


def _cell(value: object) -> object:
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA) else value


def _number(request: Request) -> int:
    text = request.query_params.get("page", "1")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 1
