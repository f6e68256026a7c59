"""A root is exchanged under a running party: it is connected before, between and behind, and nobody touches it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from hardened import HOST, Hardened, hardened_files, running

from agents.runtime.credentials import renewals
from agents.tools.access.broker_files import BrokerFiles
from agents.tools.access.bundle import write_bundle
from agents.tools.access.certificates import common_name, utc_now
from agents.tools.access.plan import load_plan, save_plan
from agents.tools.access.roots import begin, finish, switch
from agents.tools.access.serve import AuthorityService
from broker.entrance import Entrance
from broker.link import LinkDenied, LinkLost
from broker.mqtt import MqttBus
from broker.probe import Probe

NAME, WITHIN_S = "hems-1-1", 60
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # of paho, where a broker ends a handshake


def updated(hardened: Hardened) -> Hardened:
    """The broker's files made anew, as `gridpact broker update` does."""
    files = BrokerFiles(hardened.files.folder, load_plan(hardened.files.folder))
    files.write(utc_now())
    return Hardened(hardened.folder, files)


def roots(folder: Path) -> list[str]:
    return [common_name(one) for one in x509.load_pem_x509_certificates((folder / "ca.crt").read_bytes())]


def issuer(folder: Path) -> str:
    found = x509.load_pem_x509_certificate((folder / "party.crt").read_bytes())
    return found.issuer.rfc4514_string().removeprefix("CN=")


async def until(holds: Callable[[], bool]) -> None:
    """What a daemon does by itself, seen in its files."""
    while not holds():
        await asyncio.sleep(0.05)


async def nothing(arrivals: object) -> None: ...


async def test_root_is_exchanged_under_a_party_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.mqtt.LOOK_AT_FILES_S", 0.05)
    monkeypatch.setattr("agents.tools.access.serve.LOOK_S", 0.05)
    monkeypatch.setattr("broker.mqtt.LONGEST_PAUSE_S", 0.3)
    hardened = hardened_files(tmp_path)
    save_plan(hardened.files.folder, hardened.files.plan)
    hardened.bundle("authority")
    party, ca = hardened.bundle(NAME), tmp_path / "ca"
    stolen = hardened.folder / "bundles" / "stolen"
    write_bundle(
        stolen, [HOST], hardened.files.plan.port, hardened.authority.certificate_pem,
        pair=hardened.authority.client(NAME, utc_now()),
    )  # fmt: skip
    service = AuthorityService(hardened.files.folder, hardened.address("authority"), lambda text: None)
    changes: asyncio.Queue[bool] = asyncio.Queue()
    bus = MqttBus(hardened.address(NAME), NAME, (), on_connected=changes.put_nowait)
    (renewal,) = renewals([bus])
    tasks = [asyncio.create_task(one) for one in (service.run(), bus.run(nothing), renewal.run())]
    try:
        async with asyncio.timeout(WITHIN_S):
            async with running(hardened):
                begin(ca, utc_now())
                await until(lambda: len(roots(party)) == len(roots(hardened.folder / "bundles" / "authority")) == 2)
                switch(ca)
            async with running(updated(hardened)):  # started again: its own certificate is of the new root
                await until(lambda: issuer(party) == "authority of a test root 2")
                assert await asyncio.to_thread(let_in, hardened, NAME)
                finish(ca, utc_now())
                await until(lambda: roots(party) == ["authority of a test root 2"])
            async with running(updated(hardened)):
                assert await asyncio.to_thread(let_in, hardened, NAME)
                with pytest.raises((LinkDenied, LinkLost)):
                    await asyncio.to_thread(let_in, hardened, "stolen")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def let_in(hardened: Hardened, name: str) -> bool:
    """By what lies in a bundle now."""
    Probe(Entrance(hardened.address(name)).next(), NAME).close()
    return True
