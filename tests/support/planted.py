"""Bugs on purpose: the hunter must find each of them. The switch is `planted(name)`; nothing else turns one on."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

from fresh import FRESH
from planted_lives import PLANTED_LIVES

from agents.negotiation.asking import Asking
from agents.negotiation.awards import Awards
from agents.negotiation.child import Child
from agents.negotiation.children import Children
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.out import Out
from agents.negotiation.parent import ParentParty
from agents.negotiation.party import Party
from agents.negotiation.stage import Stage, Timer
from agents.negotiation.upward import Upward
from agents.parties.aggregator import sharing
from agents.parties.aggregator.dispatch import Dispatching
from agents.parties.aggregator.planning import Coalition
from agents.parties.aggregator.relaxing import RelaxRung
from agents.parties.aggregator.role import AggregatorRole
from agents.parties.aggregator.supply import Supply
from agents.parties.coordinator.role import CoordinatorRole
from broker.node import Node
from broker.simulation import Simulation
from broker.stepper import Stepper
from protocol import messages as m
from protocol.actor import Effect, Setpoint
from protocol.edges import Edge
from protocol.plan import add, total

Patch = tuple[Any, str, Any]


def _no_dedup() -> list[Patch]:
    return [(Party, "_repeated", lambda self, edge, message, body: False)]


def _ack_before_commit() -> list[Patch]:
    def hand_over(self: Any, node: Node, pending: Any) -> None:
        if node.up:
            self._guard(node, lambda: self._process(node, pending))
        else:
            node.session.append(pending)

    return [(Simulation, "_hand_over", hand_over)]


def _publish_before_commit() -> list[Patch]:
    take = Stepper.take

    def process(self: Any, node: Node, pending: Any, *, due: bool = True) -> None:
        entries = list(take(node.stepper, pending.item if pending else None, self.now, due=due))
        for entry in entries:
            for effect in entry.effects:
                self._do(node, effect)
        for entry in entries:
            node.append(entry)
        if pending is not None:
            node.unacknowledged.append((node.taken, pending))
        self._pass(node, "appended")
        self._schedule_commit(node)
        self._schedule_wake(node)

    def perform(self: Any, node: Node, number: int, entry: Any) -> None:
        for place in range(len(entry.effects)):
            node.mark(number, place)

    return [(Simulation, "_process", process), (Simulation, "_perform", perform)]


def _outbox_forgotten() -> list[Patch]:
    restart = Node.restart

    def forgetful(self: Node) -> list[tuple[int, int, Effect]]:
        restart(self)
        return []

    return [(Node, "restart", forgetful)]


def _journal_not_read() -> list[Patch]:
    return [(Stepper, "fold", lambda self, entry, **options: None)]


def _late_counted() -> list[Patch]:
    return [(Asking, "in_time", lambda self, child, message, stage, now: stage is not Stage.CLOSED)]


def _wall_clock_deadline() -> list[Patch]:
    def in_time(self: Asking, child: Child, message: Any, stage: Stage, now: datetime) -> bool:
        asked = child.relax if getattr(message, "basis", None) is m.Basis.RELAXED else child.request
        return asked is not None and stage is not Stage.CLOSED and message.sent_at <= asked.reply_by

    return [(Asking, "in_time", in_time)]


def _lost_timer() -> list[Patch]:
    go = Negotiation.go

    def forgetful(self: Negotiation, stage: Stage, ends_at: datetime | None = None) -> None:
        go(self, stage, None if stage is Stage.RELAXING else ends_at)

    return [(Negotiation, "go", forgetful)]


def _deadline_restarts() -> list[Patch]:
    resumed = ParentParty._resumed

    def generous(self: ParentParty, now: datetime) -> None:
        for event in self.events.values():
            ends_at = event.timers.at.get(Timer.STAGE)
            if ends_at is not None:
                event.timers.set(Timer.STAGE, max(ends_at, now + timedelta(minutes=30)))
        resumed(self, now)

    return [(ParentParty, "_resumed", generous)]


def _award_not_backed() -> list[Patch]:
    answer_up = CoordinatorRole._answer_up

    def hasty(self: CoordinatorRole, now: datetime) -> None:
        for child, answer in self.event.children.taking_part():
            if child.award is None and any(self.taken.by_name.get(child.name, ())):
                self.taken.conclude(child, answer, self.taken.by_name[child.name], now)
        answer_up(self, now)

    return [(CoordinatorRole, "_answer_up", hasty)]


def _share_above_offer() -> list[Patch]:
    give = Awards.give

    def generous(self: Awards, parts: Iterable[tuple[Child, Any, Any]], now: datetime) -> None:
        give(self, [(child, answer, tuple(power + 1 for power in power_w)) for child, answer, power_w in parts], now)

    return [(Awards, "give", generous)]


def _watt_lost() -> list[Patch]:
    apportion = sharing.apportion

    def careless(*arguments: Any) -> Any:
        shared = apportion(*arguments)
        shares = {
            name: share._replace(power_w=tuple(max(0, power - 1) for power in share.power_w))
            for name, share in shared.shares.items()
        }
        return replace(shared, shares=shares)

    return [(sharing, "apportion", careless)]


def _relax_counted_twice() -> list[Patch]:
    def available_w(self: Supply) -> Any:
        asked = self.children.asked()
        plans = [answer.power_w for child in asked for answer in (child.own, child.relaxed) if answer]
        return add(total(plans, self.subject.slots), self.storage.available_w())

    return [(Supply, "available_w", available_w)]


def _two_rungs_at_once() -> list[Patch]:
    ask = RelaxRung.ask

    def hasty(self: RelaxRung, short: Any, now: datetime) -> bool:
        ask(self, short, now)
        return False

    return [(RelaxRung, "ask", hasty)]


def _cancel_forgotten() -> list[Patch]:
    close = Negotiation.close

    def silent(self: Any, outcome: str, now: datetime, release: Any = None, reason: str = "") -> None:
        close(self, outcome, now, None if release is m.Outcome.CANCELLED else release, reason)

    return [(Negotiation, "close", silent)]


def _withdrawal_ignored() -> list[Patch]:
    return [(Negotiation, "on_withdraw", lambda self, edge, message, now: None)]


def _old_answers_counted() -> list[Patch]:
    renew = Children.renew

    def keeping(self: Children, name: str, request: Any) -> None:
        before = self.by_name[name].own, self.by_name[name].relaxed
        renew(self, name, request)
        self.store(self.by_name[name], *before)

    return [(Children, "renew", keeping)]


def _id_used_twice() -> list[Patch]:
    answer_ids = Upward._answer_ids

    def ids(self: Upward, kind: str, now: datetime) -> dict[str, Any]:
        return {**answer_ids(self, kind, now), "message_id": f"{self.out.name}.{kind}.{self.subject.event_id}"}

    return [(Upward, "_answer_ids", ids)]


def _foreign_edge() -> list[Patch]:
    dispatch = Dispatching.due

    def due(self: Dispatching, now: datetime) -> None:
        say = Out.say

        def astray(out: Out, child: str, now: datetime, build: Any, *what: Any) -> None:
            assert self.event.up is not None
            out.announcer.say(Edge(self.event.up.edge.parent, child), now, build, *what)

        with patch.object(Out, "say", astray):
            dispatch(self, now)
        assert Out.say is say

    return [(Dispatching, "due", due)]


def _control_never_ends() -> list[Patch]:
    effect = Party.effect

    def endless(self: Party, wanted: Effect) -> None:
        if isinstance(wanted, Setpoint) and wanted.power_w is not None:
            wanted = replace(wanted, until=wanted.until + timedelta(hours=10))
        effect(self, wanted)

    return [(Party, "effect", endless)]


def _loosened_above_offer() -> list[Patch]:
    mix_loosened = Children.mix_loosened

    def more(self: Children, child: Child, power_w: Any) -> None:
        mix_loosened(self, child, tuple(power + power // 4 for power in power_w))

    return [(Children, "mix_loosened", more)]


def _whole_profiles_mixed() -> list[Patch]:
    member = Coalition._member

    def mixing(self: Coalition, child: Child) -> Any:
        found = member(self, child)
        return None if found is None else found._replace(mixable=True)

    return [(Coalition, "_member", mixing)]


def _owners_not_spared() -> list[Patch]:
    climb = AggregatorRole._climb

    def careless(self: AggregatorRole, short: Any, now: datetime) -> None:
        asked, self.up.request = (
            self.up.request,
            self.up.request.model_copy(
                update={"terms": self.up.request.terms.model_copy(update={"spares_owners": None})}
            ),
        )
        climb(self, short, now)
        self.up.request = asked

    return [(AggregatorRole, "_climb", careless)]


PLANTED: dict[str, Callable[[], list[Patch]]] = {
    "no_dedup": _no_dedup,
    "ack_before_commit": _ack_before_commit,
    "late_counted": _late_counted,
    "wall_clock_deadline": _wall_clock_deadline,
    "award_not_backed": _award_not_backed,
    "share_above_offer": _share_above_offer,
    "relax_counted_twice": _relax_counted_twice,
    "lost_timer": _lost_timer,
    "publish_before_commit": _publish_before_commit,
    "outbox_forgotten": _outbox_forgotten,
    "journal_not_read": _journal_not_read,
    "deadline_restarts": _deadline_restarts,
    "watt_lost": _watt_lost,
    "two_rungs_at_once": _two_rungs_at_once,
    "cancel_forgotten": _cancel_forgotten,
    "withdrawal_ignored": _withdrawal_ignored,
    "old_answers_counted": _old_answers_counted,
    "id_used_twice": _id_used_twice,
    "foreign_edge": _foreign_edge,
    "control_never_ends": _control_never_ends,
    "loosened_above_offer": _loosened_above_offer,
    "whole_profiles_mixed": _whole_profiles_mixed,
    "owners_not_spared": _owners_not_spared,
    **PLANTED_LIVES,
}


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The bug of a name, while the context lasts. Raises KeyError."""
    with ExitStack() as stack:
        for owner, attribute, changed in PLANTED[name]():
            stack.enter_context(patch.object(owner, attribute, changed))
        yield


def find_all(seeds: int) -> dict[str, int | None]:
    """What `find` says of each planted bug, on all processors."""
    with ProcessPoolExecutor(mp_context=FRESH) as pool:
        return dict(zip(PLANTED, pool.map(partial(find, seeds=seeds), PLANTED), strict=True))


def find(name: str, seeds: int) -> int | None:
    """The first seed that shows a planted bug; None when none of them does."""
    from hunter import judge

    with planted(name):
        return next((seed for seed in range(seeds) if judge(seed)), None)
