"""A hardened Mosquitto with a few honest parties, and what an attack did to them."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from attacker import Attacker, Refused
from evenings import Evenings
from hardened import HOST, Hardened, hardened_files, running

from agents.tools.access.authority import Authority
from agents.tools.access.certificates import Pair, utc_now
from broker.address import Address

PASSWORD_USERS = ("hems-1-1", "hems-1-2", "ra-1")


@dataclass
class World:
    """One broker for all attacks; each makes connections of its own."""

    hardened: Hardened
    foreign: Authority
    passwords: dict[str, str] = field(default_factory=dict)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    figures: dict[str, float] = field(default_factory=dict)
    """What the last row cost, where that is measured."""
    _number: int = 0

    @cached_property
    def evenings(self) -> Evenings:
        return Evenings(self.hardened, self.loop)

    def by_certificate(self, name: str, pair: Pair | None = None, *, port: int | None = None) -> Address:
        """With a certificate of our authority, or another one, in a folder of its own."""
        self._number += 1
        folder = self.hardened.folder / "attackers" / str(self._number)
        pair = pair or self.hardened.authority.client(name, utc_now(), kept=False)
        folder.mkdir(parents=True)
        (folder / "key").write_bytes(pair.key_pem)
        (folder / "crt").write_bytes(pair.certificate_pem)
        ca = self.hardened.files.folder / "ca.crt"
        return Address(
            HOST, port or self.hardened.files.plan.port, ca=ca, certificate=folder / "crt", key=folder / "key"
        )

    def by_password(self, name: str | None, password: str | None) -> Address:
        return Address(
            HOST, self.password_port, username=name, password=password, ca=self.hardened.files.folder / "ca.crt"
        )

    @property
    def port(self) -> int:
        return self.hardened.files.plan.port

    @property
    def password_port(self) -> int:
        assert self.hardened.files.plan.password_port is not None
        return self.hardened.files.plan.password_port

    def as_party(self, name: str, client_id: str | None = None, **options: object) -> Attacker:
        return Attacker(self.by_certificate(name), client_id or name, **options)  # type: ignore[arg-type]

    def enters(self, address: Address, client_id: str = "intruder") -> str:
        try:
            Attacker(address, client_id).close()
        except Refused:
            return "refused"
        return "let in"

    def writes(self, name: str, topic: str, payload: bytes = b"forged", *, retain: bool = False) -> str:
        """What becomes of a post of a party: what the broker answers, and whether anybody heard it before the honest
        aggregator's next word."""
        listener = "watch" if name != "watch" else "record"
        with self.as_party(listener) as watch, self.as_party(name) as attacker, self.as_party("ra-2") as ra:
            watch.subscribe("dr/#")
            taken = attacker.publish(topic, payload, retain=retain)
            ra.publish("dr/award/ra-2/hems-2-9")
            heard = watch.until("dr/award/ra-2/hems-2-9")
        answer = "taken" if taken else "refused"
        return f"{answer}, {'delivered' if topic in heard else 'not delivered'}"

    def overhears(self, name: str, *filters: str, own: str = "dr/request/ra-1/hems-1-1") -> str:
        """What a party hears by some subscriptions while others negotiate, up to a word that is for it."""
        with self.as_party(name) as spy, self.as_party("ra-1") as ra, self.as_party("hems-1-2") as home:
            spy.subscribe(*filters, own)
            for kind in ("request", "relax", "award", "dispatch"):
                ra.publish(f"dr/{kind}/ra-1/hems-1-2")
            for kind in ("offer", "confirm", "withdraw", "report", "presence"):
                home.publish(f"dr/{kind}/ra-1/hems-1-2")
            ra.publish(own)
            heard = dict.fromkeys(spy.until(own))
        return f"hears {', '.join(heard)}" if heard else "hears nothing"

    def serves(self) -> str:
        """Whether an honest home's offer still reaches its aggregator."""
        with self.as_party("ra-1") as ra, self.as_party("hems-1-2") as home:
            ra.subscribe("dr/offer/ra-1/+")
            home.publish("dr/offer/ra-1/hems-1-2")
            return "others are served" if ra.until("dr/offer/ra-1/hems-1-2") == [] else "others hear something else"

    def reload(self) -> None:
        """Let the broker read its files again."""
        assert self.hardened.broker is not None
        os.kill(self.hardened.broker.pid, signal.SIGHUP)


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    with tempfile.TemporaryDirectory(prefix="gridpact-attacks-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        hardened = hardened_files(folder, gateways={"gateway-1": ("ra-1",)})
        found = World(hardened, Authority.create(folder / "foreign", "somebody else", utc_now()))
        for user in PASSWORD_USERS:
            found.passwords[user] = hardened.files.passwords.give(user)
        hardened.files.passwords.save()
        hardened.bundle("hems-1-8")
        hardened.authority.revoke("hems-1-8", utc_now())
        hardened.files.write(utc_now())
        async with running(hardened) as started:
            yield World(started, found.foreign, found.passwords)
