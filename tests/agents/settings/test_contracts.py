"""Changes of a book, put together."""

from random import Random

import pytest

from agents.settings.contracts import Contracts, put_together, with_contracts
from agents.settings.members import Member, Members

NAMES = [f"h{number}" for number in range(6)]


def some_changes(random: Random) -> list[Contracts]:
    """Members join, leave, come back and have other terms; some who leave were never there."""
    found: list[Contracts] = []
    for _ in range(random.randint(1, 12)):
        names = random.sample(NAMES, random.randint(1, 3))
        found.append(
            {name: Member(name=name, merit=random.randrange(3)) if random.random() < 0.6 else None for name in names}
        )
    return found


@pytest.mark.parametrize("seed", range(300))
def test_changes_put_together_lead_to_the_same_book_in_the_same_order(seed: int) -> None:
    random = Random(seed)
    first = Members(members=tuple(Member(name=name) for name in random.sample(NAMES, random.randint(0, 4))))
    changes, book = some_changes(random), first
    for contracts in changes:
        book = with_contracts(book, contracts)
    together, again = put_together(first, changes), first
    assert len(together) <= 2
    for contracts in together:
        again = with_contracts(again, contracts)
    assert again.members == book.members


def test_book_that_is_as_it_was_has_no_changes() -> None:
    first = Members(members=(Member(name="h0"),))
    assert put_together(first, [{"h1": Member(name="h1")}, {"h1": None}, {"h0": Member(name="h0")}]) == []
