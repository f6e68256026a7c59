"""Part of an event: what the children say of their awards. They confirm them, refuse them, or withdraw what they cannot keep."""

from datetime import datetime
from typing import NamedTuple

from agents.negotiation.awards import Awards
from agents.negotiation.cause import WithdrawalCause, cause_of
from agents.negotiation.child import AwardRecord, Child
from agents.negotiation.children import Children, same_slots
from agents.negotiation.life import MOST
from agents.negotiation.out import Out
from agents.negotiation.subject import Subject
from protocol import messages as m
from protocol.errors import RefusedMessage, RejectReason
from protocol.plan import least


class TakenBack(NamedTuple):
    """A child gives less than its award: who and why, for us, and the word for those above."""

    text: str
    cause: WithdrawalCause


class Bound(NamedTuple):
    """A child has confirmed its award, or refused it."""

    refused: str = ""
    """Who refused it and why; empty: it is bound now."""


BOUND = Bound()
"""A child has confirmed."""


class AwardAnswers:
    """What the children of one event say of the awards that stand."""

    def __init__(self, out: Out, subject: Subject, children: Children, awards: Awards) -> None:
        self.out, self.subject, self.children, self.awards = out, subject, children, awards

    def standing(self, name: str, award_id: str) -> tuple[Child, AwardRecord]:
        """The child and its award of that id. Raises RefusedMessage where none stands."""
        child = self.children.by_name.get(name)
        award = child.award if child is not None else None
        if child is not None and award is not None:
            stands = self.awards.award_id(name, award)
            if award_id == stands:
                return child, award
            if child.awarded_w is not None and self._is_earlier(award_id, name, award):
                raise RefusedMessage(RejectReason.STALE, f"{award_id} is superseded by {stands}")
        raise RefusedMessage(RejectReason.UNKNOWN_AWARD, f"no award {award_id} stands with {name}")

    def _is_earlier(self, award_id: str, name: str, award: AwardRecord) -> bool:
        """Whether an id is that of an award of an earlier request than `award`, of which a child may not have heard yet."""
        said, latest = _order(award_id.removesuffix(f".{self.out.name}.{name}")), _order(award.request_id)
        return said is not None and latest is not None and said < latest

    def confirm(self, name: str, message: m.Confirm, now: datetime) -> Bound | None:
        """Take a confirm; None when nothing follows from it. A confirm of an older revision is answered with the
        newest, but for one that was refused. Raises RefusedMessage."""
        child, award = self.standing(name, message.award_id)
        refused = child.confirmed is False and award.outcome is m.Outcome.CONCLUDED
        if award.revision < message.revision < MOST and not refused:  # of what it knows nothing stands here
            self.awards.renumber(child, message.revision + 1, now)
            self.out.tell("own_memory_lost", peer=child.name, kind="award", number=message.revision + 1)
            return None
        if message.revision != award.revision:
            if not refused:  # what was refused is over
                self.awards.send_again(child, now)
            return None
        if refused:
            raise RefusedMessage(RejectReason.CONFLICT, f"{message.award_id} was refused before: that is final")
        self.awards.unconfirmed.pop(child.name, None)
        if award.outcome is not m.Outcome.CONCLUDED:
            return None
        if message.accepted and child.confirmed is None:
            child.confirmed = True  # what stands is the same
        else:
            self.children.bind(child, award, message.accepted)
        if not message.accepted:
            self.out.tell("award_refused", child=child.name, cause=message.reason)
            self._award_newest(child, award, now)
            return Bound(f"{child.name}: {message.reason}")
        if not self.awards.unconfirmed:
            awarded_w = self.children.awarded_w or self.subject.nothing_w
            self.out.tell("all_confirmed", children=self.children.awarded_count, power_w=awarded_w)
        return BOUND

    def _award_newest(self, child: Child, refused: AwardRecord, now: datetime) -> None:
        """What was firm in an earlier round does not stand with a child any more: what it has answered since does."""
        newest = child.newest
        if child.locked is None or newest is None or child.accepted != child.locked:
            return
        self.children.lock(child, None)
        power_w = least(newest.power_w, refused.power_w)
        if any(power_w):
            self.awards.give([(child, newest, power_w)], now)

    def withdraw(self, name: str, message: m.Withdraw, now: datetime) -> TakenBack:
        """A child can give less than its award; returns who and why. Raises RefusedMessage."""
        child, award = self.standing(name, message.award_id)
        if child.awarded_w is None:
            raise RefusedMessage(RejectReason.UNKNOWN_AWARD, f"no award {message.award_id} stands with {name}")
        same_slots(message.power_w, self.subject.slots)
        left = least(message.power_w, award.power_w)
        if child.accepted is not None:  # what it cannot give any more is not asked of it again
            child.accepted = child.accepted._replace(power_w=least(message.power_w, child.accepted.power_w))
        self.children.withdrawn[child.name] = None
        self.out.tell("withdrawn", child=child.name, cause=message.cause, power_w=left, awarded_w=award.power_w)
        self.awards.cut(child, left, message.cause, now)
        return TakenBack(f"{child.name}: {message.cause}", cause_of(message.cause))


def _order(request_id: str) -> tuple[int, int] | None:
    """Orders the requests of an event by their ids: revision, round. None: it is no such id."""
    match request_id.rsplit(".", 2):
        case [_, revision, round_] if revision.isdecimal() and round_.isdecimal():
            return int(revision), int(round_)
    return None
