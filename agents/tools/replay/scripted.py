"""A child that answers as it did in a recording, with the ids of now, and never more than it is asked.

What it was not asked then, it does not answer now: nobody knows what it would have said. Such questions are counted.
An award that is another one than then is delivered in the same proportion.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from agents.tools.replay.script import Answer, EventScript, Script
from protocol import messages as m
from protocol.actor import Effect, Input, Received, Send
from protocol.edges import Edge
from protocol.plan import add, least, zero
from protocol.rules import delivered_wh
from protocol.units import Direction, energy_wh


class Scripted:
    """The actor of one such child."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.counts: Counter[str] = Counter()
        """What it could not answer, in words."""
        self._to_say: list[tuple[datetime, int, Send]] = []
        self._own: dict[str, m.Offer] = {}
        self._requests: dict[str, m.Request] = {}
        self._awards: dict[str, m.Award] = {}
        self._number = 0

    # -- the contract of an actor

    @property
    def name(self) -> str:
        return self.script.name

    @property
    def deadline(self) -> datetime | None:
        return min((at for at, _, _ in self._to_say), default=None)

    def parents(self) -> tuple[str, ...]:
        return tuple(self.script.parents)

    def is_parent(self) -> bool:
        return False

    def knows(self, event_id: str) -> bool:
        return event_id in self._requests

    def at_rest(self, now: datetime) -> bool:
        return not self._to_say

    def status(self) -> Mapping[str, object]:
        return {"name": self.name, "role": "scripted", "counts": dict(self.counts)}

    def receive(self, item: Input, now: datetime) -> list[Effect]:
        if isinstance(item, Received) and isinstance(item.message, m.EventMessage):
            self._hear(item.edge, item.message, now)
        return self.wake(now)

    def wake(self, now: datetime) -> list[Effect]:
        due = sorted((say for say in self._to_say if say[0] <= now), key=lambda say: say[:2])
        self._to_say = [say for say in self._to_say if say[0] > now]
        return [self._as_metered(send) for _, _, send in due if self._still_true(send.message)]

    # -- what is asked of it

    def _hear(self, edge: Edge, message: m.EventMessage, now: datetime) -> None:
        script = self.script.events.get(message.event_id, EventScript())
        match message:
            case m.Request():
                known = self._requests.get(message.event_id)
                if known is None or known.message_id != message.message_id:
                    self._requests[message.event_id] = message
                    self._asked(edge, message, script, now)
            case m.Relax():
                self._asked_to_relax(edge, message, script, now)
            case m.Award():
                self._awarded(edge, message, script, now)

    def _asked(self, edge: Edge, request: m.Request, script: EventScript, now: datetime) -> None:
        if not script.asked:
            self.counts["was not asked then"] += 1
            return
        found = script.answer(request)
        if found is None:
            return  # it was asked then as well, and said nothing
        answer, took = found
        before = script.asked[max((r for r in script.asked if r <= request.round), default=min(script.asked))]
        if len(before.power_w) != len(request.power_w):
            self.counts["was asked for other slots then"] += 1
            return
        if any(a > b for a, b in zip(request.power_w, before.power_w, strict=True)):
            self.counts["was asked for less then"] += 1
        fitted = _fitted(self.name, answer, request, now + took)
        if isinstance(fitted, m.Offer):
            self._own[request.event_id] = fitted
        self._say(now + took, edge, fitted)

    def _asked_to_relax(self, edge: Edge, relax: m.Relax, script: EventScript, now: datetime) -> None:
        own, request = self._own.get(relax.event_id), self._requests.get(relax.event_id)
        if not script.relaxes:
            self.counts["was not asked to relax then"] += 1
            return
        last = next(reversed(script.relaxed.values()), None)
        if last is None or own is None or request is None:
            return
        relaxed, took = last
        if len(relaxed.power_w) != len(own.power_w):
            self.counts["was asked for other slots then"] += 1
            return
        most = add(own.power_w, relax.shortfall_w)
        power_w = tuple(max(a, b) for a, b in zip(own.power_w, least(relaxed.power_w, most), strict=True))
        changed = {"power_w": power_w, "available_w": _at_least(relaxed.available_w, power_w)}
        fitted = relaxed.model_copy(update=_ids(self.name, f"offer.{relaxed.basis}", request, now + took) | changed)
        until = max(relaxed.valid_until, request.decide_by)
        self._say(now + took, edge, fitted.model_copy(update={"valid_until": until}))

    def _awarded(self, edge: Edge, award: m.Award, script: EventScript, now: datetime) -> None:
        known = self._awards.get(award.event_id)
        concluded = award.outcome is m.Outcome.CONCLUDED
        refusal = script.refusal if concluded else ""
        fields = _ids(self.name, f"confirm.{award.award_id}.{award.revision}", award, now)
        self._say(now, edge, m.Confirm(**fields, award_id=award.award_id, accepted=not refusal, reason=refusal))
        if refusal:
            return
        self._awards[award.event_id] = award
        request = self._requests.get(award.event_id)
        if not concluded or request is None or (known is not None and known.outcome is m.Outcome.CONCLUDED):
            return
        for slot in range(len(award.power_w)):
            self._report(edge, request, slot, script)
        for at, withdrawal in script.withdrawals:
            self._say(max(at, now), edge, _withdrawn(self.name, withdrawal, award, at))

    # -- meter values

    def _report(self, edge: Edge, request: m.Request, slot: int, script: EventScript) -> None:
        """To be said when the slot is over; what it delivered is put in then, by the award that stands."""
        if script.readings and slot not in script.readings:
            return  # its meter was silent then
        at = request.interval_period.slot_start(slot + 1)
        reading = m.Reading(slot=slot, energy_wh=0, baseline_wh=0, state=m.EventStatus.ACTIVE)
        for to in {edge: None} | dict.fromkeys(script.reports_to):
            fields: dict[str, Any] = _ids(self.name, f"report.{to.parent}.{slot}", request, at)
            fields["revision"] = slot + 1
            report = m.Report(**fields, resource_id=script.reports_to.get(to, self.name), readings=(reading,))
            self._say(at, to, report)

    def _still_true(self, message: m.Message) -> bool:
        """Whether what was planned to be said is said: nothing of an award that no longer stands."""
        if not isinstance(message, m.Report | m.Withdraw):
            return True
        award = self._awards.get(message.event_id)
        return award is not None and award.outcome is m.Outcome.CONCLUDED

    def _say(self, at: datetime, edge: Edge, message: m.Message) -> None:
        self._number += 1
        self._to_say.append((at, self._number, Send(edge, message)))

    def _as_metered(self, send: Send) -> Send:
        """A planned report with the energy of the award that stands; all else as it was planned."""
        report = send.message
        if not isinstance(report, m.Report):
            return send
        award, request = self._awards[report.event_id], self._requests[report.event_id]
        script = self.script.events.get(report.event_id, EventScript())
        slot, span = report.readings[0].slot, request.interval_period.duration
        then, awarded = script.readings.get(slot), award.power_w[slot]
        energy, baseline = delivered(then, script.award, slot, awarded, request.direction, span)
        last = slot + 1 == len(award.power_w)
        state = m.EventStatus.COMPLETED if last else m.EventStatus.ACTIVE
        reading = m.Reading(slot=slot, energy_wh=energy, baseline_wh=baseline, state=state)
        return Send(send.edge, report.model_copy(update={"readings": (reading,)}))


def delivered(
    then: m.Reading | None, award: m.Award | None, slot: int, awarded_w: int, direction: Direction, span: timedelta
) -> tuple[int, int]:
    """Energy and baseline of a slot, signed Wh: in the proportion in which the recorded award was delivered."""
    wanted = energy_wh(awarded_w, span)
    if then is None:
        return direction.sign * wanted, 0
    awarded_then = energy_wh(award.power_w[slot], span) if award is not None and slot < len(award.power_w) else 0
    given = delivered_wh(direction, then.energy_wh, then.baseline_wh)
    change = given if wanted == awarded_then else wanted * given // awarded_then if awarded_then else wanted
    return then.baseline_wh + direction.sign * change, then.baseline_wh


def _fitted(name: str, answer: Answer, request: m.Request, at: datetime) -> Answer:
    """The recorded answer with the ids of now, capped to what is asked."""
    until = {"valid_until": max(answer.valid_until, request.decide_by)}
    if isinstance(answer, m.Alternative):
        options = tuple(
            option.model_copy(update={"power_w": least(option.power_w, request.power_w)}) for option in answer.options
        )
        ids = _ids(name, "alternative", request, at)
        return answer.model_copy(update=ids | until | {"options": options})
    power_w = least(answer.power_w, request.power_w)
    changed: dict[str, Any] = {"power_w": power_w, "available_w": _at_least(answer.available_w, power_w)}
    if not any(power_w):
        nothing = zero(len(power_w))
        out = {"opt": m.Opt.OUT, "power_w": nothing, "available_w": nothing}
        changed = out | ({"opt_reason": m.OptReason.MUST_RUN} if answer.opt is m.Opt.IN else {})
    return answer.model_copy(update=_ids(name, "offer.own", request, at) | until | changed)


def _at_least(plan: tuple[int, ...], least_w: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(max(a, b) for a, b in zip(plan, least_w, strict=True))


def _withdrawn(name: str, then: m.Withdraw, award: m.Award, at: datetime) -> m.Withdraw:
    still = least(then.power_w, award.power_w) if len(then.power_w) == len(award.power_w) else zero(len(award.power_w))
    fields = _ids(name, f"withdraw.{then.from_slot}", award, at)
    return then.model_copy(update=fields | {"award_id": award.award_id, "power_w": still})


def _ids(name: str, what: str, to: m.EventMessage, at: datetime) -> dict[str, Any]:
    """What an answer repeats of the message that it answers."""
    return {
        "message_id": f"{name}.{what}.{to.request_id}",
        "sent_at": at,
        "event_id": to.event_id,
        "request_id": to.request_id,
        "round": to.round,
        "revision": to.revision if isinstance(to, m.Award) else 1,
    }
