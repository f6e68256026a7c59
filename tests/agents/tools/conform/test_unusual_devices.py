"""A device that is right in an unusual way holds every rule, too."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from trial_device import LIMIT_W, PROFILE, Deal, TrialDevice, VirtualBench

from agents.tools.conform.outcome import RuleState
from agents.tools.conform.player import TrialPlayer
from agents.tools.conform.procedure import procedures
from protocol import messages as m

TOKYO = timezone(timedelta(hours=9))
METERLESS = PROFILE.model_copy(
    update={"features": ("relax", "presence", "capability", "answers_dispatch"), "meter_topic": None}
)


class Patient(TrialDevice):
    """It says all that it has to say once in a while, in one go."""

    every = timedelta(seconds=1.5)

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Any] = []
        self.lets_go_at: datetime | None = None

    def due(self) -> datetime | None:
        instants = [at for at in (super().due(), self.lets_go_at) if at is not None]
        return min(instants, default=None)

    def hears(self, topic: str, payload: bytes, now: datetime) -> None:
        super().hears(topic, payload, now)
        self.keep()

    def passes(self, now: datetime) -> None:
        super().passes(now)
        if self.lets_go_at is not None and now >= self.lets_go_at:
            self.posts[:0], self.kept, self.lets_go_at = self.kept, [], None
        else:
            self.keep()

    def keep(self) -> None:
        self.kept += self.posts
        self.posts.clear()
        if self.kept and self.lets_go_at is None:
            self.lets_go_at = self.now + self.every


class SaysEverythingTwice(TrialDevice):
    """At once, byte for byte: it does not trust its modem."""

    def post(self, topic: str, body: dict[str, Any], retained: bool = False) -> None:
        super().post(topic, body, retained)
        super().post(topic, body, retained)


class SaysItsReportsAgainLater(Patient):
    """A second time, behind whatever it says next."""

    every = timedelta(seconds=1)

    def keep(self) -> None:
        reports = [post for post in self.posts if post[0].startswith("dr/report/")]
        told = [post for post in self.posts if post not in self.kept]
        self.posts[:] = told
        self.kept += [post for post in reports if post in told]
        if self.kept and self.lets_go_at is None:
            self.lets_go_at = self.now + self.every


class Reworded(TrialDevice):
    """Other orders, spaces, escapes, offsets, and words of its own where they are allowed."""

    def post(self, topic: str, body: dict[str, Any], retained: bool = False) -> None:
        body = dict(sorted(body.items(), reverse=True))
        body["extensions"] = {"maker.build": {"nr": 17, "of": ["\u00fcber", None, -1.5]}}
        body["sent_at"] = datetime.fromisoformat(body["sent_at"]).astimezone(TOKYO).isoformat()
        text = json.dumps(body, indent=2, ensure_ascii=True).encode()
        self.posts.append((topic, text, 1, retained))


class SaysNoMoreThanItHasTo(TrialDevice):
    """Whatever is optional it leaves out."""

    optional = ("version", "extensions", "opt_reason", "basis", "resources", "reason", "text", "software", "capability")

    def post(self, topic: str, body: dict[str, Any], retained: bool = False) -> None:
        said = {"basis"} if body.get("basis") == "relaxed" else {"reason"} if topic.startswith("dr/reject/") else set()
        body = {key: value for key, value in body.items() if key not in self.optional or key in said}
        for reading in body.get("readings", ()):
            reading.pop("reading_type", None)
            reading.pop("soc_wh", None)
        super().post(topic, body, retained)


class ReportsAsTheHouse(TrialDevice):
    """Under its own name, and not under a resource's."""

    def post(self, topic: str, body: dict[str, Any], retained: bool = False) -> None:
        if "resource_id" in body:
            body["resource_id"] = PROFILE.name
        super().post(topic, body, retained)


class CouldGiveMore(TrialDevice):
    """`available_w` is not bound by what is asked; its offer holds long behind the event."""

    def post(self, topic: str, body: dict[str, Any], retained: bool = False) -> None:
        if topic.startswith("dr/offer/") and body["opt"] == "opt_in":
            body["available_w"] = [50 * LIMIT_W for _ in body["available_w"]]
        super().post(topic, body, retained)


class NumbersItsReportsThroughout(TrialDevice):
    """One count for all that it ever reports."""

    counted = 100

    def report(self, deal: Deal, reading: m.Reading) -> None:
        type(self).counted += 3
        deal.reports = self.counted
        super().report(deal, reading)


class ReportsEverySlotSoFar(TrialDevice):
    """Each report has all slots that are over."""

    def report(self, deal: Deal, reading: m.Reading) -> None:
        if reading.state is m.EventStatus.CANCELLED:
            super().report(deal, reading)
            return
        deal.reported[reading.slot] = reading
        deal.reports += 1
        head = self.head("report", deal.request) | {"revision": deal.reports}
        readings = tuple(deal.reported[slot] for slot in sorted(deal.reported))
        self.say(m.Report(**head, resource_id="car-42", readings=readings))


@pytest.mark.parametrize(
    "make",
    [
        Patient, SaysEverythingTwice, SaysItsReportsAgainLater, Reworded, SaysNoMoreThanItHasTo, ReportsAsTheHouse,
        CouldGiveMore, NumbersItsReportsThroughout, ReportsEverySlotSoFar,
    ],
    ids=lambda make: make.__name__,
)  # fmt: skip
async def test_unusual_device_that_keeps_the_contract_conforms(make: type[TrialDevice]) -> None:
    outcomes = await TrialPlayer(METERLESS, VirtualBench(make, False), "trial").play(procedures())
    not_right = {*outcomes.states(RuleState.BROKEN), *outcomes.states(RuleState.WARNING)}
    assert not_right == set(), {rule: outcomes.of[rule].told for rule in not_right}
    assert outcomes.count(RuleState.HOLDS) > 50
