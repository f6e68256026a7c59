"""What went wrong on the way: late, refused, lost, garbage, restarts."""

from collections.abc import Iterator
from datetime import timedelta

from agents.history.narrate import plain
from agents.tools.explain.evidence import Evidence, SentEvidence
from agents.tools.explain.story.deal import Trouble
from protocol import messages as m
from protocol import notes as n
from protocol.actor import Cancel, Refused, Resumed
from protocol.edges import ROUTES, Way

UNDER_WAY = timedelta(minutes=1)
"""For a message: a system that runs faster than real time makes a minute of a moment."""


def troubles(evidence: Evidence) -> list[Trouble]:
    """All of it, by instant."""
    found = [*_messages(evidence), *_notes(evidence), *_happened(evidence)]
    return sorted(found, key=lambda trouble: trouble.at)


def _messages(evidence: Evidence) -> Iterator[Trouble]:
    for sent in evidence.sent.values():
        sender, receiver = ends(sent)
        what = f"{_article(sent.message.kind)} of {sender}"
        if sent.refused is not None:
            reason, text = sent.refused
            yield Trouble(sent.at, receiver, "refused", sender, f"refuses {what}: {reason} ({text})")
        elif sent.late and isinstance(sent.message, m.Offer | m.Alternative):
            by_s = _late_by_s(evidence, sent)
            text = f"{what} comes {by_s} s late: recorded, not counted"
            yield Trouble(sent.at, receiver, "late", sender, text if by_s else f"{what} comes after its stage was left")
        elif sent.received is None and receiver in evidence.journals and _had_time(evidence, sent):
            assert sent.sent_at is not None
            yield Trouble(sent.sent_at, receiver, "lost", sender, f"{what} never arrived at {receiver}")


def _had_time(evidence: Evidence, sent: SentEvidence) -> bool:
    """Whether it would have arrived if nothing had happened to it; what was said last may be under way."""
    return sent.sent_at is not None and evidence.is_over(sent.sent_at + UNDER_WAY)


def ends(sent: SentEvidence) -> tuple[str, str]:
    """Who said it to whom."""
    edge = sent.edge
    up = ROUTES[sent.message.kind].way is Way.UP
    return (edge.child, edge.parent) if up else (edge.parent, edge.child)


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _late_by_s(evidence: Evidence, sent: SentEvidence) -> int:
    relaxed = isinstance(sent.message, m.Offer) and sent.message.basis is m.Basis.RELAXED
    asked = [*evidence.on(sent.edge, m.Relax)] if relaxed else [*evidence.on(sent.edge, m.Request)]
    for one in asked:
        if one.message.request_id == sent.message.request_id and isinstance(one.message, m.Request | m.Relax):
            return max(0, int((sent.at - one.message.reply_by).total_seconds()))
    return 0


def _notes(evidence: Evidence) -> Iterator[Trouble]:
    for noted in evidence.noted:
        match noted.note:
            case n.LateReportRecorded(child=child, slot=slot):
                text = f"the meter of {child} tells slot {slot + 1} after it was summed up"
                yield Trouble(noted.at, noted.party, "late_report", child, text)
            case n.OrderRefused(reason=reason):
                yield Trouble(noted.at, noted.party, "order_refused", "", f"refuses an order: {reason}")
            case n.DecisionTooLate():
                yield Trouble(noted.at, noted.party, "late", "resident", "the resident's answer comes too late")
            case _:
                pass


def _happened(evidence: Evidence) -> Iterator[Trouble]:
    """Restarts and garbage while the party had the event open; bytes that were no message name no event."""
    spans: dict[str, tuple[int, int]] = {}
    for noted in evidence.noted:
        first, last = spans.get(noted.party, (noted.place, noted.place))
        spans[noted.party] = (first, max(last, noted.place))
    garbage: dict[tuple[str, str, str], Trouble] = {}
    for one in evidence.happened:
        if isinstance(one.what, Cancel):
            text = f"the operator cancels: {plain(one.what.reason)}"
            yield Trouble(one.at, one.party, "cancelled", "", text)
        first, last = spans.get(one.party, (0, -1))
        if not first <= one.place <= last:
            continue
        if isinstance(one.what, Resumed):
            since = one.what.down_since
            text = f"was started again; its last word before was at {since:%H:%M:%S}"
            yield Trouble(one.at, one.party, "restarted", "", text)
        elif isinstance(one.what, Refused):
            sender, reason = one.what.edge.other(one.party), str(one.what.reason)
            known = garbage.setdefault((one.party, sender, reason), Trouble(one.at, one.party, "garbage", sender, "0"))
            known.text = str(int(known.text) + 1)
    for (_, sender, reason), trouble in garbage.items():
        trouble.text = f"{trouble.text} x bytes of {sender} that are no message ({reason})"
        yield trouble
