"""What an operator means by a change of the book, and by a correction of what was learned."""

from enum import StrEnum


class ContractChange(StrEnum):
    """What an operator means by the contracts that it gives."""

    ADD = "add"
    """They are new."""
    CHANGE = "change"
    """They are known; what is given of each takes the place of what it says now."""
    PUT = "put"
    """They are as they are given, new or not."""
    LEAVE = "leave"
    """They end."""


class CorrectionCause(StrEnum):
    """Why what was learned of a member is contested."""

    METER = "meter"
    """Its meter was wrong, or was not read."""
    CONNECTION = "connection"
    OUR_FAULT = "our_fault"
    REPAIRED = "repaired"
    """What kept it from delivering is mended."""
    AGREED = "agreed"
    """It was agreed beforehand."""
    OTHER = "other"
