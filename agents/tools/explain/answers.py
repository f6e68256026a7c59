"""How each child answered a request, and what kept the answers from being more."""

from collections.abc import Iterable
from datetime import datetime

from agents.tools.explain.evidence import Evidence, SentEvidence
from agents.tools.explain.story.answer import Answer, Cause
from protocol import messages as m
from protocol.edges import Edge
from protocol.plan import Plan, add, excess, shortfall, total, zero
from protocol.rules import best_option

OPEN, NOT_ASKED, BELOW, NOT_NOTED = "open", "not_asked", "below", "not_told"


def took(evidence: Evidence, sent: SentEvidence, by: str) -> bool:
    """Whether a party took a message; when its journal is not there, what was said to it counts."""
    return sent.counted if by in evidence.journals else sent.refused is None


def asked_at(evidence: Evidence, parent: str, place: int) -> list[SentEvidence]:
    """The requests that a parent sent in one step, in their order."""
    return [sent for sent in evidence.all(m.Request) if sent.edge.parent == parent and sent.sent == place]


def answer_to(evidence: Evidence, asked: SentEvidence, basis: m.Basis = m.Basis.OWN) -> Answer:
    """The answer that counts of a child to a request (basis own), or to the relax that followed it (relaxed)."""
    request, edge = asked.message, asked.edge
    assert isinstance(request, m.Request)
    question: SentEvidence | None = asked
    want, reply_by = request.power_w, request.reply_by
    if basis is m.Basis.RELAXED:
        question = relax_of(evidence, edge, request.request_id)
        own = _offer(evidence, edge, request.request_id, m.Basis.OWN)
        if question is not None and isinstance(question.message, m.Relax):
            own_w = own.message.power_w if own is not None and isinstance(own.message, m.Offer) else zero(len(want))
            want = add(own_w, question.message.shortfall_w)
            reply_by = question.message.reply_by
    sent = _offer(evidence, edge, request.request_id, basis) or (
        _alternative(evidence, edge, request.request_id) if basis is m.Basis.OWN else None
    )
    if sent is None:
        return _silent(evidence, edge, question, want, reply_by)
    return _judged(evidence, edge, sent, want, reply_by)


def relax_of(evidence: Evidence, edge: Edge, request_id: str) -> SentEvidence | None:
    """The relax that was sent after a request, if there was one."""
    return next((sent for sent in evidence.on(edge, m.Relax) if sent.message.request_id == request_id), None)


def _offer(evidence: Evidence, edge: Edge, request_id: str, basis: m.Basis) -> SentEvidence | None:
    found = [
        sent
        for sent in evidence.on(edge, m.Offer)
        if isinstance(sent.message, m.Offer) and sent.message.basis is basis and sent.message.request_id == request_id
    ]
    return _latest(evidence, edge, found)


def _alternative(evidence: Evidence, edge: Edge, request_id: str) -> SentEvidence | None:
    found = [sent for sent in evidence.on(edge, m.Alternative) if sent.message.request_id == request_id]
    return _latest(evidence, edge, found)


def _latest(evidence: Evidence, edge: Edge, found: list[SentEvidence]) -> SentEvidence | None:
    """The highest revision that counted; else what came last."""
    counted = [sent for sent in found if took(evidence, sent, edge.parent)]
    return max(counted or found, key=lambda sent: sent.message.revision, default=None)


def _silent(evidence: Evidence, edge: Edge, question: SentEvidence | None, want: Plan, reply_by: datetime) -> Answer:
    nothing, text = zero(len(want)), ""
    if question is not None and question.refused is not None:
        reason, sent = question.refused
        return Answer(
            edge.child, "refused", "", want, nothing, nothing, nothing, (), reason, f"it would not take it: {sent}",
            question.at,
        )  # fmt: skip
    if not evidence.is_over(reply_by):
        return Answer(edge.child, OPEN, "", want, nothing, nothing, nothing, (), "", "", None)
    if question is not None and question.received is None and edge.child in evidence.journals:
        text = "it was never reached"
    return Answer(edge.child, "silent", "", want, nothing, nothing, nothing, (), "", text, None)


def _judged(evidence: Evidence, edge: Edge, sent: SentEvidence, want: Plan, reply_by: datetime) -> Answer:
    power_w, available_w, binding, basis, reason, opts_in = _content(sent.message, want)
    nothing = zero(len(want))
    answer = Answer(
        edge.child, "yes", basis, want, power_w, power_w, available_w, binding, reason, "", sent.at
    )  # fmt: skip
    if sent.refused is not None:
        answer.verdict, (answer.reason, answer.text) = "refused", sent.refused
    elif sent.late:
        answer.verdict, answer.late_by_s = "late", max(0, int((sent.at - reply_by).total_seconds()))
    elif not took(evidence, sent, edge.parent):
        answer.verdict = "silent" if evidence.is_over(reply_by) else OPEN
        answer.text = f"it answered at {sent.at:%H:%M:%S}, but that never arrived"
    elif not opts_in:
        answer.verdict = "no"
    if answer.verdict != "yes":
        answer.power_w = nothing
    return answer


def _content(message: m.EventMessage, want: Plan) -> tuple[Plan, Plan, tuple[str | None, ...], str, str, bool]:
    if isinstance(message, m.Offer):
        binding = tuple(None if one is None else str(one) for one in message.binding)
        reason = "" if message.opt is m.Opt.IN else str(message.opt_reason)
        content = message.power_w, message.available_w, binding, str(message.basis), reason, message.opt is m.Opt.IN
    else:
        assert isinstance(message, m.Alternative)
        plan = best_option(message.options, want).power_w
        content = plan, plan, (), "alternative", "", True
    slots = len(want)
    if len(content[0]) != slots:  # it was refused for that
        return zero(slots), zero(slots), (), content[3], content[4], content[5]
    return content


def causes(answers: Iterable[Answer], requested_w: Plan, slot_s: int, aggregators: Iterable[str]) -> list[Cause]:
    """What each cause took away of what was asked, the greatest first. `requested_w` is the request that the children
    were to meet together: what nobody was asked for is a cause, too."""
    below, slots = dict.fromkeys(aggregators), len(requested_w)
    missing: dict[str, list[int]] = {}
    who: dict[str, dict[str, None]] = {}
    pairs: dict[str, int] = {}
    found = list(answers)
    for answer in found:
        for slot, watts in enumerate(excess(answer.asked_w, answer.power_w)):
            if watts:
                cause = _cause(answer, slot, answer.child in below)
                missing.setdefault(cause, [0] * slots)[slot] += watts
                who.setdefault(cause, {})[answer.child] = None
                pairs[cause] = pairs.get(cause, 0) + 1
    unasked = shortfall(requested_w, total((answer.asked_w for answer in found), slots))
    if any(unasked):
        missing[NOT_ASKED], who[NOT_ASKED] = list(unasked), {}
        pairs[NOT_ASKED] = sum(watts > 0 for watts in unasked)
    result = [
        Cause(cause, len(who[cause]), pairs[cause], tuple(plan), sum(plan) * slot_s // 3600)
        for cause, plan in missing.items()
    ]
    return sorted(result, key=lambda cause: -cause.energy_wh)


def _cause(answer: Answer, slot: int, is_aggregator: bool) -> str:
    if answer.verdict in (OPEN, "silent", "late", "refused"):
        return answer.verdict
    bound = answer.binding[slot] if slot < len(answer.binding) else None
    if bound is not None:
        return bound
    if answer.verdict == "no":
        return f"no: {answer.reason}"
    return BELOW if is_aggregator else NOT_NOTED
