"""The commands by name: where their code is, and what `gridpact --help` says of them. Imports nothing that costs time."""

from typing import NamedTuple

TELLS = (
    "Demand response, negotiated: a request climbs down a tree of agents over MQTT and comes back as a deal.\n\n"
    "Exit codes: 0 done; 1 the answer is no (no deal, for one); 2 a mistake on the command line or in a file; 3 no "
    "broker; 4 no daemon answered, or it refused; 5 the journal cannot be used; 70 a fault of our own; 130 stopped "
    "by Ctrl-C (`up`: before there was a deal)."
)


class CommandLine(NamedTuple):
    name: str
    code: str
    """`module:name`, imported when it is run only."""
    tells: str
    """What stands in its code as well; a test compares."""


COMMANDS = (
    CommandLine(
        "init",
        "agents.cli.setup:init",
        "Write a small running system into a new folder: daemons' files, books, a broker with certificates, a start script.",
    ),
    CommandLine(
        "scenario",
        "agents.cli.scenario:scenario_app",
        "Make scenarios from tables, and systems from scenarios.",
    ),
    CommandLine("run", "agents.cli.run:run", "Run one daemon until SIGTERM."),
    CommandLine(
        "up",
        "agents.cli.run:up",
        "Run a scenario live: a private Mosquitto, a process for each agent, the ladder as it is climbed.",
    ),
    CommandLine("simulate", "agents.cli.run:simulate", "Run a scenario in virtual time, without a broker."),
    CommandLine("status", "agents.cli.orders:status", "What the running daemons are at."),
    CommandLine(
        "request",
        "agents.cli.orders:request",
        "Issue, change or cancel an event at the running utility, and watch it to its end.",
    ),
    CommandLine(
        "decide", "agents.cli.orders:decide", "Give a resident's answer: whether a home takes part in an event."
    ),
    CommandLine(
        "outage",
        "agents.cli.orders:outage",
        "Tell a home that the grid at its connection point is gone (it runs independently), or back.",
    ),
    CommandLine(
        "plan",
        "agents.cli.orders:plan",
        "Show when a home's vehicle departs in the days ahead, or leave a departure out.",
    ),
    CommandLine(
        "watchdog",
        "agents.cli.watchdog:watchdog",
        "Give real devices back when their daemon has died: those that nobody else gives back.",
    ),
    CommandLine(
        "devices",
        "agents.cli.devices:devices_app",
        "Real devices, without a daemon: find them, read them, try a power for a minute.",
    ),
    CommandLine(
        "contract",
        "agents.cli.contract:contract_app",
        "The book of contracts: list it, let members join, change and leave while its party runs; CSV in and out.",
    ),
    CommandLine(
        "quarantine",
        "agents.cli.orders:quarantine",
        "Show whom the running daemons refuse, and whom they do not hear any more; let one be heard again.",
    ),
    CommandLine(
        "doctor",
        "agents.cli.doctor:doctor",
        "Check what a daemon stands on, and say what to change: configuration, broker, clock, disk, journal.\n\n"
        "Exit code 1 when there is a fault.",
    ),
    CommandLine(
        "schema",
        "agents.cli.schema:schema",
        "Print the JSON Schema of all messages, or the AsyncAPI 3 document, or the page about notes; or write the contract.",
    ),
    CommandLine(
        "watch",
        "agents.cli.watch:watch",
        "Watch a running system from its topics alone: events, who negotiates, who is there, what is refused.\n\n"
        "Nothing is published. On a terminal q ends it; elsewhere each change is a line.",
    ),
    CommandLine(
        "console",
        "agents.cli.pages:console_app",
        "Serve the operators' console until Ctrl-C (or SIGTERM): what is under way, why, the fleet, requests, stop.",
    ),
    CommandLine(
        "home",
        "agents.cli.pages:home_app",
        "Serve a home's page until Ctrl-C (or SIGTERM): what is asked, accept, decline, stop, what its devices do and why.",
    ),
    CommandLine(
        "replay",
        "agents.cli.replay:replay",
        "A recorded negotiation once more: checked, with another policy, live, as a test.",
    ),
    CommandLine(
        "record",
        "agents.cli.record:record",
        "Record everything on `dr/#` until Ctrl-C (or SIGTERM). Nothing is published.",
    ),
    CommandLine(
        "journal",
        "agents.cli.journal:journal_app",
        "Journals as recordings, and back; recordings without names.",
    ),
    CommandLine(
        "study",
        "agents.cli.study:study",
        "Negotiate every event of a table at four sizes, with and without each fallback, and say what is secured.",
    ),
    CommandLine(
        "explain",
        "agents.cli.explain:explain",
        "Explain an event from journals alone: who was asked what, who gave how much and why no more, and the deal.",
    ),
    CommandLine(
        "fleet",
        "agents.cli.fleet:fleet",
        "Speak for many homes until Ctrl-C (or SIGTERM): a gateway, or the homes of a load test.",
    ),
    CommandLine(
        "broker",
        "agents.cli.broker:broker_app",
        "A hardened Mosquitto made from the books: its files, a check.",
    ),
    CommandLine("ca", "agents.cli.ca:ca_app", "An authority of our own: certificates, renewal, revocation."),
    CommandLine(
        "enrol",
        "agents.cli.ca:enrol",
        "Make a bundle for a party, a reader, a doctor or a gateway: what it needs to come in, with its [broker].",
    ),
    CommandLine(
        "completion",
        "agents.cli.manual:completion",
        "Print what a shell needs to complete commands and options.",
    ),
    CommandLine("manual", "agents.cli.manual:manual", "Print the man page: gridpact manual | man -l -"),
    CommandLine(
        "conform",
        "agents.cli.conform:conform",
        "Play the aggregator of a device of yours, and say rule by rule whether it keeps the contract of docs/protocol.\n\n"
        "Exit code 1 when a MUST is broken.",
    ),
    CommandLine(
        "join",
        "agents.cli.ca:join",
        "Come in for the first time: from a code to a bundle with a certificate of one's own.",
    ),
)
