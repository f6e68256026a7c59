"""`gridpact journal export` and `import`: journals as a recording, and back."""

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from agents.runtime.exits import Exit
from agents.runtime.software import software
from agents.settings.mistakes import ConfigError

Flag = Parameter(negative=())
journal_app = App(name="journal")


@journal_app.command
def export(
    *journals: Path,
    out: Path,
    anonymise: Annotated[bool, Flag] = False,
    salt: str | None = None,
) -> int:
    """Write journals into one recording of steps.

    Parameters
    ----------
    journals
        Journal files, or folders of them.
    out
        The recording, `NAME.jsonl` or `NAME.jsonl.gz`; it must not be there yet.
    anonymise
        Pseudonyms for all names, dates shifted by whole weeks; energies stay, and it can still be verified.
    salt
        The same salt gives the same pseudonyms; a new one every time when it is not given.
    """
    import secrets

    from agents.runtime.journal.export import header, steps
    from agents.runtime.journal.file import journal_files
    from agents.tools.anonymise import Anonymiser
    from broker.recording_file import RecordingWriter

    if not journals:
        raise ConfigError("journal export: name at least one journal or folder of journals")
    files = [file for file in journal_files(list(journals)) if file.path.suffix != ".sqlite" or file.path in journals]
    first, hidden = header(files, software()), None
    if anonymise:
        hidden = Anonymiser(salt or secrets.token_hex(16))
        first = hidden.header(first)
        hidden.learn(steps(files))
    writer = RecordingWriter(out, first)
    for step in steps(files):
        writer.write(step if hidden is None else hidden.line(step))
    writer.close()
    print(f"{writer.paths[0]}: {writer.lines} steps of {len(files)} journals")
    for file in files:
        if file.begins_with():
            print(
                f"{file.path}: begins in mid-event, with what its parties knew: verify it there, not in the recording"
            )
    return Exit.OK


@journal_app.command(name="import")
def import_(recording: Path, *, out: Path) -> int:
    """Make journals again of a recording of steps.

    Parameters
    ----------
    recording
        What `export` wrote.
    out
        A folder without journals.
    """
    from agents.runtime.journal.export import import_journals
    from agents.runtime.journal.file import empty
    from broker.recording_file import RecordingFile

    file, folder = RecordingFile(recording), empty(out)
    assert folder is not None
    for path in asyncio.run(import_journals(file, folder)):
        print(path)
    if file.cut is not None:
        print(file.cut)
    return Exit.OK


@journal_app.command(name="anonymise")
def anonymise_(recording: Path, *, out: Path, salt: str | None = None) -> int:
    """Write a recording again without its names and dates (see `export --anonymise`).

    Parameters
    ----------
    recording
        What `record` or `export` wrote.
    out
        The new recording; it must not be there yet.
    salt
        The same salt gives the same pseudonyms; a new one every time when it is not given.
    """
    import secrets

    from agents.tools.anonymise import Anonymiser
    from broker.recording_file import RecordingFile, RecordingWriter

    file, hidden = RecordingFile(recording), Anonymiser(salt or secrets.token_hex(16))
    first = hidden.header(file.header)
    hidden.learn(file.lines())
    writer = RecordingWriter(out, first)
    for line in file.lines():
        writer.write(hidden.line(line))
    writer.close()
    print(f"{writer.paths[0]}: {writer.lines} lines")
    if file.cut is not None:
        print(file.cut)
    return Exit.OK
