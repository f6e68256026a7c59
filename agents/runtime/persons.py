"""Who the members are as persons, and what they have agreed to: a register beside the journal, which knows ids only.

Consents are dated and have the version of the text that was agreed to; a revoked one stays, with the day of its end. What
is erased is overwritten.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from agents.runtime.consents import ConsentPurpose as ConsentPurpose  # noqa: PLC0414 - its home for all but the command line
from agents.runtime.journal.schema import transaction
from broker.private import make_file, make_folder


class RegisterError(RuntimeError):
    """The register cannot be used; one sentence."""


@dataclass(frozen=True, slots=True)
class Person:
    """The person behind a member."""

    name: str
    contact: str = ""


@dataclass(frozen=True, slots=True)
class ConsentGiven:
    """One consent."""

    purpose: ConsentPurpose
    text_version: str
    given_on: date
    revoked_on: date | None = None


SCHEMA = """
CREATE TABLE IF NOT EXISTS person (
    party TEXT NOT NULL, member TEXT NOT NULL, name TEXT NOT NULL, contact TEXT NOT NULL, PRIMARY KEY (party, member)
);
CREATE TABLE IF NOT EXISTS consent (
    party TEXT NOT NULL, member TEXT NOT NULL, purpose TEXT NOT NULL, text_version TEXT NOT NULL,
    given_on TEXT NOT NULL, revoked_on TEXT, PRIMARY KEY (party, member, purpose, text_version, given_on)
);
CREATE TABLE IF NOT EXISTS forgetting (
    party TEXT NOT NULL, member TEXT NOT NULL, names TEXT NOT NULL, PRIMARY KEY (party, member)
);
"""


def register_of(journal: Path) -> Path:
    """Where the register beside a journal lies."""
    return journal.with_name(journal.name + ".persons")


class PersonRegister:
    """The persons behind the members of one process's parties. The file is made when something is written first."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            if not self.path.exists():
                make_folder(self.path.parent)
                make_file(self.path)
            with closing(sqlite3.connect(self.path, isolation_level=None, timeout=5)) as connection:
                connection.execute("PRAGMA secure_delete = ON")
                for statement in SCHEMA.split(";"):
                    connection.execute(statement)
                yield connection
        except (sqlite3.DatabaseError, OSError) as error:
            raise RegisterError(f"{self.path}: cannot be used: {error}") from None

    # -- persons

    def person(self, party: str, member: str) -> Person | None:
        """Raises RegisterError."""
        if not self.path.exists():
            return None
        with self._opened() as connection:
            found = connection.execute(
                "SELECT name, contact FROM person WHERE party = ? AND member = ?", (party, member)
            ).fetchone()
        return None if found is None else Person(*found)

    def put_person(self, party: str, member: str, person: Person) -> None:
        """Raises RegisterError."""
        with self._opened() as connection:
            values = (party, member, person.name, person.contact)
            connection.execute("INSERT OR REPLACE INTO person VALUES (?, ?, ?, ?)", values)

    # -- consents

    def consents(self, party: str, member: str) -> list[ConsentGiven]:
        """All that were ever given, oldest first. Raises RegisterError."""
        if not self.path.exists():
            return []
        with self._opened() as connection:
            found = connection.execute(
                "SELECT purpose, text_version, given_on, revoked_on FROM consent WHERE party = ? AND member = ? "
                "ORDER BY given_on, purpose",
                (party, member),
            ).fetchall()
        return [
            ConsentGiven(ConsentPurpose(purpose), version, date.fromisoformat(given), _day(revoked))
            for purpose, version, given, revoked in found
        ]

    def give(self, party: str, member: str, consent: ConsentGiven) -> None:
        """Raises RegisterError."""
        with self._opened() as connection:
            given = (party, member, consent.purpose, consent.text_version, consent.given_on.isoformat())
            connection.execute("INSERT OR REPLACE INTO consent VALUES (?, ?, ?, ?, ?, NULL)", given)

    def revoke(self, party: str, member: str, purpose: ConsentPurpose, on: date) -> int:
        """End what stands of a purpose; how many consents did. Raises RegisterError."""
        with self._opened() as connection:
            return connection.execute(
                "UPDATE consent SET revoked_on = ? WHERE party = ? AND member = ? AND purpose = ? AND revoked_on IS NULL",
                (on.isoformat(), party, member, purpose),
            ).rowcount

    # -- erasing

    def forget(self, party: str, member: str, names: list[str]) -> None:
        """Erase a member, and remember by which names its journals still know it. Raises RegisterError."""
        with self._opened() as connection, transaction(connection):
            for table in ("person", "consent"):
                connection.execute(f"DELETE FROM {table} WHERE party = ? AND member = ?", (party, member))
            values = (party, member, " ".join(names))
            connection.execute("INSERT OR REPLACE INTO forgetting VALUES (?, ?, ?)", values)

    def forgetting(self) -> dict[tuple[str, str], list[str]]:
        """Whom journals are still to forget: by party and member, all names. Raises RegisterError."""
        if not self.path.exists():
            return {}
        with self._opened() as connection:
            found = connection.execute("SELECT party, member, names FROM forgetting").fetchall()
        return {(party, member): names.split() for party, member, names in found}

    def forgotten(self, party: str, member: str) -> None:
        """No journal knows it any more. Raises RegisterError."""
        with self._opened() as connection:
            connection.execute("DELETE FROM forgetting WHERE party = ? AND member = ?", (party, member))
            connection.execute("VACUUM")

    def of_member(self, party: str, member: str) -> dict[str, object]:
        """All that stands here of a member, for itself. Raises RegisterError."""
        person = self.person(party, member)
        consents = [asdict(one) for one in self.consents(party, member)]
        return {"person": None if person is None else asdict(person), "consents": consents}


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
