"""The wire half: a party as a parent in one event, known from messages alone. Its stage moves with what is heard."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agents.history.edge import EdgeHistory, Reply
from agents.history.standing import (
    LOST,
    PartyStage,
    PlanOr,
    StageOr,
    Standing,
    WhyUnknown,
    capped,
    ending,
    secured,
    stage_word,
)
from agents.history.tally import Tally, tally
from protocol import messages as m
from protocol.rules import order_of
from protocol.units import SLOT

HAS_ANSWERED = (PartyStage.OFFERED, PartyStage.OPTED_OUT, PartyStage.PROPOSED)
"""Its parent has its answer, and decides."""
ARRIVES_WITHIN = timedelta(seconds=1)
"""A message that is older than this has arrived."""


@dataclass(slots=True)
class PartyOnWire:
    """`said` and `heard` take what is new on its edges; `standing` reads."""

    name: str
    above: EdgeHistory | None = None
    """Its own edge to its parent, when there is one."""
    children: dict[str, EdgeHistory] = field(default_factory=dict)
    stage: PartyStage = PartyStage.ASKED
    outcome: str = ""
    order: tuple[int, int] = (0, 0)
    """Of the newest request that it sent."""
    joined_late: bool = False
    """All that is known of its stage was said before we listened."""
    received_at: datetime | None = None
    """The last instant at which one of its edges had something new."""
    ends_at: datetime | None = None
    """The end of the last slot that it asked for."""
    told: m.Progress | None = None
    """How far it is by its own word."""
    whole: bool = True
    """Whether what it says is heard from its first request on."""
    _tally: Tally | None = None
    _answered: PartyStage = PartyStage.OFFERED
    """How it answered its parent last."""
    _ended: m.Outcome | None = None
    """Of the last award by which a party without a parent told a child that there is nothing (more)."""

    def recounts(self, now: datetime) -> m.Progress | None:
        """Its own word on how far it is, where not all was heard that it stands on."""
        return None if self.whole or self.told is None or self.told.valid_until <= now else self.told

    def is_over(self, now: datetime) -> bool:
        """Whether nothing is known of it but a word that says nothing any more."""
        return self.told is not None and self.told.valid_until <= now and not self.children and self.above is None

    @property
    def parent(self) -> str | None:
        """Who asks it, as far as that was heard."""
        if self.above is not None:
            return self.above.edge.parent
        return None if self.told is None else self.told.parent

    def recount(self, told: m.Progress, at: datetime, standing: bool) -> bool:
        """It tells how far it is; whether that is news. `standing`: it was said before we listened."""
        if self.told is not None and self.told.sent_at > told.sent_at:
            return False
        self.whole = self.whole and not standing and bool(self.children)
        self.joined_late |= not self.children
        self.told = told
        self.touch(at)
        return not self.whole

    def touch(self, at: datetime | None = None) -> None:
        """An edge of it has changed, by a message of that instant."""
        self._tally = None
        self.received_at = at or self.received_at

    def said(self, message: m.Message, standing: bool = False, *, left: bool = False) -> None:
        """It told a child something new. `left`: a child that has withdrawn is told that nothing is due of it."""
        if not self.order[1] and not (isinstance(message, m.Request) and message.round == 1 and not standing):
            self.whole = False
        match message:
            case m.Request():
                if order_of(message) >= self.order:
                    self._move(PartyStage.COLLECTING, late=standing)
                    self.order = order_of(message)
                self.ends_at = message.interval_period.slot_start(len(message.power_w))
            case m.Relax():
                self._move(PartyStage.RELAXING)
            case m.Award(outcome=m.Outcome.CONCLUDED) | m.Dispatch() if self._decides:
                if self.stage is not PartyStage.DELIVERING:
                    self._move(PartyStage.STANDBY)
            case m.Award() if self.above is None and not left:
                self._ended = message.outcome

    @property
    def _decides(self) -> bool:
        """Whether what it awards is its deal: nobody awards it anything, or that was said before we listened, or before the event
        was changed and nobody has decided."""
        above = self.above
        return above is None or (above.award is None and (above.joined_late or above.kept is not None))

    def received(self, message: m.Message) -> None:
        """A child told it something new."""
        if isinstance(message, m.Report) and self.stage is not PartyStage.CLOSED:
            self._move(PartyStage.DELIVERING)

    def asked(self, request: m.Request, standing: bool) -> None:
        """Its parent asks it. A standing (retained) request may be heard after those that came of it."""
        if not (standing and self.children):
            self._move(PartyStage.ASKED, late=standing)

    def _answers(self, stage: PartyStage) -> None:
        self._answered = stage
        self._move(stage)

    def answered(self, message: m.Message) -> None:
        """It told its parent something new."""
        match message:
            case m.Offer(opt=opt):
                self._answers(PartyStage.OFFERED if opt is m.Opt.IN else PartyStage.OPTED_OUT)
            case m.Alternative():
                self._answers(PartyStage.PROPOSED)
            case m.Confirm(accepted=False) if self.stage is PartyStage.STANDBY:
                self._move(self._answered)
            case m.Report() if self.above is not None and self._reported_all(self.above):
                self._close("concluded")

    def _reported_all(self, above: EdgeHistory) -> bool:
        """Whether it has summed up the last slot."""
        last = len(above.request.power_w) - 1 if above.request is not None else -1
        return last in above.readings.get(self.name, {})

    def decided(self, award: m.Award) -> None:
        """Its parent awards, or says that there is nothing."""
        if self.above is not None and self.above.left:
            return
        if award.outcome is not m.Outcome.CONCLUDED:
            self._close(award.outcome.value)
        elif self.stage not in (PartyStage.DELIVERING, PartyStage.CLOSED):
            self._move(PartyStage.STANDBY)

    def _move(self, stage: PartyStage, *, late: bool = False) -> None:
        self.stage, self.outcome, self.joined_late, self._ended = stage, "", late, None

    def _close(self, outcome: str) -> None:
        self._move(PartyStage.CLOSED)
        self.outcome = outcome

    # -- read

    @property
    def negotiates(self) -> bool:
        """Whether it asks anybody (a utility that only hears smart meters on an edge asks nobody there)."""
        return self.told is not None or any(
            edge.request is not None or edge.award is not None for edge in self.children.values()
        )

    @property
    def added_up(self) -> Tally:
        """Its children."""
        if self._tally is None:
            self._tally = tally(self.children.values())
        return self._tally

    def settle(self, now: datetime) -> None:
        """What time brings: the first slot begins; what is over is closed: nothing stands, taken back by the parent,
        metered to the last slot, or a slot after its end."""
        if self.stage is PartyStage.CLOSED:
            return
        found = self.added_up
        stand = found.awards["given"] - found.awards["refused"] + found.awards["left"]
        if self._ended is not None and not stand:
            self._close(self._ended.value)
            return
        if self._expired(now):
            if not (self.above is not None and self._by_mandate(self.above) and stand):
                self._close("expired")
                return
            self._move(PartyStage.STANDBY)
        if self.ends_at is None:
            return
        slot = found.period.duration if found.period is not None else SLOT
        if self.stage is PartyStage.STANDBY and found.period is not None and now >= found.period.start:
            self._move(PartyStage.DELIVERING)  # who has only aggregators below sends no dispatch
        asked = sum(found.answers.values())
        metered = found.reporting >= stand if self.above is None else self._reported_all(self.above)
        over = now >= self.ends_at and (not stand or metered or now >= self.ends_at + slot)
        if over or (asked and found.cleared >= asked):
            self._close(self._how_it_ended(found))

    def _expired(self, now: datetime) -> bool:
        """Whether its answer has run out, and nobody has taken it."""
        above = self.above
        if above is None or above.award is not None or self.stage not in HAS_ANSWERED:
            return False
        return above.valid_until is not None and now >= above.valid_until

    @staticmethod
    def _by_mandate(above: EdgeHistory) -> bool:
        return above.request is not None and above.request.terms.mandate

    def _how_it_ended(self, found: Tally) -> str:
        """By the deal; empty where the wire did not tell whether there was one."""
        deal_w = self.above.deal_w if self.above is not None else found.given_w
        left = self.above.left if self.above is not None else bool(found.awards["left"])
        if deal_w is not None or left:
            return m.Outcome.CONCLUDED.value if left else ending(m.Outcome.CONCLUDED.value, deal_w)
        if self.above is None and found.awards["cancelled"]:
            return LOST  # it did not cancel the event: those were awarded something, and gave it back
        unknown = found.joined_late or (self.above is not None and self.above.joined_late and self.above.award is None)
        return "" if unknown else m.Outcome.NO_DEAL.value

    def stage_at(self, now: datetime) -> StageOr:
        """The stage, as far as the wire tells it."""
        if (told := self.recounts(now)) is not None:
            return stage_word(told.stage)
        self.settle(now)
        return WhyUnknown.JOINED_LATE if self.joined_late and self.stage is not PartyStage.CLOSED else self.stage

    def standing(self, now: datetime) -> Standing:
        """What every reader has in common, as far as the wire tells it."""
        if (told := self.recounts(now)) is not None:
            available_w = WhyUnknown.NOT_NOTED if told.available_w is None else told.available_w
            return Standing(stage_word(told.stage), available_w, told.secured_w, told.delivered_wh)
        stage, found = self.stage_at(now), self.added_up
        if stage is WhyUnknown.JOINED_LATE:
            return Standing(stage, stage, stage, stage)
        if self.received_at is not None and now - self.received_at < ARRIVES_WITHIN:
            why = WhyUnknown.ON_ITS_WAY
            return Standing(why, why, why, why)
        delivered, metering = self._delivered(found)
        above = self.above
        if stage is not PartyStage.CLOSED and found.unsure:
            stage = WhyUnknown.NOT_ON_THE_WIRE
        elif above is not None and above.award is None and above.valid_until == now:
            stage = WhyUnknown.DUE_NOW
        if stage is PartyStage.DELIVERING and found.period is not None:
            if now == found.period.start:
                stage = WhyUnknown.DUE_NOW
            elif self.ends_at is not None and now >= self.ends_at:
                stage = WhyUnknown.STILL_METERING
        return Standing(
            stage, self._available(found), self._secured(found), WhyUnknown.STILL_METERING if metering else delivered
        )

    def _available(self, found: Tally) -> PlanOr:
        above = self.above
        if above is None:
            return WhyUnknown.JOINED_LATE if found.joined_late else capped(found.offered_w, found.asked_w)
        if above.request is None:
            return WhyUnknown.JOINED_LATE
        if above.reply in (Reply.YES, Reply.ALTERNATIVE):
            return capped(above.available_w, above.request.power_w)
        return WhyUnknown.NOT_ON_THE_WIRE

    def _secured(self, found: Tally) -> PlanOr:
        above = self.above
        if above is None:
            return WhyUnknown.JOINED_LATE if found.joined_late else secured(found.given_w, self.outcome)
        if above.award is None and above.joined_late:
            return WhyUnknown.JOINED_LATE
        if above.award is None and self._by_mandate(above):
            return WhyUnknown.NOT_ON_THE_WIRE  # what it concludes under a mandate is its deal without an award
        return secured(above.deal_w, self.outcome)

    def _delivered(self, found: Tally) -> tuple[int, bool]:
        """Of the slots that are summed up, and whether one is under way."""
        above = self.above
        if above is not None:
            direction = above.request.direction if above.request is not None else None
            return (sum(above.delivered_wh(direction).values()) if direction is not None else 0), False
        if found.direction is None:
            return 0, False
        meters = [edge.delivered_wh(found.direction) for edge in self.children.values() if edge.deal_w is not None]
        full = [slot for slot in found.delivered_wh if all(slot in metered for metered in meters)]
        return sum(found.delivered_wh[slot] for slot in full), len(full) < len(found.delivered_wh)
