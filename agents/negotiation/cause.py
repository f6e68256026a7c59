"""Why a party gives less than its award. A home tells its aggregator in words; what passes above is one word of a list, so
that nothing of a home, neither its name nor its text, is known there."""

from enum import StrEnum

OVERRIDE = "the resident's override"
OUTAGE = "an outage: the home runs without the grid"
TAKEN = "another event has taken what an earlier award left over"
GONE = "less is there than when it was offered"
UNPLUGGED = "is unplugged"
"""What a home's own words are, or how they end."""


class WithdrawalCause(StrEnum):
    """As a parent's parent hears it."""

    UNPLUGGED = "unplugged"
    RESIDENT = "resident"
    OUTAGE = "outage"
    HELD = "held_by_another_event"
    REFUSED = "award_refused"
    UNCONFIRMED = "award_unconfirmed"
    UNANSWERED = "dispatch_unanswered"
    LESS = "less_metered"
    LEFT = "contract_ended"
    LOST = "lost_before_award"
    FORGOTTEN = "memory_lost"
    RAISED = "award_raised"
    GONE = "less_there_than_offered"
    DEVICE = "device"
    """A device that does not do its part: a fault, a limit."""


_WORDS = {
    OVERRIDE: WithdrawalCause.RESIDENT,
    OUTAGE: WithdrawalCause.OUTAGE,
    TAKEN: WithdrawalCause.HELD,
    GONE: WithdrawalCause.GONE,
}


def cause_of(text: str) -> WithdrawalCause:
    """What a child's own words come to; one of these words is passed on as it is."""
    if text in WithdrawalCause.__members__.values():
        return WithdrawalCause(text)
    return _WORDS.get(text) or (WithdrawalCause.UNPLUGGED if text.endswith(UNPLUGGED) else WithdrawalCause.DEVICE)
