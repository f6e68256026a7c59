"""One child in one event: what it was asked, answered and was awarded, as flat as a crowd needs it."""

from dataclasses import dataclass
from datetime import datetime
from operator import gt
from typing import NamedTuple

from protocol import messages as m
from protocol.plan import Plan
from protocol.rules import worth

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
    profiles: tuple[Plan, ...] = ()
    """What it gives in its place, if that is wanted, W: any one of these, or less."""
    mixable: bool = False
    """Whether it gives any mix of them, and of what it offers, as well."""
    offered_w: Plan = ()
    """What it offered first, W, where a plan counts another one of its profiles, or a mix; else empty."""
    alone: bool = False
    """Whether it stands for itself: an aggregator does not give what it told in earlier answers beside it."""

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
    profiles: m.WantedProfiles | None = None


@dataclass(frozen=True, slots=True)
class RelaxRecord:
    """A relax, the same to all who are asked in a stage."""

    shortfall_w: Plan
    restrictions: tuple[m.Restriction, ...]
    sent_at: datetime
    reply_by: datetime
    profiles: m.WantedProfiles | None = None


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


class KeptAward(NamedTuple):
    """What stood with a child before the event was changed: it stands again where nothing comes of the change."""

    request: RequestRecord
    award: AwardRecord
    accepted: ChildAnswer | None
    confirmed: bool | None


@dataclass(slots=True)
class Child:
    """One child in one event."""

    name: str
    request: RequestRecord | None = None
    relax: RelaxRecord | None = None
    own: ChildAnswer | None = None
    relaxed: ChildAnswer | None = None
    locked: ChildAnswer | None = None
    """What was firm in an earlier round of this revision: it stands until a better one is firm."""
    promised: tuple[ChildAnswer | None, ...] = ()
    """What counted when earlier rounds were answered above, the newest last: each of those answers may be awarded still."""
    set_aside: bool = False
    """What it answered of its own makes the sum worse: what is locked counts in its place."""
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
    def is_owed(self) -> bool:
        """Whether an answer of it, or what is locked of an earlier round, has not been answered by an award yet."""
        return self.owed or (self.locked is not None and self.award is None)

    @property
    def newest(self) -> ChildAnswer | None:
        """Of the answers to its request the relaxed one where there is one, else the own one (S29)."""
        return self.relaxed or self.own

    @property
    def best(self) -> ChildAnswer | None:
        """The newest answer, or what is locked as long as that is not as good. What was loosened in an earlier round
        counts from when it is asked to loosen again: the rungs before that come first in every round."""
        newest, locked = self.relaxed or (None if self.set_aside else self.own), self.locked
        if locked is None or self.is_as_good(newest, locked):
            return newest
        too_early = locked.basis is m.Basis.RELAXED and newest is not None and self.relax is None
        return newest if too_early else locked

    def is_as_good(self, newest: ChildAnswer | None, locked: ChildAnswer) -> bool:
        """Whether a newer answer takes the place of what is locked: by what is asked now, then by all that it gives; what a
        plan wants of it always does."""
        if newest is None or self.request is None:
            return False
        if newest.offered_w:
            return True
        asked_w, new_w, old_w = self.request.power_w, newest.power_w, locked.power_w
        return (worth(new_w, asked_w), sum(new_w)) >= (worth(old_w, asked_w), sum(old_w))

    @property
    def profiles(self) -> tuple[Plan, ...]:
        """All that it offers of its own, in this round or before, W: it gives any one of these."""
        own, locked = self.own, None if self.own is not None and self.own.alone else self.locked
        answers = [one for one in (own, locked) if one is not None and one.basis is m.Basis.OWN]
        return tuple(dict.fromkeys(plan for one in answers for plan in (one.power_w, *one.profiles)))

    @property
    def awarded_w(self) -> Plan | None:
        """The power of the deal that stands with it, W."""
        if self.award is None or self.award.outcome is not m.Outcome.CONCLUDED or self.confirmed is False:
            return None
        return self.award.power_w

    def is_bound_to(self, power_w: Plan) -> bool:
        """Whether it has confirmed an award of its request of at least so much, W."""
        award, awarded_w = self.award, self.awarded_w
        if award is None or awarded_w is None or self.request is None or not self.confirmed:
            return False
        return award.request_id == self.request.request_id and not any(map(gt, power_w, awarded_w))

    @property
    def spare(self) -> bool:
        """Whether it offered more than it was awarded."""
        awarded_w, accepted = self.awarded_w, self.accepted
        return awarded_w is not None and accepted is not None and any(map(gt, accepted.power_w, awarded_w))

    def backing(self, number: int) -> ChildAnswer | None:
        """What backs the answer of that number to earlier rounds."""
        return (self.promised[number] if number < len(self.promised) else None) or self.locked

    @property
    def unrelaxed(self) -> ChildAnswer | None:
        """What stands without anything being loosened for it."""
        own, locked = None if self.set_aside else self.own, self.locked
        return own or (locked if locked is not None and locked.basis is m.Basis.OWN else None)

    def answer(self, basis: m.Basis) -> ChildAnswer | None:
        """What stands on one of the two computations."""
        return self.best if basis is m.Basis.RELAXED else self.unrelaxed

    def may_have_sold(self, request: RequestRecord) -> bool:
        """Whether it may have concluded downward by the mandate of a revision that `request` supersedes."""
        before = self.request
        return (
            before is not None and before.terms.mandate and before.revision != request.revision and not self.opted_out
        )

    def relaxable(self) -> bool:
        """Whether S28 asks it: participating, with a vehicle whose owner agreed to loosen something."""
        return self.own is not None and self.own.relaxable
