"""What the resident of a home is asked, and has not answered yet."""

from datetime import datetime

from agents.parties.der.actor import Der
from protocol.actor import Actor, Question


def in_full(question: Question, actor: Actor) -> str:
    """What the resident is asked, as things stand; the journal has the short form of it."""
    full = actor.question(question.event_id) if isinstance(actor, Der) else None
    return full or question.text


def open_questions(asked: dict[str, Question], actor: Actor, now: datetime) -> list[dict[str, object]]:
    """For `gridpact status`; what is too late to be answered is forgotten."""
    for name in [name for name, question in asked.items() if question.answer_by <= now]:
        del asked[name]
    return [
        {"event_id": question.event_id, "text": in_full(question, actor), "answer_by": question.answer_by}
        for question in asked.values()
    ]
