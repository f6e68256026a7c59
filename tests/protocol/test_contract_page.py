"""docs/protocol/README.md, the contract for makers: what it names is there, what is there it names."""

import re
from collections.abc import Iterator

import paths
from pydantic import BaseModel

from agents.negotiation.party import MAX_HEARD
from agents.runtime.senders import A_SECOND, BURST, BYTES_A_TOKEN, REFUSED_A_SECOND, REFUSED_BURST
from protocol import messages as m
from protocol.edges import BESIDE, ROUTES
from protocol.errors import RejectReason
from protocol.messages import MAX_EXTENSIONS, MAX_OWN
from protocol.units import FIRST_AT, LAST_AT, MAX_PLAN

CONTRACT = (paths.DOCS / "protocol" / "README.md").read_text()
PROSE = re.sub(r"```.*?```", "", CONTRACT, flags=re.DOTALL)


def rows(heading: str) -> list[str]:
    """What stands in the first column of the first table behind a heading."""
    section = PROSE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)


def test_contract_says_who_says_each_kind_and_when() -> None:
    said = {kind for row in rows("Who says what when") for kind in re.findall(r"`(\w+)`", row)}
    assert said == set(ROUTES) - {"alternative"}


def test_contract_says_what_each_refusal_means() -> None:
    section = PROSE.split("\n## What a refusal means\n")[1].split("\n## ")[0]
    assert {reason for reason in RejectReason if f"`{reason}`" not in section} == set()


def test_contract_names_no_field_or_value_that_there_is_not() -> None:
    """A word in a code span that looks like one of ours is one."""
    known = {*ROUTES, *BESIDE, *RejectReason}
    for part in parts():
        known |= set(part.model_fields)
    for values in (
        m.Opt,
        m.OptReason,
        m.Basis,
        m.Outcome,
        m.EventStatus,
        m.Fallback,
        m.Side,
        m.Direction,
        m.Restriction,
    ):
        known |= set(values)
    told = set(re.findall(r"`([a-z]+(?:_[a-z]+)*)`", PROSE))
    assert told - known == {"send", "answers_dispatch"}  # AsyncAPI's, and a key of the book


def parts() -> set[type[BaseModel]]:
    """The models of all messages, and those that they are made of."""
    return set(_within(m.WireModel))


def _within(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for part in model.__subclasses__():
        yield part
        yield from _within(part)


def test_contract_says_the_bounds_that_are_held() -> None:
    said = re.sub(r"\s+", " ", PROSE)
    for kind, route in ROUTES.items():
        if route.most_bytes != 32 * 1024 and kind != "alternative":
            assert f"`{kind}` {route.most_bytes // 1024}" in said
    assert f"{BURST:,.0f} messages at once and five more a second" in said
    assert f"and {REFUSED_BURST:.0f} refused ones" in said
    assert (A_SECOND, REFUSED_A_SECOND, BYTES_A_TOKEN) == (5, 0.5, 2 * 1024)
    assert f"at most {MAX_HEARD:,} messages of a device" in said
    assert f"at most {MAX_OWN:,} values" in said
    assert f"at most {MAX_EXTENSIONS} entries" in said
    assert f"in the years {FIRST_AT.year} to {LAST_AT.year - 1}" in said
    assert f"last {MAX_PLAN.days} days at most" in said
