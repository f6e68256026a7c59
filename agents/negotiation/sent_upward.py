"""What a party has said upward: the last message of each kind about an event, for who asks again and who refuses it."""

from protocol import messages as m
from protocol.actor import Send
from protocol.edges import Edge

ANSWERED_AGAIN: dict[str, tuple[str, ...]] = {
    "request": ("offer", "alternative", "confirm"),
    "relax": ("offer", "alternative", "confirm"),
    "award": ("confirm",),
    "offer": ("award",),
    "alternative": ("award",),
    "withdraw": ("award",),
    "dispatch": ("report",),
}
"""What a repeat of a kind is answered with again: the newest of these kinds that was said on that edge."""
REFUSAL = "refusal"
"""Under which a confirm is kept that says no."""


class SentUpward:
    """By event and edge: the last message of each kind, the newest one last."""

    def __init__(self) -> None:
        self.by_event: dict[str, dict[Edge, dict[str, Send]]] = {}

    def keep(self, event_id: str, send: Send) -> None:
        """A message was sent."""
        sent, place = self.by_event.setdefault(event_id, {}).setdefault(send.edge, {}), _place(send.message)
        sent.pop(place, None)
        sent[place] = send

    def forget(self, event_id: str) -> None:
        """An event is forgotten."""
        self.by_event.pop(event_id, None)

    def last(self, edge: Edge, event_id: str, kind: str) -> m.Message | None:
        """What was sent last of a kind, about an event."""
        send = self.by_event.get(event_id, {}).get(edge, {}).get(kind)
        return None if send is None else send.message

    def answer(self, edge: Edge, message: m.EventMessage) -> Send | None:
        """What was last said about a message's request, of the kinds that answer it."""
        kinds = ANSWERED_AGAIN.get(message.kind, ())
        for send in reversed(self.by_event.get(message.event_id, {}).get(edge, {}).values()):
            same = isinstance(send.message, m.EventMessage) and send.message.request_id == message.request_id
            if same and send.message.kind in kinds and _is_about(send.message, message):
                return send
        return None

    def refused(self, edge: Edge, reject: m.Reject) -> m.EventMessage | None:
        """What was sent last of a kind, where it is what a peer refuses."""
        for by_edge in self.by_event.values():
            for send in by_edge.get(edge, {}).values():
                if (send.message.kind, send.message.message_id) == (reject.refused_kind, reject.refused_id):
                    return send.message if isinstance(send.message, m.EventMessage) else None
        return None


def _place(message: m.Message) -> str:
    """Where it is kept: an award that is refused takes nothing from the one that is confirmed."""
    return REFUSAL if isinstance(message, m.Confirm) and not message.accepted else message.kind


def _is_about(answer: m.Message, message: m.Message) -> bool:
    """Whether what was sent last is about the award, or the slot, of a message, where that is about one."""
    match answer, message:
        case m.Report(), m.Dispatch():
            return message.slot in (answer.slot, *(reading.slot for reading in answer.readings))
        case m.Confirm(), m.Award():
            return answer.award_id == message.award_id
        case _:
            return True
