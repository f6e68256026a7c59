"""The members of all books as rows: found, searched and cut into pages on the server."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from agents.history.edge import EdgeHistory
from agents.pages.chronicle import Chronicle
from agents.settings.members import Member
from agents.settings.parties import AggregatorSettings, CoordinatorSettings
from protocol.edges import Edge

A_PAGE = 50


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One contract, and what is known of its party."""

    parent: str
    member: Member
    heard_at: datetime | None
    heard: str
    online: bool | None
    """By its presence on the broker; None: not known."""
    last: EdgeHistory | None
    """In the newest event that asked it."""
    event_id: str
    binding: tuple[str, ...]
    """What kept its last offer from being more."""
    expected_pct: int | None
    """Of what it is asked so much is expected, by what was learned of it; None: its contract says."""
    certificate_days: int | None
    """For which its certificate is good yet; None: none is known."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A page of a list."""

    number: int
    pages: int
    total: int

    @classmethod
    def of(cls, total: int, number: int, a_page: int = A_PAGE) -> "Cut":
        pages = max(1, -(-total // a_page))
        return cls(min(max(1, number), pages), pages, total)

    def slice(self, a_page: int = A_PAGE) -> slice:
        return slice((self.number - 1) * a_page, self.number * a_page)


def books(chronicle: Chronicle) -> Iterator[tuple[str, Member]]:
    """Every contract with its parent, in the order of the books."""
    for settings in list(chronicle.settings.values()):
        if isinstance(settings, CoordinatorSettings | AggregatorSettings):
            for member in settings.members:
                yield settings.name, member


def found(chronicle: Chronicle, text: str, parent: str) -> list[tuple[str, Member]]:
    """Those whose name, or a resource of theirs, has a text in it; of one parent only when it is named."""
    wanted = text.strip().lower()
    return [
        (name, member)
        for name, member in books(chronicle)
        if parent in ("", name)
        and (not wanted or wanted in member.name.lower() or any(wanted in one.lower() for one in member.resources))
    ]


def row(
    chronicle: Chronicle,
    parent: str,
    member: Member,
    online: dict[str, bool],
    expected_pct: int | None = None,
    certificate_days: int | None = None,
) -> MemberRow:
    """What is known of a member."""
    heard = chronicle.heard.get(Edge(parent, member.name))
    last, event_id = None, ""
    for event in reversed(chronicle.history.events.values()):
        above = event.parties.get(parent)
        if above is not None and member.name in above.children:
            last, event_id = above.children[member.name], event.event_id
            break
    at, kind = (heard.at, heard.message.kind) if heard is not None else (None, "")
    binding = chronicle.binding.get(Edge(parent, member.name), ())
    return MemberRow(
        parent, member, at, kind, online.get(member.name), last, event_id, binding, expected_pct, certificate_days
    )
