"""The story in the order in which it happened: passages with a time, a party, and sentences, for text and page."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from agents.tools.explain import words
from agents.tools.explain.planned import worth_most
from agents.tools.explain.story.answer import Answer, AskedStory
from agents.tools.explain.story.climb import ClimbStory, PlanStory, RungStory
from agents.tools.explain.story.planning import Issued, Pass, Planning, Rerequest
from agents.tools.explain.story.story import Story
from protocol.plan import total

MOST_NAMED = 10
"""Of children whose answer does not count; the others are counted."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A few sentences about one party. `climb` is the ladder that it is about, for tables and pictures."""

    at: datetime
    party: str
    title: str
    sentences: tuple[str, ...]
    climb: ClimbStory | None = None


def passages(story: Story, party: str | None = None) -> list[Passage]:
    """All of them by instant; of one party only when it is named. At one instant the asking come before the asked."""
    order = list(story.roles)
    found = sorted(_all(story), key=lambda passage: (passage.at, order.index(passage.party)))
    return [one for one in found if party in (None, one.party)]


def _all(story: Story) -> Iterator[Passage]:
    for one in story.issued:
        yield _issued(story, one)
        if one.judged_at is not None:
            yield _bought(one)
    for planning in story.plannings:
        yield _plan(story, planning)
        for number, one_pass in enumerate(planning.passes, 1):
            yield _judged(planning, one_pass, number)
    for climb in story.climbs:
        yield Passage(climb.at, climb.party, _title(climb), tuple(_climbed(story, climb)), climb)
    yield from _only_heard(story)


def _only_heard(story: Story) -> Iterator[Passage]:
    """What parties whose journals are not there asked for, as those below them tell it."""
    received: dict[tuple[str, int, int], list[AskedStory]] = {}
    for ask in story.asks:
        if ask.parent in story.missing_journals:
            received.setdefault((ask.parent, ask.revision, ask.round), []).append(ask)
    for (parent, _, number), asks in received.items():
        together = words.kw(total((ask.power_w for ask in asks), len(asks[0].power_w)))
        by = max(ask.reply_by for ask in asks)
        children = sorted((ask.child for ask in asks), key=lambda name: (len(name), name))
        text = f"asks {words.names(children, MOST_NAMED)} for {together} together{_until(by)}."
        yield Passage(asks[0].at, parent, f"asks, as others heard it (round {number})", (text,))


def _issued(story: Story, one: Issued) -> Passage:
    changed = f" The operator changed the event: this is revision {one.revision}." if one.revision > 1 else ""
    text = (
        f"asks for {story.direction.replace('_', ' ')} by {words.kw(one.requested_w)} from {story.start:%H:%M} UTC"
        f"{_until(one.reply_by)}.{changed}"
    )
    return Passage(one.at, one.party, "asks", (text,))


def _until(reply_by: datetime | None) -> str:
    return f"; answer by {reply_by:%H:%M:%S}" if reply_by is not None else ""


def _bought(one: Issued) -> Passage:
    assert one.judged_at is not None
    judged = (
        f"the answer gives {words.kw(one.offered_w)}: {one.share_pct} % of the request in the worst slot, "
        f"{one.least_pct} % is wanted."
    )
    came = f"awards {words.kw(one.power_w)}." if one.bought else "does not buy: no deal."
    return Passage(one.judged_at, one.party, "judges the answer", (judged, came))


def _plan(story: Story, planning: Planning) -> Passage:
    asked = [ask for ask in story.asks if ask.parent == planning.party and ask.revision == planning.revision]
    to = "; ".join(f"{ask.child} {words.kw(ask.power_w)}" for ask in asked if ask.round == 1)
    how = planning.plan.replace("_", " ")
    text = f"S1: plans {words.kw(planning.requested_w)} ({how}){_until(planning.reply_by)}: {to}."
    answers = [sentence for answer in planning.answers if (sentence := _aggregator_answer(answer))]
    return Passage(planning.at, planning.party, "plans", (text, *answers))


def _aggregator_answer(answer: Answer) -> str:
    if answer.verdict != "yes":
        return f"{answer.child}: {verdict_text(answer)}."
    if answer.basis == "alternative":
        return f"S3: {answer.child} proposes {words.kw(answer.power_w)} instead of {words.kw(answer.asked_w)}."
    return (
        f"S2: {answer.child} can meet {words.kw(answer.power_w)}; it could give {words.kw(answer.available_w)} at most."
    )


def verdict_text(answer: Answer) -> str:
    """An answer's verdict in words, with its reason."""
    match answer.verdict:
        case "no":
            bound = next((one for one in answer.binding if one is not None), None)
            return f"no ({answer.reason}{f': {words.cause(bound)}' if bound else ''})"
        case "open" | "silent":
            word = "silent" if answer.verdict == "silent" else "not answered yet"
            return f"{word}{f' ({answer.text})' if answer.text else ''}"
        case "late":
            sent = words.kw(answer.sent_w)
            return f"late ({words.lateness(answer.late_by_s)}; it would have been {sent}): not counted"
        case "refused":
            return f"refused ({answer.reason}: {answer.text})"
    return f"yes, {words.kw(answer.power_w)}"


def _judged(planning: Planning, one: Pass, number: int) -> Passage:
    sentences = [
        f"S4: the alternative of {j.aggregator}, {words.kw(j.proposed_w)} of {words.kw(j.requested_w)}, is "
        f"{'accepted' if j.accepted else 'not accepted'}: {j.why}. It is short by {words.kw(j.shortfall_w)}; others "
        f"have {words.kw(j.others_have_over_w)} over."
        for j in one.judgements
    ]
    if any(one.gap_w):
        sentences.append(f"S5: revises the plan for a gap of {words.kw(one.gap_w)}.")
    sentences += [_again(rerequest) for rerequest in one.rerequests]
    if one.answered:
        short = f", short by {words.kw(one.shortfall_w)}" if any(one.shortfall_w) else ""
        sentences.append(f"secured {words.kw(one.secured_w)} of {words.kw(planning.requested_w)}{short}.")
    return Passage(one.at, planning.party, f"judges (pass {number})", tuple(sentences))


def _again(one: Rerequest) -> str:
    ask = (
        f"S6: re-request to {one.aggregator} (round {one.round}) for {words.kw(one.requested_w)} instead of "
        f"{words.kw(one.before_w)}{_until(one.reply_by)}: "
    )
    if one.verdict == "open":
        return f"{ask}it has not answered yet."
    if one.answered_w is None:
        return f"{ask}it is silent, and what stood is lost."
    more = tuple(now - before for now, before in zip(one.answered_w, one.before_w, strict=True))
    if any(power_w < 0 for power_w in more):
        return f"{ask}it answers {words.kw(one.answered_w)}."
    return f"{ask}it brings {words.kw(more)} more." if any(more) else f"{ask}it brings nothing more."


def _title(climb: ClimbStory) -> str:
    again = f", round {climb.round}" if climb.round > 1 else ""
    changed = f", revision {climb.revision}" if climb.revision > 1 else ""
    return f"climbs its ladder{again}{changed}"


def _climbed(story: Story, climb: ClimbStory) -> Iterator[str]:
    above = f" by {climb.parent}" if climb.parent else ""
    yield f"S20: is asked{above} for {words.kw(climb.requested_w)}{_until(climb.reply_by)}."
    devices = sum(story.roles.get(answer.child) == "device" for answer in climb.answers)
    others = len(climb.answers) - devices
    whom = " and ".join(
        words.count(number, kind) for number, kind in ((devices, "device"), (others, "aggregator")) if number
    )
    if whom:
        yield f"S21, S22: asks {whom} for {words.kw(climb.asked_w)} together{_until(climb.children_reply_by)}."
    for rung in climb.rungs:
        yield _rung(climb, rung)
    yield from _why(climb)
    if climb.options:
        options = "; ".join(
            f"{one.option_id} {words.kw(one.power_w)} ({one.share_pct} % in the worst slot, {words.kwh(one.energy_wh)}, "
            f"on {' + '.join(one.basis)}{', accepted' if one.accepted else ''})"
            for one in climb.options
        )
        yield f"S32, S33: {words.RESULTS['alternative']}: {options}."
    elif climb.result == "can_meet":
        yield f"S36: can meet {words.kw(climb.answered_w)}; it could give {words.kw(climb.available_w)} at most."
    else:
        yield f"{words.RESULTS[climb.result]}."


def _rung(climb: ClimbStory, rung: RungStory) -> str:
    left = f"still short by {words.kw(rung.shortfall_w)}" if any(rung.shortfall_w) else "enough in every slot"
    if not rung.climbed:
        return f"S28: nobody may be asked to relax; {left}."
    if rung.name == "storage":
        return f"S26: own storage adds {words.kw(rung.added_w)}; {left} (S27)."
    if rung.name == "offers":
        return (
            f"S24: {rung.yes} yes, {rung.no} no, {rung.silent} silent of {rung.asked}: {words.kw(rung.added_w)}; "
            f"{left} (S25)."
        )
    if rung.name == "surplus":
        return (
            f"Asks {words.count(rung.asked, 'child', 'children')} for more of what they could give, {rung.yes} answer: "
            f"{words.kw(rung.added_w)} more; {left}."
        )
    if rung.name == "plan":
        return f"{_asked_for(climb)}{_best_mix(climb)}: {words.kw(rung.added_w)} more; {left}.{_bound(climb)}"
    disturbed = [one.child for one in climb.relaxed if one.disturbed]
    whom = f"; the deal disturbs {words.names(disturbed)}" if disturbed else "; the deal disturbs nobody"
    return (
        f"S28-S30: asks {words.count(rung.asked, 'child', 'children')} to relax, {rung.yes} answer: "
        f"{words.kw(rung.added_w)} more; {left} (S31){_loosened(climb)}{whom}."
    )


def _asked_for(climb: ClimbStory) -> str:
    """Who was asked for what shapes, why, and what each question added."""
    told, before = "", None
    for plan in _own(climb):
        if plan.asked and plan.shapes:
            why = (
                ""
                if before is None or not before.weights
                else f"A watt is worth most in {worth_most(before.weights)}: "
            )
            again = "asks" if before is None else "asks once more"
            asked = f"{why}{again} {words.count(plan.asked, 'child', 'children')} what they could give"
            *most, last = plan.shapes
            shapes = f"{', '.join(most)} or {last}" if most else last
            told += f"{asked[0].upper()}{asked[1:]} {shapes}: the best mix adds {words.kw(plan.added_w)}. "
        before = plan
    return told


def _own(climb: ClimbStory) -> list[PlanStory]:
    """The plans before owners were asked."""
    return [plan for plan in climb.plans if plan.loosened is None]


def _loosened(climb: ClimbStory) -> str:
    plans = [plan for plan in climb.plans if plan.loosened is not None]
    return f"; the plan needs {plans[-1].loosened} of them" if plans else ""


def _best_mix(climb: ClimbStory) -> str:
    if not _own(climb):
        return f"There is no plan over members and slots ({climb.plan_missed})"
    last = _own(climb)[-1]
    asked = "the request asked for" if last.question == 1 else f"{last.question} questions asked for"
    return f"The best mix of the profiles that {asked}, of {words.count(last.members, 'child', 'children')}"


def _bound(climb: ClimbStory) -> str:
    """What the optimum would have been, and which slots bind it."""
    bounds = [one for one in climb.plans if one.bound_pm is not None]
    if not bounds:
        return ""
    best = min(bounds, key=lambda one: one.bound_pm or 0)
    slots = ", ".join(str(slot + 1) for slot in best.slots)
    some = "slot" if len(best.slots) == 1 else "slots"
    return (
        f" No plan of theirs meets more than {(best.bound_pm or 0) / 10:.1f} % in all slots, because of {some} {slots}."
    )


def _why(climb: ClimbStory) -> Iterator[str]:
    if climb.rungs and not climb.rungs[0].enough and climb.causes:
        told_causes = "; ".join(
            f"{words.kw(one.missing_w)} {words.cause(one.cause)}"
            + (f" ({words.count(one.devices, 'child', 'children')})" if one.devices else "")
            for one in climb.causes
        )
        yield f"Why no more was offered: {told_causes}."
    apart = [answer for answer in (*climb.answers, *climb.relaxed_answers) if answer.verdict != "yes"]
    if apart:
        shown = "; ".join(f"{answer.child}: {verdict_text(answer)}" for answer in apart[:MOST_NAMED])
        more = f"; and {len(apart) - MOST_NAMED} more" if len(apart) > MOST_NAMED else ""
        yield f"Not counted: {shown}{more}."
