"""The command lines of `gridpact contract`; agents/cli/book.py does what they say."""

import asyncio
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from agents.cli.arguments import Control, Json, within
from agents.runtime.consents import ConsentPurpose
from agents.runtime.daemon.changes import ContractChange, CorrectionCause
from agents.settings.mistakes import ConfigError

contract_app = App(name="contract")
Flag = Parameter(negative=())


def _option(text: str) -> Parameter:
    return Parameter(help=text)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class BookOptions:
    """Whose book it is."""

    party: Annotated[str | None, _option("The aggregator or coordinator; needed where several run.")] = None
    control: Control = None
    config: Annotated[Path | None, _option("A daemon's file: the book of one that does not run, from its journal.")] = (
        None
    )


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TermOptions:
    """What a contract says, by the names of a book's columns."""

    kind: Annotated[Literal["der", "aggregator"] | None, _option("What it is; a DER by default.")] = None
    resources: Annotated[tuple[str, ...] | None, _option("A resource that it answers for; once for each.")] = None
    increase_load_w: Annotated[int | None, _option("Contracted capacity to increase load, W.")] = None
    decrease_load_w: Annotated[int | None, _option("Contracted capacity to decrease load, W.")] = None
    merit: Annotated[int | None, _option("Place in the merit order, the lowest first.")] = None
    reliability_pct: Annotated[int | None, _option("Share of requests that it is expected to meet, %.")] = None
    relaxations: Annotated[tuple[str, ...] | None, _option("What its owner lets be loosened; once for each.")] = None
    least_w: Annotated[int | None, _option("The least change of load that it can make, W.")] = None
    answers_within_s: Annotated[int | None, _option("How long it takes to answer at most, s.")] = None
    reports_within_s: Annotated[int | None, _option("Of an aggregator: how long its sum of a slot takes, s.")] = None
    answers_dispatch: Annotated[bool | None, _option("Whether it says at once that it has a dispatch.")] = None
    telemetry_s: Annotated[int | None, _option("How often it tells inside a slot what has flowed so far, s.")] = None

    @property
    def given(self) -> dict[str, Any]:
        """Those that stand on the command line."""
        return {one.name: value for one in fields(self) if (value := getattr(self, one.name)) is not None}


ANY_BOOK, NO_TERMS = BookOptions(), TermOptions()


@contract_app.command(name="list")
def list_(name: str | None = None, *, whose: BookOptions = ANY_BOOK, json: Json = False) -> int:
    """Show the book of contracts as it is now.

    Parameters
    ----------
    name
        One member only.
    """
    from agents.cli import book

    return asyncio.run(book.show(whose, name, json))


@contract_app.command
def add(name: str, *, whose: BookOptions = ANY_BOOK, terms: TermOptions = NO_TERMS) -> int:
    """Take somebody under contract: it is asked from the next event on.

    Parameters
    ----------
    name
        The new member.
    """
    from agents.cli import book

    return asyncio.run(book.change(whose, ContractChange.ADD, {name: terms.given}))


@contract_app.command
def change(name: str, *, whose: BookOptions = ANY_BOOK, terms: TermOptions = NO_TERMS) -> int:
    """Change what a contract says, for the events that begin from now on.

    Parameters
    ----------
    name
        The member.
    """
    from agents.cli import book

    if not terms.given:
        raise ConfigError("contract change: say what changes, such as --decrease-load-w 3000")
    return asyncio.run(book.change(whose, ContractChange.CHANGE, {name: terms.given}))


@contract_app.command
def leave(*names: str, whose: BookOptions = ANY_BOOK) -> int:
    """End contracts: what these members were awarded is cancelled and replaced at once.

    Parameters
    ----------
    names
        The members.
    """
    from agents.cli import book

    if not names:
        raise ConfigError("contract leave: name the member whose contract ends")
    return asyncio.run(book.change(whose, ContractChange.LEAVE, {name: {} for name in names}))


@contract_app.command
def correct(
    name: str, cause: CorrectionCause, *, whose: BookOptions = ANY_BOOK, reliability_pct: int | None = None
) -> int:
    """Contest what was learned of a member: it counts no more, and the contract's figure stands until more is learned.

    Parameters
    ----------
    name
        The member.
    cause
        Why.
    reliability_pct
        Another figure for the contract.
    """
    from agents.cli import book

    if reliability_pct is not None:
        within("--reliability-pct", reliability_pct, 0, 100)
    return asyncio.run(book.correct(whose, name, cause, reliability_pct))


@contract_app.command(name="import")
def import_(
    table: Path,
    *,
    whose: BookOptions = ANY_BOOK,
    leave_others: Annotated[bool, Flag] = False,
    dry_run: Annotated[bool, Flag] = False,
) -> int:
    """Take the contracts of a table into the book: new ones join, known ones change.

    Parameters
    ----------
    table
        A book of members, CSV or TOML.
    leave_others
        The contracts of all who do not stand in it end.
    dry_run
        Only say what would change.
    """
    from agents.cli import book

    return asyncio.run(book.take_table(whose, table, leave_others=leave_others, dry_run=dry_run))


@contract_app.command
def export(name: str | None = None, *, whose: BookOptions = ANY_BOOK, out: Path | None = None) -> int:
    """Write the book as it is now, as a CSV that `import` and `members_file` read; or all that is known of one member.

    Parameters
    ----------
    name
        A member, also one that has left: its contract, person, consents, what was learned of it, and every entry of
        journal and archive that names it, as JSON.
    out
        The file, which must not be there yet; on stdout by default.
    """
    from agents.cli import book, persons

    return asyncio.run(book.write_table(whose, out) if name is None else persons.export(whose, name, out))


@contract_app.command
def person(
    name: str,
    *,
    whose: BookOptions = ANY_BOOK,
    called: Annotated[str | None, Parameter("--called")] = None,
    contact: str | None = None,
) -> int:
    """Show the person behind a member, or write it down: beside the journal, which knows ids only.

    Parameters
    ----------
    name
        The member.
    called
        The person's name.
    contact
        How it can be reached.
    """
    from agents.cli import persons

    return asyncio.run(persons.person(whose, name, called, contact))


@contract_app.command
def consent(
    name: str,
    purpose: ConsentPurpose,
    *,
    whose: BookOptions = ANY_BOOK,
    text_version: str | None = None,
    on: str | None = None,
    revoke: Annotated[bool, Flag] = False,
) -> int:
    """Write down that a member has agreed to something, or does no more; the contract follows at once.

    Parameters
    ----------
    name
        The member.
    purpose
        To what: that it is controlled, metered, or that something may be loosened.
    text_version
        The version of the text that it has agreed to.
    on
        The day, as 2026-12-24; today by default.
    revoke
        It ends. Without `control` or `metering` the contract ends.
    """
    from agents.cli import persons

    day = date.today() if on is None else _day(on)
    if revoke:
        return asyncio.run(persons.revoke(whose, name, purpose, day))
    if text_version is None:
        raise ConfigError("contract consent: say which text was agreed to, with --text-version")
    return asyncio.run(persons.consent(whose, name, purpose, text_version, day))


@contract_app.command
def forget(name: str, *, whose: BookOptions = ANY_BOOK) -> int:
    """Erase a member that has left: its person, its consents, and its name in journal and archive.

    Exit code 1 when entries wait for the archive.

    Parameters
    ----------
    name
        The member.
    """
    from agents.cli import persons

    return asyncio.run(persons.forget(whose, name))


def _day(text: str) -> date:
    """Raises ConfigError."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--on: {text!r:.40} is no day, as 2026-12-24") from None
