"""`gridpact doctor`: looks at what a daemon stands on and says in words what to change."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import uuid4

from agents.runtime.files.config import journal_path, load_config
from agents.runtime.journal.reading import reading
from agents.runtime.journal.schema import MIGRATIONS, ROWS_OF_STEPS, JournalError
from agents.settings.checked import ConfigError
from agents.settings.daemon import BrokerSettings, DaemonConfig, Role
from broker.probe import WITHIN_S, Probe
from protocol.codec import MAX_PAYLOAD_BYTES

PROBES = 1_500
"""Posts that a session is left with while nobody is connected; Mosquitto's own default keeps 1,000."""
LEAST_FREE_BYTES = 200_000_000
BLOCKS_BEHIND_EXPIRED = (2, 0, 11)
"""Up to this Mosquitto, 25 expired messages block a session unless max_inflight_messages is high."""
PERSISTENCE = (
    "no broker tells it, and no deal hangs on it: what nobody confirmed is said again; "
    "'persistence true' only saves the repeats after a restart of the broker"
)


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check and what to do about it."""

    check: str
    verdict: Verdict
    text: str

    def as_json(self) -> dict[str, str]:
        return asdict(self)


def examine(path: Path | None, host: str, port: int) -> list[Finding]:
    """All checks. Without a configuration only the broker at host:port, the clock and the disk."""
    found: list[Finding] = []
    config = None
    if path is not None:
        try:
            config, role = _load(path)
            found.append(Finding("configuration", Verdict.OK, f"{path} describes a {role}"))
            host, port = config.broker.host, config.broker.port
        except ConfigError as error:
            return [Finding("configuration", Verdict.FAULT, str(error))]
    found += _broker(BrokerSettings(host=host, port=port))
    found.append(_clock())
    if config is not None:
        found += _journal(journal_path(config, config.control.name or _name(config)))
    found.append(
        Finding("certificates", Verdict.OK, "none are configured: the broker has to be on this host or behind TLS")
    )
    return found


def _load(path: Path) -> tuple[DaemonConfig, Role]:
    """The configuration, whatever its role. Raises the ConfigError that says most."""
    errors = []
    for role in Role:
        try:
            return load_config(path, role), role
        except ConfigError as error:
            errors.append(error)
    raise next((error for error in errors if "other role's table" not in str(error)), errors[0])


def _name(config: DaemonConfig) -> str:
    for settings in (config.utility, config.coordinator, config.aggregator, *config.ders):
        if settings is not None:
            return settings.name
    raise ConfigError("no party is described")


# -- broker


def _broker(broker: BrokerSettings) -> Iterator[Finding]:
    where = f"{broker.host}:{broker.port}"
    name = f"gridpact-doctor-{uuid4().hex[:8]}"
    try:
        probe = Probe(broker.host, broker.port, name, 60)
    except OSError as error:
        yield Finding("broker", Verdict.FAULT, f"{where} does not answer ({error}): start it, or correct [broker]")
        return
    if getattr(probe.reason, "is_failure", False):
        probe.close()
        yield Finding("broker", Verdict.FAULT, f"{where} refuses a connection: {probe.reason}: allow this user")
        return
    yield Finding("broker", Verdict.OK, f"{where} answers in MQTT 5")
    yield from _limits(probe.connack)
    topic = f"gridpact/doctor/{name}"
    probe.client.subscribe([("$SYS/broker/version", 0), (topic, 1)])
    probe.until_heard(1)
    yield _version(next((m.payload.decode() for m in probe.heard if m.topic.startswith("$SYS")), ""))
    probe.close()
    yield _queue(broker, name, topic)
    yield Finding("persistence", Verdict.OK, PERSISTENCE)


def _limits(connack: Any) -> Iterator[Finding]:
    packet = getattr(connack, "MaximumPacketSize", None)
    if packet is None or packet >= MAX_PAYLOAD_BYTES:
        yield Finding("packet size", Verdict.OK, f"takes messages of {MAX_PAYLOAD_BYTES} bytes")
    else:
        yield Finding(
            "packet size", Verdict.FAULT, f"takes only {packet} bytes: set max_packet_size to {2 * MAX_PAYLOAD_BYTES}"
        )
    inflight = getattr(connack, "ReceiveMaximum", 65_535)
    verdict = Verdict.OK if inflight >= 64 else Verdict.WARNING
    yield Finding("inflight", verdict, f"takes {inflight} posts at once" + ("" if inflight >= 64 else ": 64 are used"))
    if getattr(connack, "RetainAvailable", 1) == 0:
        yield Finding(
            "retained messages", Verdict.FAULT, "are off: late joiners miss requests; set retain_available true"
        )


def _version(text: str) -> Finding:
    if not text:
        return Finding("version", Verdict.WARNING, "the broker does not tell it ($SYS is off or hidden): look it up")
    numbers = tuple(int(part) for part in text.split()[-1].split(".") if part.isdecimal())
    if "mosquitto" in text and numbers <= BLOCKS_BEHIND_EXPIRED:
        return Finding(
            "version",
            Verdict.WARNING,
            f"{text} blocks a session behind 25 expired messages: keep max_inflight_messages at 1000, or update",
        )
    return Finding("version", Verdict.OK, text)


def _queue(broker: BrokerSettings, name: str, topic: str) -> Finding:
    """Leave a session with posts, come back, and count."""
    sender = Probe(broker.host, broker.port, f"{name}-2", 0)
    posts = [sender.client.publish(topic, b"probe", qos=1) for _ in range(PROBES)]
    posts[-1].wait_for_publish(WITHIN_S)
    sender.close()
    back = Probe(broker.host, broker.port, name, 0)
    back.until_heard(PROBES)
    kept = sum(message.topic == topic for message in back.heard)
    back.client.unsubscribe(topic)
    back.close()
    if kept >= PROBES:
        return Finding("queue", Verdict.OK, f"keeps at least {PROBES} posts for an agent that is away")
    text = f"keeps {kept} of {PROBES} posts for an agent that is away: set max_queued_messages to 200000"
    return Finding("queue", Verdict.FAULT, text)


# -- this machine


def _clock() -> Finding:
    program = shutil.which("timedatectl")
    if program is None:
        return Finding("clock", Verdict.WARNING, "cannot be asked about (no timedatectl): see that NTP runs")
    command = [program, "show", "--property=NTPSynchronized", "--value"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False).stdout.strip()
    if told == "yes":
        return Finding("clock", Verdict.OK, "is synchronised by NTP")
    return Finding("clock", Verdict.WARNING, "is not known to be synchronised: start chrony or systemd-timesyncd")


def _journal(path: Path) -> Iterator[Finding]:
    folder = next(parent for parent in path.parents if parent.exists())
    if not os.access(folder, os.W_OK):
        yield Finding("journal", Verdict.FAULT, f"{folder} cannot be written: give it to the daemon's user")
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        text = f"{free // 1_000_000} MB are free under {folder}: a full disk stops the daemon; make room"
        yield Finding("disk", Verdict.WARNING, text)
    else:
        yield Finding("disk", Verdict.OK, f"{free // 1_000_000} MB are free under {folder}")
    if not path.exists():
        yield Finding("journal", Verdict.OK, f"{path} will be made at the first start")
        return
    try:
        with reading(path) as connection:
            checked = connection.execute("PRAGMA quick_check").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            entries = _entries(connection, version)
    except JournalError as error:
        yield Finding("journal", Verdict.WARNING, str(error))
        return
    except sqlite3.Error as error:
        yield Finding("journal", Verdict.FAULT, f"{path}: {error}: restore it, or move it away and start anew")
        return
    if checked != "ok":
        yield Finding("journal", Verdict.FAULT, f"{path} is damaged: {checked}: restore it from a copy")
    elif version > len(MIGRATIONS):
        yield Finding("journal", Verdict.FAULT, f"{path} is of a newer gridpact (schema {version}): update gridpact")
    else:
        yield Finding("journal", Verdict.OK, f"{path}: {entries} entries, schema {version}, no damage")


def _entries(connection: sqlite3.Connection, version: int) -> int:
    """How many there are; none that we could count in a file of a newer gridpact."""
    if version > len(MIGRATIONS):
        return 0
    of_rows = "SELECT count(*) FROM entry"
    of_steps = "SELECT coalesce(sum(json_array_length(heads)), 0) FROM steps"
    return int(connection.execute(of_rows if version < ROWS_OF_STEPS else of_steps).fetchone()[0])
