"""A party with a book of contracts that changes while it runs. Each event keeps the book that it began with; what leads
from the settings' book to the present one is remembered change by change, so that those books can be made again."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Generic, TypeAlias

from agents.negotiation.children import at_most
from agents.negotiation.conduct import Conduct
from agents.negotiation.learning import Learning
from agents.negotiation.leaving import leave
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.parent import ParentParty
from agents.negotiation.plans.capability import probable
from agents.negotiation.stage import ASKING
from agents.settings.at_once import S, with_settings
from agents.settings.contracts import Contracts, contracts_of, put_together, with_contracts
from agents.settings.learned import Learned
from agents.settings.members import Member, Members
from agents.settings.parties import AggregatorSettings, CoordinatorSettings
from protocol import messages as m
from protocol.actor import Corrected, Foreseen, Reconfigured
from protocol.edges import Edge
from protocol.plan import Plan
from protocol.rules import order_of
from protocol.units import Direction

MOST_NAMED = 20
"""Names in a note."""


class BookedParty(ParentParty, Generic[S]):
    """Base of aggregator and coordinator."""

    def __init__(self, settings: S, *, leaves_early: Callable[[S], bool] = lambda _: False) -> None:
        """`leaves_early`: whether by its settings a stage may end while there is still time to answer."""
        self.settings: S = settings
        """Of today, but for the members: those stand in the book."""
        self.first_book = self.book = Members(members=settings.members)
        """The contracts of today, and those of the settings."""
        self.changes: list[Contracts] = []
        """Since the settings' book."""
        self.other_settings: dict[int, dict[str, Any]] = {}
        """What else changed, by the number of the change."""
        self.editions: dict[str, int] = {}
        """By event, after how many of these changes it began."""
        self.learning: Learning | None = None
        """Where its settings say so."""
        self.next_foreseen: Foreseen | None = None
        """For the request that is taken next, in the same instant."""
        super().__init__(settings.name, (settings.parent,), self.book.by_name)
        self._takers |= {
            Foreseen: self._foreseen,
            Reconfigured: self._reconfigured,
            Corrected: self._corrected,
        }
        self._leaves_early: Callable[[S], bool] = leaves_early
        self._learn({one.name: one for one in settings.learned})

    # -- what its members could probably give

    @property
    def foresees(self) -> bool:
        """Whether it makes use of that."""
        return False

    def foreseen(self, request: m.Request, told: Mapping[str, m.Capability], now: datetime) -> Foreseen | None:
        """What the members that told it could give in a request that is new."""
        if not self.foresees:
            return None
        known = self.events.get(request.event_id)
        if known is not None and known.up is not None and order_of(known.up.request) >= order_of(request):
            return None
        period, slots = request.interval_period, len(request.power_w)
        found = {
            name: probable(told[name], request.direction, period, slots, now)
            for name in self.book.by_name
            if name in told
        }
        could = {name: one for name, one in found.items() if one is not None}
        if not could:
            return None
        power_w = {name: self._at_most(name, request.direction, one.p90_w) for name, one in could.items()}
        sure_pct = {name: one.sure_pct for name, one in could.items()}
        return Foreseen(request.event_id, request.request_id, power_w, sure_pct)

    def _at_most(self, name: str, direction: Direction, power_w: Plan) -> Plan:
        """What a member says counts for its contracted capacity."""
        return at_most(power_w, self.book[name].most_w(direction))

    def _foreseen(self, item: Foreseen, now: datetime) -> None:
        self.next_foreseen = item

    def taken_foreseen(self, request: m.Request) -> Foreseen | None:
        """What was foreseen for a request that begins now; None: nothing."""
        item, self.next_foreseen = self.next_foreseen, None
        return item if item is not None and item.request_id == request.request_id else None

    def is_parent(self) -> bool:
        """Also with an empty book: members may join."""
        return True

    def opened(self, edge: Edge, request: m.Request) -> Negotiation:
        """A new event, by the contracts of today."""
        self.editions[request.event_id] = len(self.changes)
        return self.opened_by(self.book, self.settings, edge, request)

    def opened_by(self, book: Members, settings: S, edge: Edge, request: m.Request) -> Negotiation:
        """A new event by these contracts and settings."""
        raise NotImplementedError

    def _forget(self, event_id: str) -> None:
        super()._forget(event_id)
        self.editions.pop(event_id, None)
        if self.learning is not None:
            self.learning.forget(event_id)

    def _reconfigured(self, item: Reconfigured, now: datetime) -> None:
        contracts, before = contracts_of(item.contracts), self.book
        self.change(contracts, item.settings)
        self._put_together()
        if item.settings:
            self.tell("settings_changed", data={"changed": list(item.settings)})
        if not contracts:
            return
        left = [name for name, terms in contracts.items() if terms is None and name in before]
        joined = [name for name, terms in contracts.items() if terms is not None and name not in before]
        named = [name for name in contracts if name in before or name in self.book]
        data = {
            "joined": len(joined),
            "changed": len(named) - len(joined) - len(left),
            "left": len(left),
            "first": named[:MOST_NAMED],
        }
        self.tell("book_changed", data=data)
        for name in left:
            if self.learning is not None:
                self.learning.conduct.forget(name)
            for event in list(self.events.values()):
                leave(event, name, now)

    def change(self, contracts: Contracts, settings: Mapping[str, object] | None = None) -> None:
        """Let these contracts and settings hold from now on."""
        self.book = with_contracts(self.book, contracts)
        if settings:
            self.other_settings[len(self.changes)] = dict(settings)
            self.settings = with_settings(self.settings, dict(settings))
            self._learn({} if self.learning is None else self.learning.conduct.known)
        self.changes.append(contracts)
        self._children = self.book.by_name

    def _put_together(self) -> None:
        """Changes before all events that are known become two at most, so that a party that never rests has few."""
        needed = min(self.editions.values(), default=len(self.changes))
        together = put_together(self.first_book, self.changes[:needed])
        settings: dict[str, Any] = {}
        for number in range(needed):
            settings |= self.other_settings.get(number, {})
        if settings and not together:
            together = [{}]
        fewer = needed - len(together)
        if fewer <= 0:
            return
        self.changes[:needed] = together
        self.other_settings = {key - fewer: value for key, value in self.other_settings.items() if key >= needed}
        if settings:
            self.other_settings[len(together) - 1] = settings
        self.editions = {event_id: edition - fewer for event_id, edition in self.editions.items()}

    # -- what members did

    def _learn(self, known: Mapping[str, Learned]) -> None:
        """By the settings of today, with what was learned before."""
        half_life_days = self.settings.reliability_half_life_days
        if half_life_days is None:
            self.learning = None
        elif self.learning is None:
            self.learning = Learning(Conduct(half_life_days, known), self._leaves_early(self.settings))
        else:
            self.learning.goes_by(half_life_days, self._leaves_early(self.settings))

    def expected_pct(self, member: Member, now: datetime) -> int:
        """How much of what a member is asked for is to be expected of it: by what it did, else by its contract."""
        return member.reliability_pct if self.learning is None else self.learning.conduct.expected_pct(member, now)

    def loosened_lately(self, name: str, at: datetime) -> int:
        """How often a member's owner has loosened something lately, thousandths of an event; 0 where nothing is learned."""
        return 0 if self.learning is None else self.learning.conduct.of(name, at).loosened

    def woken_lately(self, name: str, at: datetime) -> int:
        """How often a member was given something to do lately, thousandths of an event; 0 where nothing is learned."""
        return 0 if self.learning is None else self.learning.conduct.of(name, at).woken

    def _corrected(self, item: Corrected, now: datetime) -> None:
        member = self.book[item.member]
        before_pct = self.expected_pct(member, now)
        if self.learning is not None:
            self.learning.conduct.forget(member.name)
        if item.reliability_pct is not None:
            self.change({member.name: replace(member, reliability_pct=item.reliability_pct)})
            self._put_together()
        after_pct = self.expected_pct(self.book[member.name], now)
        data = {"child": member.name, "before_pct": before_pct, "expected_pct": after_pct, "cause": item.cause}
        self.tell("reliability_corrected", data=data)

    def _resumed(self, now: datetime) -> None:
        super()._resumed(now)
        for event in self.events.values() if self.learning is not None else ():
            self._interrupted(event)

    def _interrupted(self, event: Negotiation) -> None:
        if self.learning is not None and event.stage in ASKING:
            self.learning.interrupted(event)

    def _on_answer(self, edge: Edge, message: m.Offer | m.Alternative, now: datetime) -> None:
        super()._on_answer(edge, message, now)
        if self.learning is not None:
            self.learning.answered(self._event(message), edge.child, message, now)

    def _on_withdraw(self, edge: Edge, message: m.Withdraw, now: datetime) -> None:
        event = self._event(message)
        child = event.children.by_name.get(edge.child)
        before_w = None if child is None else child.awarded_w
        super()._on_withdraw(edge, message, now)
        if self.learning is not None:
            self.learning.withdrew(event, edge.child, before_w, now)

    def _on_award(self, edge: Edge, award: m.Award, now: datetime) -> None:
        if award.event_id in self.events:
            self._interrupted(self.events[award.event_id])
        super()._on_award(edge, award, now)

    def event_ended(self, event_id: str, now: datetime) -> None:
        """What its members did in it is known now."""
        if self.learning is not None:
            self.learning.ended(self.events[event_id], self.book, now)

    def of_members(self, told: Mapping[str, m.Capability]) -> dict[str, m.Capability]:
        """Of what children have told that of those who are under contract."""
        return {name: one for name, one in told.items() if name in self.book}


AnyBookedParty: TypeAlias = BookedParty[AggregatorSettings] | BookedParty[CoordinatorSettings]
