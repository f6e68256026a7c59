"""The figures of a note, whether it comes from memory (tuples, instants) or from a journal (lists, texts)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from protocol.plan import Plan


class Figures:
    """Reads a note's data by key; what is absent or of another shape is empty, because another version may have
    written it."""

    __slots__ = ("_data",)

    def __init__(self, data: Mapping[str, object]) -> None:
        self._data: Mapping[str, Any] = data

    def plan(self, key: str) -> Plan:
        """W per slot; empty when it is not told."""
        value = self._data.get(key)
        return tuple(int(power_w) for power_w in value) if isinstance(value, list | tuple) else ()

    def number(self, key: str) -> int:
        value = self._data.get(key)
        return value if isinstance(value, int) else 0

    def flag(self, key: str) -> bool:
        return self._data.get(key) is True

    def text(self, key: str) -> str:
        value = self._data.get(key)
        return "" if value is None else self.plain(str(value))

    def instant(self, key: str) -> datetime | None:
        value = self._data.get(key)
        return value if isinstance(value, datetime) else datetime.fromisoformat(value) if value else None

    @staticmethod
    def plain(text: str) -> str:
        """What a peer wrote, without the characters that a terminal would obey."""
        return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
