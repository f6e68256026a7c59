"""P1, P2: no award is lost, and the ledgers agree: awards given = awards confirmed + the shortfall that was stated."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import TypeGuard

from highspy import HighsModelStatus

from agents.negotiation.plans.coalition.program import quiet
from checker.wire import refuses, sends
from protocol import messages as m
from protocol.actor import Effect, Entry, Note, Received, Send
from protocol.edges import Edge
from protocol.plan import Plan, add, covers, least, scaled, shortfall, total

LESS_EXPECTED = ("gives_less", "gives_so_far", "dispatch_unanswered", "dispatch_refused")
"""Notes of who is expected to give less than its award."""


def violations(trace: Sequence[Entry]) -> list[str]:
    found = above_offer(trace) + unanswered(trace) + not_backed(trace) + confirmed_both_ways(trace)
    found += awarded_too_early(trace) + withdrawn_but_standing(trace) + owners_not_spared(trace)
    return found + shares_that_do_not_sum(trace) + unconfirmed(trace) + not_kept(trace)


def above_offer(trace: Sequence[Entry]) -> list[str]:
    """An award is at most the offer that it accepts: one to any round of its event, the last one of its id. Where that told
    other profiles, it is one of those that stand, or a mix of them where they can be mixed, or less."""
    offers: dict[tuple[Edge, str, str], m.Offer | m.Option] = {}
    found = []
    for entry, send in sends(trace):
        edge, message = send.edge, send.message
        match message:
            case m.Offer():
                offers[edge, message.event_id, message.message_id] = message
            case m.Alternative():
                for option in message.options:
                    offers[edge, message.event_id, option.option_id] = option
            case m.Award(outcome=m.Outcome.CONCLUDED):
                offer = offers.get((edge, message.event_id, message.accepts or ""))
                if offer is None:
                    found.append(f"P1: {entry.actor} accepts {message.accepts}, which was never offered")
                elif isinstance(offer, m.Offer) and offer.profiles is not None:
                    told = [o for (e, _, _), o in offers.items() if e == edge and isinstance(o, m.Offer)]
                    if not _among(message.power_w, offer, told):
                        found.append(f"P1: {entry.actor} awards {message.power_w}, no mix of what {edge.child} told")
                elif not covers(offer.power_w, message.power_w):
                    found.append(f"P1: {entry.actor} awards {message.power_w} of an offer of {offer.power_w}")
    return found


def _among(power_w: Plan, accepted: m.Offer, told: Sequence[m.Offer]) -> bool:
    """Whether a plan is at most one of the profiles told in an event, or a mix of them where they can be mixed; of what is
    loosened also with what is not."""
    same = [
        o
        for o in told
        if (o.event_id, len(o.power_w)) == (accepted.event_id, len(power_w))
        and o.basis in (m.Basis.OWN, accepted.basis)
    ]
    plans = [plan for o in same for plan in (o.power_w, *(() if o.profiles is None else o.profiles.power_w))]
    if any(covers(plan, power_w) for plan in plans):
        return True
    return accepted.profiles is not None and accepted.profiles.mixable and _mixes(power_w, plans)


def _mixes(power_w: Plan, plans: Sequence[Plan]) -> bool:
    """Whether some mix of plans covers a plan (a linear program)."""
    solver = quiet()
    parts = [solver.addVariable(0, 1) for _ in plans]
    solver.addConstr(sum(parts[1:], parts[0]) <= 1)
    for slot, power in enumerate(power_w):
        given = [part * float(plan[slot]) for part, plan in zip(parts, plans, strict=True)]
        solver.addConstr(sum(given[1:], given[0]) >= power - 0.01)
    solver.run()
    return solver.getModelStatus() == HighsModelStatus.kOptimal


def unanswered(trace: Sequence[Entry]) -> list[str]:
    """Who answered with a yes, and does not take it back, hears what became of it: an award, a reject, or a newer
    request."""
    answered: dict[tuple[Edge, str], bool] = {}
    taken_back: dict[tuple[Edge, str], int] = {}
    for entry in trace:
        heard = entry.input if isinstance(entry.input, Received) else None
        answer = heard.message if heard is not None else None
        yes = isinstance(answer, m.Alternative) or (isinstance(answer, m.Offer) and answer.opt is m.Opt.IN)
        if yes and heard is not None and isinstance(answer, m.EventMessage):
            # a yes that was said before a no that has overtaken it is none
            yes = answer.revision > taken_back.get((heard.edge, answer.request_id), 0)
        if yes and heard is not None and isinstance(answer, m.EventMessage) and heard.edge.parent == entry.actor:
            answered.setdefault((heard.edge, answer.request_id), refuses(entry))
        elif heard is not None and isinstance(answer, m.Offer) and heard.edge.parent == entry.actor:
            answered.pop((heard.edge, answer.request_id), None)
            if answer.opt is m.Opt.OUT:
                taken_back[heard.edge, answer.request_id] = answer.revision
        for effect in entry.effects:
            if isinstance(effect, Send) and isinstance(effect.message, m.Award):
                answered[effect.edge, effect.message.request_id] = True
            elif stands_again(effect):
                for key in answered:
                    answered[key] |= key[0].parent == entry.actor and key[1].startswith(f"{effect.event_id}.")
            elif isinstance(effect, Send) and isinstance(effect.message, m.Request):
                for key in answered:
                    answered[key] |= key[0] == effect.edge and key[1] != effect.message.request_id
    return [f"P1: {edge}: an answer to {request} got no answer" for (edge, request), ok in answered.items() if not ok]


def stands_again(effect: Effect) -> TypeGuard[Note]:
    """Whether a party says that what stood before a change stands again: nobody is asked for more."""
    return isinstance(effect, Note) and effect.name == "earlier_deal_stands"


Standing = dict[tuple[str, str], dict[str, m.Award]]
"""By parent and event: the last award to each child, of its last request."""


def last_awards(trace: Sequence[Entry]) -> tuple[Standing, dict[tuple[str, str], tuple[m.Award, datetime]]]:
    """What each parent's journal holds in the end, and what each child's does: the last award it confirmed, and when."""
    given: Standing = defaultdict(dict)
    offered: dict[tuple[str, str], m.Award] = {}
    own: dict[tuple[str, str], tuple[m.Award, datetime]] = {}
    kept: dict[tuple[str, str], tuple[m.Award, datetime]] = {}
    newest = Newest()
    for entry in trace:
        if (superseded := newest.hear(entry)) is not None and superseded in own:
            kept[superseded] = own.pop(superseded)
        if isinstance(entry.input, Received) and isinstance(entry.input.message, m.Award):
            offered[entry.actor, entry.input.message.award_id] = entry.input.message
        elif isinstance(entry.input, Received) and isinstance(entry.input.message, m.Confirm):
            _forget_refused(given, entry.actor, entry.input)
        for effect in entry.effects:
            message = effect.message if isinstance(effect, Send) else None
            if isinstance(effect, Send) and isinstance(message, m.Award):
                given[entry.actor, message.event_id][effect.edge.child] = message
            elif isinstance(effect, Send) and isinstance(message, m.Request):
                given[entry.actor, message.event_id].pop(effect.edge.child, None)
            elif isinstance(message, m.Confirm) and message.accepted:
                award = offered.get((entry.actor, message.award_id))
                if award is not None and award.revision == message.revision:
                    own[entry.actor, message.event_id] = (award, entry.at)
            elif stands_again(effect) and (entry.actor, effect.event_id) in kept:
                own.setdefault((entry.actor, effect.event_id), kept[entry.actor, effect.event_id])
    return given, own


def _forget_refused(given: Standing, parent: str, item: Received) -> None:
    """An award that the child has refused stands with nobody."""
    confirm, child = item.message, item.edge.child
    assert isinstance(confirm, m.Confirm)
    awards = given[parent, confirm.event_id]
    award = awards.get(child)
    known = award is not None and (award.award_id, award.revision) == (confirm.award_id, confirm.revision)
    if known and not confirm.accepted and item.edge.parent == parent:
        del awards[child]


class Newest:
    """The newest request that each party heard, by party and event; repeats of older ones change nothing."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, str], m.Request] = {}

    def hear(self, entry: Entry) -> tuple[str, str] | None:
        """Party and event when the step took a request that supersedes what was."""
        message = entry.input.message if isinstance(entry.input, Received) else None
        if not isinstance(message, m.Request) or refuses(entry):
            return None
        at = (entry.actor, message.event_id)
        known = self.requests.get(at)
        if known is not None and (known.revision, known.round) >= (message.revision, message.round):
            return None
        self.requests[at] = message
        return at


def newest_requests(trace: Sequence[Entry]) -> dict[tuple[str, str], m.Request]:
    newest = Newest()
    for entry in trace:
        newest.hear(entry)
    return newest.requests


def not_backed(trace: Sequence[Entry]) -> list[str]:
    """What a party awards downward is at most what it was awarded, or what a mandate lets it conclude. Who gives less
    than its award counts for what it gives: it is kept, and others are raised. So they are for what those take back that
    have withdrawn."""
    given, own = last_awards(trace)
    back = taken_back(trace)
    requests, gives_pct = newest_requests(trace), least_given(trace)
    found = []
    for (parent, event_id), awards in given.items():
        concluded = [
            scaled(award.power_w, gives_pct.get((parent, event_id, child), 100), 100)
            for child, award in awards.items()
            if award.outcome is m.Outcome.CONCLUDED
        ]
        request = requests.get((parent, event_id))
        if not concluded or request is None:
            continue  # nothing stands, or the utility: nobody is above it
        slots = len(concluded[0])
        rounded_w = sum(
            (parent, event_id, child) in gives_pct for child in awards
        )  # a watt each: shares of whole watts
        beside_w = [*back.get((parent, event_id), {}).values(), (rounded_w,) * slots]
        sums = shortfall(total(concluded, slots), total(beside_w, slots))
        if not any(sums):
            continue  # what is given makes up for what those take back that have withdrawn: above it nothing stands
        award, heard_at = own.get((parent, event_id), (None, None))
        over = request.interval_period.slot_start(len(request.power_w))
        if award is not None and heard_at is not None and heard_at >= over:
            continue  # a word that came when all was delivered binds nobody
        by_mandate = award is None and request.terms.mandate and covers(request.power_w, sums)
        by_award = award is not None and award.outcome is m.Outcome.CONCLUDED and covers(award.power_w, sums)
        if not by_mandate and not by_award:
            found.append(f"P1: {parent}/{event_id}: awards of {sums} are not backed from above")
    return found


def taken_back(trace: Sequence[Entry]) -> dict[tuple[str, str], dict[str, Plan]]:
    """By parent and event: what each child said that it takes back by itself, W."""
    found: dict[tuple[str, str], dict[str, Plan]] = defaultdict(dict)
    for entry in trace:
        for note in entry.effects:
            if isinstance(note, Note) and note.name == "taking_back":
                power_w = note.data["power_w"]
                assert isinstance(power_w, tuple)
                found[entry.actor, note.event_id][str(note.data["child"])] = power_w
    return found


def least_given(trace: Sequence[Entry]) -> dict[tuple[str, str, str], int]:
    """By parent, event and child: the least that its parent noted to expect of its award, percent."""
    found: dict[tuple[str, str, str], int] = {}
    for entry in trace:
        for note in entry.effects:
            if isinstance(note, Note) and note.name in LESS_EXPECTED:
                key = (entry.actor, note.event_id, str(note.data["child"]))
                found[key] = min(found.get(key, 100), int(str(note.data.get("expected_pct", 0))))
    return found


def awarded_too_early(trace: Sequence[Entry]) -> list[str]:
    """Nobody but the utility awards before it was awarded itself, or was told that it may conclude."""
    newest = Newest()
    bought: dict[tuple[str, str], None] = {}
    kept: dict[tuple[str, str], None] = {}
    found = []
    for entry in trace:
        if (superseded := newest.hear(entry)) is not None and superseded in bought:
            del bought[superseded]
            kept[superseded] = None
        for effect in entry.effects:
            if stands_again(effect) and (entry.actor, effect.event_id) in kept:
                bought[entry.actor, effect.event_id] = None
            message = effect.message if isinstance(effect, Send) else None
            at = (entry.actor, message.event_id) if isinstance(message, m.EventMessage) else None
            if at is None or at not in newest.requests:
                continue
            if isinstance(message, m.Confirm) and message.accepted:
                bought[at] = None
            elif at in bought or newest.requests[at].terms.mandate:
                continue
            elif isinstance(message, m.Award) and message.outcome is m.Outcome.CONCLUDED:
                found.append(f"P1: {entry.actor} awards {message.award_id} before anybody bought it")
    return found


def owners_not_spared(trace: Sequence[Entry]) -> list[str]:
    """Whoever was asked to spare owners asks none of them to loosen anything for that request."""
    newest = Newest()
    found = []
    for entry in trace:
        newest.hear(entry)
        for effect in entry.effects:
            if isinstance(effect, Send) and isinstance(effect.message, m.Relax):
                asked = newest.requests.get((entry.actor, effect.message.event_id))
                if asked is not None and asked.terms.spares_owners:
                    found.append(
                        f"P1: {entry.actor} asks {effect.edge.child} to loosen something, and was to spare owners"
                    )
    return found


def withdrawn_but_standing(trace: Sequence[Entry]) -> list[str]:
    """A withdrawal that was heard is answered: what stands afterwards is no more than what was left, or is of a later award."""
    newest: dict[tuple[Edge, str], m.Award] = {}
    left: dict[tuple[Edge, str], Plan] = {}
    for entry in trace:
        heard = entry.input if isinstance(entry.input, Received) else None
        if heard is not None and isinstance(heard.message, m.Withdraw) and not refuses(entry):
            left[heard.edge, heard.message.award_id] = heard.message.power_w
        for effect in entry.effects:
            if isinstance(effect, Send) and isinstance(effect.message, m.Award):
                newest[effect.edge, effect.message.event_id] = effect.message
    return [
        f"P1: {edge}: {award.award_id} stands with {award.power_w} after a withdrawal to {power_w}"
        for (edge, _), award in newest.items()
        if (power_w := left.get((edge, award.award_id))) is not None and not covers(power_w, award.power_w)
    ]


def not_kept(trace: Sequence[Entry]) -> list[str]:
    """What a party confirmed upward stands with its children and its storage, or was withdrawn: in every slot that
    was still to come when the last of this changed."""
    given, own = last_awards(trace)
    storage: dict[tuple[str, str], Plan] = {}
    withdrawn: dict[tuple[str, str], Plan] = {}
    changed: dict[tuple[str, str], datetime] = {}
    newest = Newest()
    for entry in trace:
        if (superseded := newest.hear(entry)) is not None:
            storage.pop(superseded, None)
            withdrawn.pop(superseded, None)
        for effect in entry.effects:
            if isinstance(effect, Note) and effect.name in ("awards_sent", "own_storage_replaces"):
                more = _plan(effect, "storage_w")
                key = (entry.actor, effect.event_id)
                first = effect.name == "awards_sent" or key not in storage
                storage[key] = more if first else add(storage[key], more)
            elif isinstance(effect, Send) and isinstance(effect.message, m.Award | m.Confirm | m.Withdraw):
                changed[entry.actor, effect.message.event_id] = entry.at
            if isinstance(effect, Send) and isinstance(effect.message, m.Withdraw):
                withdrawn[entry.actor, effect.message.event_id] = effect.message.power_w
    found = []
    for (name, event_id), (award, _) in own.items():
        request = newest.requests.get((name, event_id))
        if request is None or award.outcome is not m.Outcome.CONCLUDED or (name, event_id) not in given:
            continue
        slots = len(award.power_w)
        reserved = [a.power_w for a in given[name, event_id].values() if a.outcome is m.Outcome.CONCLUDED]
        stands = add(total(reserved, slots), storage.get((name, event_id), (0,) * slots))
        promised = least(award.power_w, withdrawn.get((name, event_id), award.power_w))
        missing = shortfall(promised, stands)
        to_come = [request.interval_period.slot_start(slot) > changed[name, event_id] for slot in range(slots)]
        if any(power and later for power, later in zip(missing, to_come, strict=True)):
            found.append(f"P1: {name}/{event_id}: {promised} was promised and {stands} stands")
    return found


def confirmed_both_ways(trace: Sequence[Entry]) -> list[str]:
    """A child never confirms two awards of one id and revision differently."""
    said: dict[tuple[Edge, str, int], bool] = {}
    found = []
    for entry, send in sends(trace):
        if isinstance(send.message, m.Confirm):
            confirm = send.message
            if said.setdefault((send.edge, confirm.award_id, confirm.revision), confirm.accepted) != confirm.accepted:
                found.append(f"P2: {entry.actor} confirmed {confirm.award_id} both ways")
    return found


def shares_that_do_not_sum(trace: Sequence[Entry]) -> list[str]:
    """S35: the shares of the DERs and of the own storage are the deal, to the watt. A crowd hears its awards in the
    steps that follow."""
    found = []
    for number, entry in enumerate(trace):
        for note in entry.effects:
            if not isinstance(note, Note) or note.name != "awards_sent" or "storage_w" not in note.data:
                continue
            deal_w, storage_w = _plan(note, "power_w"), _plan(note, "storage_w")
            shares = _first_awards(trace[number:], entry.actor, note.event_id, int(str(note.data["awarded"])))
            summed = add(total(shares, len(deal_w)), storage_w)
            if summed != deal_w:
                found.append(f"P1: {entry.actor}/{note.event_id}: shares of {summed} for a deal of {deal_w}")
    return found


def _first_awards(trace: Sequence[Entry], actor: str, event_id: str, count: int) -> list[Plan]:
    """What the first so many children are told to deliver."""
    shares: dict[Edge, Plan] = {}
    for entry in trace:
        more = not any(map(stands_again, entry.effects))  # else who is silent is told what stood with it behind them
        for effect in entry.effects if entry.actor == actor else ():
            if isinstance(effect, Send) and isinstance(effect.message, m.Award) and (more or len(shares) < count):
                award = effect.message
                if award.event_id == event_id and award.outcome is m.Outcome.CONCLUDED:
                    shares.setdefault(effect.edge, award.power_w)
        if len(shares) >= count:
            break
    return list(shares.values())


def unconfirmed(trace: Sequence[Entry]) -> list[str]:
    """The ledgers agree: of the award that stands on an edge in the end its parent heard that it is confirmed, or
    refused (and then it was replaced or stated)."""
    last: dict[tuple[Edge, str], m.Award] = {}
    heard: dict[tuple[Edge, str, int], None] = {}
    withdrawing: dict[tuple[Edge, str], None] = {}
    """The child's own word, said before: the next award only repeats it, perhaps in a later slice."""
    for entry in trace:
        if isinstance(entry.input, Received) and isinstance(entry.input.message, m.Confirm):
            message = entry.input.message
            if entry.input.edge.parent == entry.actor:
                heard[entry.input.edge, message.award_id, message.revision] = None
        answer = entry.input.message if isinstance(entry.input, Received) and not refuses(entry) else None
        if isinstance(entry.input, Received) and isinstance(answer, m.Offer | m.Alternative):
            standing = last.get((entry.input.edge, answer.event_id))
            if standing is not None and standing.request_id != answer.request_id:
                del last[entry.input.edge, answer.event_id]  # it answers the request that superseded this award
        if _is_withdraw(entry.input) and isinstance(entry.input.message, m.Withdraw):
            withdrawing[entry.input.edge, entry.input.message.event_id] = None
        for effect in entry.effects:
            if isinstance(effect, Send) and isinstance(effect.message, m.Award):
                last[effect.edge, effect.message.event_id] = award = effect.message
                if withdrawing.pop((effect.edge, award.event_id), 0) is None:
                    heard[effect.edge, award.award_id, award.revision] = None
    return [
        f"P1: {edge}/{event_id}: award {award.award_id} stands and was never answered"
        for (edge, event_id), award in last.items()
        if award.outcome is m.Outcome.CONCLUDED and (edge, award.award_id, award.revision) not in heard
    ]


def _plan(note: Note, name: str) -> Plan:
    """A plan that a note tells, W."""
    told = note.data[name]
    assert isinstance(told, Sequence)
    return tuple(told)


def _is_withdraw(item: object) -> TypeGuard[Received]:
    return isinstance(item, Received) and isinstance(item.message, m.Withdraw)
