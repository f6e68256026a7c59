"""A party as a parent in one event: its stage moves with what is heard, its children are added up when asked."""

from dataclasses import dataclass, field
from datetime import datetime

from agents.tools.watch.link import Answer, Link
from agents.tools.watch.row import Row, Stage, Tally, due_wh, missing, tally
from protocol import messages as m
from protocol.units import SLOT, Direction


@dataclass(slots=True)
class Node:
    """`said` and `heard` take what is new on its edges; `row` reads."""

    name: str
    above: Link | None = None
    """Its own edge to its parent, when there is one."""
    children: dict[str, Link] = field(default_factory=dict)
    stage: Stage = Stage.ASKED
    outcome: str = ""
    round: int = 0
    _tally: Tally | None = None
    _ends_at: datetime | None = None

    def touch(self) -> None:
        """A child's link has changed."""
        self._tally = None

    def said(self, message: m.Message) -> None:
        """It told a child something new."""
        match message:
            case m.Request():
                above = self.above.request.round if self.above is not None and self.above.request is not None else 1
                again = message.round > max(above, 1) and message.round > self.round
                if again:
                    self._move(Stage.REREQUESTING)
                elif message.round >= self.round and self.stage is not Stage.REREQUESTING:
                    self._move(Stage.COLLECTING)
                self.round = max(self.round, message.round)
                self._ends_at = message.interval_period.slot_start(len(message.power_w))
            case m.Relax():
                self._move(Stage.RELAXING)
            case m.Award(outcome=m.Outcome.CONCLUDED):
                if self.stage is not Stage.DELIVERING:
                    self._move(Stage.AWARDED)
            case m.Award() if self.above is None and self.stage is not Stage.DELIVERING:
                self._close(message.outcome)
            case m.Dispatch():
                self._move(Stage.DELIVERING)

    def heard(self, message: m.Message) -> None:
        """A child told it something new."""
        if isinstance(message, m.Report) and self.stage is not Stage.CLOSED:
            self._move(Stage.DELIVERING)

    def asked(self, request: m.Request, standing: bool) -> None:
        """Its parent asks it. A standing (retained) request may be heard after those that came of it."""
        if not (standing and self.children):
            self._move(Stage.ASKED)

    def answered(self, message: m.Message) -> None:
        """It told its parent something new."""
        match message:
            case m.Offer():
                self._move(Stage.OFFERED if message.opt is m.Opt.IN else Stage.OPTED_OUT)
            case m.Alternative():
                self._move(Stage.PROPOSED)

    def decided(self, award: m.Award) -> None:
        """Its parent awards, or says that there is nothing."""
        if award.outcome is not m.Outcome.CONCLUDED:
            self._close(award.outcome)
        elif self.stage is not Stage.DELIVERING:
            self._move(Stage.AWARDED)

    def _move(self, stage: Stage) -> None:
        self.stage, self.outcome = stage, ""

    def _close(self, outcome: m.Outcome) -> None:
        self._move(Stage.CLOSED)
        self.outcome = outcome.value

    # -- read

    @property
    def added_up(self) -> Tally:
        if self._tally is None:
            self._tally = tally(self.children.values())
        return self._tally

    def settle(self, now: datetime) -> None:
        """Close what is over: taken back by the parent; metered to the last slot; or a slot after its end."""
        if self.stage is Stage.CLOSED or self._ends_at is None:
            return
        found = self.added_up
        slot = found.period.duration if found.period is not None else SLOT
        if self.stage is Stage.AWARDED and found.period is not None and now >= found.period.start:
            self._move(Stage.DELIVERING)  # who has only aggregators below sends no dispatch
        asked = sum(found.answers.values())
        given = found.awards["given"]
        over = now >= self._ends_at and (given == 0 or found.reporting >= given or now >= self._ends_at + slot)
        if over or (asked and found.cleared >= asked):
            concluded = self.above.deal_w if self.above is not None else found.given_w
            self._close(m.Outcome.CONCLUDED if concluded is not None else m.Outcome.NO_DEAL)

    def row(self, event_id: str, depth: int, now: datetime) -> Row:
        """What there is to read at an instant."""
        self.settle(now)
        found, above = self.added_up, self.above
        request = above.request if above is not None else None
        requested_w = request.power_w if request is not None else found.asked_w
        answered_w = above.available_w if above is not None else None
        available_w = answered_w if answered_w is not None else found.offered_w
        deal_w = above.deal_w if above is not None else found.given_w
        direction = request.direction if request is not None else found.direction
        period = request.interval_period if request is not None else found.period
        delivered_wh, due = self._metered(found, direction)
        slot = period.duration if period is not None else SLOT
        open_ = found.answers[Answer.OPEN]
        silent = open_ if found.reply_by is not None and now > found.reply_by else 0
        label, next_at = self._next(found, now)
        return Row(
            event_id=event_id,
            party=self.name,
            depth=depth,
            stage=self.stage,
            outcome=self.outcome,
            round=max(self.round, 1),
            direction=direction,
            start=period.start if period is not None else None,
            slot=slot,
            asked=sum(found.answers.values()),
            yes=found.answers[Answer.YES],
            no=found.answers[Answer.NO],
            alternatives=found.answers[Answer.ALTERNATIVE],
            late=found.answers[Answer.LATE],
            silent=silent,
            waiting=open_ - silent,
            relaxed=found.relaxed,
            requested_w=requested_w,
            available_w=available_w,
            shortfall_w=missing(requested_w, available_w),
            deal_w=deal_w,
            awards=found.awards["given"],
            confirmed=found.awards["confirmed"],
            refused=found.awards["refused"],
            cancelled=found.awards["cancelled"],
            released=found.awards["released"],
            withdrawn=found.withdrawn,
            due_wh=due,
            delivered_wh=delivered_wh,
            next=label,
            next_at=next_at,
        )

    def _metered(self, found: Tally, direction: Direction | None) -> tuple[int, int]:
        """Delivered and due Wh: what it reported upward, own storage included; else what its children did."""
        above = self.above
        if above is not None and above.readings and above.request is not None and direction is not None:
            delivered = above.delivered_wh(direction.sign)
            return sum(delivered.values()), due_wh(above.deal_w, delivered, above.request.interval_period)
        return sum(found.delivered_wh.values()), found.due_wh

    def _next(self, found: Tally, now: datetime) -> tuple[str, datetime | None]:
        """The next deadline that matters in this stage."""
        if self.stage is Stage.CLOSED:
            return "", None
        if self.stage in (Stage.AWARDED, Stage.DELIVERING):
            return self._next_slot(found, now)
        steps = [("decision", found.decide_by)]
        if self.stage is Stage.RELAXING and found.relax_open:
            steps.insert(0, ("relaxed", found.relax_by))
        elif found.answers[Answer.OPEN]:
            steps.insert(0, ("replies", found.reply_by))
        if self.above is not None and self.above.request is not None:
            if self.stage not in (Stage.OFFERED, Stage.PROPOSED, Stage.OPTED_OUT):
                steps.append(("answer", self.above.request.reply_by))
            steps.append(("decision", self.above.request.decide_by))
        ahead = [(at, label) for label, at in steps if at is not None and at > now]
        at, label = min(ahead, default=(None, ""))
        return label, at

    def _next_slot(self, found: Tally, now: datetime) -> tuple[str, datetime | None]:
        if found.confirm_by is not None and found.confirm_by > now and self.stage is Stage.AWARDED:
            return "confirms", found.confirm_by
        if found.period is None or self._ends_at is None or now >= self._ends_at:
            return ("meters", None) if self.stage is Stage.DELIVERING else ("", None)
        since = max(-1, (now - found.period.start) // found.period.duration)
        at = found.period.start + (since + 1) * found.period.duration
        return ("end" if at >= self._ends_at else f"slot {since + 1}"), at


def negotiated(node: Node) -> bool:
    """Whether it asks anybody (a utility that only hears smart meters on an edge asks nobody there)."""
    return any(link.request is not None or link.award is not None for link in node.children.values())
