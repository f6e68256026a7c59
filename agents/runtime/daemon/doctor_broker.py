"""What the doctor asks the broker, and what it reads in our credentials."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any
from uuid import uuid4

from agents.runtime.address import address_of
from agents.runtime.credentials import RENEW_WITHIN
from agents.runtime.daemon.findings import Finding, Verdict
from agents.settings.daemon import BrokerSettings
from broker.address import Address
from broker.credentials import CredentialsError, read_credentials
from broker.link import Door, LinkDenied, LinkLost
from broker.probe import WITHIN_S, Probe
from broker.refusal import shut
from protocol.codec import MAX_PAYLOAD_BYTES

PROBES = 1_500
"""Posts that wait for a connection that takes none; Mosquitto's own default keeps 1,000."""
BLOCKS_BEHIND_EXPIRED = (2, 0, 11)
"""Up to this Mosquitto, 25 expired messages block a session unless max_inflight_messages is high."""
PERSISTENCE = (
    "no broker tells it, and no deal hangs on it: what nobody confirmed is said again; "
    "'persistence true' only saves the repeats after a restart of the broker"
)
TOPIC = "gridpact/doctor"


def examine_broker(broker: BrokerSettings, name: str, as_the_party: bool) -> Iterator[Finding]:
    """All that can be asked, at each address. `as_the_party`: the credentials are those of the party `name`, whose
    daemon may be connected: where the broker makes the user's name that of the connection, a second one would take the
    daemon's place, so only TLS is asked."""
    address = address_of(broker).named(name)
    try:
        credentials = read_credentials(address)
    except CredentialsError as error:
        yield Finding("certificates", Verdict.FAULT, str(error))
        return
    yield from _credentials(address, credentials.expires_at)
    for host, port in address.places:
        door = Door(host, port, address.protocol, address.keepalive_s, credentials)
        yield from _tls_only(door, name) if as_the_party else _broker(door)


def _credentials(address: Address, expires_at: datetime | None) -> Iterator[Finding]:
    for path in address.open_to_others:
        yield Finding("certificates", Verdict.WARNING, f"{path}: others may read it: chmod 600")
    if address.ca is None:
        here = address.host == "localhost" or _is_loopback(address.host)
        verdict = Verdict.OK if here else Verdict.WARNING
        text = "no TLS: right only for a broker on this host" if here else "no TLS to another host: name ca in [broker]"
        yield Finding("certificates", verdict, text)
    elif expires_at is None:
        yield Finding("certificates", Verdict.OK, "the broker has to prove who it is; we have none of our own")
    else:
        left = expires_at - datetime.now(UTC)
        words = f"{address.certificate} ends on {expires_at:%Y-%m-%d}"
        if left <= timedelta():
            yield Finding("certificates", Verdict.FAULT, f"{words}: renew it")
        else:
            due = left < RENEW_WITHIN
            yield Finding("certificates", Verdict.WARNING if due else Verdict.OK, words + (": renew it" if due else ""))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _tls_only(door: Door, name: str) -> Iterator[Finding]:
    if (reason := shut(door)) is not None:
        yield Finding("broker", Verdict.FAULT, str(reason))
        return
    text = f"{door.where} was not asked further: a connection as {name} could take its daemon's place"
    yield Finding("broker", Verdict.WARNING, f"{text}; give the doctor's own --certificate and --key, or --user")


def _broker(door: Door) -> Iterator[Finding]:
    name = f"gridpact-doctor-{uuid4().hex[:8]}"
    try:
        probe = Probe(door, name)
    except LinkDenied as error:
        yield Finding("broker", Verdict.FAULT, str(error))
        return
    except LinkLost as error:
        text = f"{door.where} does not answer ({error}): start it, or correct [broker]"
        yield Finding("broker", Verdict.FAULT, text)
        return
    yield Finding("broker", Verdict.OK, f"{door.where} answers in MQTT {door.protocol}")
    if door.protocol == "5":
        yield from _limits(probe.connack)
    topic = f"{TOPIC}/{name}"
    probe.client.subscribe([("$SYS/broker/version", 0), (topic, 1)])
    probe.until_heard()
    yield _version(next((m.payload.decode() for m in probe.received if m.topic.startswith("$SYS")), ""))
    probe.received.clear()
    yield _queue(probe, topic)
    probe.close()
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


def _queue(probe: Probe, topic: str) -> Finding:
    """Post to ourselves without taking anything, then take, and count."""
    posts = [probe.client.publish(topic, b"probe", qos=1) for _ in range(PROBES)]
    posts[-1].wait_for_publish(WITHIN_S)
    stored = 0
    while stored < PROBES and probe.until_heard():
        stored += probe.take()
    if stored >= PROBES:
        return Finding("queue", Verdict.OK, f"keeps at least {PROBES} posts for an agent that does not keep up")
    if stored == 0:
        text = f"nothing posted on {TOPIC}/# came back: let this user write and read there, or ask as another one"
        return Finding("queue", Verdict.WARNING, text)
    text = f"keeps {stored} of {PROBES} posts for an agent that does not keep up: set max_queued_messages to 200000"
    return Finding("queue", Verdict.FAULT, text)
