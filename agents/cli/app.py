"""Run a command line of `gridpact`: an exit code comes of it (agents/runtime/exits.py); mistakes are one sentence on stderr.
The commands stand in commands.py; what each needs is imported when it is run."""

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from agents.cli.front import answered
from agents.cli.mistake import mistake
from agents.runtime.exits import Exit

MISTAKES = {
    "cyclopts.exceptions.CycloptsError": Exit.USAGE,
    "agents.settings.mistakes.ConfigError": Exit.USAGE,
    "agents.runtime.files.members.MembersError": Exit.USAGE,
    "broker.recording_file.RecordingError": Exit.USAGE,
    "broker.credentials.CredentialsError": Exit.USAGE,
    "broker.mosquitto.BrokerMissing": Exit.BROKER,
    "broker.mosquitto.BrokerFailed": Exit.BROKER,
    "broker.link.LinkDenied": Exit.BROKER,
    "agents.runtime.daemon.refusal.CommandRefusal": Exit.CONTROL,
    "agents.runtime.persons.RegisterError": Exit.CONTROL,
    "agents.runtime.journal.schema.JournalError": Exit.JOURNAL,
}
"""What is no fault of our own, and its exit code."""

NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP})
"""What is refused of a file wherever it was named: a matter of rights and names, and no fault of ours."""


def call(arguments: Sequence[str]) -> int:
    """Run a command line; the exit code. Only faults of our own show a traceback."""
    try:
        code = answered(arguments)
        if code is not None:
            return code
        from agents.cli.tree import app  # a fifth of a second

        code = app(list(arguments), exit_on_error=False, print_error=False, result_action="return_value")
        return int(code or 0)
    except KeyboardInterrupt:
        return Exit.STOPPED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read our output has gone
        return Exit.OK
    except Exception as error:  # noqa: BLE001 - the last resort: our own fault is shown whole and has a code of its own
        if isinstance(error, OSError) and _is_given(error, arguments):
            return mistake(f"{error.filename}: {error.strerror}", Exit.USAGE)
        code = _code_of(error)
        if code is Exit.FAULT:
            traceback.print_exc()
            return code
        return mistake(_sentence(error), code)


def _is_given(error: OSError, arguments: Sequence[str]) -> bool:
    """Whether it is about a path of the command line, a folder that it lies in or a file within it, or about one that
    may not be touched."""
    if error.filename is None or error.errno in NOT_ALLOWED:
        return error.filename is not None
    touched = Path(os.path.abspath(os.fsdecode(error.filename)))
    given = [value for word in arguments for value in (word, word.partition("=")[2]) if value]
    return any(
        path.is_relative_to(touched) or touched.is_relative_to(path) for path in map(Path, map(os.path.abspath, given))
    )


def _sentence(error: Exception) -> str:
    from cyclopts import CycloptsError
    from cyclopts.exceptions import UnusedCliTokensError

    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        command = " ".join(("gridpact", *(error.command_chain or ())))
        return f'"{error.unused_tokens[0]}" is a word too many: {command} --help tells what it takes'
    return str(error).splitlines()[0] if isinstance(error, CycloptsError) else str(error)


def _code_of(error: Exception) -> Exit:
    """What an exception means, by the name of its class: to import them all takes a second."""
    names = (f"{one.__module__}.{one.__qualname__}" for one in type(error).__mro__)
    return next((MISTAKES[name] for name in names if name in MISTAKES), Exit.FAULT)
