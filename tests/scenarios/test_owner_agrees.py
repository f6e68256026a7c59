"""What a home's owner agrees to otherwise, or plans otherwise, holds at once: also while an event is under way."""

from datetime import timedelta
from pathlib import Path

import pytest
from worlds import START, T0, Story, World, vehicle

from agents.drivers.build import build_drivers
from agents.parties.der.actor import Der
from agents.parties.memory import memory_of, remember
from agents.runtime.daemon.changeover import settings_to_run
from agents.runtime.daemon.served import by_owners_plans, served
from agents.runtime.journal.journal import Journal
from agents.settings.daemon import PartiesConfig
from agents.settings.parties import Consent, DerSettings
from broker.stepper import Stepper
from protocol import messages as m
from protocol.actor import Entry, Planned, Reconfigured
from protocol.entries import encode_effects

NEVER = Reconfigured({}, {"consent": "never"})
LATER = START + timedelta(hours=3)


def told(minutes: float, item: Reconfigured) -> Story:
    """An evening with two events; a home is told something so many minutes after its start."""
    world = World()
    world.simple("ra-1", 4)
    world.event(18_000, 18_000)
    world.event(12_000, event_id="e2", issue_at=START + timedelta(hours=2), start=LATER)
    simulation = world.build()
    simulation.give(T0 + timedelta(minutes=minutes), "ra-1-h0", item)
    simulation.run()
    return Story(simulation, world)


def withdrawals(story: Story) -> list[m.Withdraw]:
    return [one for one in story.sent("withdraw", "ra-1-h0") if isinstance(one, m.Withdraw)]


@pytest.mark.parametrize("minutes", [40, 70], ids=["before its first slot", "amid the delivery"])
def test_owner_who_agrees_to_nothing_any_more_takes_back_what_was_awarded(minutes: float) -> None:
    story = told(minutes, NEVER)
    assert {one.event_id for one in withdrawals(story)} == {"e1"}
    assert story.note("owner_agrees", "ra-1-h0").data == {"changed": ["consent"]}
    assert story.note("withdrawn", "ra-1").data["child"] == "ra-1-h0"
    assert story.notes("shortfall_stated", "ra-1")  # the others have nothing over
    (later,) = [one for one in story.sent("offer", "ra-1-h0") if getattr(one, "event_id", "") == "e2"]
    assert isinstance(later, m.Offer)
    assert later.opt_reason is m.OptReason.NOT_PARTICIPATING


def test_owner_who_agrees_to_more_leaves_what_is_under_way() -> None:
    story = told(40, Reconfigured({}, {"consent": "ask", "stored_rule": False}))
    assert withdrawals(story) == []
    offers = {getattr(one, "event_id", ""): one for one in story.sent("offer", "ra-1-h0")}
    assert isinstance(offers["e2"], m.Offer)
    assert offers["e2"].opt is m.Opt.OUT


def test_home_remembers_what_its_owner_agrees_to() -> None:
    story = told(40, NEVER)
    entries = [one for one in story.simulation.trace if one.actor == "ra-1-h0"]
    settings = story.world.homes[0]
    for first in range(1, len(entries)):
        before = Stepper(Der(settings), build_drivers(settings))
        for entry in entries[:first]:
            before.fold(entry)
        after = Stepper(Der(settings), build_drivers(settings))
        remember(after.actor, memory_of(before.actor))
        assert memory_of(after.actor) == memory_of(before.actor)
        entry = entries[first]
        after.fold_bytes(entry.at, entry.input, encode_effects(entry.effects), devices_too=False)


async def stored(path: Path, home: DerSettings, entries: list[Entry]) -> None:
    journal = Journal(path, configuration=PartiesConfig(ders=(home,)).as_bytes())
    journal.start()
    for entry in entries:
        number = journal.append(entry)
        for place, _ in enumerate(entry.effects):
            journal.sent(home.name, (number, place))
    await journal.close()


async def test_start_in_mid_event_takes_the_owners_word_at_once_and_all_else_later(tmp_path: Path) -> None:
    story = told(200, NEVER)
    home = story.world.homes[0]
    entries = [one for one in story.simulation.trace if one.actor == home.name and one.at < T0 + timedelta(minutes=50)]
    path, now = tmp_path / "homes.journal", T0 + timedelta(minutes=50)
    await stored(path, home, entries)
    given = PartiesConfig(ders=(home.model_copy(update={"consent": Consent.ASK, "meter_to": ()}),))
    start = await settings_to_run(path, given, now)
    assert (start.under, start.waits) == (PartiesConfig(ders=(home,)), True)
    assert start.taken == {home.name: Reconfigured({}, {"consent": "ask"})}
    less = PartiesConfig(ders=(home.model_copy(update={"meter_to": ()}),))
    assert (await settings_to_run(path, less, now)).taken is None


def test_home_that_still_goes_by_other_settings_is_told_its_owners_newest_plan() -> None:
    def home(depart: str) -> DerSettings:
        plan = {"zone": "UTC", "departures": [{"days": ["mon", "tue", "wed", "thu", "fri"], "at": depart,
                "back": "18:00"}]}  # fmt: skip
        return DerSettings(name="h", parent="ra-1", devices=(vehicle("ev", plan=plan, plugs_in_at=T0),))

    under, given = PartiesConfig(ders=(home("07:00"),)), PartiesConfig(ders=(home("06:15"),))
    parties = served(under)
    by_owners_plans(parties, under, given)
    ((planned,),) = [list(feed.inputs(parties[0].actor, T0)) for feed in parties[0].feeds]
    assert isinstance(planned, Planned)
    assert "06:15" in {f"{stay.departs_at:%H:%M}" for stay in planned.stays if stay.departs_at is not None}
