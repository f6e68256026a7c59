"""Reads a CSV row by row. Every mistake of a user is one sentence with file, line and column."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path

from agents.settings.checked import ConfigError
from agents.settings.mistakes import impossible
from protocol.units import printed

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "strokes"}
"""Of spreadsheets in other languages: told, not guessed at."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of a table."""

    path: Path
    line: int
    cells: Mapping[str, str]

    def wrong(self, column: str, text: object) -> ConfigError:
        """The error that says what is wrong with a cell."""
        return ConfigError(f"{self.path}: line {self.line}: {column}: {printed(str(text))}")

    def text(self, column: str) -> str:
        """A cell that is not empty, without the blanks around it. Raises ConfigError."""
        cell = self.cells[column].strip()
        if not cell:
            raise self.wrong(column, "is empty")
        return cell

    def number(self, column: str, least: float, most: float, hint: str = "") -> float:
        """A finite number in a range. Raises ConfigError; `hint` says what a number outside of it may be."""
        cell = self.text(column)
        try:
            number = float(_plain(cell))
        except ValueError:
            raise self.wrong(column, f"{cell!r:.80} is no number{_comma(cell)}") from None
        if not isfinite(number):
            raise self.wrong(column, f"{cell!r:.80} is no finite number")
        if not least <= number <= most:
            raise self.wrong(column, f"{cell:.80} does not lie between {least:g} and {most:g}{hint}")
        return number

    def whole(self, column: str, most: int) -> int:
        """A whole number of either sign. Raises ConfigError."""
        cell = self.text(column)
        try:
            number = int(_plain(cell))
        except ValueError:
            raise self.wrong(column, f"{cell!r:.80} is no whole number") from None
        if abs(number) > most:
            raise self.wrong(column, f"{cell:.80} is too large: {most} is the most")
        return number

    def instant(self, column: str) -> datetime:
        """An instant with its offset, as UTC. Raises ConfigError."""
        cell = self.text(column)
        try:
            at = datetime.fromisoformat(cell)
            if at.utcoffset() is None:
                raise ValueError("an instant needs its offset from UTC, as in 2026-01-14T17:00:00Z")
            if (wrong := impossible(at)) is not None:
                raise ValueError(wrong)
        except ValueError as error:
            raise self.wrong(column, error) from None
        return at.astimezone(UTC)


def _plain(number: str) -> str:
    """A number as tables have it. Raises ValueError for what Python alone reads as one."""
    if "_" in number:
        raise ValueError(number)
    return number


def _comma(cell: str) -> str:
    """A hint where the mistake is a comma within a number."""
    try:
        float(_plain(cell.replace(",", ".")))
    except ValueError:
        return ""
    return ": write a decimal point, and no thousands"


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[TableRow]:
    """The rows of a CSV with at least these columns; empty lines are passed over. Raises ConfigError."""
    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, strict=True)
            header = [cell.strip() for cell in next(lines, [])]
            _check(path, header, columns)
            for cells in lines:
                line = lines.line_num
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) != len(header):
                    text = f"{len(cells)} cells where the header row has {len(header)}"
                    raise ConfigError(f"{path}: line {line}: {text}")
                yield TableRow(path, line, dict(zip(header, cells, strict=True)))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8") from None
    except csv.Error as error:
        raise ConfigError(f"{path}: is no CSV behind line {line}: {error}") from None


def separated(header: Sequence[str]) -> str:
    """A hint where the cells of a header row are separated by something else than commas."""
    between = next((word for sign, word in SEPARATORS.items() if len(header) == 1 and sign in header[0]), None)
    return f" (there are {between} between the cells: commas are needed)" if between else ""


def _check(path: Path, header: Sequence[str], columns: Sequence[str]) -> None:
    for column in columns:
        if column not in header:
            raise ConfigError(f"{path}: line 1: the column {column} is missing{separated(header)}")
        if header.count(column) > 1:
            raise ConfigError(f"{path}: line 1: the column {column} stands {header.count(column)} times")
