"""What was found of each rule, and what follows."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from agents.tools.conform.profile import DeviceFeature
from agents.tools.conform.rules import ConformRule, Level, rules

MOST_TOLD = 5


class RuleState(StrEnum):
    """Of a rule, after a trial."""

    HOLDS = "holds"
    BROKEN = "broken"
    WARNING = "warning"
    NOT_TRIED = "not tried"


@dataclass(slots=True)
class RuleOutcome:
    """One rule."""

    rule: ConformRule
    looked: int = 0
    broken: int = 0
    told: list[str] = field(default_factory=list)
    """How it was broken, the first few."""
    why_not: str = ""

    @property
    def state(self) -> RuleState:
        if self.broken:
            return RuleState.BROKEN if self.rule.level is Level.MUST else RuleState.WARNING
        return RuleState.HOLDS if self.looked else RuleState.NOT_TRIED

    def as_json(self) -> dict[str, object]:
        return {
            "rule": self.rule.id,
            "level": self.rule.level,
            "text": self.rule.text,
            "state": self.state,
            "looked": self.looked,
            "broken": self.broken,
            "told": self.told,
            "why_not": self.why_not,
        }


class Outcomes:
    """Of all rules."""

    def __init__(self, features: Collection[DeviceFeature]) -> None:
        self.of = {rule.id: RuleOutcome(rule) for rule in rules().values()}
        self.procedure = ""
        """The one that is played."""
        self.lasted_s = 0.0
        for outcome in self.of.values():
            if outcome.rule.feature is not None and outcome.rule.feature not in features:
                outcome.why_not = f"the profile does not have the feature {outcome.rule.feature}"

    def look(self, rule: str, holds: bool, told: str = "") -> None:
        """Count that a rule was looked at; `told`: how it was broken."""
        outcome = self.of[rule]
        outcome.looked += 1
        if not holds:
            outcome.broken += 1
            if len(outcome.told) < MOST_TOLD:
                outcome.told.append(f"{self.procedure}: {told}")

    def leave_out(self, untried: Iterable[str], why: str) -> None:
        """Say why rules were not looked at."""
        for rule in untried:
            self.of[rule].why_not = self.of[rule].why_not or why

    @property
    def conforms(self) -> bool:
        """Whether no MUST is broken, and something was looked at."""
        states = [outcome.state for outcome in self.of.values()]
        return RuleState.BROKEN not in states and RuleState.HOLDS in states

    def count(self, state: RuleState) -> int:
        return sum(outcome.state is state for outcome in self.of.values())

    def states(self, state: RuleState) -> list[str]:
        """The rules that are so."""
        return [rule for rule, outcome in self.of.items() if outcome.state is state]
