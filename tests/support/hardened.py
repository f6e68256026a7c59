"""A Mosquitto with certificates, passwords and an access list, from the files that `gridpact broker init` makes."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import paths

from agents.tools.access.authority import Authority
from agents.tools.access.broker_files import CONF, BrokerFiles
from agents.tools.access.bundle import write_bundle
from agents.tools.access.certificates import Pair, utc_now
from agents.tools.access.lifetimes import VALID
from agents.tools.access.plan import AccessPlan
from agents.tools.access.serve import AuthorityService
from broker.address import Address
from broker.mosquitto import Broker, free_port, started_broker

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Hardened:
    """A folder with an authority, a broker's files and bundles."""

    folder: Path
    files: BrokerFiles
    broker: Broker | None = None

    @property
    def authority(self) -> Authority:
        return self.files.authority

    def bundle(self, name: str, pair: Pair | None = None, valid: timedelta = VALID) -> Path:
        """What a party needs; with a certificate of its own, or another one."""
        pair = pair or self.authority.client(name, utc_now(), valid)
        folder = self.folder / "bundles" / name
        write_bundle(folder, [HOST], self.files.plan.port, self.authority.certificate_pem, pair=pair)
        return folder

    def enrol_all(self) -> None:
        for name in self.files.users():
            self.bundle(name)

    def address(self, name: str = "{name}", protocol: str = "5") -> Address:
        """By certificate."""
        folder = self.folder / "bundles" / name
        return Address(
            HOST, self.files.plan.port, "5" if protocol == "5" else "3.1.1",
            ca=folder / "ca.crt", certificate=folder / "party.crt", key=folder / "party.key",
        )  # fmt: skip

    def with_password(self, name: str, password: str | None = None, protocol: str = "5") -> Address:
        """By password; give them before the broker starts."""
        port = self.files.plan.password_port
        assert port is not None
        ca = self.files.folder / "ca.crt"
        return Address(HOST, port, "5" if protocol == "5" else "3.1.1", name, password, ca=ca)


def hardened_files(folder: Path, book: Path = paths.EXAMPLES / "evening_peak.toml", **plan: object) -> Hardened:
    """The files alone."""
    Authority.create(folder / "ca", "authority of a test", utc_now())
    given = {
        "books": (book,), "ca": folder / "ca", "hosts": (HOST,), "bind": HOST,
        "port": free_port(), "password_port": free_port(),
    } | plan  # fmt: skip
    files = BrokerFiles(folder / "mosquitto", AccessPlan.model_validate(given))
    files.write(utc_now())
    return Hardened(folder, files)


@asynccontextmanager
async def running(hardened: Hardened) -> AsyncIterator[Hardened]:
    """The broker of the files."""
    conf = hardened.files.folder / CONF
    if os.geteuid() == 0:
        conf.write_text(f"{conf.read_text()}user root\n")
    async with started_broker(conf, hardened.files.plan.port) as broker:
        yield Hardened(hardened.folder, hardened.files, broker)


@asynccontextmanager
async def answering(hardened: Hardened) -> AsyncIterator[asyncio.Queue[str]]:
    """The authority answers on the running broker; its words."""
    words: asyncio.Queue[str] = asyncio.Queue()
    service = AuthorityService(hardened.files.folder, hardened.address("authority"), words.put_nowait)
    task = asyncio.create_task(service.run())
    assert (await words.get()).startswith("answers at ")
    yield words
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
