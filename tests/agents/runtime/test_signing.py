"""Awards and dispatches that a parent signs: a broker can pass them on, and make none."""

import asyncio
import base64
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asked import request
from memory_bus import MemoryBus
from worlds import START, T0, vehicle

from agents.cli.app import call
from agents.drivers.simulated import build_driver
from agents.parties.der.actor import Der
from agents.runtime.files.config import load_config
from agents.runtime.fleet.gateway import Gateway
from agents.runtime.fleet.homes import Homes
from agents.runtime.fleet.sources import load_source
from agents.runtime.opening import verifier_of
from agents.runtime.shell import Shell
from agents.runtime.signing import ENTRY, Signer, Verifier, make_key
from agents.settings.checked import ConfigError
from agents.settings.daemon import Role, SigningSettings
from agents.settings.parties import DerSettings
from broker.bus import Arrival, Post
from broker.clock import Clock
from protocol import messages as m
from protocol.codec import decode, encode
from protocol.edges import Edge, topic
from protocol.errors import RefusedMessage

EDGE = Edge("ra-1", "hems-1")
PLACE = topic("award", EDGE)


def award(accepts: str = "o", power_w: int = 3_000, **more: object) -> m.Award:
    return m.Award.model_validate(
        {
            "message_id": "a", "sent_at": T0, "event_id": "e1", "request_id": "r", "round": 1, "revision": 1,
            "award_id": "w", "accepts": accepts, "outcome": m.Outcome.CONCLUDED, "power_w": (power_w,), "reason": "",
            "confirm_by": START,
        } | more
    )  # fmt: skip


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Signer, Verifier]:
    """Of one parent, and of a child that knows it."""
    public = make_key(tmp_path / "signing.key")
    verifier = Verifier.of(SigningSettings(parents={"ra-1": public}), "signing")
    assert verifier is not None
    return Signer.read(tmp_path / "signing.key"), verifier


def test_signed_award_is_opened_as_it_was_said(keys: tuple[Signer, Verifier]) -> None:
    signer, verifier = keys
    body = encode(award())
    sent = signer.sign(PLACE, body)
    assert sent != body
    assert sent == signer.sign(PLACE, body)
    assert verifier.opened("award", EDGE, PLACE, sent) == body


def test_who_knows_nothing_of_signatures_takes_the_message(keys: tuple[Signer, Verifier]) -> None:
    sent = keys[0].sign(PLACE, encode(award()))
    edge, message = decode(PLACE, sent)
    assert (edge, message.extensions.keys()) == (EDGE, {ENTRY})
    assert message.model_copy(update={"extensions": {}}) == award()


def test_entries_of_others_stay_beside_the_signature(keys: tuple[Signer, Verifier]) -> None:
    signer, verifier = keys
    body = encode(award(extensions={"x": 1}))
    sent = signer.sign(PLACE, body)
    assert list(decode(PLACE, sent)[1].extensions) == [ENTRY, "x"]
    assert verifier.opened("award", EDGE, PLACE, sent) == body


def test_award_that_was_changed_anywhere_is_refused(keys: tuple[Signer, Verifier]) -> None:
    signer, verifier = keys
    sent = signer.sign(PLACE, encode(award()))
    for place in range(0, len(sent), 7):
        changed = sent[:place] + bytes([sent[place] ^ 1]) + sent[place + 1 :]
        with pytest.raises(RefusedMessage):
            verifier.opened("award", EDGE, PLACE, changed)


def test_award_of_a_sibling_is_refused(keys: tuple[Signer, Verifier]) -> None:
    signer, verifier = keys
    sent = signer.sign(topic("award", Edge("ra-1", "hems-2")), encode(award()))
    with pytest.raises(RefusedMessage, match="for this message on this topic"):
        verifier.opened("award", EDGE, PLACE, sent)


def test_dispatch_without_a_signature_or_with_two_is_refused(keys: tuple[Signer, Verifier]) -> None:
    signer, verifier = keys
    place, body = topic("dispatch", EDGE), b'{"extensions":{}}'
    twice = signer.sign(place, signer.sign(place, body))
    for payload in (body, b"", twice):
        with pytest.raises(RefusedMessage, match="is not signed by ra-1"):
            verifier.opened("dispatch", EDGE, place, payload)


def test_another_parents_key_does_not_count(keys: tuple[Signer, Verifier], tmp_path: Path) -> None:
    make_key(tmp_path / "other.key")
    sent = Signer.read(tmp_path / "other.key").sign(PLACE, encode(award()))
    with pytest.raises(RefusedMessage, match="is not one of ra-1"):
        keys[1].opened("award", EDGE, PLACE, sent)


def test_other_kinds_and_parents_without_a_key_need_no_signature(keys: tuple[Signer, Verifier]) -> None:
    assert keys[1].opened("request", EDGE, "x", b"{}") == b"{}"
    assert keys[1].opened("award", Edge("ra-9", "hems-1"), "x", b"{}") == b"{}"


async def test_only_awards_and_dispatches_leave_signed(keys: tuple[Signer, Verifier]) -> None:
    inner = MemoryBus()
    bus = keys[0].before(inner)
    for kind in ("request", "award", "dispatch", "relax"):
        await bus.publish(Post(topic(kind, EDGE), b'{"extensions":{}}'))
    sent = [inner.posts.get_nowait() for _ in range(4)]
    assert [post.topic.split("/")[1] for post in sent if ENTRY.encode() in post.payload] == ["award", "dispatch"]


@asynccontextmanager
async def home(verifier: Verifier) -> AsyncIterator[tuple[Shell, MemoryBus]]:
    """A running home that wants its awards signed."""
    bus = MemoryBus()
    settings = DerSettings(name="hems-1", parent="ra-1", devices=(vehicle("ev-1"),))
    clock = Clock(T0 + timedelta(minutes=1), datetime.now(UTC))
    shell = Shell(Der(settings), bus, clock, {"ev-1": build_driver(vehicle("ev-1"))})
    shell.intake.verifier = verifier
    task = asyncio.create_task(shell.run())
    try:
        async with asyncio.timeout(20):
            yield shell, bus
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def test_home_takes_a_signed_award_and_refuses_a_forged_one(keys: tuple[Signer, Verifier]) -> None:
    signer, verifier = keys
    async with home(verifier) as (shell, bus):
        await shell.deliver([Arrival(topic("request", EDGE), encode(request(3_000, request_id="r")))])
        post = await bus.posts.get()
        offer = decode(post.topic, post.payload)[1]
        assert isinstance(offer, m.Offer)
        body = encode(award(accepts=offer.message_id))
        await shell.deliver([Arrival(PLACE, body)])
        reject = decode("dr/reject/ra-1/hems-1", (await bus.posts.get()).payload)[1]
        assert isinstance(reject, m.Reject)
        assert (reject.reason, reject.text) == ("unknown_party", "award: is not signed by ra-1")
        await shell.deliver([Arrival(PLACE, signer.sign(PLACE, body))])
        confirm = decode("dr/confirm/ra-1/hems-1", (await bus.posts.get()).payload)[1]
        assert isinstance(confirm, m.Confirm)
        assert confirm.accepted


async def test_homes_of_a_fleet_take_signed_awards_and_refuse_forged_ones(keys: tuple[Signer, Verifier]) -> None:
    signer, verifier = keys
    bus, names = MemoryBus(), ("hems-1", "hems-2")
    homes = Homes([DerSettings(name=name, parent="ra-1", devices=(vehicle(f"ev-{name}"),)) for name in names])
    clock = Clock(T0 + timedelta(minutes=1), datetime.now(UTC))
    gateway = Gateway(homes, dict.fromkeys(names, bus), clock, verifier=verifier)
    task = asyncio.create_task(gateway.run())
    try:
        async with asyncio.timeout(20):
            await gateway.deliver(
                [
                    Arrival(topic("request", Edge("ra-1", name)), encode(request(3_000, request_id="r")))
                    for name in names
                ]
            )
            offers = dict([await _said(bus) for _ in names])
            bodies = {name: encode(award(accepts=offers[f"dr/offer/ra-1/{name}"].message_id)) for name in names}
            own = signer.sign(topic("award", Edge("ra-1", "hems-1")), bodies["hems-1"])
            await gateway.deliver([Arrival(topic("award", Edge("ra-1", "hems-1")), own)])
            await gateway.deliver([Arrival(topic("award", Edge("ra-1", "hems-2")), bodies["hems-2"])])
            said = dict([await _said(bus) for _ in names])
    finally:
        task.cancel()
        await asyncio.wait((task,))
    assert said["dr/confirm/ra-1/hems-1"].accepted
    assert said["dr/reject/ra-1/hems-2"].text == "award: is not signed by ra-1"


async def _said(bus: MemoryBus) -> tuple[str, Any]:
    post = await bus.posts.get()
    return post.topic, decode(post.topic, post.payload)[1]


def test_fleet_of_a_file_verifies_by_what_stands_in_it(tmp_path: Path) -> None:
    path, public = tmp_path / "homes.toml", make_key(tmp_path / "k")
    path.write_text(HOMES + f'[signing.parents]\nra-1 = "{public}"\n')
    source = load_source(path, T0)
    assert source.signing.parents == {"ra-1": public}
    assert verifier_of(source.signing, "signing") is not None
    path.write_text(HOMES)
    assert verifier_of(load_source(path, T0).signing, "signing") is None


HOMES = """
[[ders]]
name = "hems-1"
parent = "ra-1"
[[ders.devices]]
kind = "storage"
resource_id = "b"
capacity_wh = 10000
soc_wh = 5000
state_at = 2026-01-14T17:00:00Z
max_charge_w = 3000
max_discharge_w = 3000
"""


def test_key_of_somebody_who_is_nobodys_parent_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "homes.toml"
    path.write_text(HOMES + f'[signing.parents]\nra-2 = "{make_key(tmp_path / "k")}"\n')
    with pytest.raises(
        ConfigError, match=r"signing\.parents\.ra-2: no party of this file is below it; above are: ra-1"
    ):
        load_config(path, Role.DER)


def test_command_makes_a_key_for_its_owner_alone_and_not_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "signing.key"
    assert call(["ca", "signing-key", str(path)]) == 0
    assert len(base64.b64decode(capsys.readouterr().out)) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert call(["ca", "signing-key", str(path)]) == 2
    assert "is there already" in capsys.readouterr().err


UTILITY = '[utility]\nchildren = ["ac"]\n'


def test_public_key_that_is_none_is_a_mistake_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "u.toml"
    path.write_text(UTILITY + '[signing.parents]\nac = "short"\n')
    with pytest.raises(ConfigError, match=r"signing\.parents\.ac"):
        load_config(path, Role.UTILITY)


def test_key_of_another_kind_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "k").write_text("no key")
    with pytest.raises(ConfigError, match="is no key"):
        Signer.read(tmp_path / "k")
