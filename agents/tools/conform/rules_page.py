"""The page of the rules, made of rules.yaml and the procedures that look at them."""

from collections import defaultdict
from collections.abc import Iterator

from agents.tools.conform.procedure import procedures
from agents.tools.conform.rules import ConformRule, rules

MOST_NAMED = 4
HEAD = """# Rules

What `gridpact conform` holds a device to, written by `gridpact schema --into` from `agents/tools/conform/rules.yaml`. A MUST
that is broken fails; a SHOULD warns. Rules without a procedure are looked at with every message that the device says.
"""


def rules_page() -> str:
    """The page in Markdown."""
    return "\n".join([HEAD, *_lines()])


def _lines() -> Iterator[str]:
    tried: dict[str, list[str]] = defaultdict(list)
    for procedure in procedures():
        for name in dict.fromkeys(procedure.rules()):
            tried[name].append(procedure.id)
    group = ""
    for rule in rules().values():
        if rule.id.split(".")[0] != group:
            if group:
                yield ""
            group = rule.id.split(".")[0]
            yield f"## {group}\n\n| rule | | what holds | tried by |\n|---|---|---|---|"
        yield f"| `{rule.id}` | {rule.level} | {rule.text}{_feature(rule)} | {_by(tried[rule.id])} |"
    yield "\n# Procedures\n\n| procedure | what happens |\n|---|---|"
    yield from (f"| `{procedure.id}` | {procedure.text} |" for procedure in procedures())
    yield ""


def _by(tried: list[str]) -> str:
    return ", ".join(tried) if len(tried) <= MOST_NAMED else f"{len(tried)} of the procedures"


def _feature(rule: ConformRule) -> str:
    return "" if rule.feature is None else f" (Feature `{rule.feature}`.)"
