"""The commands of `gridpact`. Each returns an exit code (agents/runtime/exits.py); mistakes are one sentence on stderr."""

import os
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cyclopts import App, CycloptsError

from agents.cli.arguments import Json
from agents.cli.connection import DEFAULT, Connection
from agents.cli.findings import mistake, tell
from agents.cli.orders import decide, plan, request, status
from agents.cli.run import run, simulate, up
from agents.cli.scenario import scenario_app
from agents.runtime.daemon.control import CommandRefusal
from agents.runtime.daemon.doctor import examine
from agents.runtime.exits import Exit
from agents.runtime.files.members import MembersError
from agents.settings.checked import ConfigError
from protocol.codec import to_json


def _version() -> str:
    try:
        return version("gridpact")
    except PackageNotFoundError:
        return "not installed"


app = App(
    name="gridpact",
    version=_version,
    version_flags=["--version"],
    help="""
Demand response, negotiated: a request climbs down a tree of agents over MQTT and comes back as a deal.

Exit codes: 0 done; 1 the answer is no (no deal, for one); 2 a mistake on the command line or in a file; 3 no broker;
4 no daemon answered, or it refused; 5 the journal cannot be used; 70 a fault of our own; 130 stopped by Ctrl-C (`up`:
before there was a deal).
""",
)
for command in (scenario_app, run, up, simulate, status, request, decide, plan):
    app.command(command)


def call(arguments: Sequence[str]) -> int:
    """Run a command line; the exit code. Only faults of our own show a traceback."""
    from agents.runtime.journal.journal import JournalError
    from broker.credentials import CredentialsError
    from broker.link import LinkDenied
    from broker.mosquitto import BrokerFailed, BrokerMissing
    from broker.recording_file import RecordingError

    try:
        code = app(list(arguments), exit_on_error=False, print_error=False, result_action="return_value")
        return int(code or 0)
    except CycloptsError as error:
        return mistake(str(error).splitlines()[0], Exit.USAGE)
    except (ConfigError, MembersError, RecordingError, CredentialsError) as error:
        return mistake(str(error), Exit.USAGE)
    except (BrokerMissing, BrokerFailed, LinkDenied) as error:
        return mistake(str(error), Exit.BROKER)
    except CommandRefusal as error:
        return mistake(str(error), Exit.CONTROL)
    except JournalError as error:
        return mistake(str(error), Exit.JOURNAL)
    except KeyboardInterrupt:
        return Exit.STOPPED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read our output has gone
        return Exit.OK
    except Exception:  # noqa: BLE001 - the last resort: our own fault is shown whole and has an exit code of its own
        traceback.print_exc()
        return Exit.FAULT


@app.command
def doctor(*, config: Path | None = None, connection: Connection = DEFAULT, json: Json = False) -> int:
    """Check what a daemon stands on, and say what to change: configuration, broker, clock, disk, journal.

    Exit code 1 when there is a fault.

    Parameters
    ----------
    config:
        A daemon's TOML file; its broker and its journal are looked at. Where it has a user or a certificate, give the
        doctor's own: a second connection under one name would take the daemon's place.
    """
    as_itself = connection.broker is not None or connection.has_login
    return tell(examine(config, connection.settings, as_itself), json)


@app.command
def schema(*, asyncapi: bool = False, notes: bool = False) -> int:
    """Print the JSON Schema of all messages, or the AsyncAPI 3 document, or the page about notes.

    Parameters
    ----------
    asyncapi
        The AsyncAPI document instead.
    notes
        docs/notes.md instead: every note that a party tells, with its keys and their units.
    """
    from protocol import schema as schemas
    from protocol.notes_page import notes_page

    if notes:
        sys.stdout.write(notes_page())
        return Exit.OK
    sys.stdout.write(to_json(schemas.asyncapi() if asyncapi else schemas.json_schemas()).decode() + "\n")
    return Exit.OK


# Imported when they are run only; so what `gridpact --help` says of them stands here, too, and a test compares.
app.command(
    "agents.cli.watch:watch",
    help="""Watch a running system from its topics alone: events, who negotiates, who is there, what is refused.

Nothing is published. On a terminal q ends it; elsewhere each change is a line.""",
)
app.command(
    "agents.cli.replay:replay", help="A recorded negotiation once more: checked, with another policy, live, as a test."
)
app.command(
    "agents.cli.record:record", help="Record everything on `dr/#` until Ctrl-C (or SIGTERM). Nothing is published."
)
app.command(
    "agents.cli.journal:journal_app", name="journal", help="Journals as recordings, and back; recordings without names."
)
app.command(
    "agents.cli.study:study",
    help="Negotiate every event of a table at four sizes, with and without each fallback, and say what is secured.",
)
app.command(
    "agents.cli.explain:explain",
    help="Explain an event from journals alone: who was asked what, who gave how much and why no more, and the deal.",
)
app.command(
    "agents.cli.fleet:fleet",
    help="Speak for many homes until Ctrl-C (or SIGTERM): a gateway, or the homes of a load test.",
)
app.command(
    "agents.cli.broker:broker_app", name="broker", help="A hardened Mosquitto made from the books: its files, a check."
)
app.command("agents.cli.ca:ca_app", name="ca", help="An authority of our own: certificates, renewal, revocation.")
app.command(
    "agents.cli.ca:enrol",
    help="Make a bundle for a party, a reader, a doctor or a gateway: what it needs to come in, with its [broker].",
)
