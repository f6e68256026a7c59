"""What can be wrong with what a peer sends. Caught at one place (the codec's caller), answered, counted."""

from enum import StrEnum


class RejectReason(StrEnum):
    """Why a message was refused, in the manner of UFTP's rejection reasons."""

    MALFORMED = "malformed"
    """Not UTF-8 JSON of the kind's schema."""
    TOO_LARGE = "too_large"
    """More bytes than the kind may have."""
    UNSUPPORTED_VERSION = "unsupported_version"
    """Of messages that the receiver does not speak."""
    UNKNOWN_TOPIC = "unknown_topic"
    """No topic of ours."""
    UNKNOWN_PARTY = "unknown_party"
    """The sender is not in the receiver's book of members."""
    UNKNOWN_EVENT = "unknown_event"
    """The receiver knows no such event (any more)."""
    UNKNOWN_REQUEST = "unknown_request"
    """Nor such a request."""
    UNKNOWN_OFFER = "unknown_offer"
    """No such offer stands."""
    UNKNOWN_AWARD = "unknown_award"
    """No such award stands."""
    STALE = "stale"
    """A lower revision or an earlier round than the one known."""
    CONFLICT = "conflict"
    """The id of an earlier message with another body."""
    WRONG_SLOTS = "wrong_slots"
    """Another number of slots than the request has, or a slot that it has not."""
    ABOVE_REQUEST = "above_request"
    """More power than was asked, offered or awarded."""
    NOT_FIRM_LONG_ENOUGH = "not_firm_long_enough"
    """The offer frees itself before the last decision above it."""
    RESOURCE_CLAIMED = "resource_claimed"
    """Another party answers for that resource."""
    EXPIRED = "expired"
    """Heard after its deadline."""
    OVERLOAD = "overload"
    """More than the receiver takes."""
    FAULT = "fault"
    """The receiver's own fault: it could not take a message that is right, and goes on as if it had not come."""


class RefusedMessage(ValueError):
    """A message that cannot be taken. ``reason`` is for machines, ``str(error)`` one sentence for people."""

    def __init__(self, reason: RejectReason, text: str, message_id: str | None = None) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text
        self.message_id = message_id
