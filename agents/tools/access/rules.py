"""Mosquitto's access file: who may write and read which topics.

What every party may do as a child stands in a dozen lines for all: a line for each device would cost the broker 265 us a
message at 10,000 of them, where patterns cost 9.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from agents.runtime.renewal import CERTIFICATE, REQUEST, ROOTS
from agents.settings.checked import ConfigError
from agents.tools.access.books import Books
from agents.tools.access.plan import AccessPlan
from broker.names import WITHOUT_PARENT
from protocol.edges import PROGRESS, ROOT

DOWN = ("request", "relax", "award", "dispatch")
UP = ("offer", "confirm", "withdraw", "report", "capability")
HEARD_UP = ("offer", "alternative", "confirm", "withdraw", "report", "presence", "capability")
DROPPED = "$SYS/broker/publish/messages/dropped"
PROBED, MARK = "gridpact/doctor/#", "gridpact/access"
HEAD = "# Written by 'gridpact broker': what is changed here is lost at the next 'gridpact broker update'."


def access_list(books: Books, plan: AccessPlan) -> str:
    """The whole file. Raises ConfigError."""
    for name in plan.others():
        if name in books.parties:
            raise ConfigError(f"{name}: is a party in the books, and cannot be a reader, a doctor or a gateway as well")
    lines = [HEAD, *_children()]
    for name in books.parents:
        lines += _user(name, _parent(name))
    for name, parents in plan.gateways.items():
        lines += _user(name, _gateway(parents, books))
    lines += _user(plan.authority, [f"read {REQUEST}/+", f"write {CERTIFICATE}/+", f"write {ROOTS}"])
    for name in plan.readers:
        lines += _user(name, [f"read {ROOT}/#", "read $SYS/broker/#"])
    for name in plan.doctors:
        lines += _user(name, _doctor())
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    for name in plan.doctors:
        lines += _user(name, [f"write {MARK}/{digest[:32]}"])
    return "\n".join(lines) + "\n"


def mark_of(text: str) -> str:
    """The topic that names a list: a broker on which the doctor may write it has loaded that list."""
    return next((line.split()[2] for line in text.splitlines() if line.startswith(f"topic write {MARK}/")), "")


def _user(name: str, rules: Iterable[str]) -> list[str]:
    return ["", f"user {name}", *(f"topic {rule}" for rule in rules)]


def _children() -> Iterator[str]:
    """Every party on its own edges, whoever is above: a parent refuses who does not stand in its book."""
    yield from (f"pattern read {ROOT}/{kind}/+/%u" for kind in DOWN)
    yield from (f"pattern write {ROOT}/{kind}/+/%u" for kind in UP)
    yield from (f"pattern readwrite {ROOT}/{kind}/+/%u" for kind in ("reject", "presence"))
    yield f"pattern readwrite {WITHOUT_PARENT}%u"
    yield from (f"pattern write {REQUEST}/%u", f"pattern read {CERTIFICATE}/%u", f"pattern read {ROOTS}")


def _parent(name: str) -> Iterator[str]:
    yield from (f"write {ROOT}/{kind}/{name}/+" for kind in DOWN)
    yield from (f"read {ROOT}/{kind}/{name}/+" for kind in HEARD_UP)
    yield f"readwrite {ROOT}/reject/{name}/+"
    yield f"write {ROOT}/alternative/+/{name}"
    yield f"write {ROOT}/{PROGRESS}/{name}/+"
    yield f"read {DROPPED}"


def _gateway(parents: Sequence[str], books: Books) -> Iterator[str]:
    for parent in parents:
        if parent not in books.parents:
            raise ConfigError(f"{parent}: a gateway is to speak for its homes, and no book names it as a parent")
        yield from (f"read {ROOT}/{kind}/{parent}/+" for kind in DOWN)
        yield from (f"write {ROOT}/{kind}/{parent}/+" for kind in UP)
        yield f"readwrite {ROOT}/reject/{parent}/+"
    for utility in books.utilities:
        yield f"write {ROOT}/report/{utility}/+"
        yield f"readwrite {ROOT}/reject/{utility}/+"
    yield f"read {DROPPED}"


def _doctor() -> Iterator[str]:
    yield from (f"readwrite {PROBED}", "read $SYS/broker/version")


def differing(are: str, should: str) -> Mapping[str, str]:
    """The first line that is missing in a text, and the first that is too much."""
    found, wanted = are.splitlines(), should.splitlines()
    missing = next((line for line in wanted if line not in found), "")
    extra = next((line for line in found if line not in wanted), "")
    return {"missing": missing, "extra": extra}
