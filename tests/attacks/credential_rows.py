"""Codes and roots that are good no more."""

import asyncio
import base64
import tempfile
from pathlib import Path

from attack_rows import REFUSED, Attack
from attack_world import World
from attacker import Attacker, Refused
from hardened import HOST, Hardened, hardened_files, running

from agents.tools.access.broker_files import BrokerFiles
from agents.tools.access.certificates import utc_now
from agents.tools.access.joining import JoinCode, join
from agents.tools.access.roots import begin, finish, switch
from broker.address import Address
from broker.link import LinkDenied

HOME, SIBLING = "hems-1-4", "hems-1-5"
NO_AUTHORITY_S = 0.2


def credential_rows() -> list[Attack]:
    return [
        Attack("a code with its own password", "", "let in", lambda world: _joins(world, HOME, _given(world, HOME))),
        Attack("a code that was used comes in as the same name, as told", "", "let in", _used),
        Attack("a code with a guess for a password", "", REFUSED, lambda world: _joins(world, HOME, "a guess of it")),
        Attack("a code with the password of a sibling", "", REFUSED,
               lambda world: _joins(world, HOME, _given(world, SIBLING))),
        Attack("a code whose password was replaced by a newer code", "", REFUSED, _replaced),
        Attack("a code of a party that has left the books", "", REFUSED, _left),
        Attack("a certificate of a root that is trusted beside the new one", "", "let in", lambda world: _rolled(world, False)),
        Attack("a certificate of a root that is trusted no longer", "", REFUSED, lambda world: _rolled(world, True)),
    ]  # fmt: skip


def _given(world: World, name: str) -> str:
    """A new password, which the broker knows."""
    password = world.hardened.files.passwords.give(name)
    _reread(world)
    return password


def _reread(world: World) -> None:
    """Return when the broker has read its passwords: a new one of somebody else opens."""
    passwords = world.hardened.files.passwords
    mark = passwords.give("hems-1-9")
    passwords.save()
    world.reload()
    while world.enters(world.by_password("hems-1-9", mark)) == REFUSED:
        pass


def _joins(world: World, name: str, password: str) -> str:
    ca = base64.b64encode(world.hardened.authority.certificate_der).decode()
    code = JoinCode(n=name, h=HOST, p=world.password_port, c=world.port, w=password, a=ca)
    with tempfile.TemporaryDirectory(prefix="gridpact-joins-") as folder:
        try:
            asyncio.run(join(code, Path(folder) / "bundle", NO_AUTHORITY_S))
        except LinkDenied:
            return REFUSED if not (Path(folder) / "bundle").exists() else "refused, and writes a bundle"
    return "let in"


def _used(world: World) -> str:
    password = _given(world, HOME)
    _joins(world, HOME, password)
    return _joins(world, HOME, password)


def _replaced(world: World) -> str:
    password = _given(world, HOME)
    _given(world, HOME)
    return _joins(world, HOME, password)


def _left(world: World) -> str:
    password, passwords = _given(world, HOME), world.hardened.files.passwords
    passwords.keep_only([user for user in passwords.users if user != HOME])
    _reread(world)
    return _joins(world, HOME, password)


def _rolled(world: World, finished: bool) -> str:
    return asyncio.run_coroutine_threadsafe(_behind_new_root(finished), world.loop).result(60)


async def _behind_new_root(finished: bool) -> str:
    """A home with a certificate of the old root comes to a broker of its own."""
    with tempfile.TemporaryDirectory(prefix="gridpact-roots-") as name:
        hardened = hardened_files(Path(name))
        hardened.bundle(HOME)
        folder, now = hardened.authority.folder, utc_now()
        begin(folder, now)
        switch(folder)
        if finished:
            finish(folder, now, anyway=True)
        files = BrokerFiles(hardened.files.folder, hardened.files.plan)
        files.write(now)
        bundle = hardened.folder / "bundles" / HOME
        old = Address(
            HOST,
            files.plan.port,
            ca=files.folder / "ca.crt",
            certificate=bundle / "party.crt",
            key=bundle / "party.key",
        )
        async with running(Hardened(hardened.folder, files)):
            return await asyncio.to_thread(_enters, old)


def _enters(address: Address) -> str:
    try:
        Attacker(address, HOME).close()
    except Refused:
        return REFUSED
    return "let in"
