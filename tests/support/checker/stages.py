"""P3, P4, P12: stages end in time, late is not counted, one rung at a time."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from checker.wire import received, refuses, sends
from protocol import messages as m
from protocol.actor import Entry, Note, Received, Refused, Resumed, Send
from protocol.edges import Edge
from protocol.plan import Plan, covers

GRACE = timedelta(seconds=1)


def violations(trace: Sequence[Entry], grace: timedelta = GRACE) -> list[str]:
    return late_answers(trace, grace) + late_but_counted(trace) + two_rungs_at_once(trace)


def late_answers(trace: Sequence[Entry], grace: timedelta = GRACE) -> list[str]:
    """P3, P6: a request that is heard in time and stands is answered by its reply_by."""
    heard: dict[tuple[str, str], m.Request] = {}
    answered: dict[tuple[str, str], None] = {}
    newest: dict[tuple[str, str], tuple[int, int]] = {}
    down = downtimes(trace)
    found = []
    for entry in trace:
        late = {key: request.reply_by for key, request in heard.items() if entry.at > request.reply_by + grace}
        found += [
            f"P3: {name}: no answer to {ref} by its reply_by"
            for (name, ref), by in late.items()
            if not any(one.since <= by + grace and by <= one.up_at for one in down[name])
        ]
        for key in late:
            del heard[key]
        message = entry.input.message if isinstance(entry.input, Received) else None
        refused = refuses(entry)
        if isinstance(message, m.Request) and not refused and _is_superseded(entry.actor, message, newest):
            message = None  # the wire has repeated it
        if isinstance(message, m.Request | m.Award) and not refused:  # an earlier request is superseded or over
            for key in [key for key in heard if key[0] == entry.actor and heard[key].event_id == message.event_id]:
                del heard[key]
        if isinstance(message, m.Award) and not refused:
            answered[entry.actor, message.request_id] = None  # a repeat of the request is answered by the confirm
        in_time = isinstance(message, m.Request) and not refused and entry.at <= message.reply_by
        if isinstance(message, m.Request) and in_time and (entry.actor, message.request_id) not in answered:
            heard[entry.actor, message.request_id] = message
        for effect in entry.effects:
            if isinstance(effect, Send) and isinstance(effect.message, m.Offer | m.Alternative):
                answered[entry.actor, effect.message.request_id] = None
                heard.pop((entry.actor, effect.message.request_id), None)
    return found


def _is_superseded(name: str, request: m.Request, newest: dict[tuple[str, str], tuple[int, int]]) -> bool:
    """Whether a party has heard a later request of the event; else this is the newest from now on."""
    key, order = (name, request.event_id), (request.revision, request.round)
    newest[key] = max(order, newest.get(key, order))
    return order < newest[key]


class Downtime(NamedTuple):
    """A time in which a party heard nothing."""

    since: datetime
    """Of its last entry before."""
    up_at: datetime
    """Of its first one after."""
    judged_at: datetime
    """When it served a deadline again: until then it hears what waited."""


def downtimes(trace: Sequence[Entry]) -> dict[str, list[Downtime]]:
    """When each party was down. Who is down again before it has heard anything (it reads its devices first) was down all
    the time."""
    found: dict[str, list[Downtime]] = defaultdict(list)
    deaf: dict[str, bool] = {}
    hears: dict[str, bool] = {}
    for entry in trace:
        name, times = entry.actor, found[entry.actor]
        if isinstance(entry.input, Resumed):
            since = entry.input.down_since
            if deaf.get(name):
                since = min(since, times.pop().since)
            times.append(Downtime(since, entry.at, entry.at))
            deaf[name] = hears[name] = True
        elif hears.get(name):
            times[-1] = times[-1]._replace(judged_at=entry.at)
            hears[name] = entry.input is not None
        if isinstance(entry.input, Received | Refused) or entry.input is None:
            deaf[name] = False
    return found


def late_but_counted(trace: Sequence[Entry]) -> list[str]:
    """P4: an award accepts only what its giver heard by the deadline that it had set; of a giver that was down over the
    deadline, what was sent by then and waited for its return: it judges when it has heard that. What takes back a part
    of an answer in time (of any round) counts whenever it comes."""
    asked: dict[tuple[Edge, str, bool], datetime] = {}
    for _, send in sends(trace):
        if isinstance(send.message, m.Request | m.Relax):
            relaxes = isinstance(send.message, m.Relax)
            asked[send.edge, send.message.request_id, relaxes] = send.message.reply_by
    down = downtimes(trace)
    heard: dict[tuple[Edge, str, str], dict[tuple[str, bool], tuple[datetime, datetime]]] = defaultdict(dict)
    """When each answer was heard, and sent."""
    in_time_w: dict[tuple[Edge, str, bool], list[Plan]] = defaultdict(list)
    taken_back: set[tuple[Edge, str]] = set()
    for entry, item in received(trace):
        answer = item.message
        if isinstance(answer, m.Offer):
            answers = heard[item.edge, answer.event_id, answer.message_id]
            ref = answer.request_id, answer.basis is m.Basis.RELAXED
            answers.setdefault(ref, (entry.at, answer.sent_at))
            known_w = in_time_w[item.edge, answer.event_id, answer.basis is m.Basis.RELAXED]
            if entry.at <= asked.get((item.edge, *ref), entry.at):
                known_w += (answer.power_w, *(answer.profiles.power_w if answer.profiles is not None else ()))
            elif any(len(before_w) == len(answer.power_w) and covers(before_w, answer.power_w) for before_w in known_w):
                taken_back.add((item.edge, answer.message_id))
        elif isinstance(answer, m.Alternative):
            if entry.at <= asked.get((item.edge, answer.request_id, False), entry.at):
                in_time_w[item.edge, answer.event_id, False] += [option.power_w for option in answer.options]
            for option in answer.options:
                options = heard[item.edge, answer.event_id, option.option_id]
                options.setdefault((answer.request_id, False), (entry.at, answer.sent_at))
    found = []
    for entry, send in sends(trace):
        award = send.message
        if isinstance(award, m.Award) and award.outcome is m.Outcome.CONCLUDED:
            answered = heard[send.edge, award.event_id, award.accepts or ""]
            # what answered the request of the award; else what answered an earlier round of it
            own = {key: when for key, when in answered.items() if key[0] == award.request_id}
            ref, (at, sent_at) = next(iter((own or answered).items()), (("", False), (None, None)))
            by = asked.get((send.edge, *ref))
            waited = any(
                by and at and sent_at and sent_at <= by and one.since <= by <= one.up_at <= at <= one.judged_at
                for one in down[entry.actor]
            )
            is_part = (send.edge, award.accepts or "") in taken_back
            if at is None or by is None or (at > by and not waited and not is_part):
                found.append(f"P4: {entry.actor} accepted {award.accepts}, heard at {at}, asked by {by}")
    return found


RUNGS = ("own_storage_added", "relax_asked", "surplus_asked", "alternative_proposed", "can_meet", "cannot_meet")
SUMS = ("offers_summed", "surplus_summed", "plan_summed", "relaxed_offers_summed", "storage_summed")


def two_rungs_at_once(trace: Sequence[Entry]) -> list[str]:
    """P12: a rung is climbed only on a sum that was taken after the rung before it had ended."""
    summed: dict[tuple[str, str], bool] = {}
    found = []
    for entry in trace:
        for effect in entry.effects:
            if not isinstance(effect, Note):
                continue
            at = (entry.actor, effect.event_id)
            if effect.name in ("request_received", "relax_asked", "surplus_asked", "own_storage_added"):
                if effect.name != "request_received" and not summed.get(at):
                    found.append(f"P12: {entry.actor}/{effect.event_id}: {effect.name} before the last rung had ended")
                summed[at] = False
            elif effect.name in SUMS:
                summed[at] = True
            elif effect.name in RUNGS and not summed.get(at):
                found.append(f"P12: {entry.actor}/{effect.event_id}: {effect.name} before the last rung had ended")
    return found
