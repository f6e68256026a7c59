"""The private Mosquitto of a trial: plain on one interface, or with TLS, certificates and an access list; it can be taken
away and brought back on the same port."""

import asyncio
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agents.runtime.address import address_of, placed
from agents.runtime.files.toml import read_toml
from agents.runtime.files.toml_out import to_toml
from agents.settings.checked import checked
from agents.settings.daemon import BrokerSettings
from agents.tools.access.authority import Authority
from agents.tools.access.broker_files import CONF, BrokerFiles
from agents.tools.access.bundle import write_bundle
from agents.tools.access.plan import AccessPlan
from agents.tools.conform.profile import DeviceProfile
from broker.address import Address
from broker.mosquitto import adapted, configuration, free_port, started_broker

LOOPBACK, ANY = "127.0.0.1", "0.0.0.0"
WATCH, LOOKS = "conform", "conform-looks"
"""Our two readers: one hears everything, one comes now and then and sees what stands retained."""
AWAY_S = 1.0


@dataclass(frozen=True, slots=True)
class TrialDoor:
    """How the device, its parent and we come in."""

    host: str
    port: int
    parent: Address
    watch: Address
    looks: Address
    bundle: Path | None = None
    """The device's `broker.toml`, `ca.crt`, `party.crt` and `party.key`; in `with-password` those of the other way in."""
    password_port: int | None = None


class TrialBroker:
    """Runs from `start` to `stop`."""

    def __init__(self, conf: Path, door: TrialDoor) -> None:
        self.conf, self.door = conf, door
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        """Raises BrokerMissing, BrokerFailed."""
        await self._stack.enter_async_context(started_broker(self.conf, self.door.port))

    async def stop(self) -> None:
        await self._stack.aclose()

    async def restart(self) -> None:
        """Away for a second."""
        await self.stop()
        await asyncio.sleep(AWAY_S)
        await self.start()


def plain_broker(folder: Path, bind: str, port: int | None) -> TrialBroker:
    """Without accounts, for a device that cannot do TLS yet. Raises BrokerFailed."""
    port = port or free_port()
    conf = folder / CONF
    conf.write_text(adapted(configuration(), port).replace(f"listener {port} {LOOPBACK}", f"listener {port} {bind}"))
    address = Address(_reached(bind), port)
    return TrialBroker(conf, TrialDoor(bind, port, address, address, address))


def secured_broker(folder: Path, keep: Path, bind: str, port: int | None, profile: DeviceProfile) -> TrialBroker:
    """With certificates and the access list of one home; what the device needs stays in the folder `keep`. Raises
    ConfigError."""
    now, host = datetime.now(UTC), _reached(bind)
    authority = Authority.create(folder / "ca", "authority of a trial", now)
    book = folder / "book.toml"
    members = [{"name": profile.name, "resources": list(profile.resources)}]
    book.write_text(to_toml({"aggregator": {"name": profile.parent, "parent": "nobody", "members": members}}))
    given = {
        "books": (book,), "ca": folder / "ca", "hosts": (host,), "bind": bind, "readers": (WATCH, LOOKS),
        "port": port or free_port(), "password_port": free_port(),
    }  # fmt: skip
    files = BrokerFiles(folder / "mosquitto", checked(AccessPlan, given, "the trial's broker"))
    files.write(now)
    password = files.passwords.give(profile.name)
    files.passwords.save()
    conf = files.folder / CONF
    if os.geteuid() == 0:
        conf.write_text(f"{conf.read_text()}user root\n")
    plan, ca_pem = files.plan, authority.certificate_pem
    for name in (profile.parent, WATCH, LOOKS):
        write_bundle(folder / name, [host], plan.port, ca_pem, pair=authority.client(name, now))
    write_bundle(keep, [host], plan.port, ca_pem, pair=authority.client(profile.name, now))
    login = (profile.name, password)
    write_bundle(keep / "with-password", [host], plan.password_port or 0, ca_pem, login=login)
    parent, watch, looks = (_address(folder / name) for name in (profile.parent, WATCH, LOOKS))
    return TrialBroker(conf, TrialDoor(bind, plan.port, parent, watch, looks, keep, plan.password_port))


def _reached(bind: str) -> str:
    return LOOPBACK if bind == ANY else bind


def _address(bundle: Path) -> Address:
    table = read_toml(bundle / "broker.toml")["broker"]
    return address_of(placed(checked(BrokerSettings, table, str(bundle)), bundle))
