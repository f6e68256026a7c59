"""What each driver can do and was tested against, from docs/cards: `python tests/support/driver_cards.py` writes the table of
docs/devices.md anew."""

import ast
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CARDS, PAGE = ROOT / "docs" / "cards", ROOT / "docs" / "devices.md"
BEGIN, END = "<!-- table: driver_cards.py -->", "<!-- end of table -->"
KEYS = {"driver", "speaks", "devices", "cannot_say", "not_done", "against", "features"}


def cards() -> list[dict[str, Any]]:
    """All of them, by the names of their files."""
    return [tomllib.loads(path.read_text()) for path in sorted(CARDS.glob("*.toml"))]


def missing(test: str) -> str | None:
    """What of `file::test` is not there; None: it is."""
    path, _, name = test.partition("::")
    if not (ROOT / path).is_file():
        return f"{test}: there is no such file"
    tree = ast.parse((ROOT / path).read_text())
    named = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return None if name in named and name.startswith("test_") else f"{test}: there is no such test"


def table() -> str:
    """As the page shows it."""
    lines = ["| driver | speaks | devices | tested | tested against | cannot be said | not done |", "|" + "---|" * 7]
    for card in cards():
        cells = (
            f"`{card['driver']}`",
            card["speaks"],
            card["devices"],
            "; ".join(card["features"]),
            "; ".join(card["against"]) + "; no device that one can buy",
            card["cannot_say"],
            card["not_done"] or "-",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def page(text: str) -> str:
    """A page with the table in it. Raises ValueError where its marks are missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the marks {BEGIN} and {END} are missing")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
