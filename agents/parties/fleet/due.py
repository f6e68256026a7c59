"""When each of many wants to be woken, and who is first."""

import heapq
from datetime import datetime


class Due:
    """Deadlines by name."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, str]] = []
        """An entry counts while it is its name's in `_at`."""
        self._at: dict[str, datetime] = {}

    @property
    def first(self) -> datetime | None:
        """When the first of them is due."""
        while self._heap and self._at.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def note(self, name: str, deadline: datetime | None) -> None:
        """The deadline of one of them, None for none."""
        if deadline != self._at.get(name):
            self._at.pop(name, None)
            if deadline is not None:
                self._at[name] = deadline
                heapq.heappush(self._heap, (deadline, name))

    def pop(self, now: datetime, most: int | None = None) -> list[str]:
        """Who is due, the first ones first; so many at most. They have no deadline until the next one is noted."""
        names: list[str] = []
        while len(names) != most and (first := self.first) is not None and first <= now:
            _, name = heapq.heappop(self._heap)
            del self._at[name]
            names.append(name)
        return names
