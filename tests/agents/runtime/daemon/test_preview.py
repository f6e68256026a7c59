"""What the fleet could probably give, before anything is asked: by what children told, else by their contracts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from memory_bus import MemoryBus
from worlds import START, T0, battery

from agents.cli import operate
from agents.parties.aggregator.actor import Aggregator
from agents.parties.coordinator.actor import Coordinator
from agents.parties.der.actor import Der
from agents.parties.utility.actor import Utility
from agents.runtime.daemon.commands import CommandRefusal
from agents.runtime.daemon.control import ControlServer
from agents.runtime.daemon.preview import Preview, preview
from agents.runtime.shell import Shell
from agents.settings.members import Member
from agents.settings.parties import AggregatorSettings, CoordinatorSettings, DerSettings, UtilitySettings
from broker.clock import Clock
from protocol.actor import Actor, Received
from protocol.edges import Edge
from protocol.messages import Capability, IntervalPeriod
from protocol.units import Direction

PERIOD = IntervalPeriod(start=START)
DOWN = Direction.DECREASE_LOAD
BOOK = (
    Member(name="h-1", decrease_load_w=6_000),
    Member(name="h-2", decrease_load_w=6_000, reliability_pct=50),
    Member(name="h-3"),
)


def shell(actor: Actor, bus: MemoryBus | None = None) -> Shell:
    return Shell(actor, bus or MemoryBus(), Clock(T0, datetime.now(UTC), speed=0.001))


def told_by(name: str, parent: str) -> Received:
    der = Der(DerSettings(name=name, parent=parent, devices=(battery("bat", 5_000),), capability_every_s=600))
    return Received(Edge(parent, name), der.capability({}, T0))


def aggregator(**settings: object) -> Shell:
    given = {"name": "ra-1", "parent": "ac", "members": BOOK, **settings}
    return shell(Aggregator(AggregatorSettings.model_validate(given)))


def seen(one: Shell, slots: int = 2) -> Preview:
    found = preview(one, DOWN, PERIOD, slots)
    assert found is not None
    return found


def test_who_told_counts_by_its_word_and_the_others_by_contract() -> None:
    one = aggregator()
    one.stepper.take(told_by("h-1", "ra-1"), T0)
    found = seen(one)
    assert found.could.p10_w == (5_000, 5_000)
    assert found.could.p50_w == (8_000, 8_000)
    assert found.could.p90_w == (11_000, 11_000)
    assert (found.told, found.by_contract, found.unknown) == (1, 1, ("h-3",))


def test_word_that_has_run_out_counts_no_more() -> None:
    one = aggregator()
    received = told_by("h-1", "ra-1")
    assert isinstance(received.message, Capability)
    old = received.message.model_copy(update={"valid_until": T0 - timedelta(seconds=1)})
    one.stepper.take(Received(received.edge, old), T0)
    assert seen(one).told == 0


def test_own_storage_is_counted_as_sure() -> None:
    found = seen(aggregator(members=(), storage=(battery("own", 4_000),)))
    assert found.could.p10_w == found.could.p90_w == (4_000, 4_000)
    assert found.told == found.by_contract == 0


def test_home_previews_nothing() -> None:
    der = Der(DerSettings(name="h", parent="ra", devices=(battery("bat"),)))
    assert preview(shell(der), DOWN, PERIOD, 1) is None


def fleet(told: bool) -> list[Shell]:
    coordinator = shell(
        Coordinator(
            CoordinatorSettings(name="ac", members=(Member(name="ra-1", kind="aggregator", decrease_load_w=12_000),))
        )
    )
    utility = shell(Utility(UtilitySettings(children=("ac",))))
    if told:
        utility.stepper.take(told_by("ac", "utility"), T0)
    return [utility, coordinator, aggregator()]


async def dry_run(monkeypatch: pytest.MonkeyPatch, shells: list[Shell], kw: tuple[int, ...] = (9_000, 9_000)) -> int:
    server = ControlServer(Path("unused.sock"), {one.actor.name: one for one in shells}, lambda at: None)

    async def parties(control: Path | None) -> list[tuple[Path, dict[str, object]]]:
        return [(server.path, {"name": one.actor.name, "shell": {"now": T0.isoformat()}}) for one in shells]

    async def asked(path: Path, command: dict[str, object]) -> dict[str, object]:
        from agents.runtime.daemon.commands import COMMANDS

        return await server._follow(COMMANDS.validate_python(command))

    monkeypatch.setattr(operate, "parties", parties)
    monkeypatch.setattr(operate, "ask", asked)
    wanted = operate.WantedRequest(DOWN, START.isoformat(), kw, 1_800, None, "dr")
    return await operate.dry_run(None, wanted, json=False)


async def test_command_shows_the_utilitys_own_view_where_nothing_is_unknown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await dry_run(monkeypatch, fleet(told=True)) == 0
    assert capsys.readouterr().out == (
        "utility: of 9 kW x 2 surely 5 kW x 2, as probable as not 5 kW x 2, at most 5 kW x 2 "
        "(1 told it themselves; 0 by contract alone)\n"
    )


async def test_command_goes_by_the_coordinators_contracts_where_nobody_told_the_utility(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shells = fleet(told=False)
    assert await dry_run(monkeypatch, shells) == 0
    assert capsys.readouterr().out == (
        "ac: of 9 kW x 2 surely 0 kW, as probable as not 12 kW x 2, at most 12 kW x 2 "
        "(0 told it themselves; 1 by contract alone)\n"
    )
    assert [one.actor.status()["events"] for one in shells] == [[], [], []]


async def test_command_says_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandRefusal, match="nobody here knows what the fleet could give"):
        await dry_run(monkeypatch, fleet(told=False)[:1])
