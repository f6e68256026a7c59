"""Run a command line of `gridpact`: an exit code comes of it (agents/runtime/exits.py); mistakes are one sentence on stderr.
The commands stand in commands.py; what each needs is imported when it is run."""

import os
import sys
import traceback
from collections.abc import Sequence

from agents.cli.front import answered
from agents.runtime.exits import Exit


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
        code = _code_of(error)
        if code is Exit.FAULT:
            traceback.print_exc()
            return code
        print(f"gridpact: {_sentence(error)}", file=sys.stderr)
        return code


def _sentence(error: Exception) -> str:
    from cyclopts import CycloptsError

    return str(error).splitlines()[0] if isinstance(error, CycloptsError) else str(error)


def _code_of(error: Exception) -> Exit:
    """What an exception means. The rest is imported only where the command line itself was right: it takes a second."""
    from cyclopts import CycloptsError

    if isinstance(error, CycloptsError):
        return Exit.USAGE
    from agents.runtime.daemon.commands import CommandRefusal
    from agents.runtime.files.members import MembersError
    from agents.runtime.journal.journal import JournalError
    from agents.runtime.persons import RegisterError
    from agents.settings.checked import ConfigError
    from broker.credentials import CredentialsError
    from broker.link import LinkDenied
    from broker.mosquitto import BrokerFailed, BrokerMissing
    from broker.recording_file import RecordingError

    match error:
        case ConfigError() | MembersError() | RecordingError() | CredentialsError():
            return Exit.USAGE
        case BrokerMissing() | BrokerFailed() | LinkDenied():
            return Exit.BROKER
        case CommandRefusal() | RegisterError():
            return Exit.CONTROL
        case JournalError():
            return Exit.JOURNAL
    return Exit.FAULT
