"""The guards: what each of them is called, where it stands, and what stands there without it."""

from typing import NamedTuple


class Guard(NamedTuple):
    """One check that keeps something out; `text` stands once in its file."""

    name: str
    text: str
    without: str


def _off(name: str, condition: str) -> Guard:
    """A guard that is an `if` of one line."""
    return Guard(name, f"if {condition}:", f"if False and ({condition}):")


DER = "agents/parties/der/"
NEGOTIATION = "agents/negotiation/"

GUARDS: dict[str, tuple[Guard, ...]] = {
    DER + "actor.py": (
        _off("der: an older request", "key <= known"),
        Guard(
            "der: a re-request after its reply_by",
            "if now > request.reply_by:  # what stands goes on to stand",
            "if False:",
        ),
        Guard(
            "der: a first request after its reply_by",
            'if now > request.reply_by:\n            self._close(event, "expired", now)',
            'if False:\n            self._close(event, "expired", now)',
        ),
        _off("der: more events than it keeps open", "len(self.events) > self.MOST_OPEN"),
        _off(
            "der: an older revision of an award",
            "known is not None and known.award_id == award.award_id and award.revision <= known.revision",
        ),
    ),
    DER + "event.py": (
        Guard(
            "der: what was awarded before a change to other slots",
            "kept if kept is not None and kept.asks_the_same(request) else None",
            "kept",
        ),
    ),
    DER + "offers.py": (
        Guard(
            "der: what was offered before an opt-out",
            "if event.earlier or event.kept is not None:\n            event.earlier, event.kept = {}, None",
            "if False:\n            pass",
        ),
    ),
    DER + "checks.py": (
        Guard(
            "der: a relax without an own offer that stands",
            "if stage is not DerStage.OFFERED or m.Basis.OWN not in offered_w or m.Basis.RELAXED in offered_w:",
            "if m.Basis.OWN not in offered_w:",
        ),
        _off("der: a relax after its reply_by", "now > relax.reply_by"),
        _off("der: a relax of other slots", "len(relax.shortfall_w) != len(terms.power_w)"),
        Guard("der: loosening takes nothing firm back", "return covers(relaxed_w, own_w)", "return True"),
        _off("der: an award of a closed event", "stage is DerStage.CLOSED"),
        Guard(
            "der: an award above the offer",
            "if len(award.power_w) != len(terms.power_w) or not covers(offered_w, award.power_w):",
            "if len(award.power_w) != len(terms.power_w):",
        ),
        _off("der: an award after valid_until", "first and now > terms.valid_until"),
        _off("der: an award said before its request", "award.sent_at <= event.request.sent_at"),
        Guard(
            "der: an award of a superseded request",
            "if event is None or award.request_id in event.superseded:",
            "if event is None:",
        ),
        Guard(
            "der: an award of before a change that was said before it",
            "kept if said_again and award.sent_at > event.request.sent_at else None",
            "kept if said_again else None",
        ),
    ),
    DER + "control.py": (
        Guard(
            "der: a message about a superseded request",
            "if message.request_id != event.request.request_id and not awarded:",
            "if False:",
        ),
        Guard(
            "der: a dispatch of another award",
            "or award.award_id != dispatch.award_id\n            or event.stage",
            "or event.stage",
        ),
        Guard(
            "der: a dispatch of an event that is over",
            "or event.stage not in (DerStage.AWARDED, DerStage.ACTIVE)\n        ):",
            "):",
        ),
        _off("der: a dispatch of a slot that is not there", "dispatch.slot >= event.slots"),
        _off(
            "der: a dispatch above the award",
            "not 0 <= sign * dispatch.power_w <= award.power_w[dispatch.slot]",
        ),
        _off("der: a dispatch of a slot that is over", "event.slot_start(dispatch.slot + 1) <= now"),
    ),
    NEGOTIATION + "children.py": (
        _off("parent: a plan of other slots", "len(plan) != slots"),
        Guard(
            "parent: a new revision drops what was firm",
            "return before.revision == request.revision and len(before.power_w) == len(request.power_w)",
            "return len(before.power_w) == len(request.power_w)",
        ),
    ),
    NEGOTIATION + "answers.py": (
        Guard(
            "parent: an opt-out takes back what was locked",
            "children.put(child, None, None, None)",
            "children.store(child, None, None)",
        ),
        _off("parent: an answer of who was not asked", "child is None or child.request is None"),
        _off("parent: an answer to a superseded request", "message.request_id != child.request.request_id"),
        Guard(
            "parent: a relaxed offer that nobody asked for",
            "if child.relax is None or child.own is None:",
            "if child.own is None:",
        ),
        _off("parent: an offer above what was asked", "any(map(gt, offer.power_w, most))"),
        _off("parent: an offer that is not firm long enough", "valid_until < request.decide_by"),
        _off("parent: an older revision of an answer", "revision <= known"),
        _off("parent: a resource of another party", "owner != name"),
        Guard(
            "parent: an offer counts up to its contract",
            "power_w, available_w = at_most(power_w, most_w), at_most(available_w, most_w)",
            "pass",
        ),
        Guard(
            "parent: a proposal counts up to its contract",
            "power_w = at_most(best.power_w, most_w)",
            "power_w = best.power_w",
        ),
    ),
    NEGOTIATION + "child.py": (
        Guard(
            "parent: what is locked stands until a better one is firm",
            "return (worth(new_w, asked_w), sum(new_w)) >= (worth(old_w, asked_w), sum(old_w))",
            "return True",
        ),
        Guard(
            "parent: who refused an award holds none",
            " or self.confirmed is False:\n            return None\n        return self.award.power_w",
            ":\n            return None\n        return self.award.power_w",
        ),
    ),
    NEGOTIATION + "asking.py": (
        Guard(
            "parent: a relaxed offer after reply_by",
            "stage is Stage.RELAXING and self._counts(message, relax.reply_by, now)",
            "stage is Stage.RELAXING",
        ),
        Guard(
            "parent: an answer after reply_by",
            "asked is not None and stage is Stage.COLLECTING and self._counts(message",
            "asked is not None and self._counts(message",
        ),
        Guard(
            "parent: an answer that waited and is not valid any more",
            " and now <= message.valid_until)",
            ")",
        ),
        Guard(
            "parent: an answer that waited and was sent too late",
            "message.sent_at <= reply_by and ",
            "",
        ),
        Guard(
            "parent: a proposal of who is no aggregator",
            'elif contract is not None and contract.kind != "aggregator":',
            "elif False:",
        ),
        Guard(
            "parent: a correction after the decision is answered",
            "if child.best is not None and asked is not None and now <= asked.reply_by and not takes_none:",
            "if False:",
        ),
    ),
    NEGOTIATION + "awards.py": (
        Guard(
            "parent: an award above the offer is never given",
            "if len(power_w) != len(answer.power_w) or any(map(gt, power_w, answer.power_w)):",
            "if False:",
        ),
        Guard(
            "parent: a cancellation that was not heard is said again",
            "stood = stood or child.name in self.unconfirmed",
            "stood = stood",
        ),
        Guard(
            "parent: a report of who was never awarded anything",
            "if child is None or child.award is None:",
            "if child is None:",
        ),
        Guard(
            "parent: an award that nobody confirms is lost at confirm_by",
            "lost = [child for child in children if over and child.awarded_w is not None and not child.confirmed]",
            "lost: list[Child] = []",
        ),
    ),
    NEGOTIATION + "award_answers.py": (
        Guard(
            "parent: a confirm of an older revision",
            "if message.revision != award.revision:\n            if not refused",
            "if False:\n            if not refused",
        ),
        Guard(
            "parent: a refused confirm is final",
            "refused = child.confirmed is False and award.outcome is m.Outcome.CONCLUDED",
            "refused = False",
        ),
        Guard(
            "parent: what was withdrawn is not asked again",
            "if child.accepted is not None:  # what it cannot give any more is not asked of it again",
            "if False:",
        ),
        Guard(
            "parent: a message about an award that does not stand",
            "if award_id == stands:",
            "if True:",
        ),
        Guard(
            "parent: a withdrawal of what a later award has replaced is no lost memory",
            "if child.awarded_w is not None and self._is_earlier(award_id, name, award):",
            "if False:",
        ),
        Guard(
            "parent: a withdrawal of what was not awarded",
            "if child.awarded_w is None:\n            raise RefusedMessage(RejectReason.UNKNOWN_AWARD",
            "if False:\n            raise RefusedMessage(RejectReason.UNKNOWN_AWARD",
        ),
    ),
    NEGOTIATION + "kept.py": (
        Guard(
            "parent: a DER that takes no part in a change gives what stood",
            "child.opted_out and self.watch.is_der(name)",
            "False",
        ),
    ),
    NEGOTIATION + "kept_above.py": (
        Guard(
            "up: an award of before a change that was said before it",
            "award.award_id != kept.award_id or award.sent_at <= request.sent_at",
            "award.award_id != kept.award_id",
        ),
        _off("up: a known revision of an award of before a change", "award.revision <= known"),
        Guard("up: more than stood before a change", "any(map(gt, award.power_w, most_w))", "False"),
    ),
    NEGOTIATION + "upward.py": (
        _off("child: another request of the same round", "key == known"),
        _off("child: an older request", "key < known"),
        _off("child: a relax about a superseded request", "relax.request_id != self.request.request_id"),
        Guard(
            "child: an award of another request",
            "if award.request_id != self.request.request_id and not ends and not stands:",
            "if False:",
        ),
        Guard(
            "child: an older revision of an award",
            "if self.award is not None and award.award_id == self.award.award_id and award.revision <= self.award.revision:",
            "if False:",
        ),
        _off("child: an award of other slots", "len(award.power_w) != self.subject.slots and not ends"),
        Guard(
            "child: an award of an event that is over",
            "if stage is Stage.CLOSED or valid_until is None:",
            "if valid_until is None:",
        ),
        _off(
            "child: an award above what was offered",
            "any(given > most for given, most in zip(award.power_w, offered, strict=True))",
        ),
        _off("child: an award after valid_until", "deal_w is None and now > valid_until"),
        Guard(
            "child: an earlier answer that is not backed any more",
            "if offered is None or (of_earlier and deal_w is None and not backs(award.power_w)):",
            "if offered is None:",
        ),
        Guard(
            "child: what a mandate concluded is not withdrawn upward",
            "if self.award is None:\n            return  # concluded by mandate",
            "if False:\n            return  # concluded by mandate",
        ),
    ),
    NEGOTIATION + "delivery.py": (
        _off("parent: a reading of a slot that is not there", "reading.slot >= slots"),
        _off("parent: an impossible reading", "not self.possible(name, reading.energy_wh, reading.baseline_wh)"),
        _off("parent: what is taken back behind a cancellation", "self._goes_beyond_stop(name, reading)"),
        Guard(
            "parent: a slot is not summed up before it is over",
            "if self.slot > self.last_slot or not self._is_over(now):",
            "if self.slot > self.last_slot:",
        ),
    ),
    NEGOTIATION + "party.py": (
        _off("party: one id with two bodies", "known != mark"),
        Guard(
            "party: a message of who is not in the book",
            "if not known or mine != self.name:",
            "if False:",
        ),
        _off("party: what was received at its own deadline is late", "due"),
    ),
    NEGOTIATION + "parent.py": (
        Guard(
            "parent: a request after its reply_by",
            'if now > request.reply_by:\n            raise RefusedMessage(RejectReason.EXPIRED, f"heard at',
            'if False:\n            raise RefusedMessage(RejectReason.EXPIRED, f"heard at',
        ),
        Guard(
            "parent: more events than it keeps open",
            "if sum(event.stage is not Stage.CLOSED for event in self.events.values()) >= self.MOST_OPEN:",
            "if False:",
        ),
        Guard(
            "journal: no archive before the last slot is over",
            "event.stage is Stage.CLOSED and event.subject.end_at <= now and not",
            "event.stage is Stage.CLOSED and not",
        ),
    ),
    NEGOTIATION + "from_above.py": (
        Guard(
            "parent: a deal that fell short before the award is repaired",
            "if any(shortfall(power_w, event.mending.standing_w())):",
            "if False:",
        ),
    ),
    NEGOTIATION + "standing.py": (
        Guard(
            "parent: a stage that may not follow",
            "if stage is not self.stage and stage not in self.transitions[self.stage]:",
            "if False:",
        ),
    ),
    "agents/parties/coordinator/judging.py": (
        Guard(
            "coordinator: what is accepted stays accepted",
            "accepted = child.name in self.taken.accepted or self.policies",
            "accepted = self.policies",
        ),
        Guard(
            "coordinator: a surplus is counted once",
            "over = shortfall(over, shortfall(child.request.power_w, answer.power_w))",
            "pass",
        ),
    ),
    "agents/parties/coordinator/taken.py": (
        Guard(
            "coordinator: never more than is asked in all",
            "self.by_name[child.name] = self.wanted(answer)",
            "self.by_name[child.name] = answer.power_w",
        ),
    ),
    "agents/parties/coordinator/role.py": (
        Guard(
            "coordinator: nothing is concluded unbacked",
            "if self.mandate:\n            self.taken.conclude_all(now)",
            "if True:\n            self.taken.conclude_all(now)",
        ),
    ),
    "agents/parties/aggregator/answer.py": (
        Guard(
            "aggregator: an opt-out frees its children",
            'self.event.awards.release_rest(m.Outcome.NO_DEAL, "the request cannot be met", now)',
            "pass",
        ),
    ),
    "agents/parties/aggregator/role.py": (
        Guard(
            "aggregator: own storage does not run on after the end",
            "self.storage.free(now, metered_still=self.dispatching.stop(now))",
            "self.dispatching.stop(now)",
        ),
    ),
    "agents/parties/aggregator/surplus.py": (
        Guard(
            "aggregator: a surplus that made it worse is not counted",
            "if worth(self.supply.available_w(), asked_w) < worth(before_w, asked_w):",
            "if False:",
        ),
    ),
    "agents/parties/utility/role.py": (_off("utility: a change to less keeps the deal", "self._keeps_deal(issue)"),),
    "agents/parties/utility/actor.py": (
        Guard(
            "utility: a planned event never replaces an operator's",
            "if event.event_id in self.events:\n                continue",
            "if False:\n                continue",
        ),
        Guard(
            "utility: an order for what has begun",
            "elif item.start <= now or not any(item.power_w):",
            "elif not any(item.power_w):",
        ),
    ),
    NEGOTIATION + "taking_back.py": (
        Guard(
            "parent: what is taken back counts for no more than the contract",
            "capped = tuple(min(power_w, most_w) for power_w in plan)",
            "capped = plan",
        ),
    ),
    NEGOTIATION + "over.py": (
        Guard(
            "parent: what is over beside an alternative counts for no more than the contract",
            "return most(power_w, tuple(min(power, most_w) for power in plan))",
            "return most(power_w, plan)",
        ),
    ),
    NEGOTIATION + "rebound.py": (
        Guard(
            "parent: a rebound beyond the contract",
            "return found if plausible and abs(found.taken_back_wh) <= most_wh else None",
            "return found",
        ),
    ),
    "protocol/codec.py": (_off("progress in the name of somebody else", "(told.party, told.event_id) != place"),),
}
"""By file. The command that removes them is `make guards` (guards.py)."""
