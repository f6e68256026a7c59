"""The command: exit codes, one-sentence mistakes, machine-readable output, and a whole run on a real broker."""

import asyncio
import json
import os
import signal
import sys
from collections import deque
from pathlib import Path
from typing import Any

import paths
import pytest

from agents.cli.app import call
from agents.cli.ours import foreign_packages

ROOT = paths.ROOT
TINY = str(paths.TINY)
RECORDING = ROOT / "tests" / "recordings" / "midday_surplus.jsonl.gz"


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_simulated_deal_ends_with_0_and_the_steps_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["simulate", TINY]) == 0
    out = capsys.readouterr().out
    for step in ("S1", "S7", "S20", "S22", "S24", "S26", "S35", "S36"):
        assert f" {step} " in out
    assert "a deal was concluded" in out


def test_no_deal_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    impossible = tmp_path / "impossible.toml"
    impossible.write_text(Path(TINY).read_text().replace("[20000, 20000]", "[900000, 900000]"))
    assert call(["simulate", str(impossible)]) == 1
    assert "no deal was concluded" in capsys.readouterr().out


def test_json_is_one_note_a_line_and_the_summary_last(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["simulate", TINY, "--seed", "5", "--json"]) == 0
    *notes, last = lines(capsys.readouterr().out)
    assert {"at", "party", "event", "event_id", "step", "data"} == set(notes[0])
    [event] = last["summary"]["events"]
    assert (event["event_id"], event["outcome"]) == ("e1", "concluded")
    assert [party["party"] for party in event["parties"]] == ["utility", "ac", "ra-1", "ra-2"]


def test_the_same_seed_tells_the_same_story(capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for _ in range(2):
        call(["simulate", TINY, "--seed", "7", "--loss-pct", "10", "--repeat-pct", "20", "--json"])
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["simulate", "nowhere.toml"], 2, "nowhere.toml: there is no such file; shipped scenarios: "),
        (["simulate", TINY, "--loss-pct", "200"], 2, "--loss-pct: has to lie between 0 and 100"),
        (["simulate", TINY, "--loss-pct", "much"], 2, "Invalid value"),
        (["simulat"], 2, "Unknown command"),
        (["run", "utility"], 2, 'Command "run" parameter --config requires an argument.'),
        (["run", "king", "--config", "x"], 2, "Invalid value"),
        (["up", TINY, "--speed", "-1"], 2, "--speed: has to be above 0"),
        (["request"], 2, "request: a direction and --kw are needed (or --cancel)"),
        (["request", "decrease_load", "--kw", "nan"], 2, "--kw: has to lie between 0 and 1e+08 (it is nan)"),
        (
            ["request", "decrease_load", "--kw", "1", "--kw", "inf"],
            2,
            "--kw: has to lie between 0 and 1e+08 (it is inf)",
        ),
        (["request", "decrease_load", "--kw", "-5"], 2, "--kw: has to lie between 0 and 1e+08 (it is -5)"),
        (
            ["request", "decrease_load", "--kw", "5", "--slot-minutes", "0"],
            2,
            "--slot-minutes: has to lie between 1 and",
        ),
        (["request", "decrease_load", "--kw", "5", "--cancel", "e1"], 2, "--cancel: stands alone"),
        (["up", TINY, "--speed", "nan"], 2, 'Invalid value "nan" for --speed.'),
        (["fleet", TINY, "--seconds", "nan"], 2, 'Invalid value "nan" for --seconds.'),
        (["watch", "--port", "99999"], 2, 'Invalid value "99999" for --port.'),
        (["doctor", "--port", "0"], 2, 'Invalid value "0" for --port.'),
        (["status", "--control", "/nonexistent"], 4, "/nonexistent: no daemon answers here"),
        (["decide", "e1", "yes", "--control", "/nonexistent"], 4, "/nonexistent: no daemon answers here"),
        (["simulate", TINY, "--seed", "1.5"], 2, 'Invalid value for --seed: unable to convert "1.5" into int.'),
        (["request", "decrease_load", "--kw", "5", "--slot-minutes", "1.5"], 2, "Invalid value for --slot-minutes: "),
        (
            ["request", "decrease_load", "--kw", "5", "--event-id", ""],
            2,
            "--event-id: is empty: leave it out for a new",
        ),
        (
            ["request", "decrease_load", "--kw", "100000001"],
            2,
            "--kw: has to lie between 0 and 1e+08 (it is 100000001)",
        ),
        (["simulate", "x" * 300], 2, "x" * 300 + ": File name too long"),
        (["ca", "init", "/proc/nowhere/ca"], 2, "/proc/nowhere: No such file or directory"),
        (["replay", "as-test", str(RECORDING), "--out", ""], 2, "--out: .: is no name of files"),
        (
            ["ca", "renew", ".", "--bundles", ".", "--within-days", "1" + "0" * 20],
            2,
            "--within-days: has to lie between",
        ),
        (["stat\x1b[31mus"], 2, 'Unknown command "stat?[31mus"'),
        (["simulate", "a\nb\x1b[2J"], 2, "a b?[2J: there is no such file; shipped scenarios: "),
        (
            ["watchdog", "--config", "/dev/null"],
            2,
            "/dev/null: is no daemon's file: it has no [utility], [coordinator], ",
        ),
        (["devices", "read", "--config", "/dev/null"], 2, "/dev/null: is no daemon's file: "),
        (["contract", "list", "--config", "/dev/null"], 2, "/dev/null: is no daemon's file: "),
        (["devices", "discover", "ocpp", "--host", "a..b", "--seconds", "1"], 2, "--host: 'a..b' is no name of a host"),
        (
            ["scenario", "from-csv", "--sessions", "a.csv", "--requests", "b.csv", "--out", "c.toml"],
            2,
            "b.csv: cannot be read: ",
        ),
    ],
)
def test_a_mistake_is_one_sentence_on_stderr(
    arguments: list[str], code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(arguments) == code
    out, err = capsys.readouterr()
    assert err.startswith(f"gridpact: {sentence}")
    assert (out, err.count("\n")) == ("", 1)


def test_the_broker_is_said_to_be_missing_with_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("broker.mosquitto.SBIN", str(tmp_path))
    assert call(["up", TINY]) == 3
    assert "apt-get install mosquitto" in capsys.readouterr().err


@pytest.mark.parametrize("seed", [2, 5, 8])
def test_what_is_lost_on_the_way_costs_no_deal_its_delivery(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["simulate", "evening_peak", "--seed", str(seed), "--loss-pct", "5", "--json"]) == 0
    (event,) = lines(capsys.readouterr().out)[-1]["summary"]["events"]
    utility = event["parties"][0]
    assert sum(utility["deal_w"]) / 2 >= 0.95 * sum(utility["requested_w"]) / 2
    assert utility["delivered_wh"] == pytest.approx(utility["awarded_wh"], rel=0.002)


def test_a_scenario_from_tables_can_be_simulated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s.csv").write_text(
        "user_id,plug_in,plug_out,max_kw,capacity_kwh,soc_arr\n"
        + "".join(f"u{n},2020-03-03 15:00:00,2020-03-04 07:00:00,6,50,0.9\n" for n in range(6))
    )
    (tmp_path / "r.csv").write_text("event_id,start,required_mw\n1,2023-01-24 17:00:00,10\n1,2023-01-24 17:30:00,20\n")
    out = tmp_path / "made.toml"
    made = [
        "scenario",
        "from-csv",
        "--sessions",
        str(tmp_path / "s.csv"),
        "--requests",
        str(tmp_path / "r.csv"),
        "--out",
        str(out),
        "--event",
        "1",
        "--k",
        "0.5",
        "--aggregators",
        "2",
    ]
    assert call(made) == 0
    assert "6 vehicles, 2 aggregators" in capsys.readouterr().out
    assert call(["simulate", str(out)]) == 0


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--k", "nan", "--k: has to lie between 0.001 and 1000 (it is nan)"),
        ("--k", "0", "--k: has to lie between 0.001 and 1000 (it is 0)"),
        ("--aggregators", "0", "--aggregators: has to lie between 1 and 1000 (it is 0)"),
        ("--storage-kw", "-1", "--storage-kw: has to lie between 0 and 1e+06 (it is -1)"),
        ("--zone", "Europe/Olso", "--zone: there is no time zone 'Europe/Olso' (did you mean Europe/Oslo?)"),
    ],
)
def test_number_that_makes_no_scenario_is_refused(
    option: str, value: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ["--sessions", "s.csv", "--requests", "r.csv", "--out", str(tmp_path / "o.toml")]
    assert call(["scenario", "from-csv", *files, option, value]) == 2
    assert capsys.readouterr().err == f"gridpact: {sentence}\n"


def test_the_packages_are_ours() -> None:
    assert foreign_packages() is None


async def _gridpact(*arguments: str, cwd: Path = ROOT) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "agents.cli",
        *arguments,
        cwd=cwd,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_foreign_packages_of_the_same_name_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    (tmp_path / "broker" / "__init__.py").touch()
    code, _, err = await _gridpact("--help", cwd=tmp_path)
    assert code == 2
    assert err.startswith("gridpact: the package 'broker' that Python finds (")
    assert err.count("\n") == 1


@pytest.mark.live
@pytest.mark.parametrize(
    ("after", "code", "verdict"),
    [
        ("awards", 0, "stopped; a deal stands"),
        ("is asked for", 130, "stopped; no deal stands"),
        ("broker at", 130, "stopped; no deal stands"),
    ],
)
async def test_up_that_is_stopped_says_whether_a_deal_stands(after: str, code: int, verdict: str) -> None:
    """Live: Ctrl-C behind some words, also while it starts, in words and as an exit code. A terminal sends it to the whole
    group of processes."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agents.cli", "up", TINY, "--speed", "60", cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)}, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(90):
        told: list[str] = []
        while text := (await process.stdout.readline()).decode():
            told.append(text)
            if f"{after} " in text and told.count("^C") == 0:
                told.append("^C")
                os.killpg(process.pid, signal.SIGINT)
        assert await process.wait() == code
    assert told[-1] == f"{verdict}\n"


@pytest.mark.live
async def test_up_operates_a_whole_tree_and_an_operator_and_a_resident_reach_it(tmp_path: Path) -> None:
    """Live: the planned event becomes the same deal as simulated; `status`, `decide` and `request` work meanwhile."""
    control = ("--control", str(tmp_path))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "agents.cli",
        "up",
        TINY,
        "--speed",
        "300",
        "--json",
        *control,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    told: deque[dict[str, Any]] = deque()
    async with asyncio.timeout(90):
        decided = None
        while text := await process.stdout.readline():
            told.append(json.loads(text))
            if told[-1].get("event") == "resident_asked" and decided is None:
                decided = await _gridpact("decide", "e1", "yes", *control)
            if told[-1].get("event") == "event_awarded" and told[-1]["event_id"] == "e1":
                code, out, err = await _gridpact("status", "--json", *control)
                assert code == 0, err
                assert {"utility", "ac", "ra-1", "ra-2", "hems-1"} <= {party["name"] for party in lines(out)}
        code = await process.wait()
        assert process.stderr is not None
        assert code == 0, (await process.stderr.read()).decode()
    assert decided is not None
    summary = told[-1]["summary"]
    [event] = summary["events"]
    _, simulated, _ = await _gridpact("simulate", TINY, "--json")
    expected = lines(simulated)[-1]["summary"]["events"][0]
    assert [(party["party"], party["deal_w"]) for party in event["parties"]] == [
        (party["party"], party["deal_w"]) for party in expected["parties"]
    ]
    assert list(tmp_path.iterdir()) == []
