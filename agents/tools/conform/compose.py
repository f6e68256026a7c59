"""The messages of the aggregator that is played, made of a procedure's steps: what a step leaves out is right."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from pydantic import ValidationError

from agents.settings.checked import ConfigError
from agents.tools.conform.book import TrialBook, Uttered
from agents.tools.conform.procedure import SayStep
from agents.tools.conform.profile import DeviceProfile
from protocol import messages as m
from protocol.plan import Plan, excess, zero

USUAL = timedelta(minutes=30)
STARTS_IN_S = 3_600
PROGRAM = "conform"


def shares(plan_w: Plan, pct: int | tuple[int, ...]) -> Plan:
    """So many percent of a plan, W; the last percentage counts for the slots that are left."""
    each = (pct,) if isinstance(pct, int) else pct
    return tuple(power_w * each[min(slot, len(each) - 1)] // 100 for slot, power_w in enumerate(plan_w))


@dataclass(slots=True)
class Composer:
    """Of one procedure."""

    profile: DeviceProfile
    book: TrialBook
    prefix: str
    """Of its events' names: no other trial has them."""
    procedure: str = ""
    labels: dict[str, Uttered] = field(default_factory=dict)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def labelled(self, label: str | None) -> Uttered:
        """Raises ConfigError."""
        if label is None or label not in self.labels:
            raise ConfigError(
                f"procedure {self.procedure}: a step is about {label!r}, which nothing before it is called"
            )
        return self.labels[label]

    def message(self, step: SayStep, now: datetime) -> m.Message:
        """Raises ConfigError where the step's own fields are impossible."""
        kinds: dict[str, Any] = {
            "request": self._request,
            "relax": self._relax,
            "award": self._award,
            "dispatch": self._dispatch,
            "reject": self._reject,
        }
        model, fields = kinds[step.say](step, now)
        number = next(self._numbers)
        new_id = f"{self.profile.parent}.{step.say}.{self.prefix}.{number}"
        head = {
            "message_id": new_id if step.id_of is None else self.labelled(step.id_of).message.message_id,
            "sent_at": now + timedelta(seconds=step.sent_in_s),
        }
        try:
            made: m.Message = model.model_validate(head | fields | step.fields, strict=False)
        except ValidationError as error:
            raise ConfigError(f"procedure {self.procedure}: {step.say}: {error.errors()[0]['msg']}") from None
        return made

    def of_event(self, label: str | None) -> m.EventMessage:
        """The message of an event that a label is of. Raises ConfigError."""
        message = self.labelled(label).message
        if not isinstance(message, m.EventMessage):
            raise ConfigError(f"procedure {self.procedure}: a step is about {label!r}, which is no message of an event")
        return message

    def event(self, label: str, slot: int = 0) -> m.Request:
        """The newest request of the event that a label is of, which has to have the slot. Raises ConfigError."""
        request = self.book.request_of(self.of_event(label).event_id)
        if request is None or slot >= len(request.power_w):
            raise ConfigError(
                f"procedure {self.procedure}: a step is about slot {slot} of {label!r}, which has no such slot"
            )
        return request

    def _request(self, step: SayStep, now: datetime) -> tuple[type[m.Message], dict[str, Any]]:
        before = None if step.to is None else self.event(step.to)
        event_id = f"{self.prefix}-{next(self._numbers)}" if before is None else before.event_id
        answers_s = self.profile.answers_within_s
        duration = timedelta(seconds=self.profile.power_slot_s) if step.slot == "power" else USUAL
        soon_s = 2 * answers_s + 1 if step.slot == "power" else STARTS_IN_S
        start = _whole(now + timedelta(seconds=soon_s if step.starts_in_s is None else step.starts_in_s))
        period = m.IntervalPeriod(start=start, duration=duration) if before is None else before.interval_period
        reply_by = now + timedelta(seconds=answers_s if step.reply_in_s is None else step.reply_in_s)
        decide_by = max(reply_by, reply_by + (period.start - reply_by) / 2)
        direction = self.profile.first if step.direction == "first" else self.profile.other
        most_w = self.profile.most_w(direction) or self.profile.most_w(self.profile.first)
        slots = step.slots if before is None else len(before.power_w)
        return m.Request, {
            "event_id": event_id,
            "request_id": f"{event_id}.{step.revision}.{step.round}",
            "round": step.round,
            "revision": step.revision,
            "program_id": PROGRAM,
            "direction": direction if before is None else before.direction,
            "interval_period": period,
            "power_w": shares((most_w,) * slots, step.pct),
            "reply_by": reply_by,
            "decide_by": decide_by,
        }

    def _relax(self, step: SayStep, now: datetime) -> tuple[type[m.Message], dict[str, Any]]:
        offer, request = self._offer(step.to)
        reply_s = self.profile.answers_within_s if step.reply_in_s is None else step.reply_in_s
        return m.Relax, _about(request) | {
            "shortfall_w": excess(shares(request.power_w, step.pct), offer.power_w),
            "restrictions": tuple(m.Restriction),
            "reply_by": now + timedelta(seconds=reply_s),
        }

    def _award(self, step: SayStep, now: datetime) -> tuple[type[m.Message], dict[str, Any]]:
        about = self.labelled(step.to).message
        if isinstance(about, m.Award):  # a new revision of it
            request, accepts, plan_w = self.book.requests[about.request_id], about.accepts, about.power_w
            if (offer := self.book.offers.get(about.accepts or "")) is not None:
                plan_w = offer.power_w
        else:
            offer, request = self._offer(step.to)
            accepts, plan_w = offer.message_id, offer.power_w
        if step.under is not None:
            request = self.event(step.under)
        concluded = step.outcome == "concluded"
        return m.Award, _about(request) | {
            "revision": step.revision,
            "award_id": f"{request.event_id}.{self.profile.name}",
            "accepts": accepts if concluded else None,
            "outcome": step.outcome,
            "power_w": shares(plan_w, step.pct) if concluded else zero(len(plan_w)),
            "confirm_by": now + timedelta(seconds=self.profile.answers_within_s),
        }

    def _dispatch(self, step: SayStep, now: datetime) -> tuple[type[m.Message], dict[str, Any]]:
        about, slot = self.of_event(step.to), step.slot if isinstance(step.slot, int) else 0
        self.event(step.to or "", slot)
        request = self.book.requests[about.request_id]
        plan_w = about.power_w if isinstance(about, m.Award) else request.power_w
        power_w = shares(plan_w, step.pct)[slot]
        return m.Dispatch, _about(request) | {
            "award_id": about.award_id if isinstance(about, m.Award) else f"{about.event_id}.{self.profile.name}",
            "slot": slot,
            "power_w": request.direction.sign * power_w,
            "valid_for_s": int(request.interval_period.duration.total_seconds()),
        }

    def _reject(self, step: SayStep, now: datetime) -> tuple[type[m.Message], dict[str, Any]]:
        about = self.labelled(step.to).message
        return m.Reject, {
            "refused_id": about.message_id,
            "refused_kind": about.kind,
            "refused_by": "parent",
            "reason": "unknown_event",
            "text": "a trial: nothing has to be done about it",
        }

    def offer(self, label: str | None) -> m.Offer:
        """The offer that a label is of. Raises ConfigError."""
        offer = self.labelled(label).message
        if not isinstance(offer, m.Offer):
            raise ConfigError(f"procedure {self.procedure}: a step is about {label!r}, which is no offer")
        return offer

    def _offer(self, label: str | None) -> tuple[m.Offer, m.Request]:
        offer = self.offer(label)
        return offer, self.book.requests[offer.request_id]


def _about(request: m.Request) -> dict[str, Any]:
    return {"event_id": request.event_id, "request_id": request.request_id, "round": request.round, "revision": 1}


def _whole(at: datetime) -> datetime:
    """The next whole second."""
    return at.replace(microsecond=0) + timedelta(seconds=1 if at.microsecond else 0)
