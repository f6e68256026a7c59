"""The picture of a running system from its topics alone: pure, bounded, fed one message at a time.

`take` reads what travels on `dr/#`; `rows` tells what there is to see at an instant. Both are in the time of the
system that is watched. Bytes that are no message are counted and shown, and change nothing.
"""

from collections import Counter, deque
from datetime import datetime, timedelta

from agents.history.edge import EdgeHistory
from agents.history.standing import PartyStage
from agents.history.wire import PartyOnWire
from agents.tools.watch.event import Event
from agents.tools.watch.presence import Roll
from agents.tools.watch.received import WatchChange, WatchedProgress, WatchedRefusal, WatchedWire, printable
from agents.tools.watch.row import WatchRow, row_of
from protocol import messages as m
from protocol.codec import decode, decode_progress
from protocol.edges import ROUTES, Edge, Way, parse_topic, progress_of
from protocol.errors import RefusedMessage

MOST_LINKS, MOST_PARTIES, MOST_EVENTS = 50_000, 50_000, 200
"""More is not followed, and said to be so."""
KEPT = timedelta(hours=24)
"""How long a closed event is shown after its end; less when the room is needed."""
LAST_REFUSALS = 20
FEW = 1_000
"""Children that are added up only to find out whether their parent has closed."""


class Picture:
    """What is known of the system."""

    def __init__(
        self, most_links: int = MOST_LINKS, most_parties: int = MOST_PARTIES, most_events: int = MOST_EVENTS
    ) -> None:
        self.events: dict[str, Event] = {}
        self.roll = Roll(most_parties)
        self.refusals: deque[WatchedRefusal] = deque(maxlen=LAST_REFUSALS)
        self.reasons: Counter[str] = Counter()
        """Refusals of all time by reason; bytes that are no message under `unreadable`."""
        self.kinds: Counter[str] = Counter()
        """Messages of all time by kind."""
        self.not_followed = 0
        """Messages about edges beyond what is kept."""
        self._most_links, self._most_events = most_links, most_events
        self._links = 0

    def take(self, topic: str, payload: bytes, at: datetime, standing: bool = False) -> WatchChange | None:
        """Read bytes that were heard at an instant; what they changed."""
        received = self.read(topic, payload, at, standing)
        return self.note(received, at) if isinstance(received, WatchedWire | WatchedProgress) else received

    def read(
        self, topic: str, payload: bytes, at: datetime, standing: bool = False
    ) -> WatchedWire | WatchedProgress | WatchChange | None:
        """The message of some bytes, or what there is to see of bytes that are none."""
        try:
            if not payload and self._take_back(topic, at):
                return None
            if (told := decode_progress(topic, payload)) is not None:
                self.kinds[told.kind] += 1
                return WatchedProgress(told, standing)
            edge, message = decode(topic, payload)
        except RefusedMessage as refusal:
            self.reasons["unreadable"] += 1
            kind = topic.split("/")[1] if topic.count("/") == 3 else ""
            return self._refuse(WatchedRefusal(at, None, "", kind[:20], refusal.reason.value, printable(refusal.text)))
        self.kinds[message.kind] += 1
        return WatchedWire(edge, message, standing)

    def note(self, received: WatchedWire | WatchedProgress, at: datetime) -> WatchChange | None:
        """Take a message that was read; what it changed."""
        if isinstance(received, WatchedProgress):
            return self._recount(received.message, at, received.standing)
        match received.message:
            case m.Presence():
                moved = self.roll.take(received.edge, received.message, at, received.standing)
                return WatchChange(presence=received.edge.child) if moved else None
            case m.Reject(refused_by=by, reason=reason, text=text, refused_kind=kind):
                self.reasons[reason.value] += 1
                name = received.edge.parent if by is m.Side.PARENT else received.edge.child
                return self._refuse(WatchedRefusal(at, received.edge, name, kind, reason.value, printable(text)))
            case m.EventMessage():
                return self._event_message(received.edge, received.message, at, received.standing)
        return None

    def is_parent(self, received: WatchedWire) -> bool:
        """Whether its sender asks others: such a party's clock is believed."""
        if not isinstance(received.message, m.EventMessage):
            return False
        if ROUTES[received.message.kind].way is Way.DOWN:
            return True
        event = self.events.get(received.message.event_id)
        node = event.nodes.get(received.edge.child) if event is not None else None
        return node is not None and node.negotiates

    # -- events

    def _event_message(self, edge: Edge, message: m.EventMessage, at: datetime, standing: bool) -> WatchChange | None:
        event = self._event(message.event_id)
        if event is None:
            return None
        parent = event.nodes.get(edge.parent)
        link = parent.children.get(edge.child) if parent is not None else None
        if link is None:
            if self._links >= self._most_links and not self._make_room():
                self.not_followed += 1
                return None
            parent = event.nodes.setdefault(edge.parent, PartyOnWire(edge.parent))
            link = parent.children[edge.child] = EdgeHistory(edge)
            event.links += 1
            self._links += 1
        assert parent is not None
        if not link.take(message, at, standing):
            return None
        return self._moved(event, parent, link, message, at, standing)

    def _moved(
        self,
        event: Event,
        parent: PartyOnWire,
        link: EdgeHistory,
        message: m.EventMessage,
        at: datetime,
        standing: bool,
    ) -> WatchChange | None:
        """Something new on a link: both ends may have come to another stage."""
        child = event.nodes.get(link.edge.child)
        if child is None and isinstance(message, m.Request):
            child = event.nodes[link.edge.child] = PartyOnWire(link.edge.child)
        if child is not None and child.above is None and link.request is not None:
            child.above = link
        parent.touch(at)
        if child is not None:
            child.received_at = at
        before = [(node, node.stage, node.outcome) for node in (parent, child) if node is not None]
        if ROUTES[message.kind].way is Way.UP:
            if link.request is not None or link.award is not None:
                parent.received(message)
            if child is not None:
                child.answered(message)
        else:
            parent.said(message, standing, left=link.left)
            if child is not None and isinstance(message, m.Request):
                child.asked(message, standing)
            if child is not None and isinstance(message, m.Award):
                child.decided(message)
        moved = [node for node, *was in before if [node.stage, node.outcome] != was and node.negotiates]
        return WatchChange(event.event_id, moved[0].name, moved[0].stage, moved[0].outcome) if moved else None

    def _recount(self, told: m.Progress, at: datetime, standing: bool) -> WatchChange | None:
        """A party says how far it is in an event: of one that is not followed from its beginning that counts."""
        event = self._event(told.event_id)
        if event is None:
            return None
        node = event.nodes.get(told.party)
        if node is None:
            if self._links >= self._most_links and not self._make_room():
                self.not_followed += 1
                return None
            node = event.nodes[told.party] = PartyOnWire(told.party)
            event.links += 1
            self._links += 1
        before = node.told
        if not node.recount(told, at, standing):
            return None
        if before is not None and (before.stage, before.outcome) == (told.stage, told.outcome):
            return None
        stage = node.stage_at(at)
        return WatchChange(told.event_id, told.party, stage, told.outcome) if isinstance(stage, PartyStage) else None

    def _event(self, event_id: str) -> Event | None:
        event = self.events.get(event_id)
        if event is None:
            if len(self.events) >= self._most_events and not self._make_room():
                self.not_followed += 1
                return None
            event = self.events[event_id] = Event(event_id)
        return event

    def _take_back(self, topic: str, at: datetime) -> bool:
        """An empty payload takes a retained message away; whether that means anything on this topic."""
        if progress_of(topic) is not None:
            return True  # it is over: what was told of it stands here
        kind, edge = parse_topic(topic)
        if kind == "presence":
            self.roll.forget(edge)
        elif kind == "request":
            self._clear(edge, at)
        return ROUTES[kind].retained

    def _clear(self, edge: Edge, at: datetime) -> None:
        """The topic of an edge holds one request, whatever its event: of several it is that of the one that is closed;
        when all of them are open, it is not known which is over."""
        found: list[tuple[PartyOnWire, EdgeHistory]] = []
        for event in self.events.values():
            node = event.nodes.get(edge.parent)
            link = node.children.get(edge.child) if node is not None else None
            if node is not None and link is not None and link.request is not None and not link.cleared:
                found.append((node, link))
        for node, _ in found:
            if len(found) > 1 and len(node.children) <= FEW:
                node.settle(at)
        closed = [one for one in found if one[0].stage is PartyStage.CLOSED]
        for node, link in closed[:1] or found:
            link.cleared, link.unsure = bool(closed) or len(found) == 1, not closed and len(found) > 1
            node.touch()

    def _make_room(self) -> bool:
        """Forget the event that closed first; whether there was one."""
        closed = [event for event in self.events.values() if event.closed_at is not None]
        if not closed:
            return False
        self._forget(min(closed, key=lambda event: event.closed_at or datetime.max))
        return True

    def _forget(self, event: Event) -> None:
        del self.events[event.event_id]
        self._links -= event.links

    def _refuse(self, refusal: WatchedRefusal) -> WatchChange:
        self.refusals.append(refusal)
        return WatchChange(refusal=refusal)

    # -- read

    def rows(self, now: datetime, standing: bool = False) -> list[WatchRow]:
        """Every asking party of every event at an instant, events in the order in which they were heard of, each
        party behind its parent, with `standing` for machines. What closed long ago is forgotten."""
        found = []
        for event in list(self.events.values()):
            if all(node.is_over(now) for node in event.nodes.values()):
                self._forget(event)  # a broker that lets nothing expire keeps what nobody took away
                continue
            rows = [row_of(node, event.event_id, depth, now, standing) for depth, node in event.in_order()]
            if event.closed_at is None and rows and all(row.stage is PartyStage.CLOSED for row in rows):
                event.closed_at = now
            elif rows and rows[0].stage is not PartyStage.CLOSED:
                event.closed_at = None
            if event.closed_at is not None and now - event.closed_at > KEPT:
                self._forget(event)
            else:
                found += rows
        return found
