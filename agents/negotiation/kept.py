"""Part of an event: what stood with the children before it was changed. It stands again where nothing comes of the change."""

from datetime import datetime

from agents.negotiation.awards import Awards
from agents.negotiation.child import Child, KeptAward
from agents.negotiation.children import Children, same_slots
from agents.negotiation.out import Out
from agents.negotiation.subject import Subject
from agents.negotiation.watch import DeliveryWatch
from protocol import messages as m
from protocol.plan import Plan, least, shortfall


class KeptAwards:
    """Of one event, until a change of it is decided."""

    def __init__(self, out: Out, subject: Subject, children: Children, awards: Awards, watch: DeliveryWatch) -> None:
        self.out, self.subject, self.children, self.awards, self.watch = out, subject, children, awards, watch

    def keep(self) -> None:
        """The event is changed while a deal stands: what stands with each child is remembered."""
        for child, _ in self.children.awarded():
            if child.request is not None and child.award is not None:
                kept = KeptAward(child.request, child.award, child.accepted, child.confirmed)
                self.children.kept[child.name] = kept

    def decided(self) -> None:
        """A change is decided: an aggregator that gives nothing to it may count on what stood, until it hears that it is
        over."""
        for name in self.children.kept:
            child = self.children[name]
            if child.opted_out and child.award is None and not self.watch.is_der(name):
                child.bound_before = True
        self.clear()

    def clear(self) -> None:
        """Nothing is kept any more."""
        self.children.kept = {}

    def of_silent(self, missing_w: Plan) -> list[tuple[Child, Plan]]:
        """Who has said nothing to a change, or that it gives nothing, and held an award before it; and what of that is
        missing, W: it may be away, and not know of the change. A DER that takes no part has dropped what stood, an aggregator
        may be short of members of its own."""
        found = []
        for name, kept in self.children.kept.items():
            child, part = self.children[name], least(kept.award.power_w, missing_w)
            dropped = child.opted_out and self.watch.is_der(name)
            if child.award is None and child.best is None and any(part) and not dropped:
                missing_w = shortfall(missing_w, part)
                found.append((child, part))
        return found

    def of_others(self, names: set[str]) -> None:
        """Nothing is kept of others."""
        self.children.kept = {name: kept for name, kept in self.children.kept.items() if name in names}

    def is_given(self, name: str, message: m.Report, now: datetime) -> bool:
        """Whether a child has given a slot by what stood before a change that nobody has decided in time."""
        child = self.children.by_name.get(name)
        if child is None or child.request is None or name not in self.children.kept:
            return False
        return child.award is None and bool(message.readings) and now > child.request.decide_by

    def less(self, name: str, message: m.Withdraw) -> bool:
        """Whether a child withdraws of what stood before a change that is not decided: no more than it leaves stands again.
        Raises RefusedMessage."""
        child, kept = self.children.by_name.get(name), self.children.kept.get(name)
        if child is None or child.award is not None or kept is None:
            return False
        if message.award_id != self.awards.award_id(name, kept.award):
            return False
        same_slots(message.power_w, self.subject.slots)
        left = least(message.power_w, kept.award.power_w)
        self.out.tell("withdrawn", child=name, cause=message.cause, power_w=left, awarded_w=kept.award.power_w)
        self.children.kept[name] = kept._replace(award=kept.award._replace(power_w=left))
        return True
