"""Every driver has a card, and what its card says was tested."""

from typing import Any

import driver_cards
import pytest

from agents.drivers.registry import SHIPPED, SIMULATED

CARDS = driver_cards.cards()


def test_every_driver_of_real_devices_has_a_card() -> None:
    assert {card["driver"] for card in CARDS} == set(SHIPPED) - {SIMULATED}


@pytest.mark.parametrize("card", CARDS, ids=[card["driver"] for card in CARDS])
def test_what_a_card_says_has_a_test(card: dict[str, Any]) -> None:
    assert card.keys() == driver_cards.KEYS
    named = [*card["against"].values(), *card["features"].values()]
    assert named
    assert [problem for test in named if (problem := driver_cards.missing(test)) is not None] == []


def test_test_that_is_not_there_is_noticed() -> None:
    assert driver_cards.missing("tests/docs/test_driver_cards.py::test_of_nothing") is not None
    assert driver_cards.missing("tests/docs/nowhere.py::test_of_nothing") is not None


def test_page_has_the_table_of_the_cards() -> None:
    text = driver_cards.PAGE.read_text()
    assert driver_cards.page(text) == text
