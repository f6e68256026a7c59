"""What has to hold in every run, read from the trace alone: no actor is asked."""

from collections import defaultdict
from datetime import timedelta
from typing import TypeGuard

from broker.simulation import Simulation
from protocol import messages as m
from protocol.actor import Note, Received, Send
from protocol.edges import Edge
from protocol.plan import add, covers, total

GRACE = timedelta(seconds=1)


def violations(simulation: Simulation) -> list[str]:
    """Each broken invariant in one sentence."""
    found: list[str] = []
    offers: dict[tuple[Edge, str, str], m.Offer | m.Option] = {}
    awards: dict[Edge, list[m.Award]] = defaultdict(list)
    confirms: dict[Edge, list[m.Confirm]] = defaultdict(list)
    answered: dict[tuple[Edge, str], bool] = {}
    mandates: dict[tuple[str, str], m.Request] = {}
    for traced in simulation.trace:
        if isinstance(traced.input, Received) and isinstance(traced.input.message, m.Offer | m.Alternative):
            edge, message = traced.input.edge, traced.input.message
            takes_part = isinstance(message, m.Alternative) or message.opt is m.Opt.IN
            if takes_part and edge.parent == traced.actor:
                answered.setdefault((edge, message.request_id), False)
        for effect in traced.effects:
            if not isinstance(effect, Send):
                continue
            edge, message = effect.edge, effect.message
            match message:
                case m.Offer():
                    offers[edge, message.request_id, message.message_id] = message
                case m.Alternative():
                    for option in message.options:
                        offers[edge, message.request_id, option.option_id] = option
                case m.Request():
                    if message.terms.mandate:
                        mandates[edge.child, message.event_id] = message
                    for key in answered:
                        if key[0] == edge and key[1] != message.request_id:
                            answered[key] = True  # superseded: the new request is the answer
                    awards[edge] = [award for award in awards[edge] if award.event_id != message.event_id]
                case m.Award():
                    answered[edge, message.request_id] = True
                    if not awards[edge] or awards[edge][-1] != message:
                        awards[edge].append(message)
                    found += _award_within_offer(edge, message, offers)
                case m.Confirm():
                    confirms[edge].append(message)
                case m.Reject() if isinstance(traced.input, Received) and isinstance(traced.input.message, m.Offer):
                    answered[edge, traced.input.message.request_id] = True  # refused, with the reason
    found += [f"{edge}: an answer to {request} got no answer" for (edge, request), ok in answered.items() if not ok]
    found += _backed_from_above(awards, mandates)
    found += _ledgers(awards, confirms)
    return found + shares_that_do_not_sum(simulation) + late_answers(simulation) + unconfirmed(simulation)


def shares_that_do_not_sum(simulation: Simulation) -> list[str]:
    """S35: the shares of the DERs and of the own storage are the deal, to the watt."""
    found = []
    for traced in simulation.trace:
        for note in traced.effects:
            if not isinstance(note, Note) or note.name != "awards_sent" or "storage_w" not in note.data:
                continue
            deal_w, storage_w = (tuple(note.data[key]) for key in ("power_w", "storage_w"))  # type: ignore[arg-type]
            shares = [
                effect.message.power_w
                for effect in traced.effects
                if isinstance(effect, Send)
                and isinstance(effect.message, m.Award)
                and effect.message.event_id == note.event_id
                and effect.message.outcome is m.Outcome.CONCLUDED
            ]
            summed = add(total(shares, len(deal_w)), storage_w)
            if summed != deal_w:
                found.append(f"{traced.actor}/{note.event_id}: shares of {summed} for a deal of {deal_w}")
    return found


def late_answers(simulation: Simulation) -> list[str]:
    """Every stage ends in time: a request that is heard in time and stands is answered by its reply_by."""
    heard: dict[tuple[str, str], m.Request] = {}
    answered: dict[tuple[str, str], None] = {}
    found = []
    for traced in simulation.trace:
        late = [key for key, request in heard.items() if traced.at > request.reply_by + GRACE]
        found += [f"{name}: no answer to {ref} by its reply_by" for name, ref in late]
        for key in late:
            del heard[key]
        message = traced.input.message if isinstance(traced.input, Received) else None
        refused = any(isinstance(effect, Note) and effect.name == "message_refused" for effect in traced.effects)
        if isinstance(message, m.Request | m.Award) and not refused:  # an earlier request is superseded or over
            for key in [key for key in heard if key[0] == traced.actor and heard[key].event_id == message.event_id]:
                del heard[key]
        in_time = isinstance(message, m.Request) and not refused and traced.at <= message.reply_by
        if isinstance(message, m.Request) and in_time and (traced.actor, message.request_id) not in answered:
            heard[traced.actor, message.request_id] = message
        for effect in traced.effects:
            if isinstance(effect, Send) and isinstance(effect.message, m.Offer | m.Alternative):
                answered[traced.actor, effect.message.request_id] = None
                heard.pop((traced.actor, effect.message.request_id), None)
    return found


def unconfirmed(simulation: Simulation) -> list[str]:
    """The ledgers agree: of the award that stands on an edge in the end its parent heard that it is confirmed, or
    refused (and then it was replaced or stated)."""
    last: dict[tuple[Edge, str], m.Award] = {}
    heard: dict[tuple[Edge, str, int], None] = {}
    for traced in simulation.trace:
        if isinstance(traced.input, Received) and isinstance(traced.input.message, m.Confirm):
            message = traced.input.message
            if traced.input.edge.parent == traced.actor:
                heard[traced.input.edge, message.award_id, message.revision] = None
        withdrawing = traced.input.edge if _is_withdraw(traced.input) else None
        for effect in traced.effects:
            if isinstance(effect, Send) and isinstance(effect.message, m.Award):
                last[effect.edge, effect.message.event_id] = award = effect.message
                if effect.edge == withdrawing:  # the child's own word, said before
                    heard[effect.edge, award.award_id, award.revision] = None
    return [
        f"{edge}/{event_id}: award {award.award_id} stands and was never answered"
        for (edge, event_id), award in last.items()
        if award.outcome is m.Outcome.CONCLUDED and (edge, award.award_id, award.revision) not in heard
    ]


def _award_within_offer(
    edge: Edge, award: m.Award, offers: dict[tuple[Edge, str, str], m.Offer | m.Option]
) -> list[str]:
    if award.outcome is not m.Outcome.CONCLUDED:
        return []
    offer = offers.get((edge, award.request_id, award.accepts or ""))
    if offer is None:
        return [f"{edge}: the award accepts {award.accepts}, which was never offered"]
    if not covers(offer.power_w, award.power_w):
        return [f"{edge}: award {award.power_w} above offer {offer.power_w}"]
    return []


def _standing(awards: dict[Edge, list[m.Award]]) -> dict[tuple[str, str], list[tuple[Edge, m.Award]]]:
    """The last award of each edge and event, by parent and event."""
    last: dict[tuple[Edge, str], m.Award] = {}
    for edge, given in awards.items():
        for award in given:
            last[edge, award.event_id] = award
    by_parent: dict[tuple[str, str], list[tuple[Edge, m.Award]]] = defaultdict(list)
    for (edge, event_id), award in last.items():
        by_parent[edge.parent, event_id].append((edge, award))
    return by_parent


def _backed_from_above(awards: dict[Edge, list[m.Award]], mandates: dict[tuple[str, str], m.Request]) -> list[str]:
    """What a party awards downward is at most what it was awarded, or what a mandate lets it conclude."""
    standing = _standing(awards)
    own = {(edge.child, award.event_id): award for given in standing.values() for edge, award in given}
    tops = {parent for parent, _ in standing} - {edge.child for edge in awards}
    found = []
    for (parent, event_id), given in standing.items():
        concluded = [award for _, award in given if award.outcome is m.Outcome.CONCLUDED]
        if not concluded or parent in tops:
            continue
        sums = total([award.power_w for award in concluded], len(concluded[0].power_w))
        mandate, award = mandates.get((parent, event_id)), own.get((parent, event_id))
        by_mandate = mandate is not None and covers(mandate.power_w, sums)
        by_award = award is not None and award.outcome is m.Outcome.CONCLUDED and covers(award.power_w, sums)
        if not by_mandate and not by_award:
            found.append(f"{parent}/{event_id}: awards of {sums} are not backed from above")
    return found


def _ledgers(awards: dict[Edge, list[m.Award]], confirms: dict[Edge, list[m.Confirm]]) -> list[str]:
    """A child never confirms two awards of one id and revision differently."""
    found = []
    for edge, given in confirms.items():
        said: dict[tuple[str, int], bool] = {}
        for confirm in given:
            key = (confirm.award_id, confirm.revision)
            if said.setdefault(key, confirm.accepted) != confirm.accepted:
                found.append(f"{edge}: {key} was confirmed both ways")
    return found


def _is_withdraw(item: object) -> TypeGuard[Received]:
    return isinstance(item, Received) and isinstance(item.message, m.Withdraw)
