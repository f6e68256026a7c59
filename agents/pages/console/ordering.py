"""The views that order something. Each order takes two steps, and stands in the audit log before it is given."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from agents.history.standing import PartyStage
from agents.pages.console import fleet_view, orders
from agents.pages.console.event_view import EventView, PartyRow
from agents.pages.console.orders import said
from agents.pages.console.seeing import event_of
from agents.pages.web.accounts import PageSession
from agents.pages.web.site import Mistaken, clockface
from agents.runtime.daemon.commands import CommandRefusal
from agents.settings.parties import EventSettings

if TYPE_CHECKING:
    from agents.pages.console.app import Console

MOST_REASON = 200


async def request(console: "Console", request: Request, session: PageSession) -> Response:
    """Step one: a form, and what the fleet could probably give for it."""
    clock = clockface(request)
    if request.method == "GET":
        return console.show("request", request, session, title="New request", fields={}, wrong="", live=False)
    fields = await console.form(request, session)
    try:
        event = orders.event_of(fields, console.state.now(), clock.zone)
    except Mistaken as mistake:
        return console.show(
            "request", request, session, 422, title="New request", fields=fields, wrong=str(mistake), live=False
        )
    found = await orders.could_give(console.state.sockets, event)
    key = session.draft({"event": event.model_dump(mode="json", exclude_none=True)})
    changes = console.state.chronicle.event(event.event_id) is not None
    return console.show(
        "preview", request, session, title="Check the request", event=event, found=found, key=key,
        said=said, changes=changes, live=False,
    )  # fmt: skip


async def issue(console: "Console", request: Request, session: PageSession) -> Response:
    """Step two: it is asked."""
    fields = await console.form(request, session)
    draft = session.drafts.pop(fields.get("key", ""), {})
    if "event" not in draft:
        raise Mistaken("this request was issued already, or is too old: begin anew")
    event = EventSettings.model_validate(draft["event"])
    console.audit.log(session.user, "issue", event=draft["event"])
    await orders.issue(console.state.sockets, event)
    await console.state.known(event.event_id)
    return RedirectResponse(f"/event/{event.event_id}", 303)


async def stop_event(console: "Console", request: Request, session: PageSession) -> Response:
    """An event: what that means, then the word."""
    view = event_of(console, request)
    if request.method == "GET":
        key = session.draft({"stop": [view.event_id]})
        return console.show(
            "stop", request, session, title=f"Stop {view.event_id}", events=[view], key=key, live=False, said=said
        )
    return await _stopped(console, request, session)


async def stop_everything(console: "Console", request: Request, session: PageSession) -> Response:
    """All events that are open."""
    if request.method == "GET":
        views = [one for one in console.state.views() if one.open]
        key = session.draft({"stop": [one.event_id for one in views]})
        return console.show(
            "stop", request, session, title="Stop everything", events=views, key=key, live=False, said=said
        )
    return await _stopped(console, request, session)


async def stop_party(console: "Console", request: Request, session: PageSession) -> Response:
    """One aggregator: what that takes from whom, then the word."""
    name, chronicle = str(request.path_params["party"]), console.state.chronicle
    found = next((one for one in fleet_view.books(chronicle) if one[1].name == name), None)
    if found is None or found[1].kind != "aggregator":
        raise HTTPException(404, f"No book here has an aggregator {name}.")
    parent = found[0]
    if request.method == "GET":
        part = [row for view in console.state.views() if view.open for row in _part_of(view, name)]
        key = session.draft({"stop party": name})
        return console.show(
            "stop_party",
            request,
            session,
            title=f"Stop {name}",
            name=name,
            parent=parent,
            part=part,
            key=key,
            said=said,
            live=False,
        )
    await _sure_of(console, request, session, "stop party", name)
    console.audit.log(session.user, "stop aggregator", party=name, parent=parent)
    await orders.stop_party(console.state.sockets, parent, name)
    await console.state.seen(lambda: name in chronicle.left)
    return RedirectResponse("/tree", 303)


def _part_of(view: EventView, name: str) -> Iterator[tuple[EventView, PartyRow]]:
    return ((view, row) for row in view.rows if row.party.name == name and row.standing.stage is not PartyStage.CLOSED)


async def take_in(console: "Console", request: Request, session: PageSession) -> Response:
    """An aggregator that was stopped takes part again, by the contract that it had."""
    name, chronicle = str(request.path_params["party"]), console.state.chronicle
    left = chronicle.left.get(name)
    if left is None:
        raise HTTPException(404, f"{name} was not stopped, as far as the journals here tell.")
    if request.method == "GET":
        key = session.draft({"take in": name})
        return console.show(
            "take_in", request, session, title=f"Take {name} in again", name=name, left=left, key=key, live=False
        )
    await _sure_of(console, request, session, "take in", name)
    console.audit.log(session.user, "take in aggregator", party=name, parent=left.parent)
    await orders.take_in(console.state.sockets, left.parent, left.member)
    await console.state.seen(lambda: name not in chronicle.left)
    return RedirectResponse("/tree", 303)


async def _sure(
    console: "Console", request: Request, session: PageSession, about: str
) -> tuple[dict[str, str], object]:
    """The second step: its fields, and what the first one has kept about what it orders. Raises Mistaken."""
    fields = await console.form(request, session)
    draft = session.drafts.pop(fields.get("key", ""), {})
    if about not in draft:
        raise Mistaken("this was ordered already, or is too old: begin anew")
    if fields.get("sure") != "yes":
        raise Mistaken("say that you are sure: nothing was ordered")
    return fields, draft[about]


async def _sure_of(console: "Console", request: Request, session: PageSession, about: str, name: str) -> None:
    """The same, where the first step was about this party. Raises Mistaken."""
    _, meant = await _sure(console, request, session, about)
    if meant != name:
        raise Mistaken(f"this form was about {meant}: begin anew")


async def _stopped(console: "Console", request: Request, session: PageSession) -> Response:
    fields, events = await _sure(console, request, session, "stop")
    reason = fields.get("reason", "").strip()[:MOST_REASON] or "cancelled by the operator"
    assert isinstance(events, list)
    refused = []
    await console.state.look()  # another operator may have been quicker
    for event_id in events:
        view = console.state.view(event_id)
        if view is not None and not view.open:
            refused.append(f"{event_id} is over already: {view.top.outcome.replace('_', ' ')}; nothing was ordered")
            continue
        console.audit.log(session.user, "stop", event_id=event_id, reason=reason)
        try:
            await orders.stop(console.state.sockets, event_id, reason)
        except CommandRefusal as refusal:  # the others are stopped all the same
            refused.append(f"{event_id}: {refusal}")
    if refused:
        raise CommandRefusal("; ".join(refused))
    return RedirectResponse(f"/event/{events[0]}" if len(events) == 1 else "/", 303)


async def acknowledge(console: "Console", request: Request, session: PageSession) -> Response:
    """Somebody has seen an alert."""
    fields = await console.form(request, session)
    alert = console.state.alerts.get(fields.get("alert", ""))
    if alert is None:
        raise Mistaken("this alert is not known any more")
    console.audit.log(session.user, "acknowledge", alert=alert.key, text=alert.text)
    alert.acknowledged_by, alert.acknowledged_at = session.user, datetime.now(UTC)
    console.state.changes.notify()
    return RedirectResponse("/alerts", 303)
