"""An aggregator's ladder for one request (S20-S36): its rungs and what each added."""

from dataclasses import dataclass, field
from datetime import datetime

from agents.tools.explain.story.answer import Answer, Cause
from protocol.plan import Plan


@dataclass(slots=True)
class RungStory:
    """A rung of the ladder (S24 offers, surplus and plan, S26 own storage, S28-S30 relaxation), and what it added."""

    step: str
    name: str
    """offers, surplus, plan, storage or relaxed."""
    at: datetime
    asked: int
    yes: int
    no: int
    silent: int
    added_w: Plan
    available_w: Plan
    shortfall_w: Plan
    """What is still missing after it."""
    enough: bool
    climbed: bool = True
    """False: there was nobody to ask."""


@dataclass(slots=True)
class PlanStory:
    """The best plan over members and slots after a question for profiles (docs/plan.md)."""

    question: int
    """1: the request itself asked for them."""
    at: datetime
    members: int
    """Those that have a part in it."""
    available_w: Plan
    bound_pm: int | None
    """No plan of them meets more of the request in all slots, thousandths; None: nobody knows."""
    slots: tuple[int, ...]
    """Those that bind it, from 0."""
    weights: tuple[int, ...]
    """Of the slots; they prove the bound."""
    loosened: int | None = None
    """Members whose owners loosen something for it; None: none were asked to."""
    added_w: Plan = ()
    """What it made available more than what was before."""
    asked: int = 0
    """Children that the question before it asked for profiles."""
    shapes: tuple[str, ...] = ()
    """In which shapes, in words."""


@dataclass(slots=True)
class Relaxed:
    """A child that was asked to loosen (S28, S52, S53), what it brought, and whether it is disturbed by the deal."""

    child: str
    restrictions: tuple[str, ...]
    """What the relax was about and bound the child, as far as its answer tells."""
    own_w: Plan
    relaxed_w: Plan
    gain_w: Plan
    awarded_w: Plan
    disturbed: bool
    """The award stands on the relaxed offer: its restrictions are loosened."""


@dataclass(slots=True)
class ProposedOption:
    """One of the plans of an alternative (S32)."""

    option_id: str
    shape: str
    basis: tuple[str, ...]
    power_w: Plan
    share_pct: int
    """Of the request, in the worst slot."""
    energy_wh: int
    accepted: bool
    """An award accepts it."""


@dataclass(slots=True)
class ClimbStory:
    """An aggregator at work on one request or re-request (S20-S36)."""

    party: str
    parent: str
    revision: int
    round: int
    at: datetime
    reply_by: datetime | None
    requested_w: Plan
    asked_w: Plan
    """What was asked of the children, all together (S21 may ask more than is needed)."""
    children_reply_by: datetime | None
    answers: list[Answer] = field(default_factory=list)
    relaxed_answers: list[Answer] = field(default_factory=list)
    rungs: list[RungStory] = field(default_factory=list)
    plans: list[PlanStory] = field(default_factory=list)
    plan_missed: str = ""
    """Why there was no plan; empty where there was one, or none was wanted."""
    causes: list[Cause] = field(default_factory=list)
    """Of what the first answers (S24) left missing."""
    causes_relaxed: list[Cause] = field(default_factory=list)
    """Of what the relaxed answers (S30) left missing of what was asked of them."""
    relaxed: list[Relaxed] = field(default_factory=list)
    options: list[ProposedOption] = field(default_factory=list)
    result: str = "open"
    """can_meet, alternative, cannot_meet or open."""
    answered_w: Plan = ()
    available_w: Plan = ()
    answered_at: datetime | None = None
