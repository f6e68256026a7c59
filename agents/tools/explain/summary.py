"""The story in a few lines: what was asked, what came of it, what is missing, how, what kept it from being more, what went
wrong."""

from collections import Counter
from collections.abc import Iterator

from agents.history.standing import LOST
from agents.tools.explain import words
from agents.tools.explain.answers import BELOW
from agents.tools.explain.story.climb import ClimbStory
from agents.tools.explain.story.planning import Rerequest
from agents.tools.explain.story.story import Story
from protocol.plan import Plan, total


def summary(story: Story) -> list[str]:
    return [_asked(story), _came(story), *_missing(story), _how(story), _short(story), _wrong(story)]


def last_climbs(story: Story) -> list[ClimbStory]:
    """The last climb of each aggregator for the event as it was asked last, in the order in which they first climbed."""
    of_event = [climb for climb in story.climbs if len(climb.requested_w) == story.slots]
    latest = max((climb.revision for climb in of_event), default=1)
    return list({climb.party: climb for climb in of_event if climb.revision == latest}.values())


def top_climbs(story: Story) -> list[ClimbStory]:
    """Those of aggregators that are not below another one: what a tier below gave is in its parent's offers."""
    parties = {climb.party for climb in story.climbs}
    return [climb for climb in last_climbs(story) if climb.parent not in parties]


def added(climbs: list[ClimbStory], name: str, slots: int) -> Plan:
    """What a rung added over several climbs, W per slot."""
    return total((rung.added_w for one in climbs for rung in one.rungs if rung.name == name), slots)


def _asked(story: Story) -> str:
    direction = story.direction.replace("_", " ")
    minutes = story.slot_s / 60
    changed = f"; changed {len(story.issued) - 1} x" if len(story.issued) > 1 else ""
    return (
        f"Asked: {direction} by {words.kw(story.requested_w)} from {story.start:%Y-%m-%d %H:%M} UTC "
        f"({words.count(story.slots, 'slot')} of {minutes:g} min, program {story.program_id}){changed}."
    )


def _came(story: Story) -> str:
    outcome = (story.outcome or "not known to have ended").replace("_", " ")
    reason = f" ({story.reason})" if story.reason else ""
    if story.outcome == LOST:
        return f"Outcome: a deal was concluded and lost again{reason}; nothing of it stood."
    if not any(story.deal_w):
        return f"Outcome: {outcome}{reason}; nothing stands."
    text = f"Outcome: {outcome}{reason}; {words.kw(story.deal_w)} awarded"
    if story.settled is not None:
        return f"{text}, {words.kwh(story.settled.delivered_wh)} of {words.kwh(story.settled.awarded_wh)} delivered."
    noted = {one.party for one in story.delivery}
    first = next((name for name in story.roles if name in noted), None)
    if first is None:
        return f"{text}; no delivery is told."
    awarded_wh, delivered_wh = story.account(first)
    return f"{text}; {first} counts {words.kwh(delivered_wh)} of {words.kwh(awarded_wh)} delivered."


def _missing(story: Story) -> Iterator[str]:
    """Why less was delivered than was awarded, where it was."""
    total_wh = sum(one.energy_wh for one in story.missing)
    parts = [f"{words.missing(one.cause)} {words.kwh(one.energy_wh)}" for one in story.missing]
    if parts:
        yield f"Missing of what was awarded: {words.kwh(total_wh)}. Why: {'; '.join(parts)}."


def _how(story: Story) -> str:
    climbs = top_climbs(story)
    if not climbs:
        return "How: no aggregator's journal is there, so the ladder is not known."
    offers = added(climbs, "offers", story.slots)
    parts = [f"offers gave {words.kw(offers)} (S24)"] if any(offers) else []
    below = [one for one in last_climbs(story) if one not in climbs]
    parts += [f"in those, {text}" for text in _added(below, story.slots)]
    parts += _added(climbs, story.slots)
    proposed = [one.party for one in climbs if one.result == "alternative"]
    if proposed:
        parts.append(f"{words.names(proposed)} proposed an alternative (S33)")
    rerequests = [one for planning in story.plannings for one_pass in planning.passes for one in one_pass.rerequests]
    if rerequests:
        parts.append(f"{words.count(len(rerequests), 're-request')} to {words.names(_once(rerequests))} (S6)")
    return f"How: {'; '.join(parts) or 'nothing was offered'}."


def _added(climbs: list[ClimbStory], slots: int) -> Iterator[str]:
    """What the rungs above the offers brought, and at whom."""
    for name, step in (("surplus", "S24"), ("plan", "S24"), ("storage", "S26"), ("relaxed", "S30")):
        of_it = [one.party for one in climbs if any(rung.name == name and any(rung.added_w) for rung in one.rungs)]
        if of_it:
            plan = words.kw(added(climbs, name, slots))
            yield f"{words.RUNGS[name]} added {plan} at {words.names(of_it)} ({step})"


def _once(rerequests: list[Rerequest]) -> list[str]:
    return list(dict.fromkeys(one.aggregator for one in rerequests))


def _short(story: Story) -> str:
    """The causes at the devices, where an aggregator was short after its offers. What an aggregator below gave less has
    its causes there, where they are told."""
    energy: Counter[str] = Counter()
    devices: Counter[str] = Counter()
    parties: dict[str, None] = {}
    climbs = last_climbs(story)
    tiers = {climb.parent for climb in climbs}
    for climb in climbs:
        if climb.rungs and not climb.rungs[0].enough:
            parties[climb.party] = None
            for one in climb.causes:
                if one.cause == BELOW and climb.party in tiers:
                    continue
                energy[one.cause] += one.energy_wh
                devices[one.cause] += one.devices if one.cause != BELOW else 0
    if not parties:
        open_ = [climb.party for climb in climbs if not climb.rungs]
        if open_ or not story.climbs:
            return f"Short: not known{f': {words.names(open_)} did not sum up' if open_ else ''}."
        before = dict.fromkeys(one.party for one in story.climbs if one.rungs and not one.rungs[0].enough)
        if before:
            return f"Short: nobody in the last round; in an earlier one {words.names(list(before))}."
        return "Short: nobody; first offers met every request."
    noted = [
        f"{words.cause(name)}: {words.kwh(wh)}"
        + (f" in {words.count(devices[name], 'device')}" if devices[name] else "")
        for name, wh in energy.most_common(4)
    ]
    return f"Short after first offers: {words.names(list(parties))}. Why: {'; '.join(noted)}."


def _wrong(story: Story) -> str:
    counted = Counter(trouble.kind for trouble in story.troubles)
    silent = {one.child for climb in story.climbs for one in climb.answers if one.verdict == "silent"}
    parts = [f"{len(silent)} silent ({words.names(sorted(silent), 3)})"] if silent else []
    parts += [words.trouble(kind, number) for kind, number in counted.items()]
    disturbed = sum(one.disturbed for climb in story.climbs for one in climb.relaxed)
    text = f"On the way: {', '.join(parts) or 'nothing went wrong'}"
    text += f"; {words.count(disturbed, 'owner')} disturbed" if disturbed else ""
    if story.missing_journals:
        return f"{text}. Journals that are not here: {words.names(story.missing_journals)}."
    return f"{text}. All journals are here."
