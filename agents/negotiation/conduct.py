"""What is learned of members from what they did: how much of what they were asked they offered, and how much of what they
were awarded their meters show. Pure, in whole numbers: every machine learns the same.

Each event counts as one thousand, and its weight halves in every half-life. Silence that we caused says nothing of a
member and is kept apart, so are a vehicle that was not there and a refusal; whoever is asked for more than a need goes
by how much is to be expected, whatever the cause.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from agents.settings.learned import EVENT, Learned
from agents.settings.members import Member
from protocol import messages as m

ONE = 1 << 32


class Answered(StrEnum):
    """How a member that offered nothing answered a request."""

    REFUSED = "refused"
    """It, or its resident, did not want to."""
    UNPLUGGED = "unplugged"
    """Its vehicle was not there."""
    UNABLE = "unable"
    """It had nothing to give, or a fault."""
    SILENT = "silent"
    """It did not answer."""
    EXCUSED = "excused"
    """We caused it: it had less time than its contract says, we were down, or it was held by another event."""


def kind_of(answer: m.Offer | m.Alternative) -> Answered | None:
    """What an answer means; None: it offers something."""
    if isinstance(answer, m.Alternative) or answer.opt is m.Opt.IN:
        return None
    if answer.opt_reason in (m.OptReason.NOT_PARTICIPATING, m.OptReason.OVERRIDE_STATUS):
        return Answered.REFUSED
    bound_by = {binding for binding in answer.binding if binding is not None}
    if m.Restriction.COMMITTED in bound_by:
        return Answered.EXCUSED
    return Answered.UNPLUGGED if bound_by == {m.Restriction.PLUG_WINDOW} else Answered.UNABLE


@dataclass(frozen=True, slots=True)
class MemberOutcome:
    """What one event shows of a member, in thousandths of it."""

    answered: Answered | None
    """None: it offered something."""
    offered: int = 0
    """Of what it was asked."""
    due_wh: int = 0
    """By its firm offer, where its meter was heard."""
    given_wh: int = 0
    """Of that, by its meter."""
    taken_back_wh: int = 0
    """Withdrawn behind the award."""
    unmetered_wh: int = 0
    """Due, and its meter was not heard."""


@lru_cache(8)
def _day(half_life_days: int) -> int:
    """What a day leaves of a weight, in 2^32ths: so many days leave a half."""
    low, high = 0, ONE
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**half_life_days <= 1 << (32 * half_life_days - 1) else (low, middle - 1)
    return low


def faded(weight: int, days: int, half_life_days: int) -> int:
    """What so many days leave of a weight."""
    halves, rest = divmod(max(0, days), half_life_days)
    share: int = _day(half_life_days) ** rest
    return (weight * share >> 32 * rest) >> halves


def faded_to(known: Learned, day: int, half_life_days: int) -> Learned:
    """What was learned of a member, by the weight that it has on a day."""
    days = day - known.day
    if days <= 0:
        return known
    left = {one: faded(getattr(known, one), days, half_life_days) for one in WEIGHTS}
    return Learned(name=known.name, day=day, **left)


WEIGHTS = tuple(one.name for one in fields(Learned) if one.name not in ("name", "day"))


class Conduct:
    """What is learned of the members of one book."""

    def __init__(self, half_life_days: int, learned: Mapping[str, Learned]) -> None:
        self.half_life_days = half_life_days
        self.known = dict(learned)

    def count(self, name: str, outcome: MemberOutcome, now: datetime) -> None:
        """An event of a member has ended."""
        day = now.date().toordinal()
        known = self.of(name, now)
        more = {one: getattr(known, one) for one in WEIGHTS}
        if outcome.answered is None:
            more["offered"] += outcome.offered
            more["not_offered"] += EVENT - outcome.offered
        else:
            more[outcome.answered] += EVENT
        due_wh = outcome.due_wh + outcome.taken_back_wh
        if due_wh:
            given = min(EVENT, max(0, outcome.given_wh) * EVENT // due_wh)
            back = min(EVENT - given, outcome.taken_back_wh * EVENT // due_wh)
            more["given"] += given
            more["withdrawn"] += back
            more["not_given"] += EVENT - given - back
        elif outcome.unmetered_wh:
            more["unmetered"] += EVENT
        self.known[name] = Learned(name=name, day=day, **more)

    def of(self, name: str, now: datetime) -> Learned:
        """What is known of a member now."""
        day = now.date().toordinal()
        known = self.known.get(name)
        return Learned(name=name, day=day) if known is None else faded_to(known, day, self.half_life_days)

    def forget(self, name: str) -> None:
        """What was learned of a member counts no more."""
        self.known.pop(name, None)

    def expected_pct(self, member: Member, now: datetime) -> int:
        """How much of what it is asked for is to be expected of a member; what its contract says counts as
        some events that nobody has seen."""
        if member.name not in self.known:
            return member.reliability_pct
        known = self.of(member.name, now)
        return known.answers_pct(member.reliability_pct) * known.delivers_pct() // 100
