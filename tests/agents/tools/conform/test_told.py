"""What came of a trial, as people and machines are told it."""

from datetime import UTC, datetime
from xml.etree import ElementTree

from trial_device import PROFILE

from agents.tools.conform.outcome import MOST_TOLD, Outcomes, RuleState
from agents.tools.conform.told import as_json, junit, lines, page
from agents.tools.conform.trial import TrialPlan, TrialReport
from protocol.codec import to_json


def report() -> TrialReport:
    outcomes = Outcomes(())
    outcomes.procedure = "award"
    outcomes.look("offer.in_time", True)
    outcomes.look("offer.why", False, "no binding")
    for number in range(MOST_TOLD + 2):
        outcomes.look("award.repeat", False, f"time {number}: \x1b[2J | <none>")
    outcomes.leave_out(["power.follows"], "the device did not answer")
    return TrialReport(TrialPlan(PROFILE), datetime(2026, 1, 14, tzinfo=UTC), outcomes, "abc", troubles=["it ended"])


def test_broken_must_fails_and_broken_should_warns() -> None:
    outcomes = report().outcomes
    assert not outcomes.conforms
    assert outcomes.states(RuleState.BROKEN) == ["award.repeat"]
    assert outcomes.states(RuleState.WARNING) == ["offer.why"]
    warned = Outcomes(())
    warned.look("offer.in_time", True)
    warned.look("offer.why", False, "no binding")
    assert warned.conforms


def test_trial_in_which_nothing_was_looked_at_proves_nothing() -> None:
    assert not Outcomes(()).conforms


def test_terminal_tells_each_rule_and_ends_with_the_verdict() -> None:
    told = list(lines(report()))
    assert "broken    MUST   award.repeat: An award that comes again is confirmed again, with the same word." in told
    assert f"{'':17}award: time 0: ?[2J | <none>" in told
    assert f"{'':17}and 2 times more" in told
    assert any(line.startswith("not tried MUST   relax.keeps") and "feature relax" in line for line in told)
    assert "it ended" in told
    assert told[-1].startswith("does not conform: 1 rules hold, 1 MUST and 1 SHOULD are broken, ")


def test_machines_are_told_the_same() -> None:
    told = as_json(report())
    assert to_json(told)
    assert told["conforms"] is False
    assert told["counts"] == {"holds": 1, "broken": 1, "warning": 1, "not tried": len(report().outcomes.of) - 3}


def test_junit_has_a_case_for_each_rule() -> None:
    suite = ElementTree.fromstring(junit(report()).partition("\n")[2])
    assert int(suite.attrib["tests"]) == len(suite) == len(report().outcomes.of)
    failed = [f"{case.attrib['classname']}.{case.attrib['name']}" for case in suite if case.find("failure") is not None]
    assert failed == ["award.repeat"]
    assert int(suite.attrib["skipped"]) == len(suite.findall("testcase/skipped"))
    (warned,) = suite.findall("testcase/system-out")
    assert str(warned.text).startswith("warning: ")


def test_page_says_who_was_tried_by_what() -> None:
    told = page(report())
    assert "| device | hems-42 |" in told
    assert "rules abc |" in told
    assert "| power judged by | a meter on meters/hems-42 |" in told
    assert "award: time 0: ?[2J \\| <none>" in told
