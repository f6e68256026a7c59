"""Looks for known weaknesses of what is locked, and at the licences of what is installed with gridpact.

`make audit`: exit code 0 when all was looked at and nothing found, 1 when something was found, 3 when it could not look:
nothing is told as safe that nobody has looked at.
"""

import argparse
import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

WITHIN_S = 300
MOST_TOLD = 5
"""Of those that nobody could look at; the others are counted."""
FINE = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0",
    "Python-2.0", "Unlicense", "Zlib", "EPL-2.0",
}  # fmt: skip
"""Licences under which a package may be installed beside one of Apache-2.0."""
IN_WORDS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "ISC License (ISCL)": "ISC",
}
"""What classifiers call them."""


@dataclass(slots=True)
class AuditFindings:
    """What was found, and what nobody could look at."""

    known: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    looked_at: int = 0

    @property
    def code(self) -> int:
        return 1 if self.known else 3 if self.unseen else 0


def weaknesses(output: str, complaint: str = "") -> AuditFindings:
    """What pip-audit's JSON says; `complaint` is its stderr."""
    found = AuditFindings()
    try:
        told: Mapping[str, Any] = json.loads(output)
        packages = told["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = complaint.strip().splitlines()[-1:] or ["it said nothing"]
        found.unseen.append(f"known weaknesses: pip-audit gave no answer: {last[0]}")
        return found
    for one in packages:
        if "skip_reason" in one:
            found.unseen.append(f"{one['name']}: {one['skip_reason']}")
            continue
        found.looked_at += 1
        for weakness in one["vulns"]:
            mended = ", ".join(weakness["fix_versions"]) or "no version yet"
            found.known.append(f"{one['name']} {one['version']}: {weakness['id']}, mended in {mended}")
    return found


def ask(program: Path, lock: Path) -> AuditFindings:
    """Let pip-audit look at the locked versions."""
    command = [str(program), "-r", str(lock), "--require-hashes", "--disable-pip", "--format", "json"]
    try:
        done = subprocess.run(
            [*command, "--progress-spinner", "off"], capture_output=True, text=True, timeout=WITHIN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return weaknesses("", str(error))
    return weaknesses(done.stdout, done.stderr)


def licences(root: str = "gridpact") -> AuditFindings:
    """The licences of everything that is installed with a package, without its extras."""
    found = AuditFindings()
    for name in sorted(needed(root) - {root}):
        try:
            told = licence(distribution(name))
        except PackageNotFoundError:
            found.unseen.append(f"{name}: is not installed here")
            continue
        if told is None:
            found.unseen.append(f"{name}: does not say its licence in words that are known")
            continue
        try:
            fine = is_fine(told)
        except (ValueError, SyntaxError):
            found.unseen.append(f"{name}: {told!r} is a licence that cannot be judged by a rule")
            continue
        found.looked_at += 1
        if not fine:
            found.known.append(f"{name}: {told}")
    return found


def needed(root: str) -> set[str]:
    """A package and all that it needs on this machine, however deep."""
    found, waiting = set(), [root]
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        found.add(name)
        try:
            wanted = [Requirement(text) for text in distribution(name).requires or ()]
        except PackageNotFoundError:
            continue
        waiting += [one.name for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found


def licence(package: Distribution) -> str | None:
    """As an SPDX expression, where a package says it in one way or another."""
    told = package.metadata
    if expression := told.get("License-Expression"):
        return str(expression)
    classified = [
        line.rpartition(" :: ")[2] for line in told.get_all("Classifier", []) if line.startswith("License ::")
    ]
    words = [IN_WORDS[word] for word in classified if word in IN_WORDS]
    if words:
        return " OR ".join(words)
    written = str(told.get("License") or "").strip()
    return IN_WORDS.get(written, written if written in FINE else None)


def is_fine(expression: str) -> bool:
    """Whether an SPDX expression can be met by licences that are fine."""
    words = re.sub(r"[A-Za-z0-9.+-]+", lambda found: _word(found[0]), expression)
    return _holds(ast.parse(words, mode="eval").body)


def _word(name: str) -> str:
    return name.lower() if name in ("AND", "OR") else str(name in FINE)


def _holds(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=bool(value)):
            return value
        case ast.BoolOp(op=ast.And(), values=values):
            return all(map(_holds, values))
        case ast.BoolOp(op=ast.Or(), values=values):
            return any(map(_holds, values))
    raise ValueError("is no SPDX expression")


def lines(what: str, found: AuditFindings) -> Iterator[str]:
    """For people."""
    yield from (f"FOUND {text}" for text in found.known)
    yield from (f"NOT LOOKED AT {text}" for text in found.unseen[:MOST_TOLD])
    verdict = f"{len(found.known)} found" if found.looked_at else "nothing could be looked at"
    left = f", {len(found.unseen)} could not be looked at" if found.unseen else ""
    yield f"{what}: {found.looked_at} packages looked at, {verdict}{left}"


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--pip-audit", type=Path, required=True)
    arguments.add_argument("--lock", type=Path, default=Path("requirements.lock"))
    given = arguments.parse_args()
    both = {"known weaknesses": ask(given.pip_audit, given.lock), "licences": licences()}
    for what, found in both.items():
        print("\n".join(lines(what, found)))
    codes = [found.code for found in both.values()]
    return 1 if 1 in codes else max(codes)


if __name__ == "__main__":
    sys.exit(main())
