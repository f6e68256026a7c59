"""The commands of `gridpact`. Each returns an exit code (agents/runtime/exits.py); mistakes are one sentence on stderr."""

import os
import sys
import traceback
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from agents.runtime.exits import Exit


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("gridpact")
    except PackageNotFoundError:
        return "not installed"


app = App(
    name="gridpact",
    version=_version,
    version_flags=["--version"],
    help_format="plaintext",  # markdown would take a third of the time of `--help`
    help=(
        "Demand response, negotiated: a request climbs down a tree of agents over MQTT and comes back as a deal.\n\n"
        "Exit codes: 0 done; 1 the answer is no (no deal, for one); 2 a mistake on the command line or in a file; 3 no "
        "broker; 4 no daemon answered, or it refused; 5 the journal cannot be used; 70 a fault of our own; 130 stopped "
        "by Ctrl-C (`up`: before there was a deal)."
    ),
)


def call(arguments: Sequence[str]) -> int:
    """Run a command line; the exit code. Only faults of our own show a traceback."""
    try:
        code = app(list(arguments), exit_on_error=False, print_error=False, result_action="return_value")
        return int(code or 0)
    except CycloptsError as error:
        return _mistake(error, Exit.USAGE)
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
        return _mistake(error, code)


def _mistake(error: Exception, code: Exit) -> Exit:
    """Say what is wrong; the exit code."""
    text = str(error).splitlines()[0] if isinstance(error, CycloptsError) else str(error)
    print(f"gridpact: {text}", file=sys.stderr)
    return code


def _code_of(error: Exception) -> Exit:
    """What an exception means. All that is imported here was imported by whoever raised it."""
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


# Imported when they are run only; so what `gridpact --help` says of them stands here, too, and a test compares.
app.command(
    "agents.cli.setup:init",
    help="Write a small running system into a new folder: daemons' files, books, a broker with certificates, a start script.",
)
app.command(
    "agents.cli.scenario:scenario_app", name="scenario", help="Make scenarios from tables, and systems from scenarios."
)
app.command("agents.cli.run:run", help="Run one daemon until SIGTERM.")
app.command(
    "agents.cli.run:up",
    help="Run a scenario live: a private Mosquitto, a process for each agent, the ladder as it is climbed.",
)
app.command("agents.cli.run:simulate", help="Run a scenario in virtual time, without a broker.")
app.command("agents.cli.orders:status", help="What the running daemons are at.")
app.command(
    "agents.cli.orders:request",
    help="Issue, change or cancel an event at the running utility, and watch it to its end.",
)
app.command("agents.cli.orders:decide", help="Give a resident's answer: whether a home takes part in an event.")
app.command(
    "agents.cli.orders:outage",
    help="Tell a home that the grid at its connection point is gone (it runs independently), or back.",
)
app.command(
    "agents.cli.orders:plan", help="Show when a home's vehicle departs in the days ahead, or leave a departure out."
)
app.command(
    "agents.cli.watchdog:watchdog",
    help="Give real devices back when their daemon has died: those that nobody else gives back.",
)
app.command(
    "agents.cli.contract:contract_app",
    name="contract",
    help="The book of contracts: list it, let members join, change and leave while its party runs; CSV in and out.",
)
app.command(
    "agents.cli.orders:quarantine",
    help="Show whom the running daemons refuse, and whom they do not hear any more; let one be heard again.",
)
app.command(
    "agents.cli.doctor:doctor",
    help="""Check what a daemon stands on, and say what to change: configuration, broker, clock, disk, journal.

Exit code 1 when there is a fault.""",
)
app.command(
    "agents.cli.schema:schema",
    help="Print the JSON Schema of all messages, or the AsyncAPI 3 document, or the page about notes; or write the contract.",
)
app.command(
    "agents.cli.watch:watch",
    help="""Watch a running system from its topics alone: events, who negotiates, who is there, what is refused.

Nothing is published. On a terminal q ends it; elsewhere each change is a line.""",
)
app.command(
    "agents.cli.pages:console_app",
    name="console",
    help="Serve the operators' console until Ctrl-C (or SIGTERM): what is under way, why, the fleet, requests, stop.",
)
app.command(
    "agents.cli.pages:home_app",
    name="home",
    help="Serve a home's page until Ctrl-C (or SIGTERM): what is asked, accept, decline, stop, what its devices do and why.",
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
app.command(
    "agents.cli.manual:completion", name="completion", help="Print what a shell needs to complete commands and options."
)
app.command("agents.cli.manual:manual", name="manual", help="Print the man page: gridpact manual | man -l -")
app.command(
    "agents.cli.conform:conform",
    help="""Play the aggregator of a device of yours, and say rule by rule whether it keeps the contract of docs/protocol.

Exit code 1 when a MUST is broken.""",
)
app.command(
    "agents.cli.ca:join", help="Come in for the first time: from a code to a bundle with a certificate of one's own."
)
