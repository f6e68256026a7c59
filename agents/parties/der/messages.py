"""What a DER sends and notes in an event. State in, message out; the fields stand in their models' order."""

from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from agents.devices.contract import Flexibility
from agents.negotiation import taking_back
from agents.negotiation.rebound import Rebound
from agents.parties.der.terms import EventTerms
from protocol import messages as m
from protocol.actor import Note
from protocol.plan import Plan, zero
from protocol.rules import report_id, report_revision

M = TypeVar("M", bound=m.Message | m.Resource)


class Maker(Protocol):
    """Makes a message, or a part of one, of all its fields."""

    def __call__(self, model: type[M], fields: dict[str, Any], /) -> M: ...


def checked(model: type[M], fields: dict[str, Any], /) -> M:
    """Look at the fields; `protocol.messages.made` does not."""
    return model(**fields)


def offer_id(name: str, basis: m.Basis, request_id: str, revision: int = 1) -> str:
    """The id of the offer that a DER makes to a request; a correction has one of its own."""
    first = f"{name}.offer.{basis}.{request_id}"
    return first if revision == 1 else f"{first}.{revision}"


def offer(
    name: str, terms: EventTerms, request_id: str, answer: Flexibility, resources: tuple[m.Resource, ...],
    basis: m.Basis, at: datetime, make: Maker = checked, revision: int = 1, profiles: m.OfferedProfiles | None = None,
) -> m.Offer:  # fmt: skip
    """S51, S53: opt in, with one joint, firm profile; `profiles`: what it gives in its place, if that is wanted."""
    message_id = offer_id(name, basis, request_id, revision)
    fields = _head(message_id, at, terms.event_id, request_id, terms.round, revision)
    fields |= {"opt": m.Opt.IN, "opt_reason": m.OptReason.PARTICIPATING, "power_w": answer.power_w,
        "available_w": answer.available_w, "binding": answer.binding, "basis": basis, "resources": resources,
        "valid_until": terms.valid_until, "profiles": profiles}  # fmt: skip
    return make(m.Offer, fields)


def resource(
    name: str, kind: m.ResourceKind, power_w: Plan, relaxable: bool, make: Maker = checked
) -> tuple[m.Resource, ...]:  # fmt: skip
    """A device's part of an offer; none where it gives nothing and cannot be relaxed."""
    if not relaxable and not any(power_w):
        return ()
    return (make(m.Resource, {"resource_id": name, "kind": kind, "power_w": power_w, "relaxable": relaxable}),)


def opt_out(
    name: str, terms: EventTerms, request_id: str, reason: m.OptReason, binding: tuple[m.Restriction | None, ...],
    at: datetime, make: Maker = checked, revision: int = 1,
) -> m.Offer:  # fmt: skip
    """S51: opt out, with the reason."""
    nothing = zero(len(terms.power_w))
    message_id = offer_id(name, m.Basis.OWN, request_id, revision)
    fields = _head(message_id, at, terms.event_id, request_id, terms.round, revision)
    fields |= {"opt": m.Opt.OUT, "opt_reason": reason, "power_w": nothing, "available_w": nothing, "binding": binding,
        "basis": m.Basis.OWN, "resources": (), "valid_until": terms.decide_by, "profiles": None}  # fmt: skip
    return make(m.Offer, fields)


def confirm(name: str, award: m.Award, problem: str, at: datetime, make: Maker = checked) -> m.Confirm:
    """S54: whether an award is kept; `problem`: why not."""
    message_id = f"{name}.confirm.{award.award_id}.{award.revision}"
    fields = _head(message_id, at, award.event_id, award.request_id, award.round, award.revision)
    fields |= {"award_id": award.award_id, "accepted": not problem, "reason": problem}
    return make(m.Confirm, fields)


def report(name: str, request: m.Request, reading: m.Reading, at: datetime, number: int = 0) -> m.Report:
    """The smart meter's value of a slot; `number`: 0 for the first one."""
    message_id = report_id(name, request.request_id, reading.slot, number)
    revision = report_revision(reading.slot, len(request.power_w), number)
    head = _head(message_id, at, request.event_id, request.request_id, request.round, revision)
    return checked(m.Report, head | {"resource_id": name, "readings": (reading,)})


def has_dispatch(name: str, request: m.Request, slot: int, begun: bool, at: datetime, number: int) -> m.Report:
    """The answer to the dispatch of a slot: that it is there; `begun`: whether the slot has."""
    state = m.EventStatus.ACTIVE if begun else m.EventStatus.NEAR
    revision = report_revision(slot, len(request.power_w), number)
    message_id = f"{name}.has.{request.request_id}.{slot}.{number}"
    head = _head(message_id, at, request.event_id, request.request_id, request.round, revision)
    return checked(m.Report, head | {"resource_id": name, "readings": (), "slot": slot, "state": state})


def so_far(
    name: str, request: m.Request, slot: int, at: datetime, energies_wh: tuple[int, int], number: int
) -> m.Report:  # fmt: skip
    """What has flowed in a slot until an instant: metered, and what the own schedule would have taken, signed Wh."""
    revision = report_revision(slot, len(request.power_w), number)
    message_id = f"{name}.so-far.{request.request_id}.{slot}.{number}"
    head = _head(message_id, at, request.event_id, request.request_id, request.round, revision)
    fields = {"resource_id": name, "readings": (), "slot": slot, "state": m.EventStatus.ACTIVE, "measured_at": at}
    return checked(m.Report, head | fields | {"energy_wh": energies_wh[0], "baseline_wh": energies_wh[1]})


def rebound(name: str, request: m.Request, found: Rebound, at: datetime, number: int) -> m.Report:
    """What was taken back behind the event."""
    last = len(request.power_w) - 1
    revision = report_revision(last, len(request.power_w), number)
    message_id = f"{name}.rebound.{request.request_id}.{number}"
    head = _head(message_id, at, request.event_id, request.request_id, request.round, revision)
    fields = {"resource_id": name, "readings": (), "slot": last, "state": m.EventStatus.COMPLETED}
    return checked(m.Report, head | fields | {"extensions": found.extension()})


def withdrawal(
    name: str, award: m.Award, from_slot: int, cause: str, at: datetime, left_w: Plan | None = None,
    takes_back_w: Plan = (),
) -> m.Withdraw:  # fmt: skip
    """No more of an award from a slot on than is left of it, W; None: nothing. `takes_back_w`: by how much its load will
    lie on the other side of its schedule."""
    message_id = f"{name}.withdraw.{award.award_id}"
    if left_w is not None:
        message_id += f".{award.revision}"
    fields = _head(message_id, at, award.event_id, award.request_id, award.round, 1)
    power_w = zero(len(award.power_w)) if left_w is None else left_w
    fields |= {"award_id": award.award_id, "from_slot": from_slot, "power_w": power_w, "cause": cause}
    if any(takes_back_w):
        fields["extensions"] = {taking_back.KEY: list(takes_back_w)}
    return checked(m.Withdraw, fields)


def withdrawal_of(name: str, refusal: m.Confirm, slots: int, at: datetime) -> m.Withdraw:
    """Nothing of an award that was confirmed in an earlier life, and is refused in this one."""
    message_id = f"{name}.withdraw.{refusal.award_id}.{refusal.revision}"
    head = _head(message_id, at, refusal.event_id, refusal.request_id, refusal.round, 1)
    cause = f"{name} does not know what it had offered"
    return checked(
        m.Withdraw, head | {"award_id": refusal.award_id, "from_slot": 0, "power_w": zero(slots), "cause": cause}
    )


def _head(message_id: str, at: datetime, event_id: str, request_id: str, round_: int, revision: int) -> dict[str, Any]:
    return {"version": m.VERSION, "message_id": message_id, "sent_at": at, "extensions": {}, "event_id": event_id,
        "request_id": request_id, "round": round_, "revision": revision}  # fmt: skip


# -- notes


def offered(terms: EventTerms, answer: Flexibility, basis: m.Basis) -> Note:
    """S51, S53: what is offered of what is asked."""
    data = {"power_w": answer.power_w, "asked_w": terms.power_w, "binding": answer.binding}
    return Note("offered", terms.event_id, "S51" if basis is m.Basis.OWN else "S53", data)


def opted_out(terms: EventTerms, reason: m.OptReason, binding: tuple[m.Restriction | None, ...]) -> Note:
    """S51: why it does not take part."""
    return Note("opted_out", terms.event_id, "S51", {"reason": reason, "binding": binding})


def standing_by(award: m.Award, basis: m.Basis) -> Note:
    """S54: the contract that it stands by for."""
    return Note("standing_by", award.event_id, "S54", {"power_w": award.power_w, "basis": basis})


def not_metered(event_id: str, slot: int, resource_id: str) -> Note:
    """A device tells no energy of a slot: none is reported."""
    return Note("slot_not_metered", event_id, "meter", {"slot": slot, "resource_id": resource_id})


def holding_on(event_id: str, at: datetime, after_s: int) -> Note:
    """It takes nothing back yet."""
    return Note("holding_on", event_id, "control", {"until_at": at + timedelta(seconds=after_s)})


def closed(event_id: str, outcome: str) -> Note:
    """How the event ended."""
    return Note("closed", event_id, data={"outcome": outcome})
