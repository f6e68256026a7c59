"""The table of attacks on the door: what is tried, on which topics, what has to come of it."""

import socket
import ssl
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from attack_world import World
from attacker import WITHIN_S, Attacker, Refused
from hardened import HOST

from agents.tools.access import certificates as made
from agents.tools.access.certificates import utc_now
from broker.address import Address

REFUSED, SHUT, NOTHING, SERVED = "refused", "refused, not delivered", "hears nothing", "others are served"


class Attack(NamedTuple):
    """One row; `run` returns what was seen."""

    attack: str
    topics: str
    expected: str
    run: Callable[[World], str]


def rows() -> list[Attack]:
    return [*_entries(), *_forgeries(), *_eavesdropping(), *_identities(), *_rudeness()]


# -- who comes in


def _entries() -> list[Attack]:
    def enter(what: str, address: Callable[[World], Address], expected: str = REFUSED) -> Attack:
        return Attack(what, "", expected, lambda world: world.enters(address(world)))

    def dated(world: World, begins: timedelta, lasts: timedelta) -> Address:
        pair = world.hardened.authority.client("hems-1-1", utc_now() + begins, lasts, kept=False)
        return world.by_certificate("hems-1-1", pair)

    hour, day = timedelta(hours=1), timedelta(days=1)
    return [
        enter("a party with its certificate comes in", lambda w: w.by_certificate("hems-1-1"), "let in"),
        enter("a party with its password comes in",
              lambda w: w.by_password("hems-1-1", w.passwords["hems-1-1"]), "let in"),
        enter("no certificate", lambda w: Address(HOST, w.port, ca=w.hardened.files.folder / "ca.crt")),
        enter("a certificate of a foreign authority",
              lambda w: w.by_certificate("hems-1-1", w.foreign.client("hems-1-1", utc_now(), kept=False))),
        enter("a certificate that signs itself", lambda w: w.by_certificate("ra-1", made.authority("ra-1", utc_now()))),
        enter("a certificate signed by a party's certificate", lambda w: w.by_certificate(
            "ra-1", made.client(w.hardened.authority.client("hems-1-1", utc_now(), kept=False), "ra-1", utc_now()))),
        enter("an expired certificate", lambda w: dated(w, -day, hour)),
        enter("a certificate that is not valid yet", lambda w: dated(w, day, day)),
        enter("a revoked certificate", lambda w: _bundled(w, "hems-1-8")),
        enter("the broker's own kind of certificate",
              lambda w: w.by_certificate("x", w.hardened.authority.server(["ra-1"], utc_now()))),
        enter("plain MQTT on the port for certificates", lambda w: Address(HOST, w.port)),
        enter("plain MQTT on the port for passwords", lambda w: Address(HOST, w.password_port)),
        enter("plain MQTT with a good password", lambda w: Address(
            HOST, w.password_port, username="hems-1-1", password=w.passwords["hems-1-1"])),
        enter("a good password on the port for certificates", lambda w: Address(
            HOST, w.port, username="hems-1-1", password=w.passwords["hems-1-1"],
            ca=w.hardened.files.folder / "ca.crt")),
        enter("no user and no password", lambda w: w.by_password(None, None)),
        enter("a user without a password", lambda w: w.by_password("hems-1-1", None)),
        enter("an empty password", lambda w: w.by_password("hems-1-1", "")),
        enter("a wrong password", lambda w: w.by_password("hems-1-1", "a guess")),
        enter("the password of another user", lambda w: w.by_password("hems-1-2", w.passwords["hems-1-1"])),
        enter("a party that has no password", lambda w: w.by_password("ra-2", "")),
        enter("an unknown user", lambda w: w.by_password("nobody", "a guess")),
        Attack("TLS 1.0", "", REFUSED, lambda world: _old(world, "-tls1")),
        Attack("TLS 1.1", "", REFUSED, lambda world: _old(world, "-tls1_1")),
        Attack("TLS without encryption", "", REFUSED, lambda world: _cipher(world, "NULL:@SECLEVEL=0")),
    ]  # fmt: skip


def _bundled(world: World, name: str) -> Address:
    return world.hardened.address(name)


def _old(world: World, version: str) -> str:
    """By OpenSSL's own client."""
    command = [
        "openssl",
        "s_client",
        "-connect",
        f"{HOST}:{world.password_port}",
        version,
        "-cipher",
        "ALL:@SECLEVEL=0",
    ]
    ended = subprocess.run(command, input=b"", capture_output=True, timeout=WITHIN_S, check=False)
    return "let in" if b"Cipher is (NONE)" not in ended.stdout else REFUSED


def _cipher(world: World, ciphers: str) -> str:
    command = ["openssl", "s_client", "-connect", f"{HOST}:{world.password_port}", "-tls1_2", "-cipher", ciphers]
    ended = subprocess.run(command, input=b"", capture_output=True, timeout=WITHIN_S, check=False)
    return "let in" if b"Cipher is (NONE)" not in ended.stdout else REFUSED


# -- who writes what


def _forgeries() -> list[Attack]:
    def write(
        what: str, name: str, topic: str, expected: str = SHUT, *, payload: bytes = b"x", retain: bool = False
    ) -> Attack:
        return Attack(what, topic, expected, lambda world: world.writes(name, topic, payload, retain=retain))

    home, sibling, taken = "hems-1-1", "hems-1-2", "taken, delivered"
    found = [
        write("a home's own offer", home, "dr/offer/ra-1/hems-1-1", taken),
        write("an aggregator's own award", "ra-1", "dr/award/ra-1/hems-1-1", taken),
        write("a home offers to an aggregator that is not its own", home, "dr/offer/ra-2/hems-1-1", taken),
    ]
    found += [
        write(f"a home's {kind} in the name of its sibling", home, f"dr/{kind}/ra-1/{sibling}")
        for kind in ("offer", "confirm", "withdraw", "report", "reject", "presence", "alternative")
    ]
    found += [
        write(f"a home's {kind} to itself", home, f"dr/{kind}/ra-1/{home}")
        for kind in ("request", "relax", "award", "dispatch")
    ]
    found += [
        write(f"a home's {kind} to its sibling", home, f"dr/{kind}/ra-1/{sibling}")
        for kind in ("request", "award", "dispatch")
    ]
    found += [
        write("a home's alternative", home, "dr/alternative/ra-1/hems-1-1"),
        write("a home asks as an aggregator of its own making", home, "dr/request/hems-1-1/hems-1-2"),
        write("a home asks an aggregator as the coordinator", home, "dr/request/ac/ra-1"),
        write("an aggregator awards another one's home", "ra-1", "dr/award/ra-2/hems-2-1"),
        write("an aggregator dispatches another one's home", "ra-1", "dr/dispatch/ra-2/hems-2-1"),
        write("an aggregator asks another one's home", "ra-1", "dr/request/ra-2/hems-2-1"),
        write("an aggregator answers as another one", "ra-1", "dr/offer/ac/ra-2"),
        write("an aggregator proposes as another one", "ra-1", "dr/alternative/ac/ra-2"),
        write("an aggregator awards itself as the coordinator", "ra-1", "dr/award/ac/ra-1"),
        write("a coordinator asks as the utility", "ac", "dr/request/utility/ac"),
        write("a retained request to a sibling", home, f"dr/request/ra-1/{sibling}", retain=True),
        write("a parent's retained request is cleared", home, f"dr/request/ra-1/{home}", payload=b"", retain=True),
        write("a sibling's presence is cleared", home, f"dr/presence/ra-1/{sibling}", payload=b"", retain=True),
        write("an aggregator is said to be offline", home, "dr/presence/ac/ra-1", retain=True),
        write("a watcher awards", "watch", "dr/award/ra-1/hems-1-1"),
        write("a recorder offers for a home", "record", "dr/offer/ra-1/hems-1-1"),
        write("a doctor awards", "doctor", "dr/award/ra-1/hems-1-1"),
        write("a gateway offers for a home below its aggregator", "gateway-1", "dr/offer/ra-1/hems-1-1", taken),
        write("a gateway offers for a home below another", "gateway-1", "dr/offer/ra-2/hems-2-1"),
        write("a gateway awards", "gateway-1", "dr/award/ra-1/hems-1-1"),
        write("a party that no book names awards", "stranger", "dr/award/ra-1/hems-1-1"),
        write("a certificate is asked for in the name of an aggregator", home, "gridpact/ca/request/ra-1"),
        write("a certificate is given by a party", home, "gridpact/ca/certificate/hems-1-2"),
        write("trusted roots are given by a party", home, "gridpact/ca/roots", retain=True),
        write("trusted roots are given by an aggregator", "ra-1", "gridpact/ca/roots", retain=True),
        write(
            "a request for a certificate stands at the broker for later",
            home,
            "gridpact/ca/request/hems-1-2",
            retain=True,
        ),
        write("a sibling's capability, to stand at the broker", home, f"dr/capability/ra-1/{sibling}", retain=True),
        write("an aggregator's capability, to stand at the broker", home, "dr/capability/ac/ra-1", retain=True),
        write("a topic of no kind", home, "dr/anything/ra-1/hems-1-1"),
        write("a topic outside of ours", home, "elsewhere"),
        write("a counter of the broker", home, "$SYS/broker/version"),
        write("a topic of 200 levels", home, "/".join(["dr"] * 199)),
    ]
    found += [
        Attack("a last will in the name of a sibling", "dr/offer/ra-1/hems-1-2", "not delivered",
               lambda world: _will(world, "dr/offer/ra-1/hems-1-2")),
        Attack("a last will that awards", "dr/award/ra-1/hems-1-1", "not delivered",
               lambda world: _will(world, "dr/award/ra-1/hems-1-1")),
        Attack("a last will that says that the aggregator is offline", "dr/presence/ac/ra-1", "not delivered",
               lambda world: _will(world, "dr/presence/ac/ra-1")),
        Attack("a name with a wildcard in the certificate", "dr/award/ra-1/+", "hears nothing, writes nothing",
               _wildcard),
    ]  # fmt: skip
    return found


def _will(world: World, topic: str) -> str:
    with world.as_party("watch") as watch, world.as_party("ra-2") as ra:
        watch.subscribe("dr/#")
        try:
            attacker = world.as_party("hems-1-1", will=(topic, b"forged", False))
        except Refused:
            return "not delivered"
        with world.as_party("hems-1-2", will=("dr/offer/ra-1/hems-1-2", b"honest", False)) as honest:
            attacker.vanish()
            honest.vanish()  # an honest will, which has to come, comes after the forged one
            heard = [watch.heard.get(timeout=WITHIN_S)] if topic != "dr/offer/ra-1/hems-1-2" else []
            ra.publish("dr/award/ra-2/hems-2-9")
            rest = watch.until("dr/award/ra-2/hems-2-9")
    count = [*heard, *rest].count(topic)
    return "not delivered" if count == (1 if topic == "dr/offer/ra-1/hems-1-2" else 0) else "delivered"


def _wildcard(world: World) -> str:
    """A name that our authority would not give: if a certificate had it, it would open nothing."""
    for name in ("+", "#"):
        try:
            with world.as_party(name, "wild") as wild, world.as_party("ra-1") as ra, world.as_party("hems-1-2") as home:
                home.subscribe("dr/request/+/hems-1-2")
                wild.subscribe("dr/request/+/+", "dr/award/+/#")
                if wild.publish("dr/offer/ra-1/hems-1-2"):
                    return "writes"
                ra.publish("dr/request/ra-1/hems-1-2")
                home.until("dr/request/ra-1/hems-1-2")
                if not wild.heard.empty():
                    return "hears"
        except Refused:
            continue
    return "hears nothing, writes nothing"


# -- who hears what


def _eavesdropping() -> list[Attack]:
    def listen(what: str, *filters: str, name: str = "hems-1-1", expected: str = NOTHING) -> Attack:
        return Attack(what, ", ".join(filters), expected, lambda world: world.overhears(name, *filters))

    return [
        listen("everything", "#"),
        listen("everything of ours", "dr/#"),
        listen("what its siblings offer", "dr/offer/ra-1/+"),
        listen("what its sibling is asked", "dr/request/ra-1/hems-1-2"),
        listen("what all homes are awarded", "dr/award/+/+"),
        listen("all that concerns a sibling", "+/+/+/hems-1-2"),
        listen("who is there", "dr/presence/#"),
        listen("a share of the aggregator's offers", "$share/thief/dr/offer/ra-1/+"),
        listen("a share of everything", "$share/thief/dr/#"),
        listen("the broker's own counters", "$SYS/#"),
        listen("ten filters at once", *(f"dr/{kind}/+/+" for kind in (
            "request", "offer", "relax", "alternative", "award", "confirm", "dispatch", "report", "withdraw",
            "presence"))),
        Attack("an aggregator hears another one's offers", "dr/offer/ra-1/+", NOTHING,
               _rival),
        Attack("a share taken from an aggregator leaves it all its offers", "$share/thief/dr/offer/ra-1/+",
               "hears all 50", _share),
        Attack("a retained offer on its own topic reaches who subscribes later", "dr/offer/ra-1/hems-1-1",
               "marked as retained", _planted),
    ]  # fmt: skip


def _rival(world: World) -> str:
    with world.as_party("ra-2") as spy, world.as_party("hems-1-2") as home, world.as_party("ac") as ac:
        spy.subscribe("dr/#", "dr/offer/ra-1/+", "dr/request/+/ra-2")
        home.publish("dr/offer/ra-1/hems-1-2")
        ac.publish("dr/request/ac/ra-2")
        heard = [topic for topic in spy.until("dr/request/ac/ra-2") if topic != "dr/request/ac/ra-2"]
    return f"hears {heard[0]}" if heard else NOTHING


def _share(world: World) -> str:
    with world.as_party("hems-1-1") as thief, world.as_party("ra-1") as ra, world.as_party("hems-1-2") as home:
        thief.subscribe("$share/thief/dr/offer/ra-1/+")
        ra.subscribe("dr/offer/ra-1/+")
        for _ in range(50):
            home.publish("dr/offer/ra-1/hems-1-2")
        heard = [ra.heard.get(timeout=WITHIN_S) for _ in range(50)]
    return f"hears all {len(heard)}"


def _planted(world: World) -> str:
    """The broker cannot forbid the flag; our carrier takes no retained message but requests and presence."""
    seen: list[bool] = []
    with world.as_party("hems-1-1") as planter, world.as_party("ra-1") as ra:
        planter.publish("dr/offer/ra-1/hems-1-1", b"old", retain=True)
        ra.client.on_message = lambda c, u, message: (seen.append(bool(message.retain)), ra.heard.put(message.topic))
        ra.subscribe("dr/offer/ra-1/+")
        ra.heard.get(timeout=WITHIN_S)
        planter.publish("dr/offer/ra-1/hems-1-1", b"", retain=True)
    return "marked as retained" if seen[0] else "as if it were new"


# -- who is who


def _identities() -> list[Attack]:
    return [
        Attack("the aggregator's client id, by certificate", "", "the aggregator stays",
               lambda world: _theft(world, world.by_certificate("hems-1-1"))),
        Attack("the aggregator's client id, by password", "", "the aggregator stays",
               lambda world: _theft(world, world.by_password("hems-1-1", world.passwords["hems-1-1"]))),
        Attack("the aggregator's user name beside one's own certificate", "dr/award/ra-1/hems-1-2", SHUT, _two_names),
        Attack("the aggregator's session with what waits in it", "dr/offer/ra-1/hems-1-2", "hears nothing", _session),
        Attack("a removed password ends the living session", "", "ended", _removed),
        Attack("a revoked certificate cannot come again", "", "stays, then refused", _revoked),
    ]  # fmt: skip


def _theft(world: World, address: Address) -> str:
    with world.as_party("ra-1") as ra:
        ra.subscribe("dr/offer/ra-1/+")
        with Attacker(address, "ra-1"), world.as_party("hems-1-2") as home:
            home.publish("dr/offer/ra-1/hems-1-2")
            ra.until("dr/offer/ra-1/hems-1-2")
        return "the aggregator is out" if ra.gone.is_set() else "the aggregator stays"


def _two_names(world: World) -> str:
    address = replace(world.by_certificate("hems-1-1"), username="ra-1", password="x")
    with world.as_party("watch") as watch, world.as_party("ra-2") as ra:
        watch.subscribe("dr/#")
        try:
            with Attacker(address, "ra-1") as attacker:
                taken = attacker.publish("dr/award/ra-1/hems-1-2")
        except Refused:
            return SHUT
        ra.publish("dr/award/ra-2/hems-2-9")
        heard = watch.until("dr/award/ra-2/hems-2-9")
    return f"{'taken' if taken else 'refused'}, {'delivered' if 'dr/award/ra-1/hems-1-2' in heard else 'not delivered'}"


def _session(world: World) -> str:
    """The aggregator is away with a session; somebody comes under its client id and waits for what it was sent."""
    ra = world.as_party("ra-1", session_s=600)
    ra.subscribe("dr/offer/ra-1/+")
    ra.close()
    with world.as_party("hems-1-2") as home:
        home.publish("dr/offer/ra-1/hems-1-2")
    with Attacker(world.by_certificate("hems-1-1"), "ra-1") as thief, world.as_party("ra-1") as back:
        thief.subscribe("dr/request/+/hems-1-1")
        back.publish("dr/request/ra-1/hems-1-1")
        heard = thief.until("dr/request/ra-1/hems-1-1")
    return f"hears {heard[0]}" if heard else NOTHING


def _removed(world: World) -> str:
    passwords = world.hardened.files.passwords
    home = Attacker(world.by_password("hems-1-2", world.passwords["hems-1-2"]), "x")
    passwords.keep_only([user for user in passwords.users if user != "hems-1-2"])
    passwords.save()
    world.reload()
    ended = home.gone.wait(WITHIN_S)
    home.close()
    return "ended" if ended else "stays"


def _revoked(world: World) -> str:
    """As the documentation says: the living connection stays, so the party has to leave the book as well."""
    authority = world.hardened.authority
    pair, other = (authority.client(name, utc_now()) for name in ("hems-1-7", "hems-1-6"))
    address, probe = world.by_certificate("hems-1-7", pair), world.by_certificate("hems-1-6", other)
    with Attacker(address, "hems-1-7") as living:
        for name in ("hems-1-7", "hems-1-6"):
            authority.revoke(name, utc_now())
        world.hardened.files.write(utc_now())
        world.reload()
        # Another revoked party tells when the files were read: one of the same name would end the living connection.
        for _ in range(200):
            if world.enters(probe) == REFUSED:
                break
        else:
            return "still let in"
        again = world.enters(address)
        stays = living.publish("dr/offer/ra-1/hems-1-7")
    return f"{'stays' if stays else 'ended'}, then {again}"


# -- who is rude


def _rudeness() -> list[Attack]:
    def rude(what: str, run: Callable[[World, ExitStack], None]) -> Attack:
        def all_of_it(world: World) -> str:
            with ExitStack() as stack:
                run(world, stack)
                return world.serves()

        return Attack(what, "", SERVED, all_of_it)

    return [
        rude("a post of 300 kB", lambda world, stack: _oversized(world)),
        rude("5,000 subscriptions", lambda world, stack: _subscriptions(world, stack)),
        rude("a hundred connections that never finish the handshake", _half_open),
        rude("half a packet, and then nothing", lambda world, stack: _raw(world, stack, b"\x10\x7f\x00\x04MQ")),
        rude("bytes that are no MQTT", lambda world, stack: _raw(world, stack, bytes(range(256)) * 64)),
        rude("a packet that says to be 256 MB long",
             lambda world, stack: _raw(world, stack, b"\x10\xff\xff\xff\x7f" + b"x" * 1000)),
        rude("two greetings on one connection", lambda world, stack: _raw(world, stack, CONNECT * 2)),
        rude("a reader that never reads", lambda world, stack: _slow(world, stack)),
    ]  # fmt: skip


CONNECT = b"\x10\x10\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x03raw"
SUBSCRIBE = b"\x82\x0a\x00\x01\x00\x00\x04dr/#\x01"


def _oversized(world: World) -> None:
    with world.as_party("hems-1-1") as attacker:
        attacker.client.publish("dr/offer/ra-1/hems-1-1", b"x" * 300_000, 1)
        attacker.gone.wait(WITHIN_S)


def _subscriptions(world: World, stack: ExitStack) -> None:
    attacker = stack.enter_context(world.as_party("hems-1-1"))
    for number in range(50):
        attacker.subscribe(*(f"dr/request/x{number}-{one}/hems-1-1" for one in range(100)))


def _half_open(world: World, stack: ExitStack) -> None:
    for _ in range(100):
        stack.enter_context(socket.create_connection((HOST, world.port), WITHIN_S)).sendall(b"\x16\x03\x01")


def _raw(world: World, stack: ExitStack, data: bytes) -> None:
    """Bytes of one's own behind a good certificate."""
    context = ssl.create_default_context(cafile=str(world.hardened.files.folder / "ca.crt"))
    address = world.by_certificate("hems-1-1")
    context.load_cert_chain(str(address.certificate), str(address.key))
    plain = stack.enter_context(socket.create_connection((HOST, world.port), WITHIN_S))
    stack.enter_context(context.wrap_socket(plain, server_hostname=HOST)).sendall(data)


def _slow(world: World, stack: ExitStack) -> None:
    """A watcher subscribes to everything and takes nothing while a thousand large posts go by."""
    context = ssl.create_default_context(cafile=str(world.hardened.files.folder / "ca.crt"))
    address = world.by_certificate("watch")
    context.load_cert_chain(str(address.certificate), str(address.key))
    plain = stack.enter_context(socket.create_connection((HOST, world.port), WITHIN_S))
    slow = stack.enter_context(context.wrap_socket(plain, server_hostname=HOST))
    slow.sendall(CONNECT + SUBSCRIBE)
    slow.recv(1)  # it is answered, and takes nothing from now on
    with world.as_party("hems-1-1") as sender:
        for _ in range(1_000):
            sender.publish("dr/offer/ra-1/hems-1-1", b"x" * 20_000)
