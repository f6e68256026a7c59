"""The audit tells what it found, and what it could not look at: neither is passed over."""

import json
from email.message import Message
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from audit import ask, is_fine, licence, licences, lines, needed, weaknesses


def answered(*dependencies: object) -> str:
    return json.dumps({"dependencies": dependencies, "fixes": []})


CLEAN = {"name": "a", "version": "1.0", "vulns": []}
WEAK = {"name": "b", "version": "2.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"]}]}
UNSEEN = {"name": "c", "skip_reason": "not found"}


def test_weakness_is_told_with_the_version_that_mends_it() -> None:
    found = weaknesses(answered(CLEAN, WEAK))
    assert (found.code, found.known) == (1, ["b 2.0: PYSEC-1, mended in 2.1"])


def test_package_that_nobody_could_look_at_is_no_clean_one() -> None:
    found = weaknesses(answered(CLEAN, UNSEEN))
    assert (found.code, found.looked_at, found.unseen) == (3, 1, ["c: not found"])
    assert list(lines("weaknesses", found))[-1] == "weaknesses: 1 packages looked at, 0 found, 1 could not be looked at"


def test_nothing_looked_at_is_said_so() -> None:
    found = weaknesses("", "no route to host")
    assert found.code == 3
    assert list(lines("weaknesses", found)) == [
        "NOT LOOKED AT known weaknesses: pip-audit gave no answer: no route to host",
        "weaknesses: 0 packages looked at, nothing could be looked at, 1 could not be looked at",
    ]


def test_program_that_is_not_there_is_a_look_that_could_not_be(tmp_path: Path) -> None:
    assert ask(tmp_path / "pip-audit", tmp_path / "lock").code == 3


def test_licences_of_all_that_is_installed_with_gridpact_are_fine() -> None:
    found = licences()
    assert found.known == []
    assert found.looked_at > 15


def test_everything_needed_is_found_however_deep() -> None:
    assert {"gridpact", "pydantic", "pydantic-core", "cryptography", "cffi"} <= needed("gridpact")
    assert "pytest" not in needed("gridpact")


@pytest.mark.parametrize(
    ("expression", "fine"),
    [
        ("MIT", True), ("GPL-3.0-only", False), ("GPL-3.0-only OR MIT", True), ("GPL-3.0-only AND MIT", False),
        ("MPL-2.0 AND (Apache-2.0 OR AGPL-3.0-only)", True),
    ],
)  # fmt: skip
def test_expression_is_fine_when_it_can_be_met(expression: str, fine: bool) -> None:
    assert is_fine(expression) is fine


@pytest.mark.parametrize("expression", ["GPL-2.0-only WITH Classpath-exception-2.0", "ask us", ""])
def test_expression_that_is_none_is_not_judged(expression: str) -> None:
    with pytest.raises((ValueError, SyntaxError)):
        is_fine(expression)


class Told(Distribution):
    """A package that says its licence in a way of its own."""

    def __init__(self, **headers: str) -> None:
        self._message = Message()
        for key, value in headers.items():
            self._message[key.replace("_", "-")] = value

    @property
    def metadata(self) -> Message:  # type: ignore[override]
        return self._message

    def read_text(self, filename: str) -> str | None:
        return None

    def locate_file(self, path: object) -> Path:  # type: ignore[override]
        return Path(str(path))


def test_licence_is_read_from_whatever_tells_it() -> None:
    assert licence(Told(License_Expression="MIT OR Apache-2.0")) == "MIT OR Apache-2.0"
    assert licence(Told(Classifier="License :: OSI Approved :: BSD License")) == "BSD-3-Clause"
    assert licence(Told(License="MIT License")) == "MIT"
    assert licence(Told(License="as you like it")) is None
