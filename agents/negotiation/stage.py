"""The stages of one event at a parent, and its timers: each name stands here, once."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias


class Stage(StrEnum):
    """Where one event stands at a parent."""

    COLLECTING = "collecting"
    RELAXING = "relaxing"
    JUDGING = "judging"
    OFFERED = "offered"
    PROPOSED = "proposed"
    STANDBY = "standby"
    DELIVERING = "delivering"
    CLOSED = "closed"


Transitions: TypeAlias = Mapping[Stage, tuple[Stage, ...]]
"""Which stage may follow which."""

ASKING = (Stage.COLLECTING, Stage.RELAXING)
"""Children are asked and may answer."""
ANSWERED = (Stage.OFFERED, Stage.PROPOSED)
"""The parent above has an answer and decides."""

OPTED_OUT = "opted_out"
"""What a party above the devices is called that has answered with nothing, and waits for its parent's last word."""


class Timer(StrEnum):
    """What an event waits for."""

    STAGE = "stage"
    """The stage is over."""
    AGAIN = "again"
    """Children that are silent are asked once more."""
    CHASE = "chase"
    """What nobody has confirmed is sent again."""
    START = "start"
    """The first slot begins."""
    REPORT = "report"
    """The grace of a slot's meter values is over."""
    ASK = "ask"
    """Meter values that are missing are asked for."""
    CORRECT = "correct"
    """Slots whose meter values came late are summed up anew."""
    REBOUND = "rebound"
    """What homes have taken back behind the event is summed up."""
    WITHDRAW = "withdraw"
    """A withdrawal that nobody has answered is sent again."""
    DISPATCH = "dispatch"
    """A slot is commanded."""
    ANSWERS = "answers"
    """A dispatch that is not answered is sent again."""
    MEASURE = "measure"
    """A slot of own devices is over and can be measured."""
