"""A certificate that ends soon is renewed over its own session, by the authority that answers on the broker."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hardened import Hardened, answering, hardened_files, running

from agents.pages.console.presence import PresenceTap
from agents.runtime.credentials import renewals
from agents.tools.access.certificates import Pair, utc_now
from agents.tools.access.plan import save_plan
from agents.tools.record import Recorder
from agents.tools.watch.live import Watch
from agents.tools.watch.picture import Picture
from agents.tools.watch.shows import Lines
from broker.address import Address
from broker.bus import Post
from broker.credentials import read_credentials
from broker.entrance import Entrance
from broker.mqtt import MqttBus
from broker.probe import Probe
from broker.recording_file import Header, RecordingWriter

WAYS = pytest.mark.parametrize("way", [("5", False), ("5", True), ("3.1.1", False)], ids=["5", "5-crowd", "3.1.1"])
WITHIN_S = 20


@pytest.fixture
def hardened(tmp_path: Path) -> Hardened:
    found = hardened_files(tmp_path)
    save_plan(found.files.folder, found.files.plan)
    found.bundle("authority")
    return found


@asynccontextmanager
async def party(
    hardened: Hardened, name: str, way: tuple[str, bool]
) -> AsyncIterator[tuple[MqttBus, asyncio.Queue[bool]]]:
    """One that looks after its certificate, as a daemon's does."""
    changes: asyncio.Queue[bool] = asyncio.Queue()

    async def nothing(arrivals: object) -> None: ...

    address = replace(hardened.address(name), protocol="5" if way[0] == "5" else "3.1.1")
    bus = MqttBus(address, name, (), on_connected=changes.put_nowait, crowd=way[1])
    (renewal,) = renewals([bus])
    tasks = [asyncio.create_task(bus.run(nothing))]
    assert await changes.get()
    tasks.append(asyncio.create_task(renewal.run()))
    yield bus, changes
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@WAYS
async def test_certificate_that_ends_soon_is_renewed_and_taken_up(
    hardened: Hardened, way: tuple[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.mqtt.LOOK_AT_FILES_S", 0.05)
    folder = hardened.bundle("hems-1-1", valid=timedelta(days=20))
    old_key = (folder / "party.key").read_bytes()
    async with (
        asyncio.timeout(WITHIN_S),
        running(hardened),
        answering(hardened) as words,
        party(hardened, "hems-1-1", way) as (bus, changes),
    ):
        assert await words.get() == "hems-1-1: renewed"
        while bus.entrance.expires_at is None or bus.entrance.expires_at < utc_now() + timedelta(days=300):
            await changes.get()
        assert bus.entrance.trouble == ""
    assert (folder / "party.key").read_bytes() != old_key
    assert (folder / "party.key.before").read_bytes() == old_key
    assert (folder / "party.key").stat().st_mode & 0o777 == 0o600
    read_credentials(hardened.address("hems-1-1"))  # they belong together


def watching(address: Address, folder: Path) -> Coroutine[Any, Any, object]:
    picture = Picture()
    return Watch(address, picture).run(Lines(picture, json=False, write=lambda line: None))


def recording(address: Address, folder: Path) -> Coroutine[Any, Any, object]:
    writer = RecordingWriter(folder / "r.jsonl", Header("bus", "gridpact", utc_now()))
    return Recorder(address, writer, lambda line: line).run(lambda counter: None, 1)


def console(address: Address, folder: Path) -> Coroutine[Any, Any, object]:
    return PresenceTap(address, lambda: None).run()


@pytest.mark.parametrize("reader", [watching, recording, console])
async def test_reader_renews_its_certificate_too(
    hardened: Hardened,
    reader: Callable[[Address, Path], Coroutine[Any, Any, object]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agents.runtime.renewal.ASK_AGAIN_S", 0.05)
    folder = hardened.bundle("watch", valid=timedelta(days=20))
    async with asyncio.timeout(WITHIN_S), running(hardened), answering(hardened) as words:
        task = asyncio.create_task(reader(hardened.address("watch"), tmp_path))
        assert await words.get() == "watch: renewed"
        while (ends_at := read_credentials(hardened.address("watch")).expires_at) is not None:
            if ends_at > utc_now() + timedelta(days=300):
                break
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert (folder / "party.crt.before").exists()


async def test_certificate_that_has_time_is_left(hardened: Hardened) -> None:
    folder = hardened.bundle("hems-1-1")
    before = (folder / "party.crt").read_bytes()
    hardened.bundle("hems-1-2", valid=timedelta(days=20))
    async with (
        asyncio.timeout(WITHIN_S),
        running(hardened),
        answering(hardened) as words,
        party(hardened, "hems-1-1", ("5", False)),
        party(hardened, "hems-1-2", ("5", False)),
    ):
        assert await words.get() == "hems-1-2: renewed"
    assert (folder / "party.crt").read_bytes() == before


async def test_revoked_party_that_is_still_connected_is_not_renewed(hardened: Hardened) -> None:
    folder = hardened.bundle("hems-1-1", valid=timedelta(days=20))
    before = (folder / "party.crt").read_bytes()
    async with asyncio.timeout(WITHIN_S), running(hardened), answering(hardened) as words:
        hardened.authority.revoke("hems-1-1", utc_now())
        async with party(hardened, "hems-1-1", ("5", False)):
            assert await words.get() == "refused: hems-1-1: is revoked: enrol it anew"
    assert (folder / "party.crt").read_bytes() == before


async def test_refusal_is_answered_with_its_reason_and_so_often_only(hardened: Hardened) -> None:
    hardened.bundle("hems-1-1")
    answers: asyncio.Queue[bytes] = asyncio.Queue()
    bus = MqttBus(hardened.address("hems-1-1"), "hems-1-1", ())
    bus.hear_beside("gridpact/ca/certificate/hems-1-1", answers.put_nowait)

    async def nothing(arrivals: object) -> None: ...

    async with asyncio.timeout(WITHIN_S), running(hardened), answering(hardened) as words:
        task = asyncio.create_task(bus.run(nothing))
        for _ in range(5):
            await bus.publish(Post("gridpact/ca/request/hems-1-1", b"no request"))
        said = [await words.get() for _ in range(4)]
        given = [await answers.get() for _ in range(3)]
        hardened.bundle("hems-1-2", valid=timedelta(days=20))
        async with party(hardened, "hems-1-2", ("5", False)):
            assert await words.get() == "hems-1-2: renewed"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert given == [b"refused: hems-1-1: sent no certificate request (PEM)"] * 3
    assert answers.empty()
    assert said[:3] == ["refused: hems-1-1: sent no certificate request (PEM)"] * 3
    assert said[3].startswith("hems-1-1: asks more than once in 60 s")


@pytest.mark.parametrize("answer", [b"", b"no certificate", b"refused: \x1b[31mno\xff", "of another key"])
def test_answer_that_is_not_for_our_key_changes_no_file(hardened: Hardened, answer: bytes | str) -> None:
    folder = hardened.bundle("hems-1-1")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    given = hardened.authority.client("hems-1-1", utc_now()).certificate_pem if isinstance(answer, str) else answer
    (renewal,) = renewals([MqttBus(hardened.address("hems-1-1"), "hems-1-1", ())])
    renewal.take(given)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


async def test_device_that_came_with_a_password_asks_for_its_first_certificate(hardened: Hardened) -> None:
    address = hardened.with_password("hems-1-3", hardened.files.passwords.give("hems-1-3"))
    hardened.files.passwords.save()
    answers: asyncio.Queue[bytes] = asyncio.Queue()
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hems-1-3")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())

    async def nothing(arrivals: object) -> None: ...

    bus = MqttBus(address, "hems-1-3", ())
    bus.hear_beside("gridpact/ca/certificate/hems-1-3", answers.put_nowait)
    async with asyncio.timeout(WITHIN_S), running(hardened), answering(hardened):
        task = asyncio.create_task(bus.run(nothing))
        await bus.publish(Post("gridpact/ca/request/hems-1-3", request.public_bytes(Encoding.PEM)))
        given = await answers.get()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        hardened.bundle("hems-1-3", Pair(x509.load_pem_x509_certificate(given), key))
        assert await asyncio.to_thread(let_in, hardened.address("hems-1-3"))


def let_in(address: Address) -> bool:
    Probe(Entrance(address).next(), "hems-1-3").close()
    return True


async def test_command_answers_until_it_is_ended(hardened: Hardened) -> None:
    folder = hardened.bundle("hems-1-1", valid=timedelta(days=20))
    bundle = hardened.folder / "bundles" / "authority" / "broker.toml"
    async with asyncio.timeout(2 * WITHIN_S), running(hardened):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "agents.cli", "ca", "serve", str(hardened.files.folder), "--broker", str(bundle),
            stdout=asyncio.subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(Path.cwd())},
        )  # fmt: skip
        assert process.stdout is not None
        assert (await process.stdout.readline()).startswith(b"answers at 127.0.0.1:")
        async with party(hardened, "hems-1-1", ("5", False)):
            assert await process.stdout.readline() == b"hems-1-1: renewed\n"
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
    assert x509.load_pem_x509_certificate((folder / "party.crt").read_bytes())
