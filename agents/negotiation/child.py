"""One child in one event: what it was asked, answered and was awarded, as flat as a crowd needs it."""

from dataclasses import dataclass
from datetime import datetime
from operator import gt
from typing import NamedTuple

from protocol import messages as m
from protocol.plan import Plan

CHILD = "*"
"""For the child's name in what is kept of its ids; no id has this character."""


def in_short(ref: str, name: str) -> str:
    """An id of a child as it is kept."""
    return ref.replace(name, CHILD, 1)


def in_full(ref: str, name: str) -> str:
    """The same as it travels."""
    return ref.replace(CHILD, name, 1)


class ChildAnswer(NamedTuple):
    """A firm profile that a child can be held to, from an offer or from one option of an alternative."""

    ref: str
    """What an award names (the offer's message_id or the option's id), with `CHILD` for the child's name: so those of
    a crowd are equal, and one object."""
    power_w: Plan
    available_w: Plan
    basis: m.Basis
    valid_until: datetime
    relaxable: bool = False
    """Whether a vehicle (or an aggregator) behind it can be asked to loosen something."""
    alternative: bool = False

    def of(self, name: str) -> str:
        """What an award to a child names."""
        return in_full(self.ref, name)


class RequestRecord(NamedTuple):
    """A request as its sender keeps it: what is needed to judge its answers and to say it again. A crowd's messages
    themselves would take ten times the memory."""

    request_id: str
    round: int
    revision: int
    program_id: str
    power_w: Plan
    sent_at: datetime
    reply_by: datetime
    decide_by: datetime
    terms: m.Terms


@dataclass(frozen=True, slots=True)
class RelaxRecord:
    """A relax, the same to all who are asked in a stage."""

    shortfall_w: Plan
    restrictions: tuple[m.Restriction, ...]
    sent_at: datetime
    reply_by: datetime


class AwardRecord(NamedTuple):
    """An award as its sender keeps it."""

    request_id: str
    round: int
    revision: int
    outcome: m.Outcome
    power_w: Plan
    accepts: str | None
    """With `CHILD` for the child's name, as in its answer."""
    reason: str
    sent_at: datetime
    confirm_by: datetime


@dataclass(slots=True)
class Child:
    """One child in one event."""

    name: str
    request: RequestRecord | None = None
    relax: RelaxRecord | None = None
    own: ChildAnswer | None = None
    relaxed: ChildAnswer | None = None
    revisions: tuple[int, int, int] = (0, 0, 0)
    """The latest of its own offer, its relaxed offer, its alternative."""
    opted_out: bool = False
    owed: bool = False
    """It gave an answer (late ones included) that has not been answered by an award yet."""
    award: AwardRecord | None = None
    accepted: ChildAnswer | None = None
    confirmed: bool | None = None
    """None: not heard yet; False: refused, cancelled or never heard."""
    bound_before: bool = False
    """It held an award of a superseded request (or might sell by its mandate) and has not answered the new one: it
    may not know."""

    @property
    def best(self) -> ChildAnswer | None:
        """The relaxed answer where there is one, else the own one (S29)."""
        return self.relaxed or self.own

    @property
    def awarded_w(self) -> Plan | None:
        """The power of the deal that stands with it, W."""
        if self.award is None or self.award.outcome is not m.Outcome.CONCLUDED or self.confirmed is False:
            return None
        return self.award.power_w

    @property
    def spare(self) -> bool:
        """Whether it offered more than it was awarded."""
        awarded_w, accepted = self.awarded_w, self.accepted
        return awarded_w is not None and accepted is not None and any(map(gt, accepted.power_w, awarded_w))

    def answer(self, basis: m.Basis) -> ChildAnswer | None:
        """What stands on one of the two computations."""
        return self.relaxed if basis is m.Basis.RELAXED else self.own

    def may_have_sold(self, request: RequestRecord) -> bool:
        """Whether it may have concluded downward by the mandate of a revision that `request` supersedes."""
        before = self.request
        return (
            before is not None and before.terms.mandate and before.revision != request.revision and not self.opted_out
        )

    def relaxable(self) -> bool:
        """Whether S28 asks it: participating, with a vehicle whose owner agreed to loosen something."""
        return self.own is not None and self.own.relaxable
