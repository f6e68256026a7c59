"""The second half of an event at a parent: award, chase the confirmations, repair, close.

Every award ends in one of: confirmed, refused, or cancelled at `confirm_by`. What is lost that way is first taken
from others that offered more than they were awarded, then stated upward as a shortfall; nobody is left waiting.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from operator import gt

from agents.negotiation.announcer import Announcer
from agents.negotiation.asking import Asking, Released, Stage
from agents.negotiation.child import Answer, Child, Given, in_full
from agents.negotiation.template import Alike
from protocol import messages as m
from protocol.edges import Edge
from protocol.errors import RefusedMessage, RejectReason
from protocol.plan import Plan, add, excess, least, shortfall
from protocol.units import step_instant

REPEATS = 4
"""How often an unconfirmed award is published again until `confirm_by`, and a cancellation at most."""


class Negotiation(Asking):
    """The state of one event at a parent."""

    def __init__(self, party: Announcer, event_id: str, names: tuple[str, ...], claims: Mapping[str, str]) -> None:
        super().__init__(party, event_id, names, claims)
        self.on_timer["chase"] = self._chase
        self.unconfirmed: dict[str, None] = {}
        self.confirm_by: datetime | None = None
        self.awards: Alike[m.Award] = Alike()

    # -- what the roles say

    def own_power_w(self) -> Plan:
        """What the party itself adds to the deal (its storage), W."""
        return (0,) * len(self.asked_w)

    def add_own_power(self, missing_w: Plan, now: datetime) -> Plan:
        """Take as much of what is missing upon itself as it can; returns what it took, W."""
        return (0,) * len(missing_w)

    def state_shortfall(self, missing_w: Plan, cause: str, now: datetime) -> None:
        """What could not be replaced."""
        raise NotImplementedError

    def metered(self, reading: m.Reading, now: datetime) -> None:
        """A slot of the delivery is summed up."""
        raise NotImplementedError

    def finished(self, delivered_wh: int, now: datetime) -> None:
        """The last slot is summed up."""
        raise NotImplementedError

    def ask(
        self,
        plans: Mapping[str, Plan],
        reply_by: datetime,
        decide_by: datetime,
        terms: m.Terms,
        program_id: str,
        now: datetime,
    ) -> None:
        if self.unconfirmed:
            for name in plans:
                self.unconfirmed.pop(name, None)  # a new request supersedes the award that was chased
        super().ask(plans, reply_by, decide_by, terms, program_id, now)

    # -- awards (S7, S35)

    def give(self, parts: Iterable[tuple[Child, Answer, Plan]], now: datetime) -> None:
        """Award each child so much of its answer; a higher revision replaces an earlier award."""
        confirm_by, concluded, some = self._confirm_by(now), m.Outcome.CONCLUDED, False
        for child, answer, power_w in parts:
            if len(power_w) != len(answer.power_w) or any(map(gt, power_w, answer.power_w)):
                raise RuntimeError(f"award above the offer of {child.name}")
            child.accepted = answer
            self._award(child, concluded, power_w, answer.ref, "", confirm_by, now)
            self.unconfirmed[child.name] = None
            some = True
        if some:
            self._start_chase(confirm_by, now)

    def release(self, parts: Iterable[Released], now: datetime) -> None:
        """Tell each child that nothing (more) is asked of it."""
        confirm_by, nothing, some = self._confirm_by(now), (0,) * len(self.asked_w), False
        for child, outcome, reason in parts:
            stood = child.bound_before or child.holds is not None
            child.bound_before = False
            self.unconfirmed.pop(child.name, None)
            self._award(child, outcome, nothing, None, reason, confirm_by, now)
            if stood:
                self.unconfirmed[child.name] = None
                some = True
        if some:
            self._start_chase(confirm_by, now)

    def release_rest(self, outcome: m.Outcome, reason: str, now: datetime) -> None:
        """Every offer gets an answer: those that are still owed one hear the outcome; who may still believe in a
        superseded award hears that it is cancelled."""
        self.release(self._rest(outcome, reason), now)

    def _rest(self, outcome: m.Outcome, reason: str) -> Iterator[Released]:
        for child in self.children.asked():
            if child.owed:
                yield child, outcome, reason
            elif child.bound_before and child.award is None:
                yield child, m.Outcome.CANCELLED, "superseded by a later request"

    def _award(
        self,
        child: Child,
        outcome: m.Outcome,
        power_w: Plan,
        accepts: str | None,
        reason: str,
        confirm_by: datetime,
        now: datetime,
        confirmed: bool | None = None,
    ) -> None:
        asked = child.request
        assert asked is not None
        revision = child.award.revision + 1 if child.award is not None else 1
        award = self.children.award(
            Given(asked.request_id, asked.round, revision, outcome, power_w, accepts, reason, now, confirm_by)
        )
        self.children.bind(child, award, confirmed)
        child.owed = False
        self._say_again(child, now)

    def award_id(self, name: str, award: Given) -> str:
        """Of the award that stands with a child; its revisions have the same."""
        return f"{award.request_id}.{self.party.name}.{name}"

    def award_to(self, name: str, award: Given) -> m.Award:
        """The award as a message."""
        award_id = self.award_id(name, award)
        message_id = f"{self.party.name}.award.{award_id}.{award.revision}"
        accepts = None if award.accepts is None else in_full(award.accepts, name)
        if award.outcome is m.Outcome.CONCLUDED and accepts is not None:
            of: tuple[object, ...] = (*award[:4], *award[6:])
            made = self.awards.made(of, message_id, award.power_w, award_id=award_id, accepts=accepts)
        else:
            of = award
            made = self.awards.made(of, message_id, award_id=award_id)
        return made or self.awards.keep(
            of,
            m.Award(
                message_id=message_id,
                sent_at=award.sent_at,
                event_id=self.event_id,
                request_id=award.request_id,
                round=award.round,
                revision=award.revision,
                award_id=award_id,
                accepts=accepts,
                outcome=award.outcome,
                power_w=award.power_w,
                reason=award.reason,
                confirm_by=award.confirm_by,
            ),
        )

    def _confirm_by(self, now: datetime) -> datetime:
        start = self.period.start
        return step_instant(now, start, 40) if now < start else now + self.period.duration / 4

    def _start_chase(self, confirm_by: datetime, now: datetime) -> None:
        self.confirm_by = confirm_by
        self._chase_every = max((self.confirm_by - now) / REPEATS, timedelta(milliseconds=1))
        self.timers["chase"] = now + self._chase_every

    def _chase(self, now: datetime) -> None:
        """Publish again what is unconfirmed. At `confirm_by` an award counts as lost and its cancellation is chased
        in its stead, until the event is over."""
        if not self.unconfirmed or self.confirm_by is None:
            return
        children = [self.children[name] for name in self.unconfirmed]
        over = now >= self.confirm_by
        lost = [child for child in children if over and child.holds is not None]
        for child in children:
            if not over or child.holds is None:
                self._say_again(child, now)
        for child in lost:
            self._lost(child, "unconfirmed until confirm_by", now)
        following = now + self._chase_every
        if now < self.confirm_by:
            self.timers["chase"] = min(following, self.confirm_by)
        elif following < self.end_at:
            self.timers["chase"] = following
        if lost and self.deal_w is not None:
            self.repair("unconfirmed award", now)

    def _say_again(self, child: Child, now: datetime) -> None:
        """The latest revision is the truth on an edge."""
        assert child.award is not None
        self.party.say(self.edge(child.name), now, self.award_to, child.name, child.award)

    def _lost(self, child: Child, cause: str, now: datetime) -> None:
        self.tell("award_lost", child=child.name, cause=cause, power_w=child.holds)
        nothing = (0,) * len(self.asked_w)
        self._award(child, m.Outcome.CANCELLED, nothing, None, cause, self._confirm_by(now), now, confirmed=False)

    def on_confirm(self, edge: Edge, message: m.Confirm, now: datetime) -> None:
        child = self.children.by_name.get(edge.child)
        award = child.award if child is not None else None
        if child is None or award is None or message.award_id != self.award_id(child.name, award):
            raise RefusedMessage(RejectReason.UNKNOWN_AWARD, f"no award {message.award_id} stands with {edge.child}")
        if message.revision != award.revision:
            self._say_again(child, now)
            return
        self.unconfirmed.pop(child.name, None)
        if award.outcome is not m.Outcome.CONCLUDED:
            return
        if message.accepted and child.confirmed is None:
            child.confirmed = True  # what stands is the same
        else:
            self.children.bind(child, award, message.accepted)
        if message.accepted:
            self.confirmed(child, now)
        else:
            self._lost_by_child(child, message.reason, now)
        if not self.unconfirmed:
            self.unconfirmed.clear()  # its table is as large as the crowd was
            self.timers.pop("chase", None)

    def confirmed(self, child: Child, now: datetime) -> None:
        """A child is bound now."""
        if not self.unconfirmed:
            held_w = self.children.held_w or (0,) * len(self.asked_w)
            self.tell("all_confirmed", children=self.children.held_count, power_w=held_w)

    def _lost_by_child(self, child: Child, cause: str, now: datetime) -> None:
        self.tell("award_refused", child=child.name, cause=cause)
        if self.deal_w is not None:
            self.repair(f"{child.name}: {cause}", now)

    def resumed(self, now: datetime) -> None:
        """The process was started again: ask the silent once more, say unconfirmed awards again."""
        if self.stage in (Stage.COLLECTING, Stage.RELAXING):
            self._ask_again(now)
        for name in self.unconfirmed:
            self._say_again(self.children[name], now)

    # -- repair

    def on_withdraw(self, edge: Edge, message: m.Withdraw, now: datetime) -> None:
        """A child can give less than its award: the rest is replaced or stated (only the child withdraws)."""
        child = self.children.by_name.get(edge.child)
        award = child.award if child is not None else None
        if (
            child is None
            or award is None
            or child.holds is None
            or message.award_id != self.award_id(child.name, award)
        ):
            raise RefusedMessage(RejectReason.UNKNOWN_AWARD, f"no award {message.award_id} stands with {edge.child}")
        left = least(message.power_w, award.power_w)
        if child.accepted is not None:  # what it cannot give any more is not asked of it again
            child.accepted = child.accepted._replace(power_w=least(message.power_w, child.accepted.power_w))
        self.tell("withdrawn", child=child.name, cause=message.cause, power_w=left, awarded_w=award.power_w)
        confirm_by = self._confirm_by(now)
        if any(left):
            self._award(
                child, m.Outcome.CONCLUDED, left, award.accepts, message.cause, confirm_by, now, child.confirmed
            )
        else:
            self._award(child, m.Outcome.CANCELLED, left, None, message.cause, confirm_by, now, confirmed=False)
        if self.deal_w is not None:
            self.repair(f"{child.name}: {message.cause}", now)

    def held_w(self) -> Plan:
        """What stands with the children, and the own power, W."""
        return add(self.children.held_w or (0,) * len(self.asked_w), self.own_power_w())

    def repair(self, cause: str, now: datetime) -> None:
        """Replace what was lost in the slots that are still to come; state what cannot be replaced."""
        if self.deal_w is None or self.stage is Stage.CLOSED:
            return
        missing = self._to_come(shortfall(self.deal_w, self.held_w()), now)
        for child, plan in self.children.with_spare():
            if not any(missing):
                return
            answer = child.accepted
            if answer is None or now > answer.valid_until:
                continue
            more = least(excess(answer.power_w, plan), missing)
            if any(more):
                self.tell("replaced", child=child.name, power_w=more, cause=cause)
                self.give([(child, answer, add(plan, more))], now)
                missing = shortfall(missing, more)
        missing = shortfall(missing, self.add_own_power(missing, now))
        if any(missing):
            self.tell("shortfall_stated", shortfall_w=missing, cause=cause)
            self.deal_w = shortfall(self.deal_w, missing)
            self.state_shortfall(missing, cause, now)

    def _to_come(self, plan: Plan, now: datetime) -> Plan:
        return tuple(w if self.period.slot_start(slot) > now else 0 for slot, w in enumerate(plan))

    # -- the end

    def close(self, outcome: str, now: datetime, release: m.Outcome | None = None, reason: str = "") -> None:
        """End with an outcome; `release` is what those hear who are still owed an answer or hold an award."""
        if release is not None:
            self.release(self._concerned(release, reason or outcome), now)
        clear, parent = self.party.clear, self.party.name
        for child in self.children.asked():
            clear(Edge(parent, child.name), now)
        chase = self.timers.get("chase")
        self.timers.clear()
        if chase is not None and self.unconfirmed:
            self.timers["chase"] = chase
        self.go(Stage.CLOSED)
        self.outcome = outcome
        self.tell("closed", outcome=outcome, reason=reason)

    def _concerned(self, outcome: m.Outcome, reason: str) -> Iterator[Released]:
        """Those who are still owed an answer or hold an award; of a cancellation hear all who may take part."""
        for child in self.children.asked():
            told = child.award is not None and child.award.outcome is outcome
            cancels = outcome is m.Outcome.CANCELLED and not child.opted_out and not told
            if child.bound_before and child.award is None:
                yield child, m.Outcome.CANCELLED, reason
            elif child.owed or child.holds is not None or cancels:
                yield child, outcome, reason

    def status(self) -> dict[str, object]:
        return {
            "event_id": self.event_id,
            "stage": self.stage,
            "outcome": self.outcome,
            "direction": self.direction,
            "requested_w": list(self.asked_w),
            "deal_w": list(self.deal_w) if self.deal_w else None,
            "late": self.late,
            **self.children.count(),
        }
