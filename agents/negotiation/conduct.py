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
from operator import attrgetter

from agents.settings.learned import EVENT, Learned, given_pct, offered_pct
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
    loosened: bool = False
    """Whether its award stood on what its owner loosened."""
    woken: bool = False
    """Whether it was given something to do."""


@lru_cache(8)
def _day(half_life_days: int) -> int:
    """What a day leaves of a weight, in 2^32ths: so many days leave a half."""
    low, high = 0, ONE
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**half_life_days <= 1 << (32 * half_life_days - 1) else (low, middle - 1)
    return low


@lru_cache(64)
def _share(days: int, half_life_days: int) -> tuple[int, int, int]:
    """What so many days leave of a weight: a factor, and how many bits to the right its product goes, in two steps."""
    halves, rest = divmod(max(0, days), half_life_days)
    return _day(half_life_days) ** rest, 32 * rest, halves


def faded(weight: int, days: int, half_life_days: int) -> int:
    """What so many days leave of a weight."""
    factor, bits, halves = _share(days, half_life_days)
    return (weight * factor >> bits) >> halves


WEIGHTS = tuple(one.name for one in fields(Learned) if one.name not in ("name", "day"))
_read = attrgetter(*WEIGHTS)


def weights_on(known: Learned, day: int, half_life_days: int) -> tuple[int, ...]:
    """What was learned of a member, by the weights (`WEIGHTS`) that it has on a day."""
    weights: tuple[int, ...] = _read(known)
    days = day - known.day
    if days <= 0:
        return weights
    factor, bits, halves = _share(days, half_life_days)
    return tuple([weight and (weight * factor >> bits) >> halves for weight in weights])


class Conduct:
    """What is learned of the members of one book."""

    def __init__(self, half_life_days: int, learned: Mapping[str, Learned]) -> None:
        self.half_life_days = half_life_days
        self.known = dict(learned)

    def count(self, name: str, outcome: MemberOutcome, now: datetime) -> None:
        """An event of a member has ended."""
        day = now.date().toordinal()
        known = self.known.get(name)
        before = (0,) * len(WEIGHTS) if known is None else weights_on(known, day, self.half_life_days)
        more = dict(zip(WEIGHTS, before, strict=True))
        if outcome.answered is None:
            more["offered"] += outcome.offered
            more["not_offered"] += EVENT - outcome.offered
        else:
            more[outcome.answered] += EVENT
        if outcome.loosened:
            more["loosened"] += EVENT
        if outcome.woken:
            more["woken"] += EVENT
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
        if known is None:
            return Learned(name=name, day=day)
        if known.day >= day:
            return known
        return Learned(
            name=name, day=day, **dict(zip(WEIGHTS, weights_on(known, day, self.half_life_days), strict=True))
        )

    def forget(self, name: str) -> None:
        """What was learned of a member counts no more."""
        self.known.pop(name, None)

    def expected_pct(self, member: Member, now: datetime) -> int:
        """How much of what it is asked for is to be expected of a member; what its contract says counts as
        some events that nobody has seen."""
        known = self.known.get(member.name)
        if known is None:
            return member.reliability_pct
        offered, not_offered, refused, unplugged, unable, silent, _, given, not_given, withdrawn, *_ = weights_on(
            known, now.date().toordinal(), self.half_life_days
        )
        asked, due = offered + not_offered + refused + unplugged + unable + silent, given + not_given + withdrawn
        return offered_pct(offered, asked, member.reliability_pct) * given_pct(given, due) // 100
