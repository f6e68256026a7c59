"""What a home without an actor is asked, and what it says: the messages of `Der`, field by field."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from agents.devices.contract import Flexibility
from agents.settings.parties import DerSettings
from protocol import messages as m
from protocol.actor import Send
from protocol.edges import Edge
from protocol.plan import Plan, zero
from protocol.units import Direction, step_instant


@dataclass(frozen=True, slots=True)
class Asked:
    """What many homes are asked alike, kept once."""

    event_id: str
    round: int
    direction: Direction
    period: m.IntervalPeriod
    power_w: Plan
    valid_until: datetime
    """Of an offer."""
    over_at: datetime
    """When the last slot is over."""


Known: TypeAlias = dict[tuple[object, ...], Asked]


def asked_by(request: m.Request, known: Known) -> Asked:
    """What a request asks; the same object for all that ask the same."""
    period = request.interval_period
    direction, power_w = request.direction, request.power_w
    key = (
        request.event_id, request.round, direction, period.start, period.duration, power_w, request.decide_by
    )  # fmt: skip
    asked = known.get(key)
    if asked is None:
        until = step_instant(request.decide_by, period.start, 50)
        over_at = period.slot_start(len(power_w))
        asked = known[key] = Asked(request.event_id, request.round, direction, period, power_w, until, over_at)
    return asked


class Said:
    """The messages of one home about the request that stands."""

    __slots__ = ("asked", "events", "request_id", "settings")
    settings: DerSettings
    asked: Asked
    events: tuple[str, ...]
    """The last one is the one that the rest is about."""
    request_id: str

    def _offered(self, answer: Flexibility, basis: m.Basis, at: datetime) -> Send:
        spec = self.settings.devices[0]
        relaxable = bool(getattr(spec, "relaxations", ()))
        parts: tuple[m.Resource, ...] = ()
        if relaxable or any(answer.power_w):
            part = {"resource_id": spec.resource_id, "kind": m.ResourceKind.VEHICLE, "power_w": answer.power_w,
                    "relaxable": relaxable}  # fmt: skip
            parts = (m.made(m.Resource, part),)
        said = {"opt": m.Opt.IN, "opt_reason": m.OptReason.PARTICIPATING, "power_w": answer.power_w,
                "available_w": answer.available_w, "binding": answer.binding, "basis": basis, "resources": parts,
                "valid_until": self.asked.valid_until}  # fmt: skip
        return self._send(m.made(m.Offer, self._head(self._offer_id(basis), at, 1) | said))

    def _opted_out(self, request: m.Request, answer: Flexibility, at: datetime) -> Send:
        nothing = zero(len(self.asked.power_w))
        said = {"opt": m.Opt.OUT, "opt_reason": m.OptReason.MUST_RUN, "power_w": nothing, "available_w": nothing,
                "binding": answer.binding, "basis": m.Basis.OWN, "resources": (),
                "valid_until": request.decide_by}  # fmt: skip
        return self._send(m.made(m.Offer, self._head(self._offer_id(m.Basis.OWN), at, 1) | said))

    def _confirm(self, award: m.Award, now: datetime) -> Send:
        message_id = f"{self.settings.name}.confirm.{award.award_id}.{award.revision}"
        said = {"award_id": award.award_id, "accepted": True, "reason": ""}
        return self._send(
            m.made(m.Confirm, self._head(message_id, now, award.revision) | {"round": award.round} | said)
        )

    def _offer_id(self, basis: m.Basis) -> str:
        return f"{self.settings.name}.offer.{basis}.{self.request_id}"

    def _head(self, message_id: str, now: datetime, revision: int) -> dict[str, Any]:
        return {"version": m.VERSION, "message_id": message_id, "sent_at": now, "extensions": {},
                "event_id": self.events[-1], "request_id": self.request_id, "round": self.asked.round,
                "revision": revision}  # fmt: skip

    def _send(self, message: m.Message) -> Send:
        return Send(Edge(self.settings.parent, self.settings.name), message)
