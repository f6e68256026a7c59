"""What came of a trial, told: on a terminal, as JSON, as JUnit XML, as a page."""

from collections.abc import Iterator
from xml.etree import ElementTree

from agents.runtime.software import software
from agents.tools.conform.outcome import Outcomes, RuleOutcome, RuleState
from agents.tools.conform.trial import TrialReport
from protocol.messages import VERSION
from protocol.units import printed

MEANT = {
    RuleState.BROKEN: "a MUST that is broken",
    RuleState.WARNING: "a SHOULD that is broken",
    RuleState.HOLDS: "holds",
    RuleState.NOT_TRIED: "was not tried",
}


def lines(report: TrialReport) -> Iterator[str]:
    """For a terminal: what is broken, what was not tried, and the verdict."""
    outcomes = report.outcomes
    for state in (RuleState.HOLDS, RuleState.NOT_TRIED, RuleState.WARNING, RuleState.BROKEN):
        for outcome in outcomes.of.values():
            if outcome.state is state:
                yield from _lines(outcome)
    yield from report.troubles
    yield ""
    yield verdict(outcomes)


def _lines(outcome: RuleOutcome) -> Iterator[str]:
    why = f" ({outcome.why_not or 'nothing showed it'})" if outcome.state is RuleState.NOT_TRIED else ""
    yield f"{outcome.state:<10}{outcome.rule.level:<7}{outcome.rule.id}: {outcome.rule.text}{why}"
    for told in outcome.told:
        yield f"{'':17}{printed(told)}"
    if (more := outcome.broken - len(outcome.told)) > 0:
        yield f"{'':17}and {more} times more"


def verdict(outcomes: Outcomes) -> str:
    """In one line."""
    count = outcomes.count
    figures = (
        f"{count(RuleState.HOLDS)} rules hold, {count(RuleState.BROKEN)} MUST and {count(RuleState.WARNING)} SHOULD are "
        f"broken, {count(RuleState.NOT_TRIED)} were not tried; {outcomes.lasted_s:.0f} s"
    )
    return f"{'conforms' if outcomes.conforms else 'does not conform'}: {figures}"


def as_json(report: TrialReport) -> dict[str, object]:
    """For machines."""
    outcomes = report.outcomes
    return {
        "conforms": outcomes.conforms,
        "device": report.plan.profile.name,
        "software": report.software,
        "version": VERSION,
        "tried_by": software(),
        "rules_digest": report.digest,
        "begun_at": report.begun_at,
        "lasted_s": round(outcomes.lasted_s, 1),
        "counts": {state.value: outcomes.count(state) for state in RuleState},
        "troubles": report.troubles,
        "rules": [outcome.as_json() for outcome in outcomes.of.values()],
    }


def junit(report: TrialReport) -> str:
    """A test case for each rule: a broken MUST is a failure; a broken SHOULD passes, and its output says so."""
    found = report.outcomes
    suite = ElementTree.Element(
        "testsuite", name=f"gridpact conform {report.plan.profile.name}", tests=str(len(found.of)),
        failures=str(found.count(RuleState.BROKEN)), errors="0", skipped=str(found.count(RuleState.NOT_TRIED)),
        time=f"{found.lasted_s:.1f}", timestamp=f"{report.begun_at:%Y-%m-%dT%H:%M:%S}",
    )  # fmt: skip
    for outcome in found.of.values():
        group, _, name = outcome.rule.id.partition(".")
        case = ElementTree.SubElement(suite, "testcase", classname=group, name=name, time="0")
        told = printed("; ".join(outcome.told))
        if outcome.state is RuleState.BROKEN:
            ElementTree.SubElement(case, "failure", message=outcome.rule.text).text = told
        elif outcome.state is RuleState.NOT_TRIED:
            ElementTree.SubElement(case, "skipped", message=outcome.why_not or "nothing showed it")
        elif outcome.state is RuleState.WARNING:
            ElementTree.SubElement(case, "system-out").text = f"warning: {outcome.rule.text} {told}"
    ElementTree.indent(suite)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(suite, encoding="unicode")}\n'


def page(report: TrialReport) -> str:
    """A page as proof, in Markdown."""
    profile, outcomes = report.plan.profile, report.outcomes
    rows = [
        ("device", f"{profile.name}{f' ({printed(report.software)})' if report.software else ''}"),
        ("result", verdict(outcomes)),
        ("tried", f"{report.begun_at:%Y-%m-%d %H:%M} UTC, by {software()}, messages {VERSION}, rules {report.digest}"),
        ("way in", "TLS, certificates and an access list" if report.plan.bundle is not None else "without TLS"),
        ("features", ", ".join(profile.features) or "none"),
        ("gives", f"{profile.decrease_load_w} W less load, {profile.increase_load_w} W more"),
        ("power judged by", f"a meter on {profile.meter_topic}" if profile.meter_topic else "its own reports"),
        ("procedures", ", ".join(one.id for one in report.plan.procedures())),
    ]
    told = [
        f"# Conformance of {profile.name}\n",
        "| | |\n|---|---|",
        *(f"| {name} | {value} |" for name, value in rows),
    ]
    for state in (RuleState.BROKEN, RuleState.WARNING, RuleState.NOT_TRIED, RuleState.HOLDS):
        found = [outcome for outcome in outcomes.of.values() if outcome.state is state]
        if found:
            told += [f"\n## What {MEANT[state]}\n", "| rule | | | |\n|---|---|---|---|"]
            told += [_row(outcome) for outcome in found]
    return "\n".join([*told, ""])


def _row(outcome: RuleOutcome) -> str:
    more = outcome.told or ([outcome.why_not or "nothing showed it"] if not outcome.looked else [])
    seen = f"seen {outcome.looked} times" if outcome.looked else ""
    said = printed("; ".join(more)).replace("|", "\\|")
    return f"| `{outcome.rule.id}` | {outcome.rule.level} | {outcome.rule.text} | {said or seen} |"
