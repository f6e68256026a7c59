"""The register of persons: consents are dated, versioned and revoked; what is erased is gone."""

from datetime import date
from pathlib import Path

import pytest

from agents.runtime.persons import ConsentGiven, ConsentPurpose, Person, PersonRegister, RegisterError, register_of
from protocol.messages import Restriction


@pytest.fixture
def register(tmp_path: Path) -> PersonRegister:
    return PersonRegister(register_of(tmp_path / "ra-1.journal"))


def test_consent_has_its_version_its_day_and_the_day_of_its_end(register: PersonRegister) -> None:
    first = ConsentGiven(ConsentPurpose.RESERVE_SOC, "2026-1", date(2026, 3, 1))
    again = ConsentGiven(ConsentPurpose.RESERVE_SOC, "2026-2", date(2026, 6, 1))
    register.give("ra-1", "h1", first)
    assert register.revoke("ra-1", "h1", ConsentPurpose.RESERVE_SOC, date(2026, 5, 1)) == 1
    register.give("ra-1", "h1", again)
    ended = ConsentGiven(ConsentPurpose.RESERVE_SOC, "2026-1", date(2026, 3, 1), date(2026, 5, 1))
    assert register.consents("ra-1", "h1") == [ended, again]
    assert register.consents("ra-2", "h1") == []


def test_purposes_that_loosen_are_the_restrictions_of_the_protocol() -> None:
    assert ConsentPurpose.COMFORT.loosens is Restriction.COMFORT
    assert ConsentPurpose.CONTROL.loosens is None


def test_register_is_its_owners_alone_and_made_when_it_is_needed(register: PersonRegister) -> None:
    assert register.person("ra-1", "h1") is None
    assert not register.path.exists()
    register.put_person("ra-1", "h1", Person("A. Resident", "1 Some Street"))
    assert oct(register.path.stat().st_mode & 0o777) == "0o600"
    assert register.person("ra-1", "h1") == Person("A. Resident", "1 Some Street")


def test_nothing_of_who_is_forgotten_is_left_in_the_file(register: PersonRegister) -> None:
    for member, street in (("home-1", "Elm Street"), ("home-2", "Oak Street")):
        register.put_person("ra-1", member, Person("A. Resident", street))
        register.give("ra-1", member, ConsentGiven(ConsentPurpose.CONTROL, "v1", date(2026, 3, 1)))
    register.forget("ra-1", "home-1", ["home-1", "ev-1"])
    assert b"Elm Street" not in register.path.read_bytes()
    assert register.forgetting() == {("ra-1", "home-1"): ["home-1", "ev-1"]}
    register.forgotten("ra-1", "home-1")
    assert register.forgetting() == {}
    assert b"home-1" not in register.path.read_bytes()
    assert register.person("ra-1", "home-2") == Person("A. Resident", "Oak Street")


def test_file_that_is_no_register_is_refused_in_a_sentence(register: PersonRegister) -> None:
    register.path.write_bytes(b"no database at all, but longer than its header would be")
    with pytest.raises(RegisterError, match=r"ra-1\.journal\.persons: cannot be used"):
        register.person("ra-1", "h1")
