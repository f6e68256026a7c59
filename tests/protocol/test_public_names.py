"""What others build on changes only together with docs/public-names.txt, so that nobody changes it without seeing it."""

import ast
import importlib
from difflib import unified_diff
from pathlib import Path

import public_names
import pytest
from paths import DOCS, ROOT

TIERS = {"wire": public_names.WIRE, "extension": public_names.EXTENSION}


def test_public_names_are_those_of_the_list() -> None:
    kept, found = (DOCS / "public-names.txt").read_text(), public_names.listing()
    difference = list(unified_diff(kept.splitlines(), found.splitlines(), "listed", "found", n=0, lineterm=""))
    assert not difference, "\n".join(
        ["if it is meant: python tests/support/public_names.py > docs/public-names.txt", *difference]
    )


@pytest.mark.parametrize("module", [module for tier in TIERS.values() for module in tier])
def test_public_name_can_be_imported(module: str) -> None:
    tier = next(tier for tier in TIERS.values() if module in tier)
    imported = importlib.import_module(module)
    for name in tier[module] or public_names.public(module):
        assert hasattr(imported, name)


@pytest.mark.parametrize("tier", TIERS)
def test_page_names_each_module_in_its_tier(tier: str) -> None:
    sections = (DOCS / "api.md").read_text().split("\n## ")
    (section,) = [text for text in sections if text.lower().startswith(tier)]
    assert {module for module in TIERS[tier] if f"`{module}`" in section} == set(TIERS[tier])


def test_each_package_says_that_it_is_typed() -> None:
    for package in ("protocol", "broker", "agents"):
        assert (ROOT / package / "py.typed").is_file()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(a: int) -> int: ...", "def f(a: int, b: int = 0) -> int: ..."),
        ("def f(a: int) -> int: ...", "def f(a: int) -> float: ..."),
        ("class A:\n    x: int", "class A:\n    x: int = 0"),
        ("class A:\n    x: int", "class A:\n    x: int\n    y: int"),
        ("class A:\n    def f(self) -> int: ...", "class A:\n    @property\n    def f(self) -> int: ..."),
        ("class A(Enum):\n    B = 'b'", "class A(Enum):\n    B = 'c'"),
        ("T: TypeAlias = int | None", "T: TypeAlias = int"),
        ("def f() -> int: ...", "async def f() -> int: ..."),
    ],
)
def test_change_of_a_signature_changes_the_list(before: str, after: str) -> None:
    listed = [list(public_names._lines("m.x", ast.parse(text).body[0])) for text in (before, after)]
    assert listed[0] != listed[1]


def test_private_names_and_bodies_are_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_names, "ROOT", tmp_path)
    (tmp_path / "one.py").write_text("A = 1\n_B = 2\n\ndef f() -> int:\n    return 1\n\ndef _g() -> None: ...\n")
    (tmp_path / "two.py").write_text("from one import f as g, A\n__all__ = ['g']\n")
    assert public_names.public("one") == ["A", "f"]
    assert public_names._of_name("two", "g") == ["two.g() -> int"]
    assert public_names.public("two") == ["g"]
    with pytest.raises(KeyError, match="one has no gone"):
        public_names._of_name("one", "gone")
