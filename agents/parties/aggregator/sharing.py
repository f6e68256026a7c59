"""S35: the deal shared out over those who answered yes, and own storage."""

from collections.abc import Iterator
from datetime import datetime

from agents.negotiation.child import Child, ChildAnswer
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.plans.apportion import Apportioned, Candidate, apportion
from agents.negotiation.policies import Policies
from agents.parties.aggregator.supply import Supply
from agents.settings.members import Members
from protocol import messages as m
from protocol.plan import Plan, least


class DealShares:
    """Who gives what of one deal."""

    def __init__(self, policies: Policies, book: Members, event: Negotiation, supply: Supply) -> None:
        self.policies, self.book, self.event, self.supply = policies, book, event, supply

    def award(self, power_w: Plan, now: datetime) -> None:
        """Tell every DER that answered yes what it gives of so much, W."""
        event, storage = self.event, self.supply.storage
        self.supply.recall(power_w)
        power_w = least(power_w, self.supply.available_w())  # what was taken back since is replaced, or stated
        shared = self._shared_out(power_w)
        storage.commit(shared.storage_w)
        event.awards.give(self._parts(shared), now)
        awarded, storage_w = len(shared.shares), shared.storage_w
        event.out.tell("awards_sent", "S35", awarded=awarded, power_w=power_w, storage_w=storage_w)
        event.awards.release_rest(m.Outcome.NOT_NEEDED, "the deal is covered by others", now)

    def _parts(self, shared: Apportioned) -> Iterator[tuple[Child, ChildAnswer, Plan]]:
        for name, (basis, power_w) in shared.shares.items():
            child = self.event.children[name]
            answer = child.answer(basis)
            assert answer is not None
            yield child, answer, power_w

    def _shared_out(self, power_w: Plan) -> Apportioned:
        nothing, contracts = self.event.subject.nothing_w, self.book.by_name
        candidates = [
            Candidate(
                child.name,
                own.power_w if (own := child.unrelaxed) is not None else nothing,
                best.power_w if best is not own else None,
                contracts[child.name].merit,
                contracts[child.name].least_w,
            )
            for child, best in self.event.children.taking_part()
        ]
        direction, sharing = self.event.subject.direction, self.policies.sharing
        return apportion(power_w, candidates, self.supply.storage.available_w(), sharing, direction)
