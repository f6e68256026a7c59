"""`gridpact explain`: why a deal came out as it did, from the journals alone."""

import io
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import paths
import pytest
from hunter import hunt
from rich.console import Console
from worlds import World

from agents.cli.app import call
from agents.tools.explain import words
from agents.tools.explain.evidence import gather
from agents.tools.explain.read import read
from agents.tools.explain.sources import JournalSources
from agents.tools.explain.text import write_device, write_story
from agents.tools.replay.source import RecordingSource
from broker.recording_file import Step
from protocol import messages as m
from protocol.actor import Entry, Note, Received, Resumed, Send
from protocol.edges import Edge
from protocol.entries import decode_effects, decode_input
from protocol.notes import MessageRefused
from protocol.units import Direction

Capture = pytest.CaptureFixture[str]
SUMS = {"offers_summed": "offers", "storage_summed": "storage", "relaxed_offers_summed": "relaxed"}


def simulated(scenario: str, folder: Path) -> Path:
    assert call(["simulate", scenario, "--journals", str(folder), "--json"]) == 0
    return folder


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated("evening_peak", tmp_path_factory.mktemp("evening") / "journals")


@pytest.fixture(scope="module")
def midday(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated("midday_surplus", tmp_path_factory.mktemp("midday") / "journals")


def printed(capsys: Capture, *given: str) -> str:
    capsys.readouterr()
    assert call(["explain", *given]) == 0
    return capsys.readouterr().out


def as_json(capsys: Capture, *given: str) -> Any:
    return orjson.loads(printed(capsys, *given, "--json"))


def flat(text: str) -> str:
    """Without the terminal's line breaks."""
    return " ".join(text.split())


def some_of(journals: Path, folder: Path, *names: str) -> Path:
    folder.mkdir()
    for file in journals.iterdir():
        if file.name.split(".")[0] in names:
            shutil.copy(file, folder)
    return folder


def notes(journals: Path, name: str) -> list[tuple[str, dict[str, Any]]]:
    steps = [line for line in RecordingSource(journals).lines() if isinstance(line, Step)]
    return [
        (step.actor, dict(effect.data))
        for step in steps
        for effect in decode_effects(step.effects)
        if isinstance(effect, Note) and effect.name == name
    ]


def test_what_the_rungs_added_are_the_figures_of_the_notes(evening: Path, capsys: Capture) -> None:
    story = as_json(capsys, "--journals", str(evening))
    for name, rung_name in SUMS.items():
        of_notes = [(party, data["available_w"], data["shortfall_w"]) for party, data in notes(evening, name)]
        of_story = []
        for climb in story["climbs"]:
            available = [0] * story["slots"]
            for rung in climb["rungs"]:
                available = [a + b for a, b in zip(available, rung["added_w"], strict=True)]
                if rung["name"] == rung_name and rung["climbed"]:
                    of_story.append((climb["party"], available, rung["shortfall_w"]))
        assert of_notes
        assert sorted(of_story) == sorted(of_notes)


def test_causes_say_all_that_is_short_after_the_offers(evening: Path, capsys: Capture) -> None:
    story = as_json(capsys, "--journals", str(evening))
    short = [climb for climb in story["climbs"] if any(climb["rungs"][0]["shortfall_w"])]
    assert {climb["party"] for climb in short} == {"ra-2", "ra-3", "ra-4"}
    for climb in short:
        missing = [sum(slot) for slot in zip(*(cause["missing_w"] for cause in climb["causes"]), strict=True)]
        assert all(a >= b for a, b in zip(missing, climb["rungs"][0]["shortfall_w"], strict=True))


def test_the_story_tells_the_steps_from_the_request_to_the_delivery(evening: Path, capsys: Capture) -> None:
    text = flat(printed(capsys, "--journals", str(evening)))
    for sentence in (
        "Not counted: hems-4-silent: silent",
        "S26: own storage adds 4 4 4 0 kW; enough in every slot (S27)",
        "the deal disturbs hems-3-1 and hems-3-2",
        "truncated 19.5 19.5 19.5 14.9 kW (75 % in the worst slot, 36.7 kWh, on offers, accepted)",
        "S4: the alternative of ra-4, 19.5 19.5 19.5 14.9 kW of 26 26 26 19.5 kW, is accepted: only 75 %",
        "S6: re-request to ra-1 (round 2) for 32.5 32.5 32.5 24.1 kW",
        "awards 100 100 100 75 kW",
        "utility 50 kWh 50 kWh 50 kWh 37.5 kWh 187.5 kWh of 187.5 kWh",
    ):
        assert sentence in text


def test_a_late_answer_is_named_with_how_late_it_was(tmp_path: Path, capsys: Capture) -> None:
    example = paths.EXAMPLES / "evening_peak.toml"
    scenario = tmp_path / "late.toml"
    scenario.write_text(example.read_text().replace('behaviour = "silent"', 'behaviour = "late"'))
    journals = simulated(str(scenario), tmp_path / "journals")
    story = as_json(capsys, "--journals", str(journals))
    climb = next(climb for climb in story["climbs"] if climb["party"] == "ra-4")
    answer = next(answer for answer in climb["answers"] if answer["child"] == "hems-4-silent")
    assert (answer["verdict"], answer["power_w"]) == ("late", [0] * 4)
    assert answer["late_by_s"] > 0
    assert climb["causes"][0]["cause"] == "late"
    text = flat(printed(capsys, "--journals", str(journals)))
    assert "Not counted: hems-4-silent: late (" in text
    assert "it would have been 6 6 6 4.6 kW): not counted" in text


def test_a_refused_answer_is_named_with_the_reason_that_its_parent_gave() -> None:
    sent_at, slot_at = datetime(2026, 1, 14, 17, tzinfo=UTC), datetime(2026, 1, 14, 18, tzinfo=UTC)
    edge = Edge("ra-1", "hems-1")
    request = m.Request(
        message_id="request-1", event_id="e", request_id="r", revision=1, round=1, sent_at=sent_at, program_id="p",
        direction=Direction.DECREASE_LOAD, power_w=(3000,), reply_by=sent_at + timedelta(minutes=5), decide_by=slot_at,
        interval_period=m.IntervalPeriod(start=slot_at, duration=timedelta(minutes=30)), terms=m.Terms(),
    )  # fmt: skip
    offer = m.Offer(
        message_id="offer-1", event_id="e", request_id="r", revision=1, round=1, sent_at=sent_at, opt=m.Opt.IN,
        power_w=(2000,), available_w=(2000,), binding=(m.Restriction.RESERVE_SOC,), basis=m.Basis.OWN,
        valid_until=slot_at,
    )  # fmt: skip
    note = MessageRefused(edge="ra-1/hems-1", kind="offer", reason="claimed", text="not\x1bthis").note("e")
    entries = (
        Entry(sent_at, "ra-1", None, (Send(edge, request),)),
        Entry(sent_at, "ra-1", Received(edge, offer), (note,)),
    )
    story = read(gather("e", entries, {}))
    (one,) = story.devices["hems-1"].rounds
    assert (one.own.verdict, one.own.reason, one.own.sent_w, one.own.power_w) == ("refused", "claimed", (2000,), (0,))
    assert [trouble.text for trouble in story.troubles] == [
        "refuses an offer of hems-1: claimed (not\N{REPLACEMENT CHARACTER}this)"
    ]


def test_a_device_is_told_what_bound_it_in_each_slot(evening: Path, capsys: Capture) -> None:
    device = as_json(capsys, "--journals", str(evening), "--device", "hems-3-1")
    (one,) = device["rounds"]
    assert one["own"]["binding"] == ["reserve_soc"] * 4
    assert one["relaxed"]["verdict"] == "yes"
    assert [award["basis"] for award in device["awards"]] == ["relaxed"]
    assert [dispatch["slot"] for dispatch in device["dispatches"]] == [0, 1, 2, 3]
    assert {driven["power_w"] for driven in device["driven"]} >= {one["power_w"] for one in device["dispatches"]}
    text = flat(printed(capsys, "--journals", str(evening), "--device", "hems-3-1"))
    assert "why no more keeps its owner's reserve" in text
    assert "S28: asked to relax" in text
    (agreed,) = device["agreed"]
    assert (agreed["resource_id"], agreed["restriction"]) == ("ev-3-1", "reserve_soc")
    steps = ", then ".join(f"{step / 1000:g} kWh" for step in agreed["steps"])
    assert f"agreed in advance to loosen reserve_soc to {steps}." in text


def test_every_restriction_is_told_with_its_unit() -> None:
    assert words.loosening("power_limit", (3000,)) == "power_limit to 3 kW"
    assert words.loosening("relay_ops", (4, 6)) == "relay_ops to 4 operations, then 6 operations"
    assert words.loosening("plug_window", (1800,)) == "plug_window to 30 min later"
    assert [words.trouble("lost", 2), words.trouble("late_report", 2)] == ["2 lost", "2 late meter values"]


def test_a_device_is_found_by_its_resource(evening: Path, capsys: Capture) -> None:
    assert as_json(capsys, "--journals", str(evening), "--device", "ev-3-1")["name"] == "hems-3-1"


def test_journals_are_found_where_daemons_keep_them_and_two_systems_are_not_mixed(
    midday: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state" / "gridpact"
    shutil.copytree(midday, state / "127.0.0.1-1883")
    assert list(JournalSources([]).events()) == list(JournalSources([midday]).events())
    shutil.copytree(midday, state / "north")
    assert call(["explain"]) == 2
    assert f"name one of {state / '127.0.0.1-1883'}, {state / 'north'}" in capsys.readouterr().err


def test_tiers_have_a_section_each(midday: Path, capsys: Capture) -> None:
    for event in JournalSources([midday]).events():
        story = as_json(capsys, event, "--journals", str(midday))
        above = {climb["party"]: climb["parent"] for climb in story["climbs"]}
        assert above == {"ra-1": "ac", "ra-town": "ac", "sub-north": "ra-1", "sub-south": "ra-1"}
        assert story["missing_journals"] == []
        assert sum(story["deal_w"]) == sum(story["requested_w"])
    assert "an aggregator below could not give more" in flat(printed(capsys, event, "--journals", str(midday)))


def test_what_a_tier_below_added_is_told_and_what_it_gave_less_is_told_once(tmp_path: Path, capsys: Capture) -> None:
    story = as_json(capsys, "--journals", str(simulated("city", tmp_path / "journals")))
    (short,) = (line for line in story["summary"] if line.startswith("Short after first offers"))
    (how,) = (line for line in story["summary"] if line.startswith("How:"))
    assert "(S24); in those, relaxation added 10.1 10.1 11 kW at harbour-south (S30); own storage added 3.3" in how
    assert "ra-hills" in short
    assert "an aggregator below" not in short
    assert "keeps its owner's reserve" in short


def test_who_was_short_before_a_re_request_for_less_is_named() -> None:
    world = World()
    world.simple("ra-1", 2)
    world.event(30_000)
    simulation = world.build()
    simulation.run()
    summary = read(gather("e1", simulation.trace, {})).summary
    assert "Short: nobody in the last round; in an earlier one ra-1." in summary


def test_the_coordinators_journal_alone_tells_its_part(evening: Path, tmp_path: Path, capsys: Capture) -> None:
    alone = some_of(evening, tmp_path / "ac", "ac")
    story = as_json(capsys, "--journals", str(alone))
    assert story["climbs"] == []
    assert story["deal_w"] == [100000, 100000, 100000, 75000]
    assert story["missing_journals"] == ["utility", "ra-1", "ra-2", "ra-3", "ra-4", "ra-5"]
    text = flat(printed(capsys, "--journals", str(alone)))
    assert "S6: re-request to ra-1" in text
    assert "What utility, ra-1, ra-2, ra-3, ra-4 and ra-5 knew and decided is not told" in text


def test_without_one_aggregators_journal_the_others_are_told(evening: Path, tmp_path: Path, capsys: Capture) -> None:
    rest = some_of(evening, tmp_path / "rest", "utility", "ac", "homes", "ra-1", "ra-2", "ra-4", "ra-5")
    story = as_json(capsys, "--journals", str(rest))
    assert story["missing_journals"] == ["ra-3"]
    assert {climb["party"] for climb in story["climbs"]} == {"ra-1", "ra-2", "ra-4", "ra-5"}
    assert "asks hems-3-1, hems-3-2, hems-3-3, hems-3-4 and hems-3-5 for 16 16 16 12 kW together" in flat(
        printed(capsys, "--journals", str(rest))
    )


def test_the_homes_journal_alone_tells_what_they_heard(evening: Path, tmp_path: Path, capsys: Capture) -> None:
    homes = some_of(evening, tmp_path / "homes", "homes")
    device = as_json(capsys, "--journals", str(homes), "--device", "hems-3-1")
    assert device["journal"]
    assert device["rounds"][0]["own"]["binding"] == ["reserve_soc"] * 4
    assert "as others heard it" in printed(capsys, "--journals", str(homes))


def test_while_the_system_runs_who_has_time_left_is_not_silent_and_what_is_under_way_not_lost(evening: Path) -> None:
    steps = [line for line in RecordingSource(evening).lines() if isinstance(line, Step)]
    entries = [Entry(one.at, one.actor, decode_input(one.input), decode_effects(one.effects)) for one in steps]
    issued_at = datetime(2026, 1, 14, 17, 5, tzinfo=UTC)
    story = read(gather("evening-peak", [one for one in entries if one.at < issued_at + timedelta(minutes=3)], {}))
    climb = next(climb for climb in story.climbs if climb.party == "ra-4")
    assert [answer.child for answer in climb.answers if answer.verdict == "open"] == ["hems-4-silent"]
    assert [trouble.kind for trouble in story.troubles] == ["lost"]
    assert story.summary[3].startswith(
        "Short after first offers: ra-3 and ra-2. Why: keeps its owner's reserve: 11 kWh"
    )
    text = io.StringIO()
    write_story(Console(file=text, width=140), story)
    assert "hems-4-silent: not answered yet (it answered at 17:05:00, but that never arrived)" in flat(text.getvalue())
    story = read(gather("evening-peak", [one for one in entries if one.at < issued_at + timedelta(seconds=1)], {}))
    assert story.troubles == []


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (["nothing"], "there is no event nothing; there are evening-peak"),
        (["--device", "nobody"], "--device: nobody is not in evening-peak; there are hems-1-1, hems-1-2"),
        (["--party", "nobody"], "--party: nobody is not in evening-peak; there are utility, ac, ra-1"),
    ],
)
def test_what_is_not_there_is_one_sentence(evening: Path, capsys: Capture, given: list[str], sent: str) -> None:
    capsys.readouterr()
    assert call(["explain", *given, "--journals", str(evening)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"gridpact: {sent}")
    assert error.count("\n") == 1


def test_of_several_events_one_has_to_be_named(midday: Path, capsys: Capture) -> None:
    capsys.readouterr()
    assert call(["explain", "--journals", str(midday)]) == 2
    assert "name one of forecast-20260503-0230 and forecast-20260503-0430" in capsys.readouterr().err


def test_the_page_stands_alone_and_has_the_figures(evening: Path, tmp_path: Path, capsys: Capture) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("jinja2")
    page = tmp_path / "why.html"
    printed(capsys, "--journals", str(evening), "--html", str(page))
    text = page.read_text()
    assert "http" not in text
    assert "<script" not in text
    assert "prefers-color-scheme: dark" in text
    assert (
        "ra-3, round 1: requested 16 16 16 12 kW; offers 10.1 10.1 10.1 7.6 kW; relaxation 19.9 19.9 19.9 22 kW" in text
    )
    assert text.count("<svg") == text.count("</svg>") >= 10
    assert 'aria-label="all aggregators: requested 100 100 100 75 kW; offers 90.1 90.1 90.1 70.6 kW' in text
    assert '<td>18:30</td><td class="n">50 kWh</td><td class="n">50 kWh</td>' in text
    assert "<tr><th>hems-4-silent</th>" in text
    printed(capsys, "--journals", str(evening), "--html", str(tmp_path / "again.html"))
    assert (tmp_path / "again.html").read_text() == text


def test_without_the_libraries_one_sentence_says_what_to_install(
    evening: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    capsys.readouterr()
    assert call(["explain", "--journals", str(evening), "--html", str(tmp_path / "why.html")]) == 2
    assert capsys.readouterr().err == (
        "gridpact: the page needs jinja2 and matplotlib: pip install 'gridpact[report]'\n"
    )


@pytest.mark.parametrize("missing", [None, "utility", "ac", "ra-1"])
@pytest.mark.parametrize("seed", [15, 48, 51])
def test_crashes_changes_and_missing_journals_do_not_stop_the_story(seed: int, missing: str | None) -> None:
    _, simulation = hunt(seed)
    entries = sorted((entry for entry in simulation.trace if entry.actor != missing), key=lambda entry: entry.at)
    story = read(gather("e1", entries, {}))
    out = Console(file=io.StringIO(), width=140)
    write_story(out, story)
    for device in story.devices.values():
        write_device(out, story, device)
    assert story.missing_journals == ([missing] if missing in story.roles else [])
    closed = [one.actor for one in entries for e in one.effects if isinstance(e, Note) and e.name == "closed"]
    assert {ending.party for ending in story.endings} <= set(closed)


def test_a_restart_is_told_with_the_last_word_before_it() -> None:
    _, simulation = hunt(15)
    story = read(gather("e1", sorted(simulation.trace, key=lambda entry: entry.at), {}))
    noted_of = {(one.party, one.at) for one in story.troubles if one.kind == "restarted"}
    happened = {(entry.actor, entry.at) for entry in simulation.trace if isinstance(entry.input, Resumed)}
    assert noted_of
    assert noted_of <= happened
