"""S35: the deal shared out over those who answered yes, and own storage."""

from collections.abc import Callable, Iterator, Sequence
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

    def __init__(
        self, policies: Policies, book: Members, event: Negotiation, supply: Supply, lately: Callable[[str], int]
    ) -> None:
        """`lately`: how much more it counts to wake a member, as it was woken lately, thousandths."""
        self.policies, self.book, self.event, self.supply, self.lately = policies, book, event, supply, lately

    def award(self, power_w: Plan, now: datetime) -> None:
        """Tell every DER that answered yes what it gives of so much, W."""
        event, storage = self.event, self.supply.storage
        self.supply.recall(power_w)
        power_w = least(power_w, self.supply.available_w())  # what was taken back since is replaced, or stated
        candidates = self._candidates()
        shared = self._shared_out(power_w, candidates)
        storage.commit(shared.storage_w)
        event.awards.give(self._parts(shared), now)
        awarded, storage_w = len(shared.shares), shared.storage_w
        turns = {"in_turn": self._passed_over(power_w, candidates, shared)} if any(c.lately for c in candidates) else {}
        event.out.tell("awards_sent", "S35", awarded=awarded, power_w=power_w, storage_w=storage_w, **turns)
        event.awards.release_rest(m.Outcome.NOT_NEEDED, "the deal is covered by others", now)

    def _parts(self, shared: Apportioned) -> Iterator[tuple[Child, ChildAnswer, Plan]]:
        for name, (basis, power_w) in shared.shares.items():
            child = self.event.children[name]
            answer = child.answer(basis)
            assert answer is not None
            yield child, answer, power_w

    def _candidates(self) -> list[Candidate]:
        nothing, contracts = self.event.subject.nothing_w, self.book.by_name
        return [
            Candidate(
                child.name,
                own.power_w if (own := child.unrelaxed) is not None else nothing,
                best.power_w if best is not own else None,
                contracts[child.name].merit,
                contracts[child.name].least_w,
                self.lately(child.name),
            )
            for child, best in self.event.children.taking_part()
        ]

    def _passed_over(self, power_w: Plan, candidates: Sequence[Candidate], shared: Apportioned) -> int:
        """Members that would have a part if nobody had been woken lately."""
        otherwise = self._shared_out(power_w, [candidate._replace(lately=0) for candidate in candidates])
        return len(otherwise.shares.keys() - shared.shares.keys())

    def _shared_out(self, power_w: Plan, candidates: Sequence[Candidate]) -> Apportioned:
        direction, sharing = self.event.subject.direction, self.policies.sharing
        return apportion(power_w, candidates, self.supply.storage.available_w(), sharing, direction)
