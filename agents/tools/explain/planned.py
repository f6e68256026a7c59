"""The plans over members and slots of one climb: who was asked for what shapes, and what each plan added (docs/plan.md)."""

from collections.abc import Sequence
from itertools import groupby

from agents.tools.explain.evidence import Evidence
from agents.tools.explain.noted import NotedEvidence, of
from agents.tools.explain.story.climb import PlanStory
from protocol import messages as m
from protocol import notes as n
from protocol.note_model import NoteModel
from protocol.plan import Plan, excess, zero

NEAR_PCT = 90
"""A shape wants most where its weight is so much of the most."""


def plans(evidence: Evidence, party: str, notes: list[NotedEvidence[NoteModel]]) -> list[PlanStory]:
    """Every plan that was found, with the question before it."""
    questions, before = _questions(evidence, party, notes), _offered_w(notes)
    found = []
    for noted in of(notes, n.PlanFound):
        note = noted.note
        plan = PlanStory(
            note.question, noted.at, note.members, note.available_w, note.bound_pm, tuple(note.slots or ()),
            tuple(note.weights or ()), note.loosened, excess(note.available_w, before or zero(len(note.available_w))),
        )  # fmt: skip
        if note.loosened is None and note.question <= len(questions):
            plan.asked, plan.shapes = questions[note.question - 1]
        before = note.available_w
        found.append(plan)
    return found


def _offered_w(notes: list[NotedEvidence[NoteModel]]) -> Plan:
    """What was available before the first plan, W."""
    summed = [one.note.available_w for one in notes if isinstance(one.note, n.OffersSummed)]
    return summed[0] if summed else ()


def _questions(
    evidence: Evidence, party: str, notes: list[NotedEvidence[NoteModel]]
) -> list[tuple[int, tuple[str, ...]]]:  # fmt: skip
    """Each question for profiles: how many it asked, and in which shapes."""
    first, last = notes[0].place, notes[-1].place
    asked = [
        (sent.message.round, sent.message.profiles.shapes)
        for sent in evidence.all(m.Request)
        if isinstance(sent.message, m.Request)
        and sent.edge.parent == party
        and sent.message.profiles is not None
        and sent.sent is not None
        and first <= sent.sent <= last
    ]
    rounds = groupby(sorted(asked, key=lambda one: one[0]), key=lambda one: one[0])
    return [
        (len(some), tuple(dict.fromkeys(map(_in_words, some[0][1]))))
        for some in (list(members) for _, members in rounds)
    ]


def _in_words(shape: m.WantedProfile) -> str:
    used = [weight for weight in shape.weights if weight]
    where = _slots([slot for slot, weight in enumerate(shape.weights) if weight * 100 >= max(used) * NEAR_PCT])
    if shape.even:
        return "evenly" if len(set(used)) == 1 and len(used) == len(shape.weights) else f"evenly, most of it in {where}"
    if len(set(used)) > 1 and used == sorted(used, reverse=True):
        return "early"
    if len(set(used)) > 1 and used == sorted(used):
        return "late"
    return f"most in {where}"


def _slots(places: Sequence[int]) -> str:
    """`slot 3`, `slots 3-5, 8`: from 1 on."""
    spans: list[list[int]] = []
    for place in places:
        if spans and place == spans[-1][-1] + 1:
            spans[-1].append(place)
        else:
            spans.append([place])
    told = ", ".join(str(s[0] + 1) if len(s) == 1 else f"{s[0] + 1}-{s[-1] + 1}" for s in spans)
    return f"slot {told}" if len(places) == 1 else f"slots {told}"


def worth_most(weights: Sequence[int]) -> str:
    """The slots in which a watt more is worth most."""
    return _slots([slot for slot, weight in enumerate(weights) if weight * 100 >= max(weights) * NEAR_PCT])
