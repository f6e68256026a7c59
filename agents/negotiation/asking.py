"""Part of an event: whom it asked for what, until when, and which answers count (S1, S6, S22, S28; S23, S29, S2, S3)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce
from sys import intern
from typing import NamedTuple, TypeAlias

from agents.negotiation.answers import ChildAnswers
from agents.negotiation.child import Child, RelaxRecord, RequestRecord
from agents.negotiation.children import Children
from agents.negotiation.life import next_life
from agents.negotiation.out import Out
from agents.negotiation.stage import Stage, Timer
from agents.negotiation.subject import Subject
from agents.negotiation.template import Template
from agents.negotiation.timers import Timers
from agents.settings.members import Members
from protocol import messages as m
from protocol.edges import Edge
from protocol.errors import RefusedMessage, RejectReason
from protocol.plan import Plan, covers, most, zero
from protocol.units import step_instant

LAST_ASKED = timedelta(seconds=15)
"""Nobody is asked once more when less than this is left: an answer would come too late."""
MIDDLE = 2.5
"""What is left of the time when a device is asked once more is above its 2.5th part, unless it is asked with others later."""

MissingOf: TypeAlias = Callable[[Child, Plan], Plan]


class Conditions(NamedTuple):
    """What a request says beside its plan, the same to all who are asked at once."""

    program_id: str
    reply_by: datetime
    decide_by: datetime
    terms: m.Terms
    profiles: m.WantedProfiles | None = None
    """What else those could give whose contract says that they know of it."""


class Asking:
    """Requests and relaxes to the children of one event, and what they answered."""

    def __init__(self, out: Out, subject: Subject, timers: Timers, children: Children, book: Members | None) -> None:
        """`book`: the contracts with the children; None: they have none."""
        self.book = book
        self.out = out
        self.subject = subject
        self.timers = timers
        self.children = children
        self.answers = ChildAnswers(children)
        self.late = 0
        self.before_w: dict[str, Plan] = {}
        """What each child that answered the request before this one could have given at most, W; only of the same
        revision."""
        self.requests: Template[m.Request] = Template()
        self.relaxes: Template[m.Relax] = Template()

    @property
    def complete(self) -> bool:
        """Whether all who were asked in this stage have answered."""
        return not self.children.waiting

    # -- questions

    def ask(self, plans: Mapping[str, Plan], conditions: Conditions, now: datetime) -> None:
        """Send each of these children its request; a later one supersedes what stood before."""
        children, revision = self.children, self.subject.revision
        say, parent, build = self.out.announcer.say, self.out.name, self.request_to
        program_id, reply_by, decide_by, terms, profiles = conditions
        record: RequestRecord | None = None
        to_devices = terms.model_copy(update={"obliged": None}) if terms.obliged else terms
        for name, power_w in plans.items():
            before = children[name].request
            number = before.round + 1 if before is not None and before.revision == revision else 1
            wanted = profiles if profiles is not None and self._knows_profiles(name) else None
            laid_down = to_devices if to_devices is not terms and self._is_der(name) else terms
            if (
                record is None
                or record.power_w is not power_w
                or record.round != number
                or record.profiles is not wanted
                or record.terms is not laid_down
            ):  # neighbours are often alike
                request_id = intern(f"{self.subject.event_id}.{revision}.{number}")
                given = RequestRecord(
                    request_id, number, revision, program_id, power_w, now, reply_by, decide_by, laid_down, wanted
                )
                record = children.shared.one(given)
            children.renew(name, record)
            say(Edge(parent, name), now, build, name, record)
        if plans:
            self.timers.set(Timer.AGAIN, step_instant(now, reply_by, 50))

    def _is_der(self, name: str) -> bool:
        """Whether it has nobody below: what is laid down for those who ask others it need not know."""
        return self.book is not None and self.book.is_der(name)

    def _knows_profiles(self, name: str) -> bool:
        return self.book is not None and self.book[name].profiles

    def relax(
        self, targets: Iterable[Child], common: RelaxRecord, now: datetime, missing_of: MissingOf | None = None
    ) -> None:
        """S28: ask these children to compute once more with their restrictions loosened. `missing_of`: what each is told is
        missing of what is missing in all, W."""
        say, parent, build, waiting = self.out.announcer.say, self.out.name, self.relax_to, self.children.waiting
        plain = common if common.profiles is None else replace(common, profiles=None)
        for child in targets:
            assert child.request is not None
            record = common if self._knows_profiles(child.name) else plain
            if missing_of is not None:
                record = replace(record, shortfall_w=missing_of(child, common.shortfall_w))
            self.children.loosening(child, record)
            waiting[child.name] = None
            say(Edge(parent, child.name), now, build, child.name, child.request, record)
        self.timers.set(Timer.AGAIN, step_instant(now, common.reply_by, 50))

    def again(self, stage: Stage, now: datetime) -> None:
        """Half of the time is over: the wire may have lost the question or the answer of those who are silent. Who asks
        others itself answers late: it is asked again each time when half of what is left is over, and no device with it."""
        silent = [self.children[name] for name in self.children.waiting]
        late = {child.name for child in silent if not self._is_der(child.name)}
        for child in silent:
            asked = child.request
            question = child.relax if stage is Stage.RELAXING else asked
            if asked is None or question is None:
                continue
            left, is_late = question.reply_by - now, child.name in late
            too_late = bool(late) and not is_late and left < (question.reply_by - question.sent_at) / MIDDLE
            if left < timedelta(0) or too_late:
                continue
            if isinstance(question, RelaxRecord):
                self.out.say(child.name, now, self.relax_to, child.name, asked, question)
            else:
                self.out.say(child.name, now, self.request_to, child.name, asked)
            if is_late and left > 2 * LAST_ASKED:
                self.timers.set(Timer.AGAIN, now + left / 2)

    def doubt(self, now: datetime) -> None:
        """A process comes back when all time to answer is over. Whoever is silent may have been awarded something that
        this journal, an older copy, does not know: where it stays silent it hears that nothing stands."""
        for name in self.children.waiting:
            child = self.children[name]
            if child.request is not None and child.request.reply_by < now and child.award is None:
                child.bound_before = True

    def ask_in_new_life(self, child: Child, *, issues: bool, now: datetime) -> int:
        """Ask a child once more, with a number above those of earlier lives of ours: a later round, or of who issues the
        event a later revision of it. The number; 0 where that was tried often enough."""
        asked = child.request
        assert asked is not None
        number = next_life(asked.revision if issues else asked.round)
        if not number:
            return 0
        revision, round_ = (number, 1) if issues else (asked.revision, number)
        request_id = intern(f"{self.subject.event_id}.{revision}.{round_}")
        asked = self.children.shared.one(
            asked._replace(request_id=request_id, round=round_, revision=revision, sent_at=now)
        )
        self.subject.revision = max(self.subject.revision, revision)
        self.children.renew(child.name, asked)
        self.out.say(child.name, now, self.request_to, child.name, asked)
        return number

    def supersede(self, later_round: bool) -> None:
        """The answers to this request do not count for the next one, but in a later round of the same revision; what
        each could have given stays known."""
        self.before_w = {}
        for child in self.children.asked():
            if child.best is not None:
                self.before_w[child.name] = reduce(most, child.best.profiles, child.best.available_w)
            elif child.opted_out:
                self.before_w[child.name] = zero(self.subject.slots)
        if not later_round:
            self.children.forget_answers()

    # -- as messages

    def message_id(self, name: str, asked: RequestRecord) -> str:
        """Of the message that asks a child so."""
        return f"{self.out.name}.request.{name}.{asked.request_id}"

    def request_to(self, name: str, asked: RequestRecord) -> m.Request:
        """A request as a message."""
        message_id = self.message_id(name, asked)
        of = (self.subject.direction, self.subject.period, *asked[:4], *asked[5:])
        return self.requests.made(of, message_id, asked.power_w) or self.requests.keep(
            of,
            m.Request(
                message_id=message_id,
                sent_at=asked.sent_at,
                event_id=self.subject.event_id,
                request_id=asked.request_id,
                round=asked.round,
                revision=asked.revision,
                program_id=asked.program_id,
                direction=self.subject.direction,
                interval_period=self.subject.period,
                power_w=asked.power_w,
                reply_by=asked.reply_by,
                decide_by=asked.decide_by,
                terms=asked.terms,
                profiles=asked.profiles,
            ),
        )

    def relax_to(self, name: str, asked: RequestRecord, relax: RelaxRecord) -> m.Relax:
        """A relax as a message."""
        message_id = f"{self.out.name}.relax.{name}.{asked.request_id}"
        of = (relax, asked.request_id, asked.round)
        return self.relaxes.made(of, message_id) or self.relaxes.keep(
            of,
            m.Relax(
                message_id=message_id,
                sent_at=relax.sent_at,
                event_id=self.subject.event_id,
                request_id=asked.request_id,
                round=asked.round,
                revision=1,
                shortfall_w=relax.shortfall_w,
                restrictions=relax.restrictions,
                reply_by=relax.reply_by,
                profiles=relax.profiles,
            ),
        )

    # -- answers

    def is_void(self, child: Child) -> bool:
        """Whether the event was changed from above since this child was asked, and it is not asked in what it is now."""
        return child.request is not None and child.request.revision < self.subject.revision

    def in_time(self, child: Child, message: m.Offer | m.Alternative, stage: Stage, now: datetime) -> bool:
        """Whether an answer counts in this stage at this instant."""
        if isinstance(message, m.Offer) and message.basis is m.Basis.RELAXED:
            relax = child.relax
            return relax is not None and stage is Stage.RELAXING and self._counts(message, relax.reply_by, now)
        asked = child.request
        return asked is not None and stage is Stage.COLLECTING and self._counts(message, asked.reply_by, now)

    def _counts(self, message: m.Offer | m.Alternative, reply_by: datetime, now: datetime) -> bool:
        """Whether it is in time; or whether it was sent in time and waited, as nobody was there to judge its stage, and
        is still valid."""
        waited = self.out.counts_waited and self.timers.at.get(Timer.STAGE) == reply_by
        return now <= reply_by or (waited and message.sent_at <= reply_by and now <= message.valid_until)

    def still_hears(self, now: datetime) -> bool:
        """Whether the stage should be over and all that waited is heard first: the parent's word may be among it."""
        ends_at = self.timers.at.get(Timer.STAGE)
        return self.out.counts_waited and ends_at is not None and ends_at < now

    def take(self, child: Child, message: m.Offer | m.Alternative) -> None:
        """Store an answer that is in time. Raises RefusedMessage and stores nothing where it is none to the question."""
        contract = None if self.book is None else self.book.by_name[child.name]
        most_w = None if contract is None else contract.most_w(self.subject.direction)
        if isinstance(message, m.Offer):
            self.answers.take_offer(child, message, most_w)
        elif contract is not None and contract.kind != "aggregator":
            raise RefusedMessage(
                RejectReason.UNKNOWN_TOPIC, f"{child.name} is no aggregator: it proposes no alternative"
            )
        else:
            self.answers.take_alternative(child, message, most_w)
        self.children.waiting.pop(child.name, None)

    def takes_back(self, child: Child, message: m.Offer | m.Alternative) -> bool:
        """Whether an answer takes back all or a part of one that stands and was not awarded: that counts whenever it is
        heard."""
        best = child.best
        if best is None or child.award is not None or not isinstance(message, m.Offer):
            return False
        less = len(message.power_w) == len(best.power_w) and covers(best.power_w, message.power_w)
        of_the_same = message.basis is best.basis and not best.alternative
        return message.opt is m.Opt.OUT or (less and of_the_same)

    def check_correction(self, child: Child, message: m.Offer | m.Alternative, now: datetime) -> None:
        """An answer that corrects one which stands, before its time is over, but after all were in and it was decided:
        the child hears why it does not count. Raises RefusedMessage."""
        asked, takes_none = child.request, isinstance(message, m.Offer) and message.opt is m.Opt.OUT
        if child.best is not None and asked is not None and now <= asked.reply_by and not takes_none:
            text = "all have answered and it was decided: the earlier answer stands"
            raise RefusedMessage(RejectReason.STALE, text)

    def take_late(self, child: Child, message: m.Offer | m.Alternative) -> bool:
        """Note an answer that is too late to count; whether it is owed one."""
        self.late += 1
        self.out.party.count("late")
        self.out.tell("late_answer_recorded", child=child.name, kind=message.kind)
        if isinstance(message, m.Offer) and message.opt is m.Opt.OUT:
            return False
        if child.award is not None and child.award.outcome is m.Outcome.CONCLUDED:
            return False
        child.owed = True
        return True
