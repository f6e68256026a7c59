"""Every Wh that was awarded and not delivered, by a cause out of a closed list; together they are what is missing.

What was stated on the way has the cause that was told with it. The rest is what stood and was not given: each home's due
beside its meter, by what stood when; what is left then stood with nobody.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

from agents.history.edge import EdgeHistory
from agents.history.party import AGGREGATOR
from agents.negotiation.cause import WithdrawalCause, cause_of
from agents.negotiation.leaving import CONTRACT_ENDED
from agents.tools.explain.evidence import Evidence
from agents.tools.explain.story.deal import MissingEnergy
from agents.tools.explain.story.story import Story
from protocol import messages as m
from protocol import notes as n
from protocol.edges import ROUTES, Edge, Way
from protocol.units import energy_wh

NOT_TOLD, NOT_COMMANDED, GAVE_LESS, TOOK_BACK = "not_told", "not_commanded", "gave_less", "took_back"
"""Of a home: no meter value has come; its dispatch left behind the slot's start, or never; it gave less than was due; it
took back what it gave, or more."""
NOT_COVERED, GAVE_MORE = "not_covered", "gave_more"
"""It stood with no home: own storage was to give it, or it was not replaced yet. Others gave more than was due: below zero."""
CAUSES = (
    *(cause.value for cause in WithdrawalCause),
    NOT_TOLD,
    NOT_COMMANDED,
    GAVE_LESS,
    TOOK_BACK,
    NOT_COVERED,
    GAVE_MORE,
)
"""The list."""

Commanded: TypeAlias = Mapping[tuple[Edge, int], datetime]
"""When the first dispatch of a slot left on an edge."""

OWN_WORDS = {
    "less metered than due": WithdrawalCause.LESS,
    "unanswered dispatch": WithdrawalCause.UNANSWERED,
    "unconfirmed award": WithdrawalCause.UNCONFIRMED,
    "lost before the award": WithdrawalCause.LOST,
    "the parent raised the award": WithdrawalCause.RAISED,
    "own storage has less than it counted on": WithdrawalCause.GONE,
    CONTRACT_ENDED: WithdrawalCause.LEFT,
}
"""What a parent notes as the cause of a shortfall where it is no child's word."""


def missing(evidence: Evidence, story: Story) -> list[MissingEnergy]:
    """Of the highest party that has summed up a slot; nothing where nothing is missing."""
    metered = {one.party for one in story.delivery}
    top = next((name for name in story.roles if name in metered), None)
    if top is None:
        return []
    found = _stated_wh(evidence, story, top)
    awarded_wh, delivered = story.account(top)
    homes = _homes_wh(evidence, story, top)
    found.update(homes)
    rest_wh = awarded_wh - delivered - sum(homes.values())
    found[NOT_COVERED if rest_wh > 0 else GAVE_MORE] += rest_wh
    if sum(found.values()) <= 0:
        return []
    return [MissingEnergy(top, cause, found[cause]) for cause in CAUSES if found[cause]]


def _stated_wh(evidence: Evidence, story: Story, top: str) -> Counter[str]:
    """What was stated to be lost since it was asked last, over what was left of each slot, Wh."""
    asked = [noted.place for noted in evidence.notes(top) if isinstance(noted.note, n.EventIssued | n.RequestReceived)]
    since = max(asked, default=-1)
    slot_s, found_ws, stops_s = story.slot_s, Counter[str](), _stops_s(evidence, story, top)
    for noted in evidence.noted_of(top, n.ShortfallStated):
        if noted.place < since:
            continue
        at_s = int((noted.at - story.start).total_seconds())
        for slot, power_w in enumerate(noted.note.shortfall_w):
            left_s = min((slot + 1) * slot_s, stops_s) - max(at_s, slot * slot_s)
            found_ws[_word(noted.note.cause)] += power_w * max(0, left_s)
    return Counter({cause: ws // 3600 for cause, ws in found_ws.items()})


def _stops_s(evidence: Evidence, story: Story, top: str) -> int:
    """When it was cancelled, s behind its start; else its end."""
    ended = [noted for noted in evidence.noted_of(top, n.EventClosed) if noted.note.outcome == m.Outcome.CANCELLED]
    end_s = story.slots * story.slot_s
    return min([end_s, *(int((noted.at - story.start).total_seconds()) for noted in ended[-1:])])


def _word(text: str) -> str:
    """A noted cause as a word of the list."""
    said = text.rpartition(": ")[2]
    if said.endswith("does not know its award any more"):
        return WithdrawalCause.FORGOTTEN
    return OWN_WORDS.get(said) or cause_of(said)


def _homes_wh(evidence: Evidence, story: Story, top: str) -> Counter[str]:
    """What the homes of all aggregators whose journals are there did not give of what was due of them, Wh. What is due of
    them beyond the deal, as it was stated to be missing and their awards stand, is not missing twice."""
    (edges, commanded), found = _edges(evidence, story), Counter[str]()
    metered = [edge.delivered_wh(edge.request.direction) if edge.request is not None else {} for edge in edges]
    deal_wh = {one.slot: one.awarded_wh for one in story.delivery if one.party == top}
    for slot in range(story.slots):
        due_wh = [edge.due_wh([slot]) for edge in edges]
        parts: Counter[str] = Counter()
        for edge, due, values in zip(edges, due_wh, metered, strict=True):
            parts.update(_parts(due, values.get(slot), _uncommanded_wh(edge, slot, commanded)))
        over_wh = max(0, sum(due_wh) - deal_wh.get(slot, 0))
        for cause in (NOT_TOLD, NOT_COMMANDED, GAVE_LESS):
            less_wh = min(over_wh, parts[cause])
            parts[cause] -= less_wh
            over_wh -= less_wh
        found.update(parts)
    return found


def _parts(due_wh: int, given_wh: int | None, uncommanded_wh: int) -> Counter[str]:
    """One home in one slot, Wh."""
    if given_wh is None:
        return Counter({NOT_TOLD: due_wh})
    change_wh, back_wh = due_wh - max(0, given_wh), max(0, -given_wh)
    if change_wh <= 0:
        return Counter({TOOK_BACK: back_wh, GAVE_MORE: change_wh})
    late_wh = min(change_wh, uncommanded_wh)
    return Counter({TOOK_BACK: back_wh, NOT_COMMANDED: late_wh, GAVE_LESS: change_wh - late_wh})


def _uncommanded_wh(edge: EdgeHistory, slot: int, commanded: Commanded) -> int:
    """What stood of a slot before its dispatch left, Wh: as the aggregator was away, for one."""
    if edge.request is None or edge.award is None or edge.deal_w is None:
        return 0
    period = edge.request.interval_period
    starts_at, over_at = period.slot_start(slot), period.slot_start(slot + 1)
    left_at = min(commanded.get((edge.edge, slot), over_at), over_at)
    return max(0, energy_wh(edge.deal_w[slot], left_at - max(starts_at, edge.award.sent_at)))


def _edges(evidence: Evidence, story: Story) -> tuple[list[EdgeHistory], Commanded]:
    """Between aggregators and homes, as the aggregator's journal has them."""
    edges: dict[Edge, EdgeHistory] = {}
    commanded: dict[tuple[Edge, int], datetime] = {}
    told: list[tuple[int, datetime, Edge, m.EventMessage]] = []
    for sent in evidence.sent.values():
        parent, child = sent.edge.parent, sent.edge.child
        if story.roles.get(parent) != AGGREGATOR or parent not in evidence.journals:
            continue
        if story.roles.get(child) == AGGREGATOR:
            continue
        place = sent.received if ROUTES[sent.message.kind].way is Way.UP else sent.sent
        if place is not None and sent.refused is None:
            told.append((place, sent.at, sent.edge, sent.message))
    for _, at, edge, message in sorted(told, key=lambda one: one[0]):
        edges.setdefault(edge, EdgeHistory(edge)).take(message, at)
        if isinstance(message, m.Dispatch):
            commanded.setdefault((edge, message.slot), at)
    return list(edges.values()), commanded
