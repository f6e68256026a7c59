"""Who is asked with less time than its contract says that it takes to answer."""

from datetime import timedelta

from agents.negotiation.negotiation import Negotiation
from agents.negotiation.plans.timing import too_slow
from agents.settings.members import Members

MOST_TOLD = 20
"""Names in a note."""


def hurried_members(event: Negotiation, book: Members) -> list[str]:
    """Those who were given less time than they need, by the request that stands with them, in the book's order."""
    names: list[str] = []
    for member in book.slow:
        asked = event.children[member.name].request
        if asked is not None:
            names += too_slow([member], asked.reply_by - asked.sent_at)
    return names


def tell_too_slow(event: Negotiation, book: Members, given: timedelta) -> None:
    """Note those of the members just asked who have less time than they need; they are asked all the same."""
    names = too_slow([member for member in book.slow if member.name in event.children.waiting], given)
    if names:
        given_s = int(given.total_seconds())
        event.out.tell("asked_too_late", children=len(names), first=names[:MOST_TOLD], given_s=given_s)
