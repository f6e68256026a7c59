"""What a contracted home says that is not true, on its own edges: nobody else's evening may be another one."""

import json
from typing import Any

from attack_rows import Attack
from attack_world import World
from evenings import LIAR, SAME, Lie, lying

from agents.runtime.senders import SenderAccount
from agents.runtime.shell import Shell

Fields = dict[str, Any]


def lie_rows() -> list[Attack]:
    return [*_offers(), *_confirms(), *_reports(), *floods()]


def _row(what: str, kind: str, lie: Lie, like: str, *, whole: bool = False) -> Attack:
    def run(world: World) -> str:
        seen, world.figures = world.evenings.against(lying(kind, lie), like, whole=whole)
        return seen

    return Attack(what, f"dr/{kind}/ra-1/{LIAR}", SAME, run)


def _text(fields: Fields, old: str, new: str) -> bytes:
    """The message with some of its text changed, as no encoder of ours would write it."""
    text = json.dumps(fields, separators=(",", ":"))
    assert old in text
    return text.replace(old, new, 1).encode()


def _plan(fields: Fields) -> str:
    return json.dumps({"power_w": fields["power_w"]}, separators=(",", ":"))[1:-1]


def _offers() -> list[Attack]:
    def unread(what: str, lie: Lie) -> Attack:
        return _row(f"an offer {what}", "offer", lie, "offers nothing")

    def taken(what: str, lie: Lie) -> Attack:
        return _row(f"an offer {what}", "offer", lie, "honest")

    def power(value: object) -> Lie:
        return lambda fields: fields | {"power_w": [value, value]}

    return [
        unread("of NaN", power(float("nan"))),
        unread("of 1e999", lambda f: _text(f, _plan(f), '"power_w":[1e999,1e999]')),
        unread("of booleans", power(True)),
        unread("of texts", power("3000")),
        unread("of fractions, kW for W", power(3.5)),
        unread("of 400 digits", power(10**400)),
        unread("of 10^12 W", power(10**12)),
        unread("with its sign flipped", lambda f: f | {"power_w": [-value for value in f["power_w"]]}),
        unread("of 97 slots", lambda f: f | {"power_w": [3000] * 97, "available_w": [6000] * 97, "binding": []}),
        unread("of 20,000 slots", lambda f: f | {"power_w": [1] * 20_000}),
        unread("of no slot", lambda f: f | {"power_w": [], "available_w": [], "binding": []}),
        unread("nested 10,000 deep", lambda f: _text(f, '"round":', '"extensions":' + '{"a":' * 10_000 + '1' + '}' * 10_000 + ',"round":')),
        unread("that is not UTF-8", lambda f: json.dumps(f).encode()[:-2] + b"\xff\xfe}"),
        unread("cut in half", lambda f: json.dumps(f).encode()[:200]),
        unread("with a field that nobody knows", lambda f: f | {"please": 1}),
        unread("with escape sequences in a text", lambda f: f | {"opt_reason": "\x1b[2J"}),
        unread("said in the year 9999", lambda f: f | {"sent_at": "9999-12-31T23:59:59-01:00"}),
        unread("above what was asked", lambda f: f | {"power_w": [9_000_000] * 2, "available_w": [9_000_000] * 2}),
        unread("that frees itself at once", lambda f: f | {"valid_until": f["sent_at"]}),
        unread("of a sibling's car", lambda f: f | {"resources": [one | {"resource_id": "ev-1-1"} for one in f["resources"]]}),
        unread("of another event", lambda f: f | {"event_id": "e2"}),
        unread("to a request that nobody made", lambda f: f | {"request_id": "e1.9.9"}),
        unread("of another version", lambda f: f | {"version": "9.0"}),
        taken("of 3 kW, with 100 GW available", lambda f: f | {"available_w": [10**11] * 2}),
        taken("with a plan twice, the last one true", lambda f: _text(f, '"round":', '"power_w":[99999999,1],"round":')),
        taken("of a round that is not, to a request that is", lambda f: f | {"round": 7}),
        taken("said a hundred times", lambda f: [f] * 100),
        taken("with another body under the same id behind it", lambda f: [f, f | {"available_w": [6001] * 2}]),
        taken("and a report of an event that nobody knows", lambda f: [
            ("report", {"message_id": "x.1", "sent_at": f["sent_at"], "event_id": "no", "request_id": "r", "round": 1,
                        "revision": 1, "resource_id": "ev-1-3",
                        "readings": [{"slot": 0, "energy_wh": 1, "baseline_wh": 1, "state": "active"}]}), f]),
        taken("and capabilities of 10^15 W", lambda f: [
            ("capability", {"message_id": "x.2", "sent_at": f["sent_at"], "increase_load": {"p10_w": [10**15]}}), f]),
        taken("and presences of control characters", lambda f: [
            ("presence", {"message_id": "x.3", "sent_at": f["sent_at"], "online": True, "software": "\x1b]0;x\x07"}), f]),
        _row("an offer of 3 W, kW for W", "offer", lambda f: f | {
            "power_w": [3, 3], "resources": [one | {"power_w": [3, 3]} for one in f["resources"]]}, "honest", whole=True),
    ]  # fmt: skip


def _confirms() -> list[Attack]:
    def withdraw(fields: Fields, **more: object) -> tuple[str, Fields]:
        kept = {key: fields[key] for key in ("event_id", "request_id", "round", "sent_at", "award_id")}
        return "withdraw", kept | {
            "message_id": "x.4",
            "revision": 1,
            "from_slot": 0,
            "power_w": [0, 0],
            "cause": "x",
        } | more

    return [
        _row("a confirm of an award that nobody made", "confirm", lambda f: f | {"award_id": "nobody"}, "confirms nothing"),
        _row("a confirm of a later award", "confirm", lambda f: f | {"revision": 9}, "confirms nothing"),
        _row("a confirm that says no, yes, no and yes", "confirm", lambda f: [
            f | {"accepted": number % 2 == 1, "reason": "", "message_id": f"x.{number}"} for number in range(4)],
            "refuses its award"),
        _row("a withdrawal of 97 slots", "confirm", lambda f: [f, withdraw(f, power_w=[0] * 97)], "honest"),
        _row("a withdrawal of an award that nobody made", "confirm", lambda f: [f, withdraw(f, award_id="no")], "honest"),
        _row("a withdrawal from slot 336 on", "confirm", lambda f: [f, withdraw(f, from_slot=336)], "honest"),
        _row("a withdrawal of more than was awarded", "confirm", lambda f: [f, withdraw(f, power_w=[9_000_000] * 2)], "honest"),
    ]  # fmt: skip


def _reports() -> list[Attack]:
    def reads(what: str, **more: object) -> Attack:
        return _row(
            f"a report {what}", "report", lambda f: f | {"readings": [one | more for one in f["readings"]]}, "honest"
        )

    return [
        reads("of 1 GWh", energy_wh=10**9),
        reads("of 1e15 Wh", energy_wh=10**15),
        reads("of NaN", energy_wh=float("nan")),
        reads("of booleans", energy_wh=True),
        reads("with its sign flipped", energy_wh=900, baseline_wh=-900),
        reads("of a slot that is not over", slot=1),
        reads("of slot 335", slot=335),
        _row("a report with overlapping slots", "report", lambda f: f | {"readings": f["readings"] * 3}, "honest"),
        _row("a report of 15,000 empty readings, 20 times", "report", lambda f: [f | {"readings": [{}] * 15_000}] * 20, "honest"),
        _row("a report of a sibling's meter", "report", lambda f: f | {"resource_id": "ev-1-1"}, "honest"),
        _row("a report said a hundred times", "report", lambda f: [f] * 100, "honest"),
    ]  # fmt: skip


def floods() -> list[Attack]:
    def flood(what: str, lie: Lie, like: str, *, released: bool = False) -> Attack:
        return Attack(what, f"dr/confirm/ra-1/{LIAR}", SAME, lambda world: _flood(world, lie, like, released))

    garbage: Lie = lambda fields: [*[b"{"] * 300, fields]
    return [
        flood("300 times bytes that are no message before its confirm: quarantine", garbage, "confirms nothing"),
        flood("300 times bytes that are no message before its confirm, and an operator's release", garbage, "honest",
              released=True),
        flood("2,500 times its confirm: quarantine", lambda fields: [fields] * 2_500, "honest"),
        flood("long messages for 4 MB before its confirm: quarantine", lambda fields: [*[b"x" * 100_000] * 40, fields],
              "confirms nothing"),
    ]  # fmt: skip


def _flood(world: World, lie: Lie, like: str, released: bool) -> str:
    """It is in quarantine from some message on; where it is released at once, the next one is heard again."""
    shut: list[str] = []

    def watched(shell: Shell) -> None:
        senders = shell.intake.senders
        assert senders is not None
        close = senders._shut

        def closing(child: str, account: SenderAccount, why: str) -> str:
            shut.append(child)
            text = close(child, account, why)
            if released:
                senders.release(child)
            return text

        senders._shut = closing  # type: ignore[method-assign]

    def once(fields: Fields) -> object:
        return fields if shut else lie(fields)

    seen, world.figures = world.evenings.against(lying("confirm", once), like, watched)
    return seen if shut == [LIAR] else f"in quarantine: {shut or 'never'}"
