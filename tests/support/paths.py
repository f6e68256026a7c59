"""Where things lie, for tests in whatever folder."""

from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
EXAMPLES = ROOT / "examples"
EVENINGS = sorted(path for path in EXAMPLES.glob("*.toml") if path.stem != "year")
"""The shipped scenarios that a test can play to the end; a year takes minutes (tests/scenarios/test_year.py)."""
DOCS = ROOT / "docs"
TINY = TESTS / "support" / "data" / "tiny.toml"
REAL = ROOT.parent / "shared" / "data"
"""Real sessions and requests, where they are; nothing of them is part of the project."""
