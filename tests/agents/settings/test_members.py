from pathlib import Path
from sys import intern

import pytest
from pydantic import ValidationError

from agents.runtime.files.members import MembersError, load_members
from agents.settings.members import Member, Members
from protocol.messages import Restriction
from protocol.units import Direction

TOML = """
[[members]]
name = "hems-1"
resources = ["car-1", "battery-1"]
increase_load_w = 6000
decrease_load_w = 3000
merit = 20
relaxations = ["departure_soc", "relay_ops"]
reliability_pct = 80

[[members]]
name = "ra-2"
kind = "aggregator"
decrease_load_w = 500000
"""
CSV = """name,kind,resources,increase_load_w,decrease_load_w,merit,relaxations,reliability_pct
hems-1,,car-1; battery-1,6000,3000,20,departure_soc;relay_ops,80
ra-2,aggregator,,,500000,,,
"""
HEADER = "name,resources,increase_load_w\n"


def write(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def mistake(path: Path) -> str:
    with pytest.raises(MembersError) as caught:
        load_members(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text.removeprefix(f"{path}: ")


def test_toml_and_csv_hold_the_same_book(tmp_path: Path) -> None:
    book = load_members(write(tmp_path, "book.toml", TOML))
    assert book == load_members(write(tmp_path, "book.csv", CSV))
    assert [member.name for member in book.members] == ["hems-1", "ra-2"]
    assert book["hems-1"].relaxations == (Restriction.DEPARTURE_SOC, Restriction.RELAY_OPS)
    assert book["ra-2"].kind == "aggregator"
    assert book["ra-2"].reliability_pct == 100
    assert book.claims == {"car-1": "hems-1", "battery-1": "hems-1"}


def test_capacity_is_that_of_the_direction() -> None:
    book = Members(
        members=(Member(name="a", increase_load_w=5, decrease_load_w=3), Member(name="b", increase_load_w=1))
    )
    assert book["a"].capacity_w(Direction.DECREASE_LOAD) == 3
    assert book.capacity_w(Direction.INCREASE_LOAD) == 6
    assert "b" in book
    assert "c" not in book
    assert len(book) == 2


def test_a_crowds_book_keeps_names_and_numbers_once(tmp_path: Path) -> None:
    book = load_members(write(tmp_path, "book.csv", HEADER + "hems-1,car-1,6000\nhems-2,car-2,6000\n"))
    first, second = book.members
    assert first.name is intern("hems-1")
    assert first.increase_load_w is second.increase_load_w
    assert book.claims["car-1"] is first.name
    assert not hasattr(first, "__dict__")


def test_a_spreadsheets_byte_order_mark_and_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "book.CSV"
    path.write_bytes(b"\xef\xbb\xbf" + CSV.replace("\n", "\r\n").encode())
    assert len(load_members(path)) == 2


def test_two_members_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="a stands twice in the book"):
        Members(members=(Member(name="a"), Member(name="a")))


def test_a_resource_stands_under_exactly_one_member() -> None:
    with pytest.raises(ValidationError, match="resource car-1 is claimed by a and by b"):
        Members(members=(Member(name="a", resources=("car-1",)), Member(name="b", resources=("car-1",))))
    with pytest.raises(ValidationError, match="a names a resource twice"):
        Members(members=(Member(name="a", resources=("car-1", "car-1")),))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[members]]\nname = "a b"\n', "line 1, name: "),
        ('[[members]]\nname = "a"\n\n[[members]]\nname = "b"\nmerit = -1\n', "line 4, merit: "),
        ('[[members]]\nname = "a"\nincrease_load_w = true\n', "line 1, increase_load_w: "),
        ('[[members]]\nname = "a"\nincrease_load_w = "5"\n', "line 1, increase_load_w: "),
        ("[[members]]\nmerit = 1\n", "line 1, name: is missing"),
        ('[[members]]\nname = "a"\nrelaxations = ["reserve_soc", "sleep"]\n', "line 1, relaxations.1: "),
        ('[[members]]\nname = "a"\ncapacity = 5\n', "line 1, capacity: no such key; there are name, kind, "),
        ('members = [{name = "a"}, {name = ""}]\n', "contract 2, name: "),
        ('[[member]]\nname = "a"\n', "members: one table [[members]] a contract is needed"),
        ("[[members]]\nname = \n", "is not TOML: "),
        ('[[members]]\nname = "a"\n[[members]]\nname = "a"\n', "a stands twice"),
    ],
)
def test_a_mistake_in_toml_is_one_sentence_with_line_and_key(tmp_path: Path, text: str, said: str) -> None:
    assert mistake(write(tmp_path, "book.toml", text)).startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER + "a,,1\nb,,many\n", "line 3, increase_load_w: "),
        (HEADER + "a,,1.5\n", "line 2, increase_load_w: "),
        (HEADER + "a,,many\nb,,1,2\n", "line 2, increase_load_w: "),
        (HEADER + "\na,car 1,1\n", "line 3, resources.0: "),
        (HEADER + "a,,1,2\n", "line 2, 4 cells where the header row has 3"),
        (HEADER + ",car,1\n", "line 2, name: is missing"),
        (HEADER + "a,car,1\nb,car,1\n", "resource car is claimed by a and by b"),
        ("resources\ncar\n", "line 1, name: is missing in the header row"),
        ("name,name\na,a\n", "line 1, 'name' stands twice in the header row"),
        ('name\n"a\n', "is not a CSV: "),
        ("", "line 1, name: is missing in the header row"),
    ],
)
def test_a_mistake_in_csv_is_one_sentence_with_line_and_key(tmp_path: Path, text: str, said: str) -> None:
    assert mistake(write(tmp_path, "book.csv", text)).startswith(said)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert mistake(tmp_path / "none.toml").startswith("cannot be read: ")
    path = tmp_path / "book.csv"
    path.write_bytes(b"name\n\xff\n")
    assert mistake(path) == "byte 5 is not UTF-8"
