"""Logs on a terminal: notes are sentences, with slots counted from 1."""

from datetime import UTC, datetime

from agents.runtime.daemon.in_words import InWords
from agents.runtime.daemon.logs import note_line
from protocol.notes import AwardReceived, SlotMetered

AT = datetime(2026, 1, 14, 18, 30, tzinfo=UTC)


def test_note_is_a_sentence_and_its_slot_is_counted_from_one() -> None:
    in_words = InWords()
    in_words(None, "info", note_line(AT, "ra-1", AwardReceived(power_w=(1_000, 2_000), accepts="o").note("e1")))
    metered = SlotMetered(slot=0, delivered_wh=500, awarded_wh=500, reported=2, silent=0).note("e1")
    told = in_words(None, "info", note_line(AT, "ra-1", metered) | {"level": "info"})
    assert told["event"].endswith("slot 1 of 2: delivered 0.5 kWh of 0.5 kWh (2 reported, 0 silent)")
    assert told["event"].startswith("18:30:00  ra-1")
    assert (told["event_id"], told["level"]) == ("e1", "info")


def test_line_that_is_no_note_stays_as_it_is() -> None:
    line = {"event": "ready", "party": "ra-1", "level": "info"}
    assert InWords()(None, "info", dict(line)) == line
