"""What comes to a home from above that is not true: under its parent's own certificate, or another aggregator's."""

import asyncio
import json
import queue
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from attack_rows import Attack
from attack_world import World
from attacker import WITHIN_S, Attacker

from agents.drivers.simulated import build_driver
from agents.parties.der.actor import Der
from agents.runtime.opening import verifier_of
from agents.runtime.shell import Shell
from agents.runtime.signing import Signer, make_key
from agents.settings.daemon import SigningSettings
from agents.settings.devices import StorageSpec
from agents.settings.parties import DerSettings
from broker.clock import Clock
from broker.mqtt import MqttBus
from protocol.edges import subscriptions

HOME, PARENT, OTHER = "hems-1-1", "ra-1", "ra-2"
Fields = dict[str, Any]
Said = tuple[str, Fields]
SILENT = "nothing"


class Victim:
    """A running home behind the door, and an aggregator that lies to it."""

    def __init__(self, world: World, signing: SigningSettings | None = None, plants: Sequence[Said] = ()) -> None:
        self._fences = 0
        self.parent = world.as_party(PARENT)
        self._heard: queue.SimpleQueue[Said] = queue.SimpleQueue()
        self.parent.client.on_message = lambda c, u, one: self._heard.put(
            (one.topic.split("/")[1], json.loads(one.payload))
        )
        self.parent.subscribe(
            *(f"dr/{kind}/{PARENT}/+" for kind in ("offer", "confirm", "report", "withdraw", "reject"))
        )
        self._plants = plants
        for kind, fields in plants:
            self.say(kind, fields, retain=True)
        spec = StorageSpec(
            kind="storage",
            resource_id="bat",
            capacity_wh=100_000,
            soc_wh=50_000,
            state_at=datetime.now(UTC),
            max_charge_w=3_000,
            max_discharge_w=3_000,
        )
        self.driver = build_driver(spec)
        world.hardened.bundle(HOME)
        filters = subscriptions(HOME, as_parent=False, as_child=True)
        self._up = asyncio.Event()
        self._bus = MqttBus(
            world.hardened.address(), HOME, filters, on_connected=lambda up: self._up.set(), session_expiry_s=0
        )
        self._shell = Shell(
            Der(DerSettings(name=HOME, parent=PARENT, devices=(spec,))), self._bus, Clock(), {"bat": self.driver}
        )
        self._shell.intake.verifier = None if signing is None else verifier_of(signing, "signing")
        self._running = asyncio.run_coroutine_threadsafe(self._run(), world.loop)
        asyncio.run_coroutine_threadsafe(self._up.wait(), world.loop).result(WITHIN_S)

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._bus.run(self._shell.deliver))
            tasks.create_task(self._shell.run())

    def end(self) -> None:
        self._running.cancel()
        with suppress(BaseException):
            self._running.result(WITHIN_S)
        for kind, _ in self._plants:
            self.say(kind, b"", retain=True)
        self.parent.close()

    def say(
        self, kind: str, fields: Fields | bytes, *, retain: bool = False, by: Attacker | None = None, as_: str = PARENT
    ) -> None:
        body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
        (by or self.parent).publish(f"dr/{kind}/{as_}/{HOME}", body, retain=retain)

    def answers(self) -> list[Said]:
        """What it has said before it answers an honest request."""
        self._fences += 1
        fence = f"fence-{self._fences}"
        self.say("request", request(fence, hours=300.0 + self._fences))
        found: list[Said] = []
        while (one := self._heard.get(timeout=WITHIN_S))[1].get("event_id") != fence:
            found.append(one)
        return found

    def offer(self, fields: Fields) -> Fields:
        """Its offer to an honest request."""
        self.say("request", fields)
        while True:
            kind, found = self._heard.get(timeout=WITHIN_S)
            if kind == "offer" and found["event_id"] == fields["event_id"]:
                return found

    @property
    def moved(self) -> bool:
        """Whether its device was given any power."""
        return any(power_w for *_, power_w in self.driver.orders)


def request(event_id: str = "e", *, hours: float = 1.0, **more: object) -> Fields:
    now = datetime.now(UTC)
    start = now + timedelta(hours=hours)
    return {
        "message_id": f"m.{event_id}", "sent_at": now.isoformat(), "event_id": event_id, "request_id": f"{event_id}.1.1",
        "round": 1, "revision": 1, "program_id": "dr", "direction": "decrease_load",
        "interval_period": {"start": start.isoformat(), "duration": "PT30M"}, "power_w": [2_000, 2_000],
        "reply_by": (now + timedelta(minutes=10)).isoformat(), "decide_by": (now + timedelta(minutes=20)).isoformat(),
    } | more  # fmt: skip


def award(offer: Fields, **more: object) -> Fields:
    now = datetime.now(UTC)
    kept = {key: offer[key] for key in ("event_id", "request_id", "round")}
    return kept | {
        "message_id": f"a.{offer['event_id']}", "sent_at": now.isoformat(), "revision": 1, "award_id": f"w.{offer['event_id']}",
        "accepts": offer["message_id"], "outcome": "concluded", "power_w": offer["power_w"], "reason": "",
        "confirm_by": (now + timedelta(minutes=10)).isoformat(), "extensions": {},
    } | more  # fmt: skip


def dispatch(awarded: Fields, power_w: int, slot: int = 0, **more: object) -> Fields:
    kept = {key: awarded[key] for key in ("event_id", "request_id", "round")}
    return kept | {
        "message_id": f"d.{awarded['event_id']}.{slot}", "sent_at": datetime.now(UTC).isoformat(), "revision": 1, "slot": slot,
        "award_id": awarded["award_id"], "power_w": power_w, "valid_for_s": 1_800,
        "fallback": "own_schedule", "extensions": {},
    } | more  # fmt: skip


def told(said: Sequence[Said]) -> str:
    """What it said, in a word each."""
    return ", ".join(map(_word, said)) or SILENT


def _word(said: Said) -> str:
    kind, fields = said
    match kind:
        case "reject":
            return f"reject: {fields['reason']}"
        case "confirm":
            return f"confirm: {'yes' if fields['accepted'] else 'no'}"
        case "offer":
            return f"offer: {max(fields['power_w'])} W"
    return kind


def parent_rows() -> list[Attack]:
    return [*_requests(), *_awards(), *_dispatches(), *_signed(), *_strangers()]


def _row(what: str, kind: str, expected: str, play: Callable[[Victim], None], **options: Any) -> Attack:
    def run(world: World) -> str:
        victim = Victim(world, **options)
        try:
            play(victim)
            found = told(victim.answers())
            return f"{found}; its device moves" if victim.moved else found
        finally:
            victim.end()

    return Attack(what, f"dr/{kind}/{PARENT}/{HOME}", expected, run)


def _requests() -> list[Attack]:
    def asked(what: str, expected: str, change: Callable[[Fields], Fields | bytes]) -> Attack:
        return _row(f"an aggregator asks {what}", "request", expected, lambda v: v.say("request", change(request())))

    def text(old: str, new: str) -> Callable[[Fields], bytes]:
        return lambda fields: json.dumps(fields).replace(old, new, 1).encode()

    past = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    malformed = "reject: malformed"
    return [
        asked("NaN W", malformed, text("[2000, 2000]", "[NaN, NaN]")),
        asked("1e999 W", malformed, text("[2000, 2000]", "[1e999, 1e999]")),
        asked("booleans of W", malformed, text("[2000, 2000]", "[true, true]")),
        asked("a number of 5,000 digits", malformed, text("[2000, 2000]", f"[{'9' * 5_000}]")),
        asked("less than nothing", malformed, text("[2000, 2000]", "[-2000, -2000]")),
        asked("for 337 slots", malformed, lambda f: f | {"power_w": [1] * 337}),
        asked("in the year 9999", malformed, lambda f: f | {
            "interval_period": {"start": "9999-12-31T23:30:00-01:00", "duration": "PT30M"}}),
        asked("with slots of no length", malformed, lambda f: f | {
            "interval_period": f["interval_period"] | {"duration": "PT0S"}}),
        asked("with 40 kB of blanks", "reject: too_large", lambda f: json.dumps(f).encode() + b" " * 40_000),
        asked("after its own deadline", "reject: expired", lambda f: f | {"reply_by": past}),
        asked("for slots that have begun, before its own deadline", malformed, lambda f: f | {
            "interval_period": f["interval_period"] | {"start": past}}),
        asked("for 100 GW", "offer: 3000 W", lambda f: f | {"power_w": [10**11] * 2}),
        _row("an old request that stands at the broker when the home comes", "request", "reject: expired", lambda v: None,
             plants=[("request", request("old", reply_by=past))]),
        _row("an award that stands at the broker when the home comes", "award", SILENT, lambda v: None,
             plants=[("award", {"x": 1})]),
        _row("a dispatch that stands at the broker when the home comes", "dispatch", SILENT, lambda v: None,
             plants=[("dispatch", {"x": 1})]),
    ]  # fmt: skip


def _awards() -> list[Attack]:
    def awarded(what: str, expected: str, *changes: Fields) -> Attack:
        def play(victim: Victim) -> None:
            deal = award(victim.offer(request()))
            for change in changes:
                victim.say("award", deal | change)

        return _row(f"an aggregator awards {what}", "award", expected, play)

    cancelled = {"message_id": "a.2", "revision": 2, "outcome": "cancelled", "power_w": [0, 0], "accepts": None}
    return [
        awarded("more than was offered", "confirm: no", {"power_w": [3_000, 3_000]}),
        awarded("an offer that nobody made", "confirm: no", {"accepts": "nobody.1"}),
        awarded("97 slots", "confirm: no", {"power_w": [1] * 97}),
        awarded("an event that nobody asked for", "reject: unknown_event", {"event_id": "other"}),
        awarded("the same twice, byte for byte", "confirm: yes, confirm: yes", {}, {}),
        awarded("something else under the same id", "confirm: yes, reject: conflict", {}, {"power_w": [1, 1]}),
        awarded("what it has cancelled, once more", "confirm: yes, confirm: yes, confirm: yes", {}, cancelled, {}),
        awarded("what it has cancelled, under a new id", "confirm: yes, confirm: yes, reject: stale", {}, cancelled,
                {"message_id": "a.3"}),
    ]  # fmt: skip


def _dispatches() -> list[Attack]:
    def dispatched(what: str, expected: str, power_w: int, *, concluded: bool = True, **more: object) -> Attack:
        def play(victim: Victim) -> None:
            deal = award(victim.offer(request()))
            if concluded:
                victim.say("award", deal)
            victim.say("dispatch", dispatch(deal, power_w, **more))

        return _row(f"an aggregator dispatches {what}", "dispatch", expected, play)

    yes = "confirm: yes"
    return [
        dispatched("without an award", "reject: unknown_award", -2_000, concluded=False),
        dispatched("an award that nobody made", f"{yes}, reject: unknown_award", -2_000, award_id="no"),
        dispatched("a slot that is not", f"{yes}, reject: wrong_slots", -2_000, slot=9),
        dispatched("10^15 W", f"{yes}, reject: malformed", -10**15),
        dispatched("for a year", f"{yes}, reject: malformed", -2_000, valid_for_s=31_536_000),
    ]  # fmt: skip


def _signed() -> list[Attack]:
    """The home knows its parent's key; the broker, or whoever has the parent's certificate, has not."""
    with tempfile.TemporaryDirectory(prefix="gridpact-attack-key-") as folder:
        public, path = make_key(Path(folder) / "own"), Path(folder) / "own"
        make_key(Path(folder) / "foreign")
        own, foreign = Signer.read(path), Signer.read(Path(folder) / "foreign")
    signing = SigningSettings(parents={PARENT: public})
    place, beside = f"dr/award/{PARENT}/{HOME}", f"dr/award/{PARENT}/hems-1-2"

    def forged(what: str, expected: str, make: Callable[[Fields], Sequence[bytes]]) -> Attack:
        def play(victim: Victim) -> None:
            for body in make(award(victim.offer(request()))):
                victim.say("award", body)

        return _row(f"signatures: an award {what}", "award", expected, play, signing=signing)

    def text(fields: Fields) -> bytes:
        return json.dumps(fields, separators=(",", ":")).encode()

    def undispatched(victim: Victim) -> None:
        deal = award(victim.offer(request()))
        victim.say("award", own.sign(place, text(deal)))
        victim.say("dispatch", dispatch(deal, -2_000))

    no = "reject: unknown_party"
    return [
        forged("that is not signed", no, lambda f: [text(f)]),
        forged("that somebody else has signed", no, lambda f: [foreign.sign(place, text(f))]),
        forged("that was signed for a sibling", no, lambda f: [own.sign(beside, text(f))]),
        forged("that was changed behind its signature", no, lambda f: [
            own.sign(place, text(f)).replace(b'"power_w":[2000,2000]', b'"power_w":[1000,2000]')]),
        forged("with two signatures", no, lambda f: [own.sign(place, own.sign(place, text(f)))]),
        forged("that is signed, and again byte for byte", "confirm: yes, confirm: yes",
               lambda f: [own.sign(place, text(f))] * 2),
        forged("that is signed, cancelled, and comes again", "confirm: yes, confirm: yes, confirm: yes", lambda f: [
            own.sign(place, text(f)),
            own.sign(place, text(f | {"message_id": "a.2", "revision": 2, "outcome": "cancelled", "power_w": [0, 0],
                                      "accepts": None})),
            own.sign(place, text(f))]),
        _row("signatures: a dispatch that is not signed", "dispatch", f"confirm: yes, {no}", undispatched, signing=signing),
    ]  # fmt: skip


def _strangers() -> list[Attack]:
    """Another aggregator may write on edges of its own: also on those to homes that it has not under contract."""

    def stranger(what: str, kind: str, make: Callable[[Victim], Fields], expected: str) -> Attack:
        def run(world: World) -> str:
            victim = Victim(world)
            try:
                with world.as_party(OTHER) as other:
                    fields = make(victim)
                    victim.answers()
                    victim.say(kind, fields, by=other, as_=OTHER)
                    return told(victim.answers())
            finally:
                victim.end()

        return Attack(what, f"dr/{kind}/{OTHER}/{HOME}", expected, run)

    return [
        stranger("an aggregator asks another one's home, as itself", "request", lambda v: request("theirs"), SILENT),
        stranger("an aggregator awards another one's offer, as itself", "award", lambda v: award(v.offer(request())), SILENT),
        stranger("an aggregator dispatches another one's home, as itself", "dispatch",
                 lambda v: dispatch(award(v.offer(request())), -2_000), SILENT),
    ]  # fmt: skip
