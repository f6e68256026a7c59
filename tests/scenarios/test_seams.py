"""A package with a policy of each kind: who names one in its settings decides by it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from packages import forget, put
from worlds import World

from agents.runtime.build import build_actor
from agents.settings.members import Member
from protocol import messages as m
from protocol.actor import Entry
from protocol.entries import encode_effects

POINTS = {
    "request_values.first": "strangers:first",
    "sharing.last_first": "strangers:last_first",
    "acceptance.anything": "strangers:anything",
    "baseline.nothing": "strangers:nothing",
}
BODY = """
from protocol.plan import least, shortfall


class First:
    def values(self, asked_w, members, over_request):
        found, left = {}, asked_w
        for member in members:
            found[member.name] = least(member.capacity_w, left)
            left = shortfall(left, found[member.name])
        return found


class LastFirst:
    def split(self, deal_w, offers_w, candidates):
        rows = []
        for power_w, offers in zip(deal_w, offers_w.tolist()):
            row = []
            for offer in reversed(offers):
                row.append(min(offer, power_w))
                power_w -= row[-1]
            rows.append(row[::-1])
        return rows


class Anything:
    def accepts(self, judged):
        return any(judged.offered_w)


class Nothing:
    def baseline_wh(self, slot, readings, earlier):
        assert len(earlier) == slot
        return 0


first, last_first, anything, nothing = First(), LastFirst(), Anything(), Nothing()
"""


@pytest.fixture(autouse=True)
def _strangers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    put(tmp_path / "site", monkeypatch, POINTS, BODY, "strangers")
    yield
    monkeypatch.undo()
    forget()


def asked(world: World) -> dict[str, tuple[int, ...]]:
    story = world.run()
    return {
        home.name: request.power_w
        for home in world.homes
        for request in story.to("request", "ra-1", home.name)
        if isinstance(request, m.Request)
    }


def test_request_values_are_those_of_the_policy() -> None:
    for name, values in (("fair", (2000, 2000, 2000)), ("first", (6000, 0, 0))):
        world = World()
        world.simple("ra-1", 3, request_values=name, over_request=False)
        world.event(6_000)
        assert asked(world) == {f"ra-1-h{i}": (value,) for i, value in enumerate(values) if value}


def test_deal_is_shared_out_by_the_policy() -> None:
    for name, parts in (("proportional", (2000, 2000, 2000)), ("last_first", (0, 0, 6000))):
        world = World()
        members = [
            Member(name=home.name, resources=(f"ev-{home.name}",), decrease_load_w=6_000, reliability_pct=50)
            for home in (world.home(f"h{i}", "ra-1") for i in range(3))
        ]
        world.aggregator("ra-1", members=members, scale_w=18_000, sharing=name)
        world.event(6_000)
        story = world.run()
        found = {
            home.name: award.power_w
            for home in world.homes
            for award in story.to("award", "ra-1", home.name)
            if isinstance(award, m.Award)
        }
        assert found == {f"h{i}": (part,) for i, part in enumerate(parts)}


def test_utility_buys_what_its_policy_accepts() -> None:
    outcomes = {}
    for name in ("least_share", "anything"):
        world = World(utility={"accept_share_pct": 90, "acceptance": name})
        world.simple("ra-1", 2)
        world.coordinator["accept_share_pct"] = 0
        world.event(20_000)
        outcomes[name] = world.run().note("closed", "utility").data["outcome"]
    assert outcomes == {"least_share": "no_deal", "anything": "concluded"}


def test_coordinator_takes_the_alternative_that_its_policy_accepts() -> None:
    rerequests = {}
    for name in ("least_share", "anything"):
        world = World(utility={"accept_share_pct": 0})
        world.simple("ra-1", 2, scale_w=20_000)
        world.coordinator |= {"accept_if_covered": False, "acceptance": name}
        world.event(20_000)
        story = world.run()
        rerequests[name] = len(story.notes("rerequest_sent"))
        assert story.note("settled", "utility")
    assert rerequests == {"least_share": 1, "anything": 0}


def test_delivery_is_counted_against_the_baseline_of_the_policy() -> None:
    delivered, changed = {}, {}
    for name in ("declared", "nothing"):
        world = World()
        charging = {"soc_wh": 20_000, "departure_soc_wh": 39_000}
        world.simple("ra-1", 2, vehicle_changes=charging, baseline=name)
        world.event(4_000, 4_000)
        story = world.run()
        delivered[name] = [note.data["delivered_wh"] for note in story.notes("slot_metered", "ra-1")]
        changed[name] = [note.data.get("change_wh") for note in story.notes("slot_metered", "ra-1")]
    assert delivered["declared"] != delivered["nothing"]
    assert changed == {"declared": [None, None], "nothing": delivered["declared"]}
    metered = [
        sum(r.readings[0].energy_wh for r in story.sent("report") if isinstance(r, m.Report) and _of(r, "ra-1-h", slot))
        for slot in range(2)
    ]
    assert delivered["nothing"] == [-energy for energy in metered]


def _of(report: m.Report, prefix: str, slot: int) -> bool:
    return report.resource_id.startswith(prefix) and report.readings[0].slot == slot


def test_steps_are_taken_again_with_the_same_bytes() -> None:
    world = World()
    world.simple("ra-1", 3, request_values="first", sharing="last_first", baseline="nothing")
    world.event(9_000, 6_000)
    entries: list[Entry] = [entry for entry in world.run().simulation.trace if entry.actor == "ra-1"]
    actor = build_actor(world.aggregators[0])
    for entry in entries:
        effects = actor.wake(entry.at) if entry.input is None else actor.receive(entry.input, entry.at)
        assert encode_effects(effects) == encode_effects(entry.effects)
    assert any(entry.effects for entry in entries)
