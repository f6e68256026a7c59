"""A device that is right in everything holds every rule; one that is wrong in one thing breaks the rule about it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from trial_device import LIMIT_W, OWN_W, PROFILE, Deal, Post, TrialDevice, VirtualBench

from agents.tools.conform.outcome import Outcomes, RuleState
from agents.tools.conform.player import TrialPlayer
from agents.tools.conform.procedure import procedures
from agents.tools.conform.profile import DeviceProfile
from agents.tools.conform.rules import rules
from protocol import messages as m
from protocol.codec import encode
from protocol.errors import RefusedMessage
from protocol.plan import add

METERLESS = PROFILE.model_copy(update={"features": ("relax", "presence", "capability"), "meter_topic": None})


async def tried(make: type[TrialDevice], only: tuple[str, ...] = (), profile: DeviceProfile = PROFILE) -> Outcomes:
    chosen = [one for one in procedures() if not only or one.id in ("hello", *only)]
    return await TrialPlayer(profile, VirtualBench(make, profile is PROFILE), "trial").play(chosen)


async def test_device_that_is_right_holds_every_rule_within_two_minutes() -> None:
    outcomes = await tried(TrialDevice)
    assert {rule: outcome.state for rule, outcome in outcomes.of.items() if outcome.state is not RuleState.HOLDS} == {}
    assert outcomes.conforms
    assert outcomes.lasted_s < 120


@dataclass(frozen=True)
class Wrong:
    """A device, what has to be played for it to show, and the rules that it breaks."""

    make: type[TrialDevice]
    play: tuple[str, ...]
    breaks: tuple[str, ...]


WRONG: dict[str, Wrong] = {}


def wrong(play: str, *breaks: str) -> Any:
    def enter(make: type[TrialDevice]) -> type[TrialDevice]:
        WRONG[make.__name__] = Wrong(make, tuple(play.split()), breaks)
        return make

    return enter


class Saying(TrialDevice):
    """Changes what it says on the way out."""

    kind = "offer"

    def post(self, topic: str, body: dict[str, Any], retained: bool = False) -> None:
        if topic.split("/")[1] == self.kind:
            self.change(body)
        super().post(topic, body, retained)

    def change(self, body: dict[str, Any]) -> None:
        raise NotImplementedError


class Shifting(TrialDevice):
    """Changes how its posts travel."""

    def change(self, post: Post) -> Post:
        raise NotImplementedError

    def hears(self, topic: str, payload: bytes, now: Any) -> None:
        super().hears(topic, payload, now)
        self.posts[:] = [self.change(post) if post[0].startswith("dr/offer") else post for post in self.posts]


@wrong("offer", "wire.schema", "offer.in_time")
class TellsPowerAsText(Saying):
    def change(self, body: dict[str, Any]) -> None:
        body["power_w"] = [str(power_w) for power_w in body["power_w"]]


@wrong("offer", "wire.schema")
class TellsUnixTimeAsText(Saying):
    """Ours reads it; by the schema it is no instant."""

    def change(self, body: dict[str, Any]) -> None:
        body["sent_at"] = str(int(self.now.timestamp()))


@wrong("offer", "wire.schema")
class WritesAKeyTwice(Shifting):
    """Which of both counts is every parser's own."""

    def change(self, post: Post) -> Post:
        return post[0], post[1].replace(b'"opt":', b'"opt": "opt_out", "opt":'), 1, post[3]


@wrong("offer", "wire.topic")
class PublishesAsSomebodyElse(Shifting):
    def change(self, post: Post) -> Post:
        return ("dr/offer/ra-1/hems-43", *post[1:])


@wrong("offer", "wire.qos")
class PublishesAtMostOnce(Shifting):
    def change(self, post: Post) -> Post:
        return post[0], post[1], 0, post[3]


@wrong("offer", "wire.retained")
class RetainsItsOffers(Shifting):
    def change(self, post: Post) -> Post:
        return post[0], post[1], 1, True


@wrong("offer", "wire.ids")
class NumbersEverythingOne(Saying):
    def change(self, body: dict[str, Any]) -> None:
        body["message_id"] = "1"


@wrong("offer", "wire.clock")
class HasASlowClock(Saying):
    def change(self, body: dict[str, Any]) -> None:
        body["sent_at"] = (self.now - timedelta(seconds=90)).isoformat()


@wrong("stranger", "wire.parent", "wire.topic")
class AnswersAnybody(TrialDevice):
    def hears(self, topic: str, payload: bytes, now: Any) -> None:
        kind, parent, name = topic.split("/")[1:]
        before = len(self.posts)
        super().hears(f"dr/{kind}/{PROFILE.parent}/{name}", payload, now)
        self.posts[before:] = [
            (post[0].replace(f"/{PROFILE.parent}/", f"/{parent}/"), *post[1:]) for post in self.posts[before:]
        ]


@wrong("extensions", "wire.extensions")
class RefusesWhatItDoesNotKnow(TrialDevice):
    def on_request(self, request: m.Request) -> None:
        if request.extensions:
            raise RefusedMessage(m.RejectReason.MALFORMED, "unknown")
        super().on_request(request)


@wrong("skew", "wire.skew")
class WantsItsParentsClock(TrialDevice):
    def on_request(self, request: m.Request) -> None:
        if abs(request.sent_at - self.now) > timedelta(seconds=10):
            raise RefusedMessage(m.RejectReason.STALE, "your clock")
        super().on_request(request)


@wrong("reject", "wire.rejects")
class RefusesRefusals(TrialDevice):
    def hears(self, topic: str, payload: bytes, now: Any) -> None:
        super().hears(topic, payload, now)
        if topic.startswith("dr/reject/"):
            self.refuse("reject", None, RefusedMessage(m.RejectReason.UNKNOWN_EVENT, "no"))


@wrong("garbage", "wire.garbage")
class DiesOfGarbage(TrialDevice):
    dead = False

    def hears(self, topic: str, payload: bytes, now: Any) -> None:
        self.dead = self.dead or payload == b"[]"
        if not self.dead:
            super().hears(topic, payload, now)

    def refuse(self, kind: str, message_id: str | None, refusal: RefusedMessage) -> None:
        return


@wrong("garbage", "wire.refuses")
class PassesOverGarbage(TrialDevice):
    def refuse(self, kind: str, message_id: str | None, refusal: RefusedMessage) -> None:
        return


@wrong("offer", "offer.in_time")
class IsSlow(TrialDevice):
    later: tuple[Any, ...] = ()

    def due(self) -> Any:
        return self.now + timedelta(seconds=5) if self.later else super().due()

    def on_request(self, request: m.Request) -> None:
        self.later = (request,)

    def passes(self, now: Any) -> None:
        waiting, self.later = self.later, () if now - self.now > timedelta(seconds=3) else self.later
        super().passes(now)
        if waiting and not self.later:
            super().on_request(*waiting)


@wrong("offer", "offer.gives")
class NeverGives(TrialDevice):
    def free_w(self, request: m.Request) -> tuple[int, ...]:
        return (0,) * len(request.power_w)


@wrong("offer", "offer.names")
class ForgetsTheRound(Saying):
    def change(self, body: dict[str, Any]) -> None:
        body["round"] += 1


@wrong("offer", "offer.slots")
class OffersOneSlot(Saying):
    def change(self, body: dict[str, Any]) -> None:
        body |= {"power_w": body["power_w"][:1], "available_w": body["available_w"][:1], "resources": [], "binding": []}


@wrong("offer", "offer.not_above", "offer.parts")
class OffersMoreThanAsked(Saying):
    def change(self, body: dict[str, Any]) -> None:
        body["power_w"] = body["available_w"] = [power_w + 800 for power_w in body["power_w"]]


@wrong("offer", "offer.firm")
class FreesItselfEarly(Saying):
    def change(self, body: dict[str, Any]) -> None:
        body["valid_until"] = self.now.isoformat()


@wrong("offer", "offer.resources")
class OffersTheNeighboursCar(Saying):
    def change(self, body: dict[str, Any]) -> None:
        body["resources"][0]["resource_id"] = "car-43"


@wrong("offer", "offer.why")
class DoesNotSayWhy(Saying):
    def change(self, body: dict[str, Any]) -> None:
        body["binding"] = []


@wrong("more", "offer.contract")
class OffersBeyondItsContract(TrialDevice):
    def free_w(self, request: m.Request) -> tuple[int, ...]:
        return (9 * LIMIT_W,) * len(request.power_w)


@wrong("direction", "offer.direction")
class OffersEitherDirection(TrialDevice):
    def free_w(self, request: m.Request) -> tuple[int, ...]:
        return (LIMIT_W,) * len(request.power_w)


@wrong("offer", "offer.repeat")
class OffersLessTheSecondTime(TrialDevice):
    def hears(self, topic: str, payload: bytes, now: Any) -> None:
        known = len(self.answers)
        super().hears(topic, payload, now)
        if len(self.answers) == known and topic.startswith("dr/request/") and self.posts:
            self.posts.clear()
            deal = list(self.deals.values())[-1]
            self.offer(deal, (100,) * len(deal.request.power_w), m.Basis.OWN)


@wrong("late restart", "offer.late", "start.old")
class NeverLooksAtReplyBy(TrialDevice):
    def on_request(self, request: m.Request) -> None:
        until = request.model_copy(update={"reply_by": self.now})
        super().on_request(until)


@wrong("rerequest", "offer.again", "award.names")
class AnswersOneRoundOnly(TrialDevice):
    def on_request(self, request: m.Request) -> None:
        if request.event_id in self.deals:
            raise RefusedMessage(m.RejectReason.STALE, "was answered")
        super().on_request(request)


@wrong("two_events", "offer.sold_once")
class SellsTwice(TrialDevice):
    def free_w(self, request: m.Request) -> tuple[int, ...]:
        return (LIMIT_W,) * len(request.power_w)


@wrong("relax", "relax.in_time")
class DoesNotRelax(TrialDevice):
    def on_relax(self, relax: m.Relax) -> None:
        return


@wrong("relax", "relax.keeps")
class TakesBackWhenItRelaxes(TrialDevice):
    def on_relax(self, relax: m.Relax) -> None:
        self.offer(self.deal(relax), (100,) * len(relax.shortfall_w), m.Basis.RELAXED)


@wrong("relax", "relax.not_above")
class RelaxesBeyondTheShortfall(TrialDevice):
    def on_relax(self, relax: m.Relax) -> None:
        most_w = add((LIMIT_W + 1,) * len(relax.shortfall_w), relax.shortfall_w)
        self.offer(self.deal(relax), most_w, m.Basis.RELAXED)


@wrong("award", "award.confirmed")
class NeverConfirms(TrialDevice):
    def confirm(self, deal: Deal, award: m.Award, accepted: bool) -> None:
        return


@wrong("award", "award.confirmed")
class ConfirmsUnderItsOwnRevision(Saying):
    kind = "confirm"

    def change(self, body: dict[str, Any]) -> None:
        body["revision"] = 7


@wrong("award", "award.accepted", "award.ended")
class TakesNothing(TrialDevice):
    def confirm(self, deal: Deal, award: m.Award, accepted: bool) -> None:
        super().confirm(deal, award, False)


@wrong("award", "award.repeat")
class ConfirmsOnceOnly(TrialDevice):
    def hears(self, topic: str, payload: bytes, now: Any) -> None:
        known = len(self.answers)
        super().hears(topic, payload, now)
        if len(self.answers) == known and topic.startswith("dr/award/"):
            self.posts.clear()


@wrong("above", "award.not_above")
class TakesMoreThanItOffered(TrialDevice):
    def confirm(self, deal: Deal, award: m.Award, accepted: bool) -> None:
        super().confirm(deal, award, True)


@wrong("unknown_offer", "award.unknown_offer")
class TakesAnyOffersAward(TakesMoreThanItOffered):
    pass


@wrong("rerequest", "award.earlier_round")
class ForgetsEarlierRounds(TrialDevice):
    def offer(self, deal: Deal, power_w: tuple[int, ...], basis: m.Basis) -> None:
        deal.offers.clear()
        super().offer(deal, power_w, basis)


@wrong("changed", "award.dropped")
class KeepsOffersOverAChange(TrialDevice):
    def on_request(self, request: m.Request) -> None:
        known = self.deals.get(request.event_id)
        super().on_request(request)
        if known is not None:
            self.deals[request.event_id].offers |= known.offers


@wrong("not_needed", "award.ended")
class RefusesNotToBeNeeded(TrialDevice):
    def confirm(self, deal: Deal, award: m.Award, accepted: bool) -> None:
        super().confirm(deal, award, award.outcome is m.Outcome.CONCLUDED)


@wrong("answer", "dispatch.answer")
class DoesNotAnswerDispatches(TrialDevice):
    def on_dispatch(self, dispatch: m.Dispatch) -> None:
        super().on_dispatch(dispatch.model_copy(update={"answer": None}))


@wrong("power", "power.follows", "power.once")
class EchoesAndDoesNothing(TrialDevice):
    """It has the dispatch, says so, reports: its power stays what it was."""

    def wanted_w(self) -> float:
        return OWN_W


@wrong("power", "power.follows", "power.once", "report.as_metered")
class ReportsWhatItWasTold(TrialDevice):
    """Only the meter beside it tells that nothing happened."""

    def wanted_w(self) -> float:
        return OWN_W

    def reading(self, deal: Deal, slot: int, energy_wh: float, baseline_wh: float) -> m.Reading:
        seconds = deal.request.interval_period.duration.total_seconds()
        return super().reading(deal, slot, energy_wh + deal.followed.get(slot, 0) * seconds / 3600, baseline_wh)


@wrong("power", "power.follows", "power.once")
class TurnsTheWrongWay(TrialDevice):
    def follow(self, deal: Deal, dispatch: m.Dispatch) -> None:
        super().follow(deal, dispatch.model_copy(update={"power_w": -dispatch.power_w}))


@wrong("power", "power.follows", "power.once")
class TakesKilowattsForWatts(TrialDevice):
    def follow(self, deal: Deal, dispatch: m.Dispatch) -> None:
        super().follow(deal, dispatch.model_copy(update={"power_w": dispatch.power_w // 1000}))


class ReportsExportAsImport(TrialDevice):
    def reading(self, deal: Deal, slot: int, energy_wh: float, baseline_wh: float) -> m.Reading:
        return super().reading(deal, slot, -energy_wh, -baseline_wh)


@wrong("power", "power.only_awarded")
class ObeysDispatchesOfAnotherEvent(TrialDevice):
    """It looks at the award's id, and not at the event's."""

    def deal(self, message: m.EventMessage) -> Deal:
        if not isinstance(message, m.Dispatch):
            return super().deal(message)
        return next(deal for deal in self.deals.values() if deal.award and deal.award.award_id == message.award_id)


@wrong("power", "power.rests")
class HoldsThroughZero(TrialDevice):
    def follow(self, deal: Deal, dispatch: m.Dispatch) -> None:
        power_w = dispatch.power_w or deal.followed.get(dispatch.slot - 1, 0)
        super().follow(deal, dispatch.model_copy(update={"power_w": power_w}))


@wrong("power", "power.once")
class AddsUpRepeats(TrialDevice):
    def follow(self, deal: Deal, dispatch: m.Dispatch) -> None:
        power_w = dispatch.power_w + deal.followed.get(dispatch.slot, 0)
        super().follow(deal, dispatch.model_copy(update={"power_w": power_w}))


@wrong("power", "power.runs_out")
class HoldsForEver(TrialDevice):
    def wanted_w(self) -> float:
        for deal in self.deals.values():
            slots = [slot for slot in deal.followed if deal.at(slot) <= self.now]
            if slots and not deal.done:
                return OWN_W + deal.followed[max(slots)]
        return OWN_W


@wrong("cancelled", "report.cancelled")
class DoesNotTellWhatACancelledSlotWas(TrialDevice):
    def ends(self, deal: Deal) -> None:
        deal.followed.clear()
        self.set_power()


@wrong("cancelled", "power.ends", "report.cancelled")
class DoesNotStop(TrialDevice):
    def ends(self, deal: Deal) -> None:
        return

    def look_at_slots(self, deal: Deal) -> None:
        done, deal.done = deal.done, False
        super().look_at_slots(deal)
        deal.done = done


@wrong("cancelled", "power.only_awarded")
class FollowsWithoutAnAward(TrialDevice):
    def on_dispatch(self, dispatch: m.Dispatch) -> None:
        deal = self.deal(dispatch)
        if dispatch.slot in deal.reported:
            self.report(deal, deal.reported[dispatch.slot])
        else:
            self.follow(deal, dispatch)


@wrong("power", "power.not_above")
class FollowsAboveItsAward(FollowsWithoutAnAward):
    pass


@wrong("power", "report.in_time")
class NeverReports(TrialDevice):
    def report(self, deal: Deal, reading: m.Reading) -> None:
        return


@wrong("power", "report.names")
class ReportsForTheNeighbour(Saying):
    kind = "report"

    def change(self, body: dict[str, Any]) -> None:
        body["resource_id"] = "car-43"


@wrong("power", "report.over", "report.as_metered")
class ReportsBeforehand(TrialDevice):
    def follow(self, deal: Deal, dispatch: m.Dispatch) -> None:
        super().follow(deal, dispatch)
        self.report(deal, self.reading(deal, dispatch.slot, 0, 0))


@wrong("power", "report.again")
class ReportsOnceOnly(TrialDevice):
    def on_dispatch(self, dispatch: m.Dispatch) -> None:
        if dispatch.slot not in self.deal(dispatch).reported:
            super().on_dispatch(dispatch)


@wrong("broker", "start.back")
class DoesNotComeBack(TrialDevice):
    starts_seen = 0

    def starts(self, now: Any) -> None:
        self.starts_seen += 1
        if self.starts_seen == 1:
            super().starts(now)

    def on_request(self, request: m.Request) -> None:
        if self.starts_seen == 1:
            super().on_request(request)


@wrong("restart", "start.restart")
class PassesOverWhatStands(TrialDevice):
    begun: Any = None

    def starts(self, now: Any) -> None:
        super().starts(now)
        self.begun = now

    def on_request(self, request: m.Request) -> None:
        if self.now > self.begun:
            super().on_request(request)


@wrong("presence", "presence.online")
class DoesNotTellThatItIsThere(TrialDevice):
    def say(self, message: m.Message, retained: bool = False) -> None:
        if not isinstance(message, m.Presence):
            super().say(message, retained)


@wrong("will", "presence.will")
class HasALyingWill(TrialDevice):
    def will(self) -> Post:
        topic, _, qos, retained = super().will()
        still = m.Presence(message_id=self.new_id("online"), sent_at=self.now, online=True)
        return topic, encode(still), qos, retained


@wrong("capability", "capability.told")
class TellsWhatWasYesterday(Saying):
    kind = "capability"

    def change(self, body: dict[str, Any]) -> None:
        body["valid_until"] = (self.now - timedelta(hours=1)).isoformat()


@wrong("will", "presence.will")
class DoesNotRetainItsWill(TrialDevice):
    """Who comes later takes it for present."""

    def will(self) -> Post:
        topic, payload, qos, _ = super().will()
        return topic, payload, qos, False


@wrong("cancelled", "power.only_awarded")
class TakesACancelledAwardOnceMore(TrialDevice):
    """It remembers no revision: the award of before comes again, and stands again."""

    def on_award(self, award: m.Award) -> None:
        deal = self.deal(award)
        deal.award, deal.done = award.model_copy(update={"revision": 0}), False
        super().on_award(award)

    def hears(self, topic: str, payload: bytes, now: Any) -> None:
        if topic.startswith("dr/award/"):
            self.answers.clear()
        super().hears(topic, payload, now)


@wrong("power", "report.in_time")
class BeginsAnewWhenItIsAskedAgain(TrialDevice):
    """The request that stands at the broker comes with every reconnect."""

    def hears(self, topic: str, payload: bytes, now: Any) -> None:
        if topic.startswith("dr/request/"):
            self.deals.clear()
            self.answers.clear()
        super().hears(topic, payload, now)


@wrong("power", "power.only_awarded")
class ObeysAnyParentsDispatch(TrialDevice):
    def hears(self, topic: str, payload: bytes, now: Any) -> None:
        if topic.startswith("dr/dispatch/"):
            topic = f"dr/dispatch/{PROFILE.parent}/{PROFILE.name}"
        super().hears(topic, payload, now)


@wrong("expired", "power.only_awarded")
class FollowsBeforeItIsAwarded(TrialDevice):
    """Its own offer is deal enough."""

    def due(self) -> Any:
        begins = [deal.at(slot) for deal in self.deals.values() for slot in range(len(deal.request.power_w) + 1)]
        return min((at for at in begins if at > self.looked_at), default=None)

    def on_dispatch(self, dispatch: m.Dispatch) -> None:
        self.follow(self.deal(dispatch), dispatch)


@wrong("expired", "award.expired")
class TakesAnAwardForALapsedOffer(TrialDevice):
    def is_valid(self, offer: m.Offer | None) -> bool:
        return True


@wrong("award", "wire.conflict")
class TakesAnotherBodyUnderAKnownId(TrialDevice):
    def hears(self, topic: str, payload: bytes, now: Any) -> None:
        self.answers = {known: said for known, said in self.answers.items() if said[0] == payload}
        super().hears(topic, payload, now)


@wrong("unknown_offer", "award.unknown_event")
class IsSilentAboutWhatItHasForgotten(TrialDevice):
    def on_award(self, award: m.Award) -> None:
        if award.event_id in self.deals:
            super().on_award(award)


@wrong("award", "award.names")
class ConfirmsWithoutTheRequest(Saying):
    kind = "confirm"

    def change(self, body: dict[str, Any]) -> None:
        body["request_id"] = body["event_id"]


@wrong("power", "report.names")
class ReportsUnderItsOwnRequest(Saying):
    kind = "report"

    def change(self, body: dict[str, Any]) -> None:
        body |= {"request_id": "mine", "round": 1}


@wrong("power", "report.state")
class IsActiveForEver(Saying):
    kind = "report"

    def change(self, body: dict[str, Any]) -> None:
        for reading in body["readings"]:
            reading["state"] = "active"


@wrong("garbage", "wire.side")
class RefusesInItsParentsName(Saying):
    """Its parent takes that for its own word, and never hears of it."""

    kind = "reject"

    def change(self, body: dict[str, Any]) -> None:
        body["refused_by"] = "parent"


class TwoWays(TrialDevice):
    """It charges, too."""

    def free_w(self, request: m.Request) -> tuple[int, ...]:
        return (
            super().free_w(request)
            if request.direction is m.Direction.DECREASE_LOAD
            else (LIMIT_W,) * len(request.power_w)
        )


class DischargesWhenItShouldCharge(TwoWays):
    def follow(self, deal: Deal, dispatch: m.Dispatch) -> None:
        super().follow(deal, dispatch.model_copy(update={"power_w": -abs(dispatch.power_w)}))


@pytest.mark.parametrize(
    ("make", "broken"), [(TwoWays, []), (DischargesWhenItShouldCharge, ["power.follows"])], ids=["right", "wrong"]
)
async def test_both_directions_of_a_device_are_tried(make: type[TrialDevice], broken: list[str]) -> None:
    both = PROFILE.model_copy(update={"increase_load_w": LIMIT_W})
    outcomes = await TrialPlayer(both, VirtualBench(make), "trial").play(procedures())
    assert outcomes.states(RuleState.BROKEN) == broken, [outcomes.of[rule].told for rule in broken]


@pytest.mark.parametrize("name", WRONG)
async def test_wrong_device_fails_by_the_rule_that_it_breaks(name: str) -> None:
    case = WRONG[name]
    outcomes = await tried(case.make, case.play)
    broken = {*outcomes.states(RuleState.BROKEN), *outcomes.states(RuleState.WARNING)}
    assert broken == set(case.breaks), {rule: outcomes.of[rule].told for rule in broken}
    assert outcomes.conforms == all(rules()[rule].level == "SHOULD" for rule in case.breaks)


async def test_cancelled_deal_is_judged_by_reports_alone() -> None:
    outcomes = await tried(TrialDevice, ("cancelled",), METERLESS)
    assert "power.ends" in outcomes.states(RuleState.HOLDS)
    assert "power.only_awarded" in outcomes.states(RuleState.NOT_TRIED)


@pytest.mark.parametrize("make", [EchoesAndDoesNothing, ReportsExportAsImport], ids=lambda make: make.__name__)
async def test_reports_alone_tell_a_device_that_does_not_follow(make: type[TrialDevice]) -> None:
    outcomes = await tried(make, ("power",), METERLESS)
    assert outcomes.states(RuleState.BROKEN) == ["power.follows", "power.once"]


def test_every_rule_has_a_device_that_breaks_it() -> None:
    assert {rule for case in WRONG.values() for rule in case.breaks} == set(rules())
