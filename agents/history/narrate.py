"""Notes in words: one line each, with clock time, party, the patent's step and the figures that decided.

People count slots from 1: `slot 1 of 4`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agents.history.line import NoteLine
from agents.negotiation.cause import WithdrawalCause
from agents.settings.roles import Role
from protocol.kilowatts import kilowatt_hours, kilowatts

WORDS = {
    "event_issued": "asks for {direction} of {requested_w} from {start}; answer by {reply_by}",
    "answer_judged": "the answer gives {offered_w} of {requested_w}: {share_pct} % in the worst slot, "
    "{least_pct} % is wanted; bought: {bought}",
    "obliged_short": "of the capacity that is reserved {shortfall_w} of {requested_w} is missing",
    "event_awarded": "awards {power_w} of {requested_w}",
    "planned_event_cancelled": "the planned event is cancelled: {reason}",
    "event_reduced": "asks for less, {requested_w}: the deal is cut to {power_w}",
    "larger_deal_missed": "only {offered_w} of {requested_w} would be there, where {stood_w} stood: asks for {power_w} "
    "at {asks_at}",
    "earlier_deal_stands": "nothing comes of the change: what stood before it stands again, {power_w}",
    "settled": "delivered {delivered_wh} of {awarded_wh} awarded ({requested_wh} requested); "
    "{meters} smart meters say {metered_directly_wh}",
    "plan_sent": "plan ({plan}) of {requested_w} goes to {asked}; answer by {reply_by}",
    "can_meet_received": "{aggregator} can meet {power_w}; it could give {available_w} at most",
    "alternative_received": "{aggregator} proposes {proposed_w} instead of {requested_w}",
    "aggregator_opted_out": "{aggregator} takes no part",
    "alternative_judged": "alternative of {aggregator}: {proposed_w}, {share_pct} % of its request in the worst slot "
    "({least_pct} % is wanted), short by {shortfall_w}; others have {others_have_over_w} over; accepted: {accepted}",
    "plan_revised": "revises the plan for a gap of {shortfall_w}: {plans}",
    "rerequest_sent": "re-request to {aggregator}: {requested_w} (round {round}); answer by {reply_by}",
    "plan_secured": "secured {secured_w} of {requested_w}",
    "plan_not_secured": "secured {secured_w} of {requested_w}, short by {shortfall_w}",
    "deal_concluded": "deal with {aggregator}: {power_w}",
    "mandate_stands": "concludes {power_w} under the utility's mandate",
    "request_received": "is asked for {requested_w} (round {round}); answer by {reply_by}",
    "request_values_sent": "asks {asked} members for {power_w}; answer by {reply_by}",
    "capability_used": "{told} members have told that they could give {power_w}: their request values go by that",
    "asked_too_late": "{children} need more than {given_s} s to answer, and are asked all the same: {first}",
    "offers_summed": "offers: {yes} yes, {no} no, {silent} silent of {asked}; available {available_w} "
    "of {requested_w}, short by {shortfall_w}; enough: {enough}",
    "surplus_asked": "short by {shortfall_w}: asks {asked} members that could give more for {power_w}; "
    "answer by {reply_by}",
    "surplus_summed": "with what they could give more: available {available_w} of {requested_w}, short by "
    "{shortfall_w}; enough: {enough}",
    "plan_wanted": "wants the best plan over {members} members; waits until {wanted_by}",
    "plan_found": "the best plan makes available {available_w}",
    "plan_missed": "there is no plan: {reason}",
    "profiles_asked": "short by {shortfall_w}: asks {asked} members for what the plan wants, and for better profiles; "
    "answer by {reply_by}",
    "plan_summed": "by the plan: available {available_w} of {requested_w}, short by {shortfall_w}; enough: {enough}",
    "own_storage_added": "short by {shortfall_w}: own storage adds {storage_w}",
    "storage_summed": "with storage: available {available_w} of {requested_w}, short by {shortfall_w}; enough: {enough}",
    "relax_asked": "short by {shortfall_w}: asks {asked} members to relax; answer by {reply_by}",
    "relaxed_offers_summed": "relaxed offers: available {available_w} of {requested_w}, short by {shortfall_w}; "
    "enough: {enough}",
    "nobody_to_relax": "short by {shortfall_w}: nobody may be asked to relax",
    "alternative_proposed": "cannot meet {requested_w}: proposes {options}",
    "can_meet": "can meet {power_w}",
    "cannot_meet": "cannot meet the request: short by {shortfall_w}",
    "award_received": "the deal is {power_w}",
    "awards_sent": "awards to {awarded} members for {power_w}, {storage_w} of it from own storage",
    "all_confirmed": "all {children} have confirmed: {power_w}",
    "award_lost": "award of {child} is lost ({cause}): {power_w}",
    "peer_lost_memory": "{peer} does not know what it had agreed to ({kind}): its journal may be lost",
    "own_memory_lost": "{peer} has had another {kind} under the same id: this journal may be lost, or an older copy; said again as number {number}",
    "award_refused": "{child} refuses its award: {cause}",
    "withdrawn": "{child} withdraws ({cause}): {power_w} left of {awarded_w}",
    "rebound_metered": "{homes} homes took {taken_back_wh} back within {within_s} s behind the event",
    "holding_on": "takes nothing back before {until_at}",
    "taking_back": "{child} takes back {power_w} of what it gave",
    "replaced": "replaced by {child}: {power_w} ({cause})",
    "own_storage_replaces": "own storage replaces {storage_w}",
    "shortfall_stated": "cannot be replaced: {shortfall_w} ({cause})",
    "delivering": "delivery of {power_w} begins",
    "dispatched": "slot {slot}: {power_w} is due; dispatches to {dispatched} DERs",
    "slot_metered": "slot {slot}: delivered {delivered_wh} of {awarded_wh} ({reported} reported, {silent} silent)",
    "delivered": "delivered {delivered_wh} of {awarded_wh} awarded",
    "offer_taken_back": "{child} takes its offer back: {left_w} left",
    "answer_corrected": "can give {available_w} of the {told_w} that it has answered, and says so",
    "late_answer_recorded": "{kind} of {child} is late: recorded, not counted",
    "impossible_reading": "the meter of {child} tells {energy_wh} for slot {slot}, beyond its contract: recorded, not counted",
    "late_report_recorded": "the meter of {child} tells slot {slot} after it was summed up: recorded, not counted",
    "late_report_counted": "the meter of {child} tells slot {slot} after it was summed up: the sum is corrected",
    "reports_asked": "slot {slot}: asks {asked} again whose meters have told nothing",
    "gives_less": "{child} gave {given_wh} of {due_wh} in slot {slot}: {expected_pct} % of its award is expected of it",
    "gives_so_far": "provisional: {child} gave {given_wh} of {due_wh} in slot {slot} until {measured_at}: {expected_pct} % "
    "of its award is expected of it",
    "gives_again": "{child} gave what was due in slot {slot}",
    "heard_again": "the sum of {child} has come, of slot {slot}: all of its award is expected of it",
    "dispatch_unanswered": "{child} does not answer its dispatch of slot {slot}: nothing is expected of it there",
    "dispatch_answered_late": "{child} answers its dispatch of slot {slot} after all: its award is expected of it",
    "dispatch_refused": "{child} refuses its dispatch of slot {slot} ({reason}): nothing is expected of it",
    "order_refused": "refuses the order: {reason}",
    "dispatch_noted": "hears a dispatch for slot {slot} ({power_w}): acts on its award",
    "message_refused": "refuses a message on {edge}: {reason} ({text})",
    "message_rejected_by_peer": "its {kind} on {edge} was refused: {reason} ({text})",
    "resident_asked": "asks the resident (by {answer_by}): {question}",
    "decision_too_late": "the resident's answer comes too late",
    "grid_lost": "has no grid: gives nothing until it is back",
    "grid_back": "has the grid again",
    "consent_decided": "{by} decides: takes part: {take_part}",
    "device_not_counted_on": "{resource_id} offers nothing: {why}",
    "offered": "offers {power_w} of {asked_w}; bound by {binding}",
    "opted_out": "takes no part: {reason}",
    "standing_by": "has the award ({basis}): stands by for {power_w}",
    "controlling": "slot {slot}: follows {power_w}",
    "slot_not_metered": "slot {slot}: {resource_id} tells no energy, and none is reported",
    "closed": "ends: {outcome}",
    "book_changed": "the book has changed: {joined} joined, {changed} changed, {left} left: {first}",
    "limits_changed": "the owner's limits of {resource_id} are others now: {changed}",
    "owner_agrees": "the owner agrees to something else, at once: {changed}",
    "settings_changed": "other settings hold for events that begin now: {changed}",
    "reliability_corrected": "what was learned of {child} is corrected ({cause}): {expected_pct} % is expected of it, not "
    "{before_pct} %",
    "member_left": "{child} is under contract no more: {power_w} of it is cancelled",
    "clock_set_back": "the machine's clock was set back by {by_s} s: it goes on from {to_at}",
    "clock_set": "the machine's clock was set by {set_by_s} s, after {asleep_s} s asleep: it is followed",
    "journal_archived": "the journal is archived as {file}",
}
"""By the name of the note. A note that is not here, or has other figures, is told generically."""
NONE_TO_DISPATCH = "slot {slot}: {power_w} is due; no DER of its own to dispatch to"
"""Aggregators below act on their own awards, own storage has its set-points."""
BESIDE = {
    "values_missing": "; {values_missing} of their values are missing",
    "values_impossible": "; {values_impossible} of their values cannot be, and are not counted",
    "values_estimated": "; {values_estimated} of their values are replacement values",
    "meters_step_wh": "; they count in steps: up to {meters_step_wh} more or less",
    "estimated": "; {estimated} of those reported are replacement values",
    "step_wh": "; meters count in steps: up to {step_wh} more or less",
}
"""What else is known of a sum, by the key that tells it."""
TELLS_NOTHING = "{child} has told nothing of slot {slot}, where {due_wh} was due: nothing is expected of it"
"""Whose meter is silent may have given something."""
CHANGED = "; against the schedules that were declared the load changed by {change_wh}"
"""Where the programme counts otherwise."""
OWN_STORAGE_TOO = f"{WORDS['settled']}, {{storage_wh}} of it the aggregators' own storage"

QUIET = frozenset(
    {
        "device_not_counted_on",
        "offered",
        "opted_out",
        "standing_by",
        "controlling",
        "closed",
        "consent_decided",
        "resident_asked",
        "message_refused",
        "message_rejected_by_peer",
    }
)
"""What homes tell is counted at their aggregator; one line each only when everything is wanted."""


def worth_a_line(noted: NoteLine, role: Role | None) -> bool:
    """Whether a note belongs into the short story."""
    refusals = ("message_refused", "message_rejected_by_peer")
    return noted.name not in (QUIET if role is Role.DER or role is None else refusals)


def line(noted: NoteLine, slots: int = 0) -> str:
    """`17:05:00  ra-1  S24  offers: ...`; `slots`: how many the event has, 0 when that is not known."""
    step = noted.step if noted.step.startswith("S") else ""
    return f"{noted.at:%H:%M:%S}  {noted.party:<14} {step:<4} {words(noted, slots)}"


def words(noted: NoteLine, slots: int = 0) -> str:
    """The sentence without time and party."""
    shown = {key: figure(key, value, slots) for key, value in noted.data.items()}
    alone = noted.name == "dispatched" and noted.data.get("dispatched") == 0
    try:
        text = (NONE_TO_DISPATCH if alone else _template(noted)).format(**shown)
        text += CHANGED.format(**shown) if "change_wh" in shown else ""
        for key, template in BESIDE.items():
            text += template.format(**shown) if key in shown else ""
        text += _by_source(noted.data.get("sources"))
    except KeyError:
        text = ", ".join([noted.name.replace("_", " "), *(f"{key} {value}" for key, value in shown.items())])
    reason = noted.data.get("reason")
    return plain(f"{text} ({reason})" if noted.name == "closed" and reason else text)


def _template(noted: NoteLine) -> str:
    if noted.name == "settled" and "storage_wh" in noted.data:
        return OWN_STORAGE_TOO
    return TELLS_NOTHING if noted.name == "gives_less" and noted.data.get("silent") else WORDS[noted.name]


SOURCES = ("by meters", "by own storage", "estimated", "not told")


def _by_source(sources: Any) -> str:
    """`; ra-1: 58 kWh by meters, 2 kWh by own storage`."""
    if not isinstance(sources, Mapping):
        return ""
    told = [
        (name, [f"{kilowatt_hours(wh)} {word}" for wh, word in zip(sums, SOURCES, strict=True) if wh])
        for name, sums in sources.items()
    ]
    return "".join(f"; {name}: {', '.join(words)}" for name, words in told if words)


def plain(text: str) -> str:
    """What a peer wrote, without the characters that a terminal would obey."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


class SlotCounts:
    """How many slots each event has, learned from the plans that its notes tell; of the last events only."""

    MOST_EVENTS = 1_000

    def __init__(self) -> None:
        self._slots: dict[str, int] = {}

    def of(self, noted: NoteLine) -> int:
        """Of the event of a note; 0 when it is not known."""
        known = self._slots.get(noted.event_id, 0)
        plan = next((noted.data[key] for key in PLANS if isinstance(noted.data.get(key), list | tuple)), None)
        if plan is not None and noted.event_id and len(plan) != known:
            self._slots[noted.event_id] = known = len(plan)
            while len(self._slots) > self.MOST_EVENTS:
                del self._slots[next(iter(self._slots))]
        return known


CAUSES = frozenset(WithdrawalCause)
"""Causes that are a name; the others are somebody's own words."""
PLANS = ("requested_w", "power_w", "asked_w")
"""Keys with a value a slot."""


def slot_of(slot: int, slots: int) -> str:
    """`1 of 4` for slot 0 of four; `1` when their number is not known."""
    return f"{slot + 1} of {slots}" if slots else str(slot + 1)


def figure(key: str, value: Any, slots: int = 0) -> str:
    """A value with its unit, by the ending of its key."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {figure('power_w', item)}" for name, item in value.items())
    if key == "slot" and isinstance(value, int):
        return slot_of(value, slots)
    if key.endswith("_w") and isinstance(value, list | tuple | int):
        return kilowatts(value)
    if key.endswith("_wh") and isinstance(value, int):
        return kilowatt_hours(value)
    if key.endswith(("_by", "_at")) or key == "start":
        return f"{datetime.fromisoformat(str(value)):%H:%M:%S}"
    if isinstance(value, list | tuple):
        named = [str(item) for item in dict.fromkeys(value) if item is not None]
        return ", ".join(named) or "nothing"
    is_name = key in ("direction", "plan", "outcome") or (key == "cause" and str(value) in CAUSES)
    return str(value).replace("_", " ") if is_name else str(value)
