"""An evening with real processes in which homes' smart meters, read by the driver `mqtt`, report to the aggregator and to the
utility. Two of them are silent over the end of the first slot: one speaks again before the slot is summed up, one after it."""

import asyncio
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from chaos_path import system
from charger_evening import SPEED, MeteredEvening, awards, playing, withdrawals
from metered_charger import OWN_W, MeteredCharger
from rich.console import Console

from agents.tools.explain.read import read
from agents.tools.explain.sources import JournalSources
from agents.tools.explain.text import write_device, write_story
from agents.tools.replay.source import RecordingSource
from agents.tools.replay.verify import verify
from protocol import messages as m
from protocol.actor import Entry, Note, Send

pytestmark = [pytest.mark.live, pytest.mark.slow]

LATE, BRIEF, SOUND = "late", "brief", "sound"
HOMES = (LATE, BRIEF, SOUND)
SLOT_S, SLOTS = 900, 3
ENDS_MINUTES = 12 + SLOTS * SLOT_S / 60 + 8
DUE_WH = 2 * OWN_W * SLOT_S // 3_600
"""From charging to discharging, in each slot and home."""
SILENCES = ((10, LATE, True), (11, BRIEF, True), (15.3, BRIEF, False), (23, LATE, False))
"""Each shorter than a slot, and longer than a meter may be silent; in minutes of the event."""
OFF_WH = 60
"""Until a set-point is taken the rest of a slot flows as before."""


class OwnMeterEvening(MeteredEvening):
    """Three homes that feed back."""

    slot_s, slots = SLOT_S, SLOTS

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, HOMES, max_discharge_w=OWN_W, asked_w=len(HOMES) * 2 * OWN_W)
        (folder / "house").mkdir()
        self.house = system.BrokerProcess(folder / "house", {})
        self.chargers = {home: MeteredCharger(home, self.house.port, SPEED, one_topic=home == LATE) for home in HOMES}

    def driven_by(self, home: str) -> dict[str, Any]:
        return self.chargers[home].driven_by()

    def flowed_wh(self, home: str) -> list[float]:
        """In each slot."""
        return [self.chargers[home].flowed_wh(self.begins_at(slot), self.begins_at(slot + 1)) for slot in range(SLOTS)]


async def play(folder: Path) -> tuple[OwnMeterEvening, system.Outcome, list[Entry]]:
    """The whole evening; what stands in all journals."""
    evening = OwnMeterEvening(folder)
    await evening.house.start()
    try:
        async with playing(evening.chargers.values()), asyncio.timeout(240):
            await evening.start()
            await evening.notes("homes", "controlling", len(HOMES))
            for minutes, home, is_silent in SILENCES:
                await evening.until(12 + minutes)
                evening.chargers[home].meter_is_silent = is_silent
            await evening.until(ENDS_MINUTES)
            outcome = await evening.stop()
    finally:
        await evening.house.end()
    return evening, outcome, await evening.trace()


async def test_own_meters_tell_both_parents_the_same_and_a_gap_as_replacement_values(tmp_path: Path) -> None:
    evening, outcome, trace = await play(tmp_path)
    assert {home: awards(trace)[f"ra-1/{home}"] for home in HOMES} == dict.fromkeys(HOMES, (2 * OWN_W,) * SLOTS)
    assert withdrawals(trace, HOMES) == {}
    assert outcome.broken == []
    for charger in evening.chargers.values():
        assert charger.said[:SLOTS] == [str(-OWN_W)] * SLOTS
        assert charger.said.index("auto") == len(charger.said) - 1  # nobody gave it back before the end
    for name in evening.daemons:
        assert verify(RecordingSource(tmp_path / name)).divergence is None

    # both parents hear the same, marked alike
    readings = {parent: told(trace, parent) for parent in ("ra-1", "utility")}
    assert readings["ra-1"] == readings["utility"]
    estimated = {key for key, one in readings["utility"].items() if one.reading_type is m.ReadingType.ESTIMATED}
    assert estimated == {(home, slot) for home in (LATE, BRIEF) for slot in (0, 1)}  # the gap is in both
    late = [note.data for note in noted(trace, "ra-1", "late_report_counted")]
    assert [(one["child"], one["slot"]) for one in late] == [(LATE, 0)]
    less = [note.data for note in noted(trace, "ra-1", "gives_less")]
    assert [(one["child"], one["slot"], one["silent"]) for one in less] == [(LATE, 0, True)]  # until it spoke

    # the energies are those of the meter, not of the charger's own register
    assert set(readings["utility"]) == {(home, slot) for home in HOMES for slot in range(SLOTS)}
    for home in HOMES:
        for slot, flowed_wh in enumerate(evening.flowed_wh(home)):
            reading = readings["utility"][home, slot]
            assert reading.energy_wh == pytest.approx(flowed_wh, abs=OFF_WH), (home, slot)
            if slot < 2:  # later less is left to be given, as one was silent
                assert reading.baseline_wh - reading.energy_wh == pytest.approx(DUE_WH, abs=OFF_WH), (home, slot)

    # settled is what the meters told, on both ways
    delivered_wh = sum(one.baseline_wh - one.energy_wh for one in readings["utility"].values())
    settled = noted(trace, "utility", "settled")[-1].data
    assert (settled["delivered_wh"], settled["metered_directly_wh"]) == (delivered_wh, delivered_wh)
    assert (settled["meters"], settled["values_estimated"]) == (len(HOMES), len(estimated))
    assert "values_missing" not in settled

    story = read(JournalSources([tmp_path / name for name in evening.daemons]).evidence("e1"))
    assert [said(story, home).count("(replacement value") for home in HOMES] == [2, 2, 0]
    assert "(replacement value and late)" in said(story, LATE)
    for slot in (1, 2):
        assert f"In slot {slot} ra-1 counts 2 replacement values: a meter had a gap there." in said(story)
    assert "In slot 3 ra-1 counts" not in said(story)


def told(trace: Iterable[Entry], parent: str) -> dict[tuple[str, int], m.Reading]:
    """By home and slot what its meter has told a parent."""
    return {
        (entry.actor, reading.slot): reading
        for entry in trace
        for effect in entry.effects
        if isinstance(effect, Send) and isinstance(effect.message, m.Report) and effect.edge.parent == parent
        if entry.actor in HOMES
        for reading in effect.message.readings
    }


def noted(trace: Iterable[Entry], party: str, name: str) -> list[Note]:
    """What a party noted."""
    effects = (effect for entry in trace if entry.actor == party for effect in entry.effects)
    return [effect for effect in effects if isinstance(effect, Note) and effect.name == name]


def said(story: Any, home: str | None = None) -> str:
    """What `explain` says of all, or of a home."""
    text = io.StringIO()
    out = Console(file=text, width=200, highlight=False)
    if home is None:
        write_story(out, story)
    else:
        write_device(out, story, story.devices[home])
    return text.getvalue()
