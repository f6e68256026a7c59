"""Who is not let in hears why, in one sentence, at once; who changes credentials goes on."""

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hardened import HOST, Hardened, hardened_files, running

from agents.tools.access import certificates as made
from agents.tools.access.authority import Authority
from agents.tools.access.bundle import write_bundle, write_pair
from agents.tools.access.certificates import utc_now
from broker.address import Address
from broker.bus import Arrival, Post
from broker.credentials import CredentialsError, read_credentials
from broker.link import LinkDenied
from broker.mosquitto import free_port, private_broker
from broker.mqtt import MqttBus

WAYS = pytest.mark.parametrize("way", [("5", False), ("5", True), ("3.1.1", False)], ids=["5", "5-crowd", "3.1.1"])
Way = tuple[str, bool]
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
"""paho leaves a socket to the collector when a handshake fails."""
WITHIN_S = 10.0
"""Generous: the machine that runs this may be busy. A broker that is not there is given up after longer."""


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    yield
    gc.collect()


async def take(arrivals: Sequence[Arrival]) -> None:
    for arrival in arrivals:
        arrival.acknowledge()


def bus_of(address: Address, way: Way, up: asyncio.Event | None = None, name: str = "hems-1-1") -> MqttBus:
    told = up or asyncio.Event()
    address = replace(address, protocol="5" if way[0] == "5" else "3.1.1")
    return MqttBus(
        address, name, (f"dr/request/+/{name}",), on_connected=lambda on: told.set() if on else None, crowd=way[1]
    )


async def refusal(address: Address, way: Way) -> str:
    """What the first connection ends with."""
    async with asyncio.timeout(WITHIN_S):
        with pytest.raises(LinkDenied) as raised:
            await bus_of(address, way).run(take)
    return str(raised.value)


def expired(hardened: Hardened) -> Address:
    yesterday = utc_now() - timedelta(days=1)
    hardened.bundle("hems-1-1", hardened.authority.client("hems-1-1", yesterday, timedelta(hours=1)))
    return hardened.address("hems-1-1")


def foreign(hardened: Hardened) -> Address:
    authority = Authority.create(hardened.folder / "foreign", "somebody else", utc_now())
    hardened.bundle("hems-1-1", authority.client("hems-1-1", utc_now()))
    return hardened.address("hems-1-1")


def revoked(hardened: Hardened) -> Address:
    hardened.bundle("hems-1-1")
    hardened.authority.revoke("hems-1-1", utc_now())
    hardened.files.write(utc_now())
    return hardened.address("hems-1-1")


def for_servers(hardened: Hardened) -> Address:
    hardened.bundle("hems-1-1", hardened.authority.server(["hems-1-1"], utc_now()))
    return hardened.address("hems-1-1")


def without_certificate(hardened: Hardened) -> Address:
    hardened.bundle("hems-1-1")
    return replace(hardened.address("hems-1-1"), certificate=None, key=None)


def wrong_ca(hardened: Hardened) -> Address:
    hardened.bundle("hems-1-1")
    Authority.create(hardened.folder / "foreign", "somebody else", utc_now())
    return replace(hardened.address("hems-1-1"), ca=hardened.folder / "foreign" / "ca.crt")


def wrong_host(hardened: Hardened) -> Address:
    hardened.bundle("hems-1-1")
    return replace(hardened.address("hems-1-1"), host="localhost")


def wrong_password(hardened: Hardened) -> Address:
    hardened.files.passwords.give("hems-1-1")
    hardened.files.passwords.save()
    return hardened.with_password("hems-1-1", "a guess")


def no_such_user(hardened: Hardened) -> Address:
    return hardened.with_password("nobody", "a guess")


@WAYS
@pytest.mark.parametrize(
    ("come", "reason"),
    [
        (expired, "our certificate has expired"),
        (foreign, "not from an authority that the broker knows"),
        (revoked, "our certificate is revoked"),
        (for_servers, "not one for clients"),
        (without_certificate, "wants a certificate of ours"),
        (wrong_ca, "its certificate is not from the authority in ca"),
        (wrong_host, "its certificate is not for localhost"),
        (wrong_password, "does not let hems-1-1 in: check user and password"),
        (no_such_user, "does not let nobody in: check user and password"),
    ],
)
async def test_refusal_is_one_sentence_with_its_reason(
    tmp_path: Path, way: Way, come: Callable[[Hardened], Address], reason: str
) -> None:
    hardened = hardened_files(tmp_path)
    address = come(hardened)
    async with running(hardened):
        said = await refusal(address, way)
    assert reason in said
    assert "\n" not in said


@asynccontextmanager
async def old_tls(folder: Path) -> AsyncIterator[int]:
    """A server that speaks nothing newer than TLS 1.1."""
    pair, port = made.authority("old", utc_now()), free_port()
    (folder / "old.crt").write_bytes(pair.certificate_pem)
    (folder / "old.key").write_bytes(pair.key_pem)
    process = await asyncio.create_subprocess_exec(
        "openssl", "s_server", "-accept", f"{HOST}:{port}", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0",
        "-cert", str(folder / "old.crt"), "-key", str(folder / "old.key"),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        await process.stdout.readuntil(b"ACCEPT")
        yield port
    finally:
        process.kill()
        await process.communicate()


@WAYS
async def test_broker_of_an_old_tls_is_told(tmp_path: Path, way: Way) -> None:
    hardened = hardened_files(tmp_path)
    hardened.bundle("hems-1-1")
    async with old_tls(tmp_path) as port:
        said = await refusal(replace(hardened.address("hems-1-1"), port=port), way)
    assert "speaks a TLS older than 1.2" in said


@WAYS
async def test_broker_without_tls_is_told_and_tried_again(tmp_path: Path, way: Way) -> None:
    hardened = hardened_files(tmp_path)
    hardened.bundle("hems-1-1")
    async with private_broker() as plain, asyncio.timeout(WITHIN_S):
        address = replace(hardened.address("hems-1-1"), port=plain.port)
        out = asyncio.Event()
        bus = MqttBus(address, "hems-1-1", (), on_connected=lambda on: out.set(), crowd=way[1])
        running = asyncio.create_task(bus.run(take))
        await out.wait()
        assert "does it speak TLS 1.2 or later on this port?" in bus.entrance.failure
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@WAYS
async def test_broker_that_wants_tls_says_so_to_who_comes_without(tmp_path: Path, way: Way) -> None:
    hardened = hardened_files(tmp_path)
    async with running(hardened):
        said = await refusal(Address(HOST, hardened.files.plan.port), way)
    assert "speaks TLS on this port: name its authority (ca)" in said


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda folder: (folder / "party.key").unlink(), "party.key: cannot be read: No such file"),
        (lambda folder: (folder / "ca.crt").write_text("nothing"), "ca.crt: holds no certificate of an authority"),
        (
            lambda folder: (folder / "party.crt").write_text("x"),
            "party.crt, .*party.key: are no certificate and its key",
        ),
        (
            lambda folder: (folder / "party.key").write_bytes(made.authority("x", utc_now()).key_pem),
            "is not the key of the certificate",
        ),
    ],
)
async def test_file_that_cannot_be_used_is_told(tmp_path: Path, spoil: Callable[[Path], object], reason: str) -> None:
    hardened = hardened_files(tmp_path)
    spoil(hardened.bundle("hems-1-1"))
    with pytest.raises(CredentialsError, match=reason):
        await bus_of(hardened.address("hems-1-1"), ("5", False)).run(take)


@pytest.mark.parametrize(
    ("held", "password"),
    [
        (b"secret\n", "secret"), (b"secret", "secret"), (b"secret\r\nof watch\r\n", "secret"),
        (b"\xef\xbb\xbfsecret\r\n", "secret"), (b"two words \n", "two words "),
    ],
)  # fmt: skip
def test_password_is_the_first_line_whatever_editor_wrote_it(tmp_path: Path, held: bytes, password: str) -> None:
    (tmp_path / "password").write_bytes(held)
    assert read_credentials(Address(username="watch", password_file=tmp_path / "password")).password == password


@pytest.mark.parametrize("held", [b"", b"\n", b"\xef\xbb\xbf\r\nsecret", b"\xff\xfe"])
def test_password_file_without_a_password_is_told(tmp_path: Path, held: bytes) -> None:
    (tmp_path / "password").write_bytes(held)
    with pytest.raises(CredentialsError, match="password: has no first line with a password"):
        read_credentials(Address(username="watch", password_file=tmp_path / "password"))


@asynccontextmanager
async def connected(bus: MqttBus, up: asyncio.Event) -> AsyncIterator[None]:
    task = asyncio.create_task(bus.run(take))
    waiting = asyncio.create_task(up.wait())
    try:
        async with asyncio.timeout(WITHIN_S):
            await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
        yield
    finally:
        task.cancel()
        waiting.cancel()
        await asyncio.gather(task, waiting, return_exceptions=True)


async def again(up: asyncio.Event) -> None:
    up.clear()
    async with asyncio.timeout(WITHIN_S):
        await up.wait()


@WAYS
async def test_renewed_certificate_is_taken_up_while_connected(
    tmp_path: Path, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.mqtt.LOOK_AT_FILES_S", 0.05)
    hardened, up = hardened_files(tmp_path), asyncio.Event()
    folder = hardened.bundle("hems-1-1", valid=timedelta(days=3))
    bus = bus_of(hardened.address("hems-1-1"), way, up)
    async with running(hardened), connected(bus, up):
        before = bus.entrance.expires_at
        write_pair(folder, hardened.authority.client("hems-1-1", utc_now()))
        while bus.entrance.expires_at == before:
            await again(up)
        assert bus.entrance.trouble == ""


@WAYS
async def test_new_credentials_that_are_refused_leave_the_old_ones_in_use(
    tmp_path: Path, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.mqtt.LOOK_AT_FILES_S", 0.05)
    hardened, up = hardened_files(tmp_path), asyncio.Event()
    folder = hardened.bundle("hems-1-1")
    stranger = Authority.create(tmp_path / "foreign", "somebody else", utc_now())
    bus = bus_of(hardened.address("hems-1-1"), way, up)
    async with running(hardened), connected(bus, up):
        write_pair(folder, stranger.client("hems-1-1", utc_now()))
        while "new credentials are refused, the old ones are used" not in bus.entrance.trouble:
            await again(up)
        write_pair(folder, hardened.authority.client("hems-1-1", utc_now()))
        while bus.entrance.trouble:
            await again(up)


@WAYS
async def test_no_message_is_lost_while_a_certificate_is_renewed(
    tmp_path: Path, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.mqtt.LOOK_AT_FILES_S", 0.05)
    hardened, up = hardened_files(tmp_path), asyncio.Event()
    folder = hardened.bundle("ra-1")
    hardened.bundle("hems-1-1")
    heard: dict[bytes, None] = {}
    ups: asyncio.Queue[None] = asyncio.Queue()
    complete = asyncio.Event()

    async def hear(arrivals: Sequence[Arrival]) -> None:
        for arrival in arrivals:
            heard[arrival.payload] = None
            arrival.acknowledge()
        if len(heard) == 400:
            complete.set()

    address = replace(hardened.address(), protocol="5" if way[0] == "5" else "3.1.1")
    told = lambda on: ups.put_nowait(None) if on else None
    ra = MqttBus(address, "ra-1", ("dr/offer/ra-1/+",), on_connected=told, crowd=way[1])
    home = bus_of(hardened.address(), way, up)
    async with running(hardened), connected(home, up):
        hearing = asyncio.create_task(ra.run(hear))
        async with asyncio.timeout(60):
            await ups.get()
            for number in range(4):
                write_pair(folder, hardened.authority.client("ra-1", utc_now()))
                for one in range(100):
                    await home.publish(Post("dr/offer/ra-1/hems-1-1", b"%d" % (100 * number + one)))
                await ups.get()
            await complete.wait()
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)


@WAYS
async def test_password_that_is_changed_at_the_broker_is_told_and_the_new_one_is_taken_up(
    tmp_path: Path, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.mqtt.LONGEST_PAUSE_S", 0.05)
    hardened, changes = hardened_files(tmp_path), asyncio.Queue[bool]()
    passwords, file = hardened.files.passwords, tmp_path / "password"
    file.write_text(passwords.give("hems-1-1"))
    passwords.save()
    address = replace(
        hardened.with_password("hems-1-1"), password_file=file, protocol="5" if way[0] == "5" else "3.1.1"
    )
    bus = MqttBus(address, "hems-1-1", (), on_connected=changes.put_nowait, crowd=way[1])
    async with running(hardened) as started, asyncio.timeout(3 * WITHIN_S):
        assert started.broker is not None
        task = asyncio.create_task(bus.run(take))
        assert await changes.get()
        new = passwords.give("hems-1-1")
        passwords.save()
        os.kill(started.broker.pid, signal.SIGHUP)
        while "does not let hems-1-1 in: check user and password" not in bus.entrance.trouble:
            assert not await changes.get()
        file.write_text(new)
        while not await changes.get():
            pass
        assert bus.entrance.trouble == ""
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@WAYS
async def test_next_address_is_tried_at_once(tmp_path: Path, way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.mqtt.FIRST_PAUSE_S", 3_600)
    up = asyncio.Event()
    async with private_broker() as first:
        address = Address(HOST, free_port(), others=((HOST, free_port()), (HOST, first.port)))
        async with connected(bus_of(address, way, up), up):
            assert up.is_set()


@WAYS
async def test_crowd_of_messages_comes_through_tls(tmp_path: Path, way: Way) -> None:
    hardened, up = hardened_files(tmp_path), asyncio.Event()
    for name in ("ra-1", "hems-1-1"):
        hardened.bundle(name)
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def hear(arrivals: Sequence[Arrival]) -> None:
        for arrival in arrivals:
            heard.put_nowait(arrival.payload)
            arrival.acknowledge()

    address = replace(hardened.address(), protocol="5" if way[0] == "5" else "3.1.1")
    ra = MqttBus(address, "ra-1", ("dr/offer/ra-1/+",), on_connected=lambda on: up.set(), crowd=way[1])
    home_up = asyncio.Event()
    home = bus_of(hardened.address(), way, home_up)
    async with running(hardened), connected(home, home_up):
        hearing = asyncio.create_task(ra.run(hear))
        async with asyncio.timeout(60):
            await up.wait()
            for number in range(3_000):
                await home.publish(Post("dr/offer/ra-1/hems-1-1", b"%0300d" % number))
            found = [int(await heard.get()) for _ in range(3_000)]
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)
    assert found == list(range(3_000))


async def test_password_opens_the_second_listener(tmp_path: Path) -> None:
    hardened = hardened_files(tmp_path)
    password = hardened.files.passwords.give("hems-1-1")
    hardened.files.passwords.save()
    write_bundle(tmp_path / "b", [HOST], 1, hardened.authority.certificate_pem, login=("hems-1-1", password))
    address = replace(hardened.with_password("hems-1-1"), password_file=tmp_path / "b" / "password")
    async with running(hardened):
        for way in (("5", False), ("5", True), ("3.1.1", False)):
            up = asyncio.Event()
            async with connected(bus_of(address, way, up), up):
                assert up.is_set()
