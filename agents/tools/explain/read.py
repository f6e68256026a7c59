"""From the evidence to the story."""

from datetime import timedelta

from agents.history.party import AGGREGATOR, ASKED, COORDINATOR, UTILITY
from agents.history.standing import ending
from agents.settings.parties import AggregatorSettings, CoordinatorSettings, UtilitySettings
from agents.tools.explain.climbs import climbs
from agents.tools.explain.deals import accounts, awards, changes, delivery, endings, settled, shared
from agents.tools.explain.devices import devices, reached
from agents.tools.explain.evidence import Evidence, SentEvidence
from agents.tools.explain.missing import missing
from agents.tools.explain.plannings import issued, plannings
from agents.tools.explain.story.answer import AskedStory
from agents.tools.explain.story.story import FORMAT, Story
from agents.tools.explain.summary import summary
from agents.tools.explain.troubles import troubles
from protocol import messages as m
from protocol import notes as n
from protocol.actor import Issue
from protocol.edges import Edge
from protocol.plan import Plan, total
from protocol.rules import order_of

DEVICE = "device"


class NothingKnown(LookupError):
    """The journals have no request of that event."""


def read(evidence: Evidence) -> Story:
    """The whole story of an event. Raises NothingKnown."""
    requests = list(evidence.all(m.Request))
    if not requests:
        raise NothingKnown(evidence.event_id)
    roles = roles_of(evidence)
    top = _highest(requests, roles)
    request = top.message
    assert isinstance(request, m.Request)
    story = Story(
        format=FORMAT,
        event_id=evidence.event_id,
        program_id=request.program_id,
        direction=str(request.direction),
        start=request.interval_period.start,
        slot_s=int(request.interval_period.duration.total_seconds()),
        slots=len(request.power_w),
        requested_w=_requested_w(evidence, len(request.power_w)),
        outcome="",
        reason="",
        deal_w=(),
        roles=roles,
    )
    _fill(story, evidence, requests)
    return story


def _fill(story: Story, evidence: Evidence, requests: list[SentEvidence]) -> None:
    roles = story.roles
    of = {role: [name for name, is_a in roles.items() if is_a == role] for role in (UTILITY, COORDINATOR, AGGREGATOR)}
    found_at = {name: evidence.standing(name) for name in roles}
    story.standing = {name: one.as_json() for name, one in found_at.items() if one is not None}
    story.asks = [_ask(evidence, sent) for sent in requests]
    story.issued = [one for name in of[UTILITY] for one in issued(evidence, name)]
    story.plannings = [one for name in of[COORDINATOR] for one in plannings(evidence, name)]
    found = [one for name in of[AGGREGATOR] for one in climbs(evidence, name, of[AGGREGATOR])]
    story.climbs = sorted(found, key=lambda climb: climb.at)
    story.awards, story.shared, story.changes = awards(evidence), shared(evidence), changes(evidence)
    slot = timedelta(seconds=story.slot_s)
    parents = [*of[UTILITY], *of[COORDINATOR], *of[AGGREGATOR]]
    story.delivery = [one for name in parents for one in delivery(evidence, name, story.start, slot)]
    story.accounts, story.settled = accounts(evidence), settled(evidence)
    story.missing = missing(evidence, story)
    story.endings = [one for one in endings(evidence) if roles[one.party] != DEVICE]
    story.troubles = troubles(evidence)
    names = [name for name, role in roles.items() if role == DEVICE]
    story.devices = devices(evidence, names, story.awards)
    story.missing_journals = [
        name for name in roles if name not in evidence.journals and name not in evidence.settings
    ]  # fmt: skip
    _outcome(story, evidence)
    story.summary = summary(story)


def _ask(evidence: Evidence, sent: SentEvidence) -> AskedStory:
    request = sent.message
    assert isinstance(request, m.Request)
    return AskedStory(
        sent.edge.parent,
        sent.edge.child,
        request.revision,
        request.round,
        sent.sent_at or sent.at,
        request.power_w,
        request.reply_by,
        reached(evidence, sent),
    )


def roles_of(evidence: Evidence) -> dict[str, str]:
    """What each party of the event is, the highest first: by its settings, its notes, or its place in the tree."""
    by_note = {noted.party: role for noted in evidence.noted if (role := ASKED.get(type(noted.note))) is not None}
    parents: dict[str, None] = {}
    above: dict[str, str] = {}
    for sent in evidence.all(m.Request):
        parents[sent.edge.parent] = None
        above.setdefault(sent.edge.child, sent.edge.parent)
    aggregates = {sent.edge.child: None for sent in evidence.all(m.Alternative)}
    for sent in evidence.all(m.Offer):
        kinds = [one.kind for one in sent.message.resources] if isinstance(sent.message, m.Offer) else []
        if m.ResourceKind.AGGREGATE in kinds:
            aggregates[sent.edge.child] = None
    roles: dict[str, str] = {}
    involved = dict.fromkeys((*parents, *above, *by_note))
    for name in sorted(involved, key=lambda name: _depth(name, above)):
        role = _by_settings(evidence, name) or by_note.get(name)
        if role is None:
            over = roles.get(above.get(name, ""))
            role = (
                UTILITY
                if name not in above and not (name in parents and _asks_devices_only(name, above, parents))
                else COORDINATOR
                if over == UTILITY
                else AGGREGATOR
                if over == COORDINATOR or name in parents or name in aggregates
                else DEVICE
            )
        roles[name] = role
    order = (UTILITY, COORDINATOR, AGGREGATOR, DEVICE)
    return dict(sorted(roles.items(), key=lambda item: order.index(item[1])))


def _asks_devices_only(name: str, above: dict[str, str], parents: dict[str, None]) -> bool:
    """A party at the top of what is known whose children ask nobody: most likely an aggregator whose journal is not
    there."""
    return not any(parent == name and child in parents for child, parent in above.items())


def _depth(name: str, above: dict[str, str]) -> int:
    depth = 0
    while name in above and depth < len(above):
        name, depth = above[name], depth + 1
    return depth


def _by_settings(evidence: Evidence, name: str) -> str | None:
    settings = evidence.settings.get(name)
    if settings is None:
        return None
    if isinstance(settings, UtilitySettings):
        return UTILITY
    if isinstance(settings, CoordinatorSettings):
        return COORDINATOR
    return AGGREGATOR if isinstance(settings, AggregatorSettings) else DEVICE


def _highest(requests: list[SentEvidence], roles: dict[str, str]) -> SentEvidence:
    """The last request of the highest party that is known to have asked: a later revision changed the event."""
    for name in roles:
        of_it = [sent for sent in requests if sent.edge.parent == name]
        if of_it:
            return max(of_it, key=_order)
    return requests[-1]


def _order(sent: SentEvidence) -> tuple[int, int]:
    assert isinstance(sent.message, m.Request)
    return order_of(sent.message)


def _tops(evidence: Evidence) -> dict[str, None]:
    """The parties that ask and that nobody is known to have asked."""
    asked = {sent.edge.child for sent in evidence.all(m.Request)}
    return {sent.edge.parent: None for sent in evidence.all(m.Request) if sent.edge.parent not in asked}


def _requested_w(evidence: Evidence, slots: int) -> Plan:
    """As the highest notes tell it; without them, all that the highest parties asked for last."""
    orders = [one.what for one in evidence.happened if isinstance(one.what, Issue)]
    noted = [one.note for one in evidence.noted]
    asked = [note.requested_w for note in noted if isinstance(note, n.EventIssued | n.PlanSent)]
    if asked or orders:
        return (asked or [order.power_w for order in orders])[-1]
    tops = _tops(evidence)
    latest: dict[Edge, Plan] = {}
    for sent in evidence.all(m.Request):
        if sent.edge.parent in tops and isinstance(sent.message, m.Request) and len(sent.message.power_w) == slots:
            latest[sent.edge] = sent.message.power_w
    return total(latest.values(), slots)


def _outcome(story: Story, evidence: Evidence) -> None:
    """Of the highest party that tells how it ended, and the deal that stands."""
    by_party = {ending.party: ending for ending in story.endings}
    told = next((by_party[name] for name in story.roles if name in by_party), None)
    if told is not None:
        story.outcome, story.reason = told.outcome, told.reason
    tops, slots = _tops(evidence), len(story.requested_w)
    standing = [one.power_w for one in story.awards if one.parent in tops and not one.superseded]
    story.deal_w = total((plan for plan in standing if len(plan) == slots), slots)
    if any(one.parent in tops for one in story.awards):
        story.outcome = ending(story.outcome, story.deal_w)
