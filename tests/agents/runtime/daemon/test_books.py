"""A book that was changed by command beside the file that it once came from."""

from agents.parties.aggregator.actor import Aggregator
from agents.runtime.daemon.books import members_kept, with_books_kept, with_books_of
from agents.settings.daemon import PartiesConfig
from agents.settings.members import Member
from agents.settings.parties import AggregatorSettings


def member(name: str, power_w: int = 3_000) -> Member:
    return Member(name=name, resources=(f"r-{name}",), decrease_load_w=power_w)


A, B, C, D = map(member, "abcd")


def book(*members: Member) -> PartiesConfig:
    return PartiesConfig(aggregator=AggregatorSettings(name="ra-1", parent="ac", members=members))


def test_settings_whose_book_nobody_changed_are_the_same_object() -> None:
    settings = book(A, B)
    assert settings.aggregator is not None
    assert with_books_of(settings, [Aggregator(settings.aggregator)]) is settings


def test_settings_have_the_book_that_the_party_has_now() -> None:
    settings = book(A, B)
    assert settings.aggregator is not None
    actor = Aggregator(settings.aggregator)
    actor.change({"a": None, "c": C})
    assert with_books_of(settings, [actor]) == book(B, C)


def test_file_and_commands_that_change_different_members_both_count() -> None:
    assert members_kept((A, member("b", 5_000), D), (A, B), (A, B, C)) == ((A, member("b", 5_000), D, C), [])


def test_member_that_left_by_command_does_not_come_back_with_the_file() -> None:
    assert members_kept((A, B, D), (A, B), (B,)) == ((B, D), [])


def test_command_counts_where_the_file_says_otherwise_and_is_named() -> None:
    by_command, by_file = member("a", 1_000), member("a", 2_000)
    assert members_kept((by_file, B), (A, B), (by_command, B)) == ((by_command, B), ["a"])


def test_file_that_has_caught_up_with_the_commands_is_taken_as_it_is() -> None:
    given = book(A, C)
    assert with_books_kept(given, book(A, B), book(A, C)) == (given, ())


def test_member_that_the_file_drops_leaves_unless_its_contract_was_changed_by_command() -> None:
    assert members_kept((B,), (A, B), (A, B)) == ((B,), [])
    by_command = member("a", 1_000)
    assert members_kept((B,), (A, B), (by_command, B)) == ((B, by_command), ["a"])
