"""The bounds that plans were told with, computed again: from nothing but the requests that an aggregator sent, the offers
that it heard and its contracts, by other lines than those that made them (docs/plan.md).

For the weights that a `plan_found` tells, every member that takes part counts with the most weighted power of what it told,
where it was asked for its best with them and tells that its profiles can be mixed; else with what its contract allows."""

from collections import defaultdict
from dataclasses import dataclass, field

from agents.settings.parties import AggregatorSettings
from broker.recording_file import Step
from protocol import messages as m
from protocol.actor import Note, Received, Send
from protocol.entries import decode_effects, decode_input
from protocol.plan import Plan
from protocol.units import Direction

ANSWER, TOLD = b'"kind":"offer"', (b'"request_received"', b'"plan_found"')
ROUNDING_PM = 1
"""Profiles are told in whole watts."""
NOT_COUNTED = ("late_answer_recorded", "message_refused")


@dataclass(slots=True)
class _Known:
    """Of one member in one event."""

    asked: m.WantedProfiles | None = None
    revision: int = 0
    told: list[Plan] = field(default_factory=list)
    answered: bool = False
    """Whether it told its best profiles for what it was asked last."""
    takes_part: bool = False


@dataclass(slots=True)
class TakenBounds:
    """What one aggregator has told of its plans, and what comes of it again."""

    settings: AggregatorSettings
    checked: int = 0
    wrong: list[str] = field(default_factory=list)
    _subjects: dict[str, tuple[Plan, Direction]] = field(default_factory=dict)
    """By event what is asked for, W, and in which direction."""
    _known: defaultdict[tuple[str, str], _Known] = field(default_factory=lambda: defaultdict(_Known))

    def take(self, step: Step) -> None:
        """One step of it, in its order."""
        if ANSWER in step.input:
            self._offer(step)
        if b'"kind":"request"' in step.effects or any(name in step.effects for name in TOLD):
            for effect in decode_effects(step.effects):
                if isinstance(effect, Send) and isinstance(effect.message, m.Request):
                    self._request(effect.edge.child, effect.message)
                elif isinstance(effect, Note) and effect.name == "request_received":
                    asked_w, direction = _whole(effect.data["requested_w"]), Direction(str(effect.data["direction"]))
                    self._subjects[effect.event_id] = asked_w, direction
                elif isinstance(effect, Note) and effect.name == "plan_found" and "bound_pm" in effect.data:
                    self._check(effect)

    def _request(self, name: str, request: m.Request) -> None:
        known = self._known[request.event_id, name]
        if known.revision != request.revision:
            self._known[request.event_id, name] = known = _Known(revision=request.revision)
        known.asked, known.answered = request.profiles, False

    def _offer(self, step: Step) -> None:
        taken = decode_input(step.input)
        if not isinstance(taken, Received) or not isinstance(taken.message, m.Offer):
            return
        offer = taken.message
        if any(isinstance(e, Note) and e.name in NOT_COUNTED for e in decode_effects(step.effects)):
            return
        known = self._known[offer.event_id, taken.edge.child]
        known.takes_part = offer.opt is m.Opt.IN
        if not known.takes_part:
            known.told = []
        elif offer.basis is m.Basis.OWN:
            known.told += [offer.power_w, *(() if offer.profiles is None else offer.profiles.power_w)]
            known.answered = known.asked is not None and offer.profiles is not None and offer.profiles.mixable

    def _check(self, note: Note) -> None:
        (asked_w, direction), weights = self._subjects[note.event_id], _whole(note.data["weights"])
        told_pm, most = _number(note.data["bound_pm"]), 0
        for member in self.settings.members:
            known = self._known.get((note.event_id, member.name))
            if known is not None and known.takes_part:
                most += _most(known, member.most_w(direction), weights, asked_w)
        found_pm = -(-most * 1_000 // _weighed(asked_w, weights))
        self.checked += 1
        if told_pm < found_pm - ROUNDING_PM:
            self.wrong.append(
                f"{self.settings.name} told in {note.event_id} that no plan meets more than {told_pm} thousandths of the "
                f"request; what its members told bounds it at {found_pm} only"
            )


def _most(known: _Known, most_w: int | None, weights: Plan, asked_w: Plan) -> int:
    """The most weighted power that a member could give, W."""
    if known.answered:
        return max(
            _weighed(plan if most_w is None else tuple(min(w, most_w) for w in plan), weights) for plan in known.told
        )
    return (most_w or 0) * sum(weight for weight, power in zip(weights, asked_w, strict=True) if power)


def _weighed(plan: Plan, weights: Plan) -> int:
    return sum(power * weight for power, weight in zip(plan, weights, strict=True))


def _whole(given: object) -> Plan:
    return tuple(map(_number, given)) if isinstance(given, list | tuple) else ()


def _number(given: object) -> int:
    if not isinstance(given, int):
        raise TypeError(f"{given!r} is no whole number")
    return given
