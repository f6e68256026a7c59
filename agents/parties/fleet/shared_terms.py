"""What many homes are asked alike, stored once."""

from typing import TypeAlias

from agents.parties.der.terms import EventTerms, terms_of
from protocol.messages import Request

SharedTerms: TypeAlias = dict[tuple[object, ...], EventTerms]


def shared_terms(request: Request, shared: SharedTerms) -> EventTerms:
    """What a request asks; the same object for all that ask the same."""
    period, direction, power_w = request.interval_period, request.direction, request.power_w
    key = (
        request.event_id, request.round, direction, period.start, period.duration, power_w, request.decide_by
    )  # fmt: skip
    terms = shared.get(key)
    if terms is None:
        terms = shared[key] = terms_of(request)
    return terms
